"""What every board can do; which one there is, a setting says."""

from __future__ import annotations

from typing import Protocol

from mapae.coordination.memory import Begun, MemoryBoard
from mapae.errors import Mistake, SettingsRefused
from mapae.settings import Settings


class Board(Protocol):
    """Carries hints between those who revoke and those who follow. A hint says "look now", nothing else.

    Hints may be lost, doubled or late: whoever follows looks once a second anyway. Records that nodes lend each other
    may be lost too, or old: whoever borrows one checks it, and can do without. What is under way may be counted too
    high for as long as it may last, where a node was killed; and too low, in each process by itself, while the board is
    away.
    """

    @property
    def hints(self) -> int:
        """How many hints were given so far: what `wait` takes as `seen`."""

    @property
    def up(self) -> bool:
        """Whether hints reach the other nodes now."""

    def hint(self) -> None:
        """Wake everybody who waits in this process. May be called from any thread."""

    def announce(self) -> None:
        """Wake everybody who waits, in every process: something was committed. May be called from any thread."""

    async def wait(self, timeout: float, *, seen: int | None = None) -> bool:  # noqa: ASYNC109 (the wait is the purpose)
        """Wait for a hint and return whether there was one within `timeout` seconds; `seen` as in `MemoryBoard`."""

    @property
    def lends(self) -> bool:
        """Whether there are other nodes to lend records to, and to borrow from, now."""

    async def borrow(self, name: str) -> bytes | None:
        """Return what another node has lent under `name`; None where there is nothing, or no answer at once."""

    async def lend(self, name: str, record: bytes, *, for_ms: int) -> None:
        """Lend `record` to the other nodes for so many milliseconds, unless the board is away."""

    async def begin(self, name: str, *, lasts_ms: int) -> Begun:
        """Count one more thing under way under `name`, on all nodes, until it ends or so many milliseconds are over."""

    async def end(self, begun: Begun) -> None:
        """Count it no longer."""

    async def open(self) -> None:
        """Begin to reach for the other nodes, without waiting for them."""

    async def close(self) -> None:
        """Send what was announced, for a moment at most, and let go."""


def board_for(settings: Settings) -> Board:
    """Return the board that `settings` ask for; it is not open yet.

    Raises:
        SettingsRefused: it needs a package that is not installed.
    """
    if settings.board == "memory":
        return MemoryBoard()
    try:
        from mapae.coordination.valkey import ValkeyBoard  # noqa: PLC0415  only where there is one
    except ModuleNotFoundError:
        what = 'needs the package valkey: pip install "mapae[board]"'
        raise SettingsRefused([Mistake(settings.origin("board"), "board", what)]) from None
    return ValkeyBoard(settings.board, prefix=settings.board_prefix)
