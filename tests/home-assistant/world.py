"""What stands around Home Assistant: processes, a broker, nodes with simulated boards."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

SHIPPED = Path(__file__).parents[2] / "mosquitto"
# Who commands and hears beside Home Assistant; a steward is the one who may read everything.
OBSERVER, HOME_ASSISTANT = "observer", "hass"


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


@dataclass
class Login:
    """What `mosquitto/credentials` has made for somebody."""

    user: str
    folder: Path

    @property
    def authority(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def password(self) -> str:
        return (self.folder / "password").read_text().strip()


class Broker(Process):
    """The broker of `mosquitto/`, with its certificate and its access list; only its ports are the test's own."""

    def __init__(self, folder: Path, nodes: tuple[str, ...]) -> None:
        self.folder = folder / "broker"
        self.port = free_port()
        # As root the broker becomes another user, who has to get there.
        folder.chmod(0o711)
        self.credentials("server", "127.0.0.1", *(["--owner", "mosquitto"] if os.geteuid() == 0 else []))
        for node in nodes:
            self.credentials("node", node)
        self.credentials("user", OBSERVER, "--role", "steward")
        self.credentials("user", HOME_ASSISTANT, "--role", "homeassistant")
        conf = self.folder / "config" / "mosquitto.conf"
        text = conf.read_text()
        for shipped, own in ((8883, self.port), (8884, free_port()), (9001, free_port())):
            line = f"\nlistener {shipped}\n"
            assert text.count(line) == 1, line
            text = text.replace(line, f"\nlistener {own} 127.0.0.1\n")
        # What it refuses is told at no lower level.
        conf.write_text(f"{text}\nlog_type all\n")
        command = ["env", f"--chdir={self.folder}", "mosquitto", "-c", "config/mosquitto.conf"]
        super().__init__("mosquitto", command, folder)

    def credentials(self, *arguments: str) -> None:
        subprocess.run([SHIPPED / "credentials", "--dir", self.folder, *arguments], check=True, stdout=subprocess.DEVNULL)

    def login(self, user: str) -> Login:
        return Login(user, self.folder / "clients" / user)

    def forget(self) -> None:
        """Loses what it has kept; it must not run."""
        for file in (self.folder / "data").iterdir():
            file.unlink()

    def refused(self) -> list[str]:
        """What its access list has kept somebody from saying, so far."""
        return [line for line in self.log.read_text().splitlines() if "Denied PUBLISH" in line]

    @property
    def url(self) -> str:
        return f"mqtts://127.0.0.1:{self.port}"


class Node(Process):
    """piglow-node with a simulated board, and the configuration that `mosquitto/credentials` has made for it."""

    def __init__(self, program: Path, name: str, broker: Broker, folder: Path, **options: object) -> None:
        self.id = name
        login = broker.login(name)
        settings = {
            "mqtt.ca_file": login.authority,
            "mqtt.password_file": login.folder / "password",
            "mqtt.keep_alive_secs": 5,
            "telemetry.interval_secs": 1,
            "events.hot_for_secs": 1,
            "events.settle_secs": 1,
            "light.brightness_limit": 255,
            "light.state_file": folder / f"{name}.json",
        } | options
        command = [str(program), "--config", str(login.folder / "piglow-node.toml"), "--url", broker.url]
        command += ["--panel", "simulated"]
        for key, value in settings.items():
            command += ["--set", f"{key}={value}"]
        super().__init__(name, [*command, "run"], folder)

    @property
    def slug(self) -> str:
        """How the id stands in Home Assistant's entity ids."""
        return self.id.replace("-", "_").lower()
