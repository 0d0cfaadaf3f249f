"""A Mosquitto outside of the Pi, what it has been told there, and a hand to command with."""

import json
import socket
import subprocess
from pathlib import Path

from lines import Lines


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Broker:
    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        configuration = folder / "mosquitto.conf"
        configuration.write_text(
            f"user root\nlistener {self.port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n"
        )
        with (folder / "mosquitto.log").open("wb") as log:
            self.process = subprocess.Popen(["mosquitto", "-v", "-c", configuration], stderr=log, stdout=log)
        while self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                break
            except ConnectionRefusedError:
                continue
        self.listener = subprocess.Popen(
            ["mosquitto_sub", "-V", "5", "-p", str(self.port), "-t", "#", "-q", "1", "-F", "%t %p"],
            stdout=subprocess.PIPE,
        )
        self.heard = Lines(self.listener.stdout, folder / "messages.log")

    def publish(self, topic: str, payload: str) -> None:
        subprocess.run(
            ["mosquitto_pub", "-V", "5", "-p", str(self.port), "-q", "1", "-t", topic, "-m", payload], check=True
        )

    def payloads(self, topic: str, since: int = 0) -> list[str]:
        """All that was heard on a topic, from this line on."""
        lines = (line.partition(" ") for line in self.heard.said[since:])
        return [payload for heard, _, payload in lines if heard == topic]

    def result(self, number: str) -> dict:
        """Waits for the answer to the command of this id."""

        def look() -> dict | None:
            answers = map(json.loads, self.payloads("piglow/pi/light/result"))
            return next((answer for answer in answers if answer["id"] == number), None)

        return self.heard.wait(f"the answer to {number}", look)

    def panel(self, state: str, since: int = 0) -> dict:
        """Waits until the node says that its panel is in this state; all that it says of its health then."""

        def look() -> dict | None:
            said = [json.loads(payload) for payload in self.payloads("piglow/pi/health", since)][-1:]
            return said[0] if said and said[0]["panel"]["state"] == state else None

        return self.heard.wait(f"the panel's state {state}", look)

    def available(self, word: str, since: int = 0) -> None:
        """Waits until the node says, or its will says for it, that it is `online` or `offline`."""
        self.heard.wait(f"{word}", lambda: True if word in self.payloads("piglow/pi/availability", since)[-1:] else None)

    def end(self) -> None:
        for process in (self.listener, self.process):
            process.kill()
            process.wait()
