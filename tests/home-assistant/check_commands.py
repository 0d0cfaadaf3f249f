"""Each entity's command changes the LEDs, and its state follows."""

import host
from home import Home
from waiting import until

# LED numbers of the board's parts, as in docs/mqtt.md: rings count from the rim inwards on each arm.
RED = range(0, 18, 6)


def lit(levels: list[int]) -> bool:
    return any(levels)


def dark(levels: list[int]) -> bool:
    return not any(levels)


def only(leds: range) -> object:
    return lambda levels: all((level > 0) == (led in leds) for led, level in enumerate(levels))


async def the_board_goes_on_and_off(world) -> None:
    home, light = world.home, world.light
    await home.call("light.turn_on", light, rgb_color=[255, 0, 0], brightness=255)
    await world.leds("red", only(RED))
    await until("the state red", lambda: home.state(light) == "on" and tuple(home.attribute(light, "rgb_color") or ()) == (255, 0, 0))
    await home.call("light.turn_off", light)
    await world.leds("dark", dark)
    await until("the state off", lambda: home.state(light) == "off")
    await home.call("light.turn_on", light)
    await world.leds("lit", lit)
    await until("the state on", lambda: home.state(light) == "on")
    await home.call("light.toggle", light)
    await world.leds("dark", dark)


async def brightness_is_brighter_and_dimmer(world) -> None:
    home, light = world.home, world.light
    await home.call("light.turn_on", light, rgb_color=[255, 0, 0], brightness=255)
    full = await world.leds("full", lambda levels: levels[0] == 255)
    await home.call("light.turn_on", light, brightness=128)
    await world.leds("dimmer", lambda levels: 0 < levels[0] < full[0])
    await until("its state", lambda: home.attribute(light, "brightness") == 128)
    assert tuple(home.attribute(light, "rgb_color")) == (255, 0, 0)


async def every_effect_can_be_chosen_and_is_the_state(world) -> None:
    home, light = world.home, world.light
    for effect in home.attribute(light, "effect_list"):
        await home.call("light.turn_on", light, effect=effect)
        if effect == "off":
            continue
        await until(f"the state {effect}", lambda: home.attribute(light, "effect") == effect)
        assert home.state(light) == "on" and home.attribute(light, "color_mode") == "rgb", home.states[light]


async def no_effect_is_a_still_colour(world) -> None:
    home, light = world.home, world.light
    await home.call("light.turn_on", light, effect="breathe", rgb_color=[0, 0, 255])
    await until("breathe", lambda: home.attribute(light, "effect") == "breathe")
    await home.call("light.turn_on", light, effect="off")
    await until("no effect", lambda: home.attribute(light, "effect") in ("off", None, "solid"))
    await world.leds("lit", lit)


async def a_flash_leaves_all_as_it_was(world) -> None:
    home, light = world.home, world.light
    await home.call("light.turn_on", light, rgb_color=[255, 0, 0], brightness=255)
    await world.leds("red", only(RED))
    await home.call("light.turn_on", light, flash="short")
    await world.leds("a gap", dark)
    await world.leds("red again", only(RED))
    assert home.state(light) == "on", home.states[light]
    assert tuple(home.attribute(light, "rgb_color")) == (255, 0, 0), home.states[light]


async def a_transition_passes_between(world) -> None:
    home, light = world.home, world.light
    await home.call("light.turn_on", light, rgb_color=[255, 0, 0], brightness=255)
    await world.leds("full", lambda levels: levels[0] == 255)
    await home.call("light.turn_off", light, transition=3)
    await world.leds("half way", lambda levels: 0 < levels[0] < 255)
    await world.leds("dark", dark)
    await until("the state off", lambda: home.state(light) == "off")


async def an_arm_is_a_light_of_its_own(world) -> None:
    home, arm = world.home, f"{world.light}_arm_top"
    await home.call("light.turn_off", world.light)
    await world.leds("dark", dark)
    await home.call("light.turn_on", arm, brightness=255)
    await world.leds("six lights", lambda levels: sum(level > 0 for level in levels) == 6)
    await until("its state", lambda: home.state(arm) == "on" and home.attribute(arm, "brightness") == 255)
    await until("the others' states", lambda: home.state(f"{world.light}_arm_left") == "off")
    await home.call("light.turn_off", arm)
    await world.leds("dark", dark)
    await until("its state off", lambda: home.state(arm) == "off")


def went_away(home: Home, entity: str, since: int) -> bool:
    """Whether an entity has been unavailable, be it for a moment, since so many events."""
    changes = (event["data"] for event in home.events[since:] if event["event_type"] == "state_changed")
    states = (change["new_state"] for change in changes if change["entity_id"] == entity)
    return any(state is None or state["state"] == "unavailable" for state in states)


async def a_ring_works_once_somebody_enables_it(world) -> None:
    home, ring, led = world.home, f"{world.light}_ring_red", f"{world.light}_led_18"
    before = len(home.events)
    for entity in (ring, led):
        await home.ask("config/entity_registry/update", entity_id=entity, disabled_by=None)
    # It sets the integration up anew by itself, half a minute after somebody enables something: all lights are gone for a
    # moment. Until that is over, no other check may begin.
    await until("the integration set up anew", lambda: went_away(home, world.light, before), secs=90)
    for entity in (world.light, ring, led):
        await until(f"{entity}", lambda entity=entity: home.state(entity) in ("on", "off"), secs=60)
    await home.call("light.turn_off", world.light)
    await home.call("light.turn_on", ring, brightness=255)
    await world.leds("the red ring", only(RED))
    await home.call("light.turn_on", led, brightness=255)
    await world.leds("and LED 18", lambda levels: levels[17] > 0 and levels[0] > 0)
    await until("their states", lambda: home.state(ring) == home.state(led) == "on")
    for entity in (ring, led):
        await home.ask("config/entity_registry/update", entity_id=entity, disabled_by="user")


async def the_siren_shows_each_tone_and_ends_by_itself(world) -> None:
    home, siren, light = world.home, world.siren, world.light
    await home.call("light.turn_off", light)
    await world.leds("dark", dark)
    for tone in ("info", "warning", "critical"):
        await home.call("siren.turn_on", siren, tone=tone, duration=3)
        await world.leds(f"the tone {tone}", lit)
        await until(f"{tone} on", lambda: home.state(siren) == "on")
        await world.leds("dark again", dark)
        await until(f"{tone} over", lambda: home.state(siren) == "off")


async def the_siren_lies_over_the_light_and_gives_it_back(world) -> None:
    home, siren, light = world.home, world.siren, world.light
    await home.call("light.turn_on", light, rgb_color=[255, 0, 0], brightness=255)
    await world.leds("red", only(RED))
    await home.call("siren.turn_on", siren, tone="info", duration=60)
    await until("on", lambda: home.state(siren) == "on")
    await world.leds("an alert", lambda levels: lit(levels) and not only(RED)(levels))
    await home.call("siren.turn_off", siren)
    await world.leds("red again", only(RED))
    await until("off", lambda: home.state(siren) == "off")
    assert home.state(light) == "on"


async def the_button_makes_the_board_swell(world) -> None:
    home = world.home
    await home.call("light.turn_off", world.light)
    await world.leds("dark", dark)
    await home.call("button.press", f"button.piglow_{world.node.slug}_identify")
    await world.leds("lit", lit)
    world.observer.publish(f"piglow/{world.node.id}/identify", "0")
    await world.leds("dark", dark)


async def the_brightness_limit_dims_and_is_the_state(world) -> None:
    home, number = world.home, f"number.piglow_{world.node.slug}_brightness_limit"
    top = home.attribute(number, "max")
    await home.call("light.turn_on", world.light, rgb_color=[255, 0, 0], brightness=255)
    await world.leds("full", lambda levels: max(levels) == top)
    await home.call("number.set_value", number, value=20)
    await world.leds("dim", lambda levels: max(levels) == 20)
    await until("its state", lambda: float(home.state(number)) == 20)
    await home.call("number.set_value", number, value=top)
    await world.leds("full", lambda levels: max(levels) == top)


async def the_effect_speed_is_taken_and_is_the_state(world) -> None:
    home, number = world.home, f"number.piglow_{world.node.slug}_effect_speed"
    await home.call("number.set_value", number, value=200)
    await until("its state", lambda: float(home.state(number)) == 200)
    await home.call("number.set_value", number, value=100)
    await until("its state", lambda: float(home.state(number)) == 100)


async def the_state_is_truthful_while_others_command(world) -> None:
    home, light, topic = world.home, world.light, f"piglow/{world.node.id}/light/set"
    world.observer.publish(topic, '{"effect":"fire","brightness":90}')
    await until("fire", lambda: home.attribute(light, "effect") == "fire" and home.attribute(light, "brightness") == 90)
    world.observer.publish(topic, '{"color":"blue","for_secs":2}')
    await until("the lease", lambda: home.attribute(light, "effect") != "fire")
    await until("what is below it", lambda: home.attribute(light, "effect") == "cpu_load")
    world.observer.publish(topic, '{"leds":{"ring/green":255}}')
    await until("a picture", lambda: home.state(light) == "on" and home.attribute(light, "effect") != "cpu_load")


async def throttling_and_heat_are_told(world) -> None:
    home, prefix = world.home, f"piglow_{world.node.slug}"
    under_voltage = f"binary_sensor.{prefix}_under_voltage"
    await until("no problem", lambda: home.state(under_voltage) == "off")
    host.THROTTLED.write_text("50005\n")
    host.TEMPERATURE.write_text("85000\n")
    try:
        await until("under-voltage", lambda: home.state(under_voltage) == "on")
        await until("throttled", lambda: home.state(f"binary_sensor.{prefix}_throttled") == "on")
        await until("the heat", lambda: float(home.state(f"sensor.{prefix}_temperature")) == 85)
        told = set()
        event = f"event.{prefix}_event"

        def both() -> bool:
            kind = home.attribute(event, "event_type")
            told.update([kind] if kind else [])
            return any("voltage" in kind for kind in told) and any("hot" in kind for kind in told)

        await until("events of both", both, secs=30)
    finally:
        host.THROTTLED.write_text("0\n")
        host.TEMPERATURE.write_text("48312\n")
    await until("no problem", lambda: home.state(under_voltage) == "off")


async def a_rejected_command_is_an_event(world) -> None:
    home, event = world.home, f"event.piglow_{world.node.slug}_event"
    world.observer.publish(f"piglow/{world.node.id}/light/set", '{"brightness":300}')
    await until("the event", lambda: "reject" in (home.attribute(event, "event_type") or ""))


CHECKS = [
    the_board_goes_on_and_off,
    brightness_is_brighter_and_dimmer,
    every_effect_can_be_chosen_and_is_the_state,
    no_effect_is_a_still_colour,
    a_flash_leaves_all_as_it_was,
    a_transition_passes_between,
    an_arm_is_a_light_of_its_own,
    a_ring_works_once_somebody_enables_it,
    the_siren_shows_each_tone_and_ends_by_itself,
    the_siren_lies_over_the_light_and_gives_it_back,
    the_button_makes_the_board_swell,
    the_brightness_limit_dims_and_is_the_state,
    the_effect_speed_is_taken_and_is_the_state,
    the_state_is_truthful_while_others_command,
    throttling_and_heat_are_told,
    a_rejected_command_is_an_event,
]
