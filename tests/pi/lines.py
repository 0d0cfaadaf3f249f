"""What a program says, line by line, for whoever waits for something in it."""

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

# Longer than anything takes on an emulated processor that has to share a real one.
PATIENCE_SECS = 60


class Lines:
    """Reads a stream to its end, keeps each line in memory and in a file."""

    def __init__(self, stream: Iterable[bytes], file: Path) -> None:
        self.said: list[str] = []
        self._more = threading.Condition()
        threading.Thread(target=self._read, args=(stream, file), daemon=True).start()

    def _read(self, stream: Iterable[bytes], file: Path) -> None:
        with file.open("wb") as copy:
            for line in stream:
                copy.write(line)
                copy.flush()
                with self._more:
                    self.said.append(line.decode(errors="replace").rstrip("\r\n"))
                    self._more.notify_all()

    def wait(self, what: str, look: Callable[[], T | None], secs: float = PATIENCE_SECS) -> T:
        """Looks again with each line until there is something to return."""
        limit = time.monotonic() + secs
        with self._more:
            while (found := look()) is None:
                left = limit - time.monotonic()
                if left <= 0:
                    last = "\n  ".join(self.said[-5:])
                    raise TimeoutError(f"waited {secs} s in vain for {what}; last was said:\n  {last}")
                self._more.wait(left)
        return found
