"""The feed of revocations as others read it: pages that are signed, and the log they are cut from.

A page says: after the position `after`, up to `upto`, this and nothing else was revoked; and as of `age_ms` before
`now_ms` the feed ended at `head`. A reader that has joined pages until `upto` is `head` knows everything that was
revoked before its last request went out, less `age_ms`.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import get_args

import msgspec

from mapae.sessions.revocation import UNKNOWN_KIND, Entry, Kind

TYP = "mapae-revocations+jwt"
"""The `typ` of a signed page: never taken for an access token, nor the other way round."""
PAGE_ENTRIES = 2_000
"""Entries of one page, about; those of one position stay together."""
MAX_PAGE = 1024 * 1024
"""The most characters that a reader takes for a page."""
_KINDS: tuple[Kind, ...] = get_args(Kind)
_NUMBERS = {kind: number for number, kind in enumerate(_KINDS)}


class FeedPage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The claims of a signed page.

    Attributes:
        feed: names the feed; positions of another feed mean nothing.
        after: the position after which the page begins; 0 where the reader must begin anew.
        upto: the position up to which it is complete.
        head: the feed's last position.
        now_ms: the issuer's clock when it signed, in milliseconds since 1970.
        age_ms: how long before that it had asked its database.
        nonce: what the reader sent along, so that it knows this answer for a new one.
        entries: what was revoked, in the order of the commits.
    """

    iss: str
    iat: int
    exp: int
    feed: str
    after: int
    upto: int
    head: int
    now_ms: int
    age_ms: int
    entries: tuple[Entry, ...]
    nonce: str | None = None


class FeedLog:
    """The entries of the feed in the order of their commits, in 33 bytes each beside their keys."""

    __slots__ = ("_keys", "_kinds", "_seqs", "_untils", "_values")

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        """Hold `entries`, in the order of their commits.

        Raises:
            ValueError: one is of a kind that this program does not know.
        """
        self.clear()
        self.extend(entries)

    def clear(self) -> None:
        """Forget everything."""
        self._seqs, self._values, self._untils = array("q"), array("q"), array("q")
        self._kinds = array("b")
        self._keys: list[str] = []

    @property
    def last(self) -> int:
        """The position of the last entry; 0 where there is none."""
        return self._seqs[-1] if self._seqs else 0

    def extend(self, entries: Iterable[Entry]) -> None:
        """Add what comes after everything that is held.

        Raises:
            ValueError: an entry is of a kind that this program does not know.
        """
        for entry in entries:
            kind = _NUMBERS.get(entry.kind)
            if kind is None:
                raise ValueError(UNKNOWN_KIND)
            self._seqs.append(entry.seq)
            self._values.append(entry.value)
            self._untils.append(entry.until)
            self._kinds.append(kind)
            self._keys.append(entry.key)

    def join(self, later: FeedLog) -> None:
        """Add what lies after the last entry; what lies before it is known."""
        start = bisect_right(later._seqs, self.last)
        self._seqs += later._seqs[start:]
        self._values += later._values[start:]
        self._untils += later._untils[start:]
        self._kinds += later._kinds[start:]
        self._keys += later._keys[start:]

    def page(self, after: int, *, now: int, most: int = PAGE_ENTRIES) -> tuple[list[Entry], int | None]:
        """Return entries after a position, and the position up to which they are complete; None: up to the end.

        Args:
            now: seconds since 1970: entries that nobody needs to remember are left out.
            most: about how many; those of one position stay together.
        """
        start = bisect_right(self._seqs, after)
        stop = min(start + most, len(self._seqs))
        if stop < len(self._seqs):
            stop = bisect_right(self._seqs, self._seqs[stop - 1], stop)
        upto = self._seqs[stop - 1] if stop < len(self._seqs) else None
        return [entry for entry in self._cut(start, stop) if entry.until >= now], upto

    def forget(self, before: int) -> None:
        """Drop the oldest entries that need not be remembered since the second `before`, once they are a fifth of all.

        It looks no further than the first that must be: entries end about in the order in which they began.
        """
        passed = next((at for at, until in enumerate(self._untils) if until >= before), len(self._untils))
        if passed * 5 < len(self._untils) or not passed:
            return
        self._seqs, self._values = self._seqs[passed:], self._values[passed:]
        self._untils, self._kinds = self._untils[passed:], self._kinds[passed:]
        del self._keys[:passed]

    def _cut(self, start: int, stop: int) -> Iterator[Entry]:
        for at in range(start, stop):
            kind = _KINDS[self._kinds[at]]
            yield Entry(self._seqs[at], kind, self._keys[at], self._values[at], self._untils[at])

    def __iter__(self) -> Iterator[Entry]:
        return self._cut(0, len(self._seqs))

    def __len__(self) -> int:
        return len(self._seqs)
