"""Starts a broker, nodes with simulated boards and Home Assistant, and runs the checks one after the other."""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

import check_access
import check_blueprints
import check_commands
import check_dashboard
import check_entities
import check_restarts
import host
import pictures
from homeassistant.const import __version__ as HOME_ASSISTANT
from home import PASSWORD, USER, Home
from observer import Observer
from waiting import until
from world import Broker, Node

HERE = Path(__file__).parent
INTEGRATION = HERE.parent.parent / "integrations" / "home-assistant"
CHECKS = [
    *check_entities.CHECKS,
    *check_commands.CHECKS,
    *check_blueprints.CHECKS,
    *check_dashboard.CHECKS,
    *check_restarts.CHECKS,
    *check_access.CHECKS,
]
NODES = ("kitchen-pi", "attic")


class World:
    """Everything that runs; each check finds it running and leaves it running."""

    def __init__(self, folder: Path, program: Path) -> None:
        self.folder = folder
        self.broker = Broker(folder, NODES)
        self.nodes = [Node(program, name, self.broker, folder) for name in NODES]
        self.node, self.other = self.nodes
        self.home = Home(folder, (HERE / "configuration.yaml").read_text())
        self.observer = Observer(self.broker)
        place_integration(self.home.folder)

    @property
    def light(self) -> str:
        return f"light.piglow_{self.node.slug}"

    @property
    def siren(self) -> str:
        return f"siren.piglow_{self.node.slug}_siren"

    async def leds(self, what: str, look: object, secs: float = 20) -> list[int]:
        """Waits until the first node has latched what is looked for."""
        return await self.observer.leds(self.node.id, what, look, secs)

    async def start(self) -> None:
        self.broker.start()
        await self.observer.start()
        for node in self.nodes:
            node.start()
        await self.home.start()
        await self.home.add_broker(self.broker)
        for node in self.nodes:
            light = f"light.piglow_{node.slug}"
            await until(f"{light}", lambda light=light: self.home.state(light) in ("on", "off"), secs=60)

    def kill(self) -> None:
        for process in (self.home.process, *self.nodes, self.broker):
            process.kill()


def place_integration(folder: Path) -> None:
    """Puts the dashboard, the blueprints and the automations made of them where a person would."""
    shutil.copy(INTEGRATION / "dashboard.yaml", folder)
    shutil.copytree(INTEGRATION / "blueprints", folder / "blueprints" / "automation" / "piglow-node")
    shutil.copy(HERE / "automations.yaml", folder)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/home-assistant/run")
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--stay", action="store_true")
    parser.add_argument("--pictures", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("checks", nargs="*")
    return parser.parse_args()


async def stay(world: World) -> None:
    print(f"{world.home.url} (user {USER}, password {PASSWORD}); {world.broker.url}", flush=True)
    print(f"users of the broker: {world.broker.folder}/clients", flush=True)
    print(f"token: {world.home.token}\nlogs and configuration: {world.folder}", flush=True)
    while True:
        world.home.process.check_alive()
        await asyncio.sleep(1)


async def run(world: World, checks: list) -> list[str]:
    """Runs the checks in their order and returns the names of those that failed."""
    failed, complained = [], 0
    for check in checks:
        name, started = check.__name__, time.monotonic()
        try:
            await check(world)
            complaints = world.home.complaints()
            assert len(complaints) == complained, "Home Assistant's log:\n" + "\n".join(complaints[complained:])
            outcome = "ok"
        except Exception as error:  # noqa: BLE001 whatever went wrong, the others are still worth knowing
            complaints = world.home.complaints()
            traceback.print_exception(error)
            failed.append(name)
            outcome = "FAILED"
        complained = len(complaints)
        print(f"{outcome:6} {time.monotonic() - started:5.1f} s  {name.replace('_', ' ')}", flush=True)
    return failed


async def main() -> int:
    args = arguments()
    checks = [check for check in CHECKS if not args.checks or any(part in check.__name__ for part in args.checks)]
    if args.list or not checks:
        print("\n".join(check.__name__ for check in CHECKS))
        return 0 if args.list else 2
    host.pretend()
    folder = Path(tempfile.mkdtemp(prefix="run.", dir=args.program.parent))
    world = World(folder, args.program)
    failed = ["the start"]
    try:
        await world.start()
        if args.stay:
            await stay(world)
        if args.pictures:
            await pictures.draw(world, INTEGRATION)
            failed = []
            return 0
        failed = await run(world, checks)
    finally:
        await world.home.hang_up()
        world.observer.stop()
        world.kill()
        if failed or args.keep:
            print(f"logs and configuration: target/home-assistant/{folder.name}")
        else:
            shutil.rmtree(folder)
    print(f"{len(checks) - len(failed)} passed, {len(failed)} failed on Home Assistant {HOME_ASSISTANT}")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except KeyboardInterrupt:
        sys.exit(130)
