"""What stands around Home Assistant: processes, a broker, nodes with simulated boards."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from pathlib import Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A program that can be started again; all it prints is kept in one file."""

    def __init__(self, name: str, command: list[str], folder: Path) -> None:
        self.name = name
        self.command = command
        self.log = folder / f"{name}.log"
        self.log.touch()
        self._child: subprocess.Popen | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def check_alive(self) -> None:
        if self._child.poll() is not None:
            tail = "\n".join(self.log.read_text().splitlines()[-30:])
            raise AssertionError(f"{self.name} ended with {self._child.returncode}:\n{tail}")

    async def stop(self, how: signal.Signals = signal.SIGTERM, secs: float = 20) -> None:
        if self._child is None or self._child.poll() is not None:
            return
        self._child.send_signal(how)
        try:
            await asyncio.wait_for(asyncio.to_thread(self._child.wait), secs)
        except TimeoutError:
            self._child.kill()
            raise AssertionError(f"{self.name} did not end within {secs:g} s of {how.name}") from None

    def signal(self, which: signal.Signals) -> None:
        self._child.send_signal(which)

    def kill(self) -> None:
        if self._child is not None and self._child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()


class Broker(Process):
    """Mosquitto on a free port of this machine's own address."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        conf = folder / "mosquitto.conf"
        self._stored = folder / "mosquitto"
        self._stored.mkdir()
        conf.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\n"
            f"persistence true\npersistence_location {self._stored}/\nlog_type all\n"
            + ("user root\n" if os.geteuid() == 0 else "")
        )
        super().__init__("mosquitto", ["mosquitto", "-c", str(conf)], folder)

    def forget(self) -> None:
        """Loses what it has kept; it must not run."""
        for file in self._stored.iterdir():
            file.unlink()

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"


class Node(Process):
    """piglow-node with a simulated board."""

    def __init__(self, program: Path, name: str, broker: Broker, folder: Path, **options: object) -> None:
        self.id = name
        settings = {
            "mqtt.keep_alive_secs": 5,
            "telemetry.interval_secs": 1,
            "events.hot_for_secs": 1,
            "events.settle_secs": 1,
            "light.brightness_limit": 255,
            "light.state_file": folder / f"{name}.json",
        } | options
        command = [str(program), "--url", broker.url, "--id", name, "--panel", "simulated"]
        for key, value in settings.items():
            command += ["--set", f"{key}={value}"]
        super().__init__(name, [*command, "run"], folder)

    @property
    def slug(self) -> str:
        """How the id stands in Home Assistant's entity ids."""
        return self.id.replace("-", "_").lower()
