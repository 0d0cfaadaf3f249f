"""Draws the pictures of the documentation: the dashboard and the device's page."""

from pathlib import Path

from PIL import Image

from browser import Browser
from check_dashboard import opened
from waiting import until

# So much that gauges and graphs have something to show.
HISTORY_SAMPLES = 60


async def draw(world, folder: Path) -> None:
    home = world.home
    # They would speak in between.
    await home.call("automation.turn_off", "all")
    await home.call("light.turn_on", world.light, effect="breathe", rgb_color=[140, 0, 255], brightness=200)
    await home.call("light.turn_on", f"light.piglow_{world.other.slug}", effect="fire", brightness=160)
    for entity in (world.light, f"light.piglow_{world.other.slug}"):
        await until(f"an effect on {entity}", lambda entity=entity: home.attribute(entity, "effect") != "cpu_load")
    topic = f"piglow/{world.node.id}/telemetry"
    samples = lambda: sum(heard == topic for heard, _ in world.observer.heard)  # noqa: E731
    await until("a little history", lambda: samples() > HISTORY_SAMPLES, secs=120)
    async with Browser(home, world.folder) as browser:
        await browser.sign_in()
        await browser.size(1720, 1280)
        await opened(browser, "kitchen-pi")
        await take(browser, folder / "dashboard.png")
        await browser.size(1720, 760)
        await opened(browser, "all")
        await take(browser, folder / "all-boards.png")
        devices = await home.ask("config/device_registry/list")
        device = next(d for d in devices if ["mqtt", f"piglow-{world.node.id}"] in d["identifiers"])
        await browser.size(1340, 1100)
        await browser.open(f"/config/devices/device/{device['id']}")
        await until("the device's page", lambda: browser.texts("ha-device-entities-card"), secs=60)
        await take(browser, folder / "device.png")


async def take(browser: Browser, file: Path) -> None:
    """A picture of what is drawn to its end, with no more colours than it needs."""
    still = "return document.getAnimations().every((a) => a.playState !== 'running' || a.effect.getTiming().iterations === Infinity)"
    await until("nothing that moves", lambda: browser.run(still), secs=30)
    await browser.picture(file)
    with Image.open(file) as picture:
        small = picture.convert("RGB").quantize(colors=200, dither=Image.Dither.NONE)
    small.save(file, optimize=True)
