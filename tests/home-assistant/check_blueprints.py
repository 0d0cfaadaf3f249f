"""The blueprints are taken as they are, and automations made of them change the LEDs."""

from pathlib import Path

from check_commands import RED, dark, lit, only
from waiting import until

BLUE = [levels for levels in range(18) if levels % 6 == 4]
BLUEPRINTS = Path(__file__).parents[2] / "integrations" / "home-assistant" / "blueprints"
AUTOMATIONS = ("doorbell", "water", "print", "build", "night")


async def each_blueprint_can_be_imported_and_says_which_version_it_needs(world) -> None:
    known = await world.home.ask("blueprint/list", domain="automation")
    for file in BLUEPRINTS.glob("*.yaml"):
        listed = known[f"piglow-node/{file.name}"]
        assert "error" not in listed, listed
        assert listed["metadata"]["homeassistant"]["min_version"], listed
        # What the dialogue shows.
        for name, given in inputs(listed["metadata"]["input"]):
            assert given.get("name") and given.get("selector"), (file.name, name)


def inputs(given: dict) -> list[tuple[str, dict]]:
    """The inputs, those in sections too."""
    found = []
    for name, value in given.items():
        found += inputs(value["input"]) if "input" in value else [(name, value)]
    return found


async def automations_made_of_them_are_valid(world) -> None:
    home = world.home
    checked = await home.post("/api/config/core/check_config", {})
    assert checked["result"] == "valid" and not checked.get("warnings"), checked
    for name in AUTOMATIONS:
        await until(f"the automation {name}", lambda: home.state(f"automation.{name}") == "on")


async def switch(world, name: str, on: bool) -> None:
    await world.home.call(f"input_boolean.turn_{'on' if on else 'off'}", f"input_boolean.{name}")


async def the_doorbell_is_an_alert_on_all_boards_until_it_is_answered(world) -> None:
    home, observer = world.home, world.observer
    for node in world.nodes:
        await home.call("light.turn_off", f"light.piglow_{node.slug}")
        await observer.leds(node.id, "dark", dark)
    await switch(world, "doorbell", True)
    for node in world.nodes:
        await observer.leds(node.id, "an alert", lit)
        await until("its siren", lambda node=node: home.state(f"siren.piglow_{node.slug}_siren") == "on")
    await switch(world, "doorbell", False)
    for node in world.nodes:
        await observer.leds(node.id, "dark", dark)
        await until("its siren", lambda node=node: home.state(f"siren.piglow_{node.slug}_siren") == "off")


async def an_alert_can_have_a_look_of_its_own_and_ends(world) -> None:
    await world.home.call("light.turn_on", world.light, rgb_color=[255, 0, 0], brightness=255)
    await world.leds("red", only(RED))
    await switch(world, "water", True)
    await world.leds("blue", only(BLUE))
    await world.leds("red again, by itself", only(RED))
    await switch(world, "water", False)
    await switch(world, "water", True)
    await world.leds("blue", only(BLUE))
    started = len(world.observer.heard)
    await switch(world, "water", False)
    await world.leds("red again, because it is over", only(RED))
    told = [payload for topic, payload in world.observer.heard[started:] if topic.endswith("/light/set")]
    assert any(b'"for_secs":0.1' in payload.replace(b" ", b"") for payload in told), told


async def a_number_is_a_gauge(world) -> None:
    home = world.home
    for value, lights in ((50, 9), (100, 18), (0, 0)):
        await home.call("input_number.set_value", "input_number.job", value=value)
        await world.leds(f"{value} %", lambda levels, lights=lights: abs(sum(map(bool, levels)) - lights) <= 1)
    state = world.observer.json(f"piglow/{world.node.id}/light/state")
    assert (state["effect"], state["from"]) == ("gauge", "Print"), state


async def words_have_pictures_of_their_own(world) -> None:
    home, attic = world.home, world.other
    light = f"light.piglow_{attic.slug}"

    async def say(word: str) -> None:
        await home.call("input_select.select_option", "input_select.build", option=word)

    await say("running")
    await until("running", lambda: home.attribute(light, "effect") == "chase")
    assert home.attribute(light, "brightness") == 128, home.states[light]
    await say("success")
    await world.observer.leds(attic.id, "green", lambda levels: levels[3] > 0 == levels[0])
    await until("the load again", lambda: home.attribute(light, "effect") == "cpu_load")
    await say("failure")
    await until("failure", lambda: home.attribute(light, "effect") == "breathe")
    assert tuple(home.attribute(light, "rgb_color")) == (255, 0, 0)
    await say("idle")
    await until("the load", lambda: home.attribute(light, "effect") == "cpu_load")


async def at_night_every_board_is_dim_also_one_that_was_away(world) -> None:
    home = world.home

    def limit(node) -> float:
        return float(home.state(f"number.piglow_{node.slug}_brightness_limit"))

    await home.call("light.turn_on", world.light, rgb_color=[255, 0, 0], brightness=255)
    await world.other.stop()
    await until("the attic away", lambda: home.state(f"light.piglow_{world.other.slug}") == "unavailable")
    await switch(world, "night", True)
    await world.leds("dim", lambda levels: max(levels) == 7)
    world.other.start()
    await until("the attic dim as well", lambda: home.state(f"light.piglow_{world.other.slug}") != "unavailable")
    await until("the attic dim as well", lambda: limit(world.other) == 7)
    await switch(world, "night", False)
    await world.leds("bright", lambda levels: max(levels) == 255)
    await until("the attic bright", lambda: limit(world.other) == 255)


CHECKS = [
    each_blueprint_can_be_imported_and_says_which_version_it_needs,
    automations_made_of_them_are_valid,
    the_doorbell_is_an_alert_on_all_boards_until_it_is_answered,
    an_alert_can_have_a_look_of_its_own_and_ends,
    a_number_is_a_gauge,
    words_have_pictures_of_their_own,
    at_night_every_board_is_dim_also_one_that_was_away,
]
