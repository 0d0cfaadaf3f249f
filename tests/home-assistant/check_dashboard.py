"""The dashboard opens without a card that is wrong, and its buttons do what they say."""

from browser import Browser
from waiting import until

VIEWS = ("all", "kitchen-pi", "attic")
# What stands in place of a card that is wrong, or of an entity that is not there.
WRONG = "hui-error-card, hui-error-badge, hui-warning, hui-warning-element, ha-alert[alert-type=error], ha-alert[alert-type=warning]"


async def opened(browser: Browser, view: str) -> None:
    await browser.open(f"/piglow-nodes/{view}")
    await until(f"the cards of {view}", lambda: browser.texts("hui-tile-card, hui-gauge-card"), secs=60)
    await until("nothing that loads", lambda: _loaded(browser), secs=30)


async def _loaded(browser: Browser) -> bool:
    return not await browser.texts("ha-circular-progress, ha-spinner, hass-loading-screen")


async def no_card_of_the_dashboard_is_wrong(world) -> None:
    async with Browser(world.home, world.folder) as browser:
        await browser.sign_in()
        await browser.size(1500, 1400)
        for view in VIEWS:
            await opened(browser, view)
            wrong = await browser.texts(WRONG)
            assert not wrong, f"{view}: {wrong}"


async def a_click_on_an_effect_shows_it(world) -> None:
    await world.home.call("light.turn_off", world.light)
    await world.leds("dark", lambda levels: not any(levels))
    async with Browser(world.home, world.folder) as browser:
        await browser.sign_in()
        await browser.size(1500, 1400)
        await opened(browser, "kitchen-pi")
        await browser.press("hui-button-card", "Fire")
        await until("fire", lambda: world.home.attribute(world.light, "effect") == "fire")
        await world.leds("flames", any)
        await opened(browser, "all")
        await browser.press("hui-button-card", "All dark")
        await world.leds("dark", lambda levels: not any(levels))


CHECKS = [no_card_of_the_dashboard_is_wrong, a_click_on_an_effect_shows_it]
