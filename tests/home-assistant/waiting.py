"""Waiting for a condition, never for a time."""

import asyncio
import inspect
from collections.abc import Callable


async def until(what: str, holds: Callable[[], object], secs: float = 20) -> object:
    """Returns the first true answer of `holds`; after `secs` it fails and says what was waited for."""
    last = None
    try:
        async with asyncio.timeout(secs):
            while True:
                last = holds()
                if inspect.isawaitable(last):
                    last = await last
                if last:
                    return last
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"waited {secs:g} s for {what}; last seen: {last!r}") from None
