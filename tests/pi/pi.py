"""An emulated Raspberry Pi 3: QEMU, its console, its bus, and a shell in it."""

import socket
import subprocess
import time
from pathlib import Path

from broker import free_port
from lines import PATIENCE_SECS, Lines
from wire import CHIP, Wire

# What its first process says when there is somebody to talk to.
READY = "the Pi is up"


class Pi:
    """It starts at once; nothing is waited for."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.port = free_port()
        # The host is 10.0.2.2 to the Pi. Other cores would only spin.
        variables = " ".join(f"{name}={value}" for name, value in settings.items())
        self.began = time.time()
        self.process = subprocess.Popen(
            [
                *("qemu-system-aarch64", "-M", "raspi3b", "-accel", "tcg,thread=single"),
                *("-global", "bcm2837.enabled-cpus=1", "-display", "none", "-monitor", "none", "-no-reboot"),
                *("-kernel", "image/vmlinuz", "-dtb", "image/pi.dtb", "-initrd", "image/initrd"),
                *("-append", f"console=ttyAMA0,115200 maxcpus=1 quiet panic=-1 {variables}"),
                # Like the chip it takes the first byte as a pointer that moves on with each byte; unlike it, it can be read.
                *("-device", f"at24c-eeprom,bus=i2c-bus.1,address={CHIP:#x},rom-size=256"),
                *("-usb", "-device", "usb-net,netdev=network"),
                *("-netdev", f"user,id=network,hostfwd=tcp:127.0.0.1:{self.port}-:23"),
                *("-trace", "enable=i2c_*", "-msg", "timestamp=on", "-serial", "stdio"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.console = Lines(self.process.stdout, folder / "console.log")
        self.wire = Wire(Lines(self.process.stderr, folder / "bus.log"))

    def shell(self, script: str) -> str:
        """What a script says, run by root on the Pi."""
        self.console.wait("the Pi to come up", lambda: True if READY in self.console.said else None)
        limit = time.monotonic() + PATIENCE_SECS
        while True:
            try:
                return self._ask(f"exec 2>&1\necho hello\n{script}\nexit\n").removeprefix("hello\n").strip()
            except ConnectionError:
                # Between two callers nobody listens.
                if time.monotonic() > limit:
                    raise
                time.sleep(0.1)

    def _ask(self, script: str) -> str:
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECS) as connection:
            connection.sendall(script.encode())
            said = b""
            while more := connection.recv(65536):
                said += more
        if not said.startswith(b"hello\n"):
            raise ConnectionError(f"nobody is there: {said!r}")
        return said.decode()

    def until(self, what: str, script: str, wanted: str) -> None:
        """Waits until a script says just this."""
        limit = time.monotonic() + PATIENCE_SECS
        while (said := self.shell(script)) != wanted:
            if time.monotonic() > limit:
                raise TimeoutError(f"waited {PATIENCE_SECS} s in vain for {what}: {said!r} and not {wanted!r}")
            time.sleep(0.2)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
