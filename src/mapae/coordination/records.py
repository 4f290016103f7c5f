"""Records that the nodes lend each other on a Valkey or Redis server, each gone after its time."""

from __future__ import annotations

from mapae.coordination.quick import Quick
from mapae.settings.board_url import BoardAddress

WITHOUT = "does not lend sessions; the database is asked until it does"


class Records:
    """What the nodes lend each other."""

    __slots__ = ("_quick", "close")

    def __init__(self, address: BoardAddress, *, prefix: str) -> None:
        """Prepare; nothing is connected before the first call."""
        self._quick = Quick(address, prefix=prefix, without=WITHOUT)
        self.close = self._quick.close

    @property
    def awake(self) -> bool:
        """Whether the server may be asked: it answered the last time, or that is a while ago."""
        return self._quick.awake

    async def borrow(self, name: str) -> bytes | None:
        """Return what was lent under `name`; None where there is nothing, or no answer in time."""
        found = await self._quick.ask(lambda client: client.get(self._quick.name(name)))
        return found if isinstance(found, bytes) else None

    async def lend(self, name: str, record: bytes, *, for_ms: int) -> None:
        """Lend `record` for so many milliseconds."""
        await self._quick.ask(lambda client: client.set(self._quick.name(name), record, px=for_ms))
