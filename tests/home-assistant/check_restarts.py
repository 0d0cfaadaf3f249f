"""Whatever goes away and comes back, in any order: entities are unavailable while they are, and right afterwards."""

import signal

from check_entities import announced
from waiting import until


async def settled(world) -> None:
    """All is well: every entity is there, the state is the node's, and a command is obeyed."""
    home, light = world.home, world.light
    for node in world.nodes:
        for part in announced(world, node).values():
            entity = part["default_entity_id"]
            if part.get("enabled_by_default", True):
                await until(f"{entity}", lambda: home.state(entity) not in (None, "unavailable"), secs=90)
        for kind in ("sensor", "light"):
            entity = {"sensor": f"sensor.piglow_{node.slug}_cpu_load", "light": f"light.piglow_{node.slug}"}[kind]
            await until(f"a value of {entity}", lambda: home.state(entity) != "unknown", secs=30)
    told = world.observer.json(f"piglow/{world.node.id}/light/state")
    await until(
        "the light's state as the node tells it",
        lambda: home.state(light) == told["state"].lower()
        and (told["state"] == "OFF" or home.attribute(light, "effect") == told["effect"]),
    )
    for level in (201, 77):
        await home.call("light.turn_on", light, rgb_color=[255, 0, 0], brightness=level)
        await until(f"the brightness {level}", lambda: home.attribute(light, "brightness") == level)
    await world.leds("red", lambda levels: levels[0] > 0 == levels[5])


def available(world, node) -> bool:
    return world.home.state(f"light.piglow_{node.slug}") not in (None, "unavailable")


async def unavailable(world, node, secs: float) -> None:
    """Everything of a node is unavailable but what tells just that, within a time."""
    home = world.home
    for part in announced(world, node).values():
        entity = part["default_entity_id"]
        if not part.get("enabled_by_default", True):
            continue
        is_connectivity = part.get("device_class") == "connectivity"
        expected = "off" if is_connectivity else "unavailable"
        await until(f"{entity} {expected}", lambda: home.state(entity) == expected, secs)


async def no_automation_commands(world) -> None:
    """The blueprints show their jobs again on a board that is back."""
    await world.home.call("automation.turn_off", "all")


async def a_node_that_stops_is_away_at_once_and_its_neighbour_is_not(world) -> None:
    await world.node.stop()
    await unavailable(world, world.node, secs=5)
    assert available(world, world.other)
    world.node.start()
    await settled(world)


async def a_node_that_is_cut_off_is_away_within_the_keep_alive(world) -> None:
    # Stopped, not killed: its connection stays open, and only its silence tells.
    world.node.signal(signal.SIGSTOP)
    try:
        # Keep-alive of 5 s; a broker waits one and a half of it.
        await unavailable(world, world.node, secs=15)
    finally:
        world.node.signal(signal.SIGCONT)
    await settled(world)


async def what_was_commanded_is_the_state_after_a_restart_of_the_node(world) -> None:
    home, light = world.home, world.light
    await no_automation_commands(world)
    await home.call("light.turn_on", light, effect="rainbow", brightness=150)
    await until("rainbow", lambda: home.attribute(light, "effect") == "rainbow")
    await world.node.stop()
    await unavailable(world, world.node, secs=5)
    world.node.start()
    await until("rainbow again", lambda: home.attribute(light, "effect") == "rainbow")
    assert home.attribute(light, "brightness") == 150
    await settled(world)


async def the_broker_restarts(world) -> None:
    await world.broker.stop()
    await until("away", lambda: not available(world, world.node))
    world.broker.start()
    await settled(world)


async def the_broker_comes_back_and_has_forgotten_everything(world) -> None:
    await world.broker.stop(signal.SIGKILL)
    world.broker.forget()
    await until("away", lambda: not available(world, world.node))
    world.broker.start()
    await settled(world)


async def home_assistant_restarts(world) -> None:
    await world.home.restart()
    await settled(world)


async def a_node_restarts_while_home_assistant_is_away(world) -> None:
    await world.home.stop()
    await world.node.stop()
    world.node.start()
    await world.home.start()
    await settled(world)


async def nodes_come_after_home_assistant_and_the_broker(world) -> None:
    for node in world.nodes:
        await node.stop()
    await world.home.stop()
    await world.broker.stop()
    world.broker.start()
    await world.home.start()
    assert not available(world, world.node)
    for node in world.nodes:
        node.start()
    await settled(world)


async def the_broker_comes_last(world) -> None:
    await world.home.stop()
    for node in world.nodes:
        await node.stop()
    await world.broker.stop()
    for node in world.nodes:
        node.start()
    await world.home.start()
    world.broker.start()
    await settled(world)


async def entities_that_are_not_wanted_go_and_come_back(world) -> None:
    home, node, arm = world.home, world.node, f"{world.light}_arm_top"
    await node.stop()
    everything = node.command
    node.command = [*everything[:-1], "--set", "discovery.entities=light,sensors,connectivity", everything[-1]]
    node.start()
    await until("the arm gone", lambda: home.state(arm) is None)
    assert arm not in await home.registry()
    await until("the light there", lambda: available(world, node))
    await node.stop()
    node.command = everything
    node.start()
    await until("the arm back", lambda: home.state(arm) not in (None, "unavailable"))
    await settled(world)


async def a_node_that_is_not_to_be_found_takes_its_device_away(world) -> None:
    home, node = world.home, world.node
    await node.stop()
    everything = node.command
    node.command = [*everything[:-1], "--set", "discovery.enabled=false", everything[-1]]
    node.start()
    await until("the light gone", lambda: home.state(world.light) is None)
    await node.stop()
    node.command = everything
    node.start()
    await until("the light back", lambda: available(world, node))
    await settled(world)


async def a_board_that_is_missing_is_a_problem_and_the_light_still_answers(world) -> None:
    home, node = world.home, world.node
    problem = f"binary_sensor.piglow_{node.slug}_panel"
    await no_automation_commands(world)
    await until("no problem", lambda: home.state(problem) == "off")
    await node.stop()
    everything = node.command
    node.command = [word if word != "simulated" else "i2c" for word in everything]
    node.start()
    await until("a problem", lambda: home.state(problem) == "on")
    await home.call("light.turn_on", world.light, rgb_color=[0, 0, 255], brightness=99)
    await until("the target state", lambda: home.attribute(world.light, "brightness") == 99)
    await node.stop()
    node.command = everything
    node.start()
    await until("no problem", lambda: home.state(problem) == "off")
    await settled(world)


CHECKS = [
    a_node_that_stops_is_away_at_once_and_its_neighbour_is_not,
    a_node_that_is_cut_off_is_away_within_the_keep_alive,
    what_was_commanded_is_the_state_after_a_restart_of_the_node,
    the_broker_restarts,
    the_broker_comes_back_and_has_forgotten_everything,
    home_assistant_restarts,
    a_node_restarts_while_home_assistant_is_away,
    nodes_come_after_home_assistant_and_the_broker,
    the_broker_comes_last,
    entities_that_are_not_wanted_go_and_come_back,
    a_node_that_is_not_to_be_found_takes_its_device_away,
    a_board_that_is_missing_is_a_problem_and_the_light_still_answers,
]
