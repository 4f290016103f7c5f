"""The event loop of a serving process: uvloop where there is one, else asyncio's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end, as `asyncio.run` does."""
    with asyncio.Runner(loop_factory=_fastest()) as runner:
        return runner.run(main)


def clock_stands_still() -> bool:
    """Say whether the time of the running loop is the same for as long as a turn lasts, as uvloop's is."""
    return type(asyncio.get_running_loop()).__module__.partition(".")[0] == "uvloop"


def _fastest() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop  # noqa: PLC0415  it does not exist on every system
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
