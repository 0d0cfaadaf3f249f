"""The bytes on the Pi's I2C bus, as QEMU's trace tells them, and what the chip makes of them."""

import re
from dataclasses import dataclass, field

from lines import Lines

CHIP = 0x54
PROBE = bytes([0x16])
# The chip's output for each LED, from LED 1 on (the board's circuit diagram).
OUTPUTS = (7, 8, 9, 6, 5, 10, 18, 17, 16, 14, 12, 11, 1, 2, 3, 4, 15, 13)

EVENT = re.compile(r"@(?P<at>[\d.]+):i2c_(?P<kind>event|send|recv) (?P<name>\w+)\(addr:0x(?P<address>\w+)\)(?: data:0x(?P<data>\w+))?")


@dataclass
class Transfer:
    """All from a start to the stop after it; the times are the host's, in seconds."""

    address: int
    began: float
    ended: float | None = None
    data: bytearray = field(default_factory=bytearray)
    read: bool = False

    @property
    def is_whole(self) -> bool:
        return self.ended is not None

    @property
    def leds(self) -> list[int] | None:
        """The levels in the order of the LEDs, if it is a frame that shows something."""
        if len(self.data) != 24 or self.data[:2] != bytes([0x00, 0x01]):
            return None
        return [self.data[1 + output] for output in OUTPUTS]

    def __str__(self) -> str:
        return f"{self.address:#04x}: {self.data.hex(' ')}"


def frame(leds: list[int]) -> bytes:
    """Run, 18 currents, all outputs on, latch: registers 0x00 to 0x16 behind the pointer to the first."""
    currents = bytearray(18)
    for output, level in zip(OUTPUTS, leds, strict=True):
        currents[output - 1] = level
    return bytes([0x00, 0x01, *currents, 0x3F, 0x3F, 0x3F, 0x00])


# Shut down, and nothing left to show for whoever runs the chip next.
DARK = bytes([0x00, 0x00, *[0] * 18, 0x3F, 0x3F, 0x3F, 0x00])


class Wire:
    """The transfers so far."""

    def __init__(self, trace: Lines) -> None:
        self.trace = trace
        self.all: list[Transfer] = []
        self._read = 0

    def transfers(self) -> list[Transfer]:
        """All transfers that have ended."""
        while self._read < len(self.trace.said):
            self._take(self.trace.said[self._read])
            self._read += 1
        return [transfer for transfer in self.all if transfer.is_whole]

    def _take(self, line: str) -> None:
        if not (event := EVENT.search(line)):
            return
        at, address = float(event["at"]), int(event["address"], 16)
        match event["kind"], event["name"]:
            case "event", "start" | "start_async":
                self.all.append(Transfer(address, at))
            case "event", "finish":
                self.all[-1].ended = at
            case "send", _:
                self.all[-1].data.append(int(event["data"], 16))
            case "recv", _:
                self.all[-1].read = True
            case other:
                raise ValueError(f"the trace says {other}: {line}")

    def shows(self, what: str, data: bytes, since: int = 0) -> Transfer:
        """Waits until the newest transfer carries these bytes."""

        def look() -> Transfer | None:
            newest = self.transfers()[since:][-1:]
            return newest[0] if newest and newest[0].data == data else None

        return self.trace.wait(what, look)
