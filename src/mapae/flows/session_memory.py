"""What one process remembers of server-side sessions, so that most requests need no look-up."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Literal, assert_never

from mapae.errors import Expired, Revoked, TokenError
from mapae.sessions.access_token import AccessClaims
from mapae.sessions.server_session import Record

MOST_KNOWN = 20_000
"""Sessions that one process keeps in memory; about 1 KB each."""


@dataclass(frozen=True, slots=True)
class Known:
    """A session that was read, and what an access token of that moment would say."""

    record: Record
    claims: AccessClaims


@dataclass(frozen=True, slots=True)
class Gone:
    """A session that has ended for good; remembered for a while, so that nobody makes us read that again and again."""

    reason: Literal["unknown", "ended", "expired"]
    until_ms: int

    def refusal(self) -> TokenError:
        """Return why its token is refused."""
        match self.reason:
            case "expired":
                return Expired("the session has ended by itself")
            case "ended":
                return Revoked("the session was ended", claim="sid")
            case "unknown":
                return Revoked("there is no such session any more", claim="sid")
            case _:
                assert_never(self.reason)


@dataclass(slots=True)
class SessionMemory:
    """The sessions that this process has read lately, under SHA-256 of their tokens; the least used go first.

    Attributes:
        reading: what is being read now, so that everybody who asks at once shares one look-up.
    """

    most: int = MOST_KNOWN
    reading: dict[bytes, asyncio.Task[Known]] = field(default_factory=dict)
    _kept: OrderedDict[bytes, Known | Gone] = field(default_factory=OrderedDict)

    def find(self, name: bytes) -> Known | Gone | None:
        """Return what is known of the token with the digest `name`."""
        found = self._kept.get(name)
        if found is not None:
            try:
                self._kept.move_to_end(name)
            except KeyError:  # another thread needed its place
                return found
        return found

    def keep(self, name: bytes, what: Known | Gone) -> None:
        """Remember `what` of the token with the digest `name`."""
        self._kept[name] = what
        while len(self._kept) > self.most:
            self._kept.popitem(last=False)

    def __len__(self) -> int:
        return len(self._kept)
