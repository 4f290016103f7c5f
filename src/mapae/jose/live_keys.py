"""Verify with keys that change by themselves: where they come from is not known here."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

from mapae.errors import KeyUnknown
from mapae.jose.header import read_header
from mapae.jose.jwks import KeySet
from mapae.jose.unverified import as_text

Check = Callable[[str | bytes, float], Any]


@runtime_checkable
class LiveKeys(Protocol):
    """A key set that changes by itself, such as a `RemoteKeySet`.

    Attributes:
        origin: where the keys come from, for people.
        turn: a lock; nothing slow happens under it.
    """

    origin: str
    turn: AbstractContextManager[object]

    def current(self) -> KeySet:
        """Return the keys of now; waits only where there are none yet."""

    def lacking(self, kid: str, since: float) -> KeySet:
        """Return the keys after looking for one that was missing; `since` is what `moment` said before."""

    async def current_async(self) -> KeySet:
        """As `current`, awaiting instead of waiting."""

    async def lacking_async(self, kid: str, since: float) -> KeySet:
        """As `lacking`, awaiting instead of waiting."""

    def newest(self) -> KeySet | None:
        """Return the keys last learnt, without any waiting."""

    @property
    def moment(self) -> Callable[[], float]:
        """The source's own clock."""


class Following:
    """A check of tokens that always uses the keys of now.

    The check under it remembers tokens and headers; it is told of new keys before it sees another token.
    """

    __slots__ = ("_check", "_current", "_moment", "_replace", "_source", "_used")

    def __init__(self, source: LiveKeys, check: Check, replace: Callable[[KeySet], None]) -> None:
        """Join a source with a check, and with the way to hand the check other keys."""
        self._source = source
        self._current = source.current
        self._moment = source.moment
        self._check = check
        self._replace = replace
        self._used: KeySet | None = None

    def check(self, token: str | bytes, now: float) -> Any:
        """Return the claims, fetching where the keys at hand are too old or lack the token's."""
        since = self._moment()
        keys = self._current()
        if keys is not self._used:
            self._use(keys)
        try:
            return self._check(token, now)
        except KeyUnknown:
            kid = _kid(token)
            if kid is None:
                raise
        self._use(self._source.lacking(kid, since))
        return self._check(token, now)

    async def check_async(self, token: str | bytes, now: float) -> Any:
        """As `check`, awaiting instead of waiting."""
        since = self._moment()
        self._use(await self._source.current_async())
        try:
            return self._check(token, now)
        except KeyUnknown:
            kid = _kid(token)
            if kid is None:
                raise
        self._use(await self._source.lacking_async(kid, since))
        return self._check(token, now)

    def _use(self, keys: KeySet) -> None:
        if keys is self._used:
            return
        with self._source.turn:
            # Asked again under the lock: a caller who was held up must not bring back the keys of before.
            newest = self._source.newest() or keys
            if newest is not self._used:
                self._replace(newest)
                self._used = newest


def _kid(token: str | bytes) -> str | None:
    """Read the kid of a token whose header was found to be sound."""
    kid = read_header(as_text(token).partition(".")[0].rstrip("=")).get("kid")
    return kid if isinstance(kid, str) else None
