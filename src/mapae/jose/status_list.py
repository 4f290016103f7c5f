"""Read a token status list: thousands of tokens, one or a few bits each (draft-ietf-oauth-status-list).

The list is itself a signed token of the kind `statuslist+jwt`. A `Verifier` checks it, this module reads it. Fetching
and keeping it is the caller's part: nothing here does I/O.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from mapae.errors import ClaimRefused, Expired, Malformed, TooLarge
from mapae.jose.base64url import decode
from mapae.jose.claims import check_date, check_text

TYP = "statuslist+jwt"
MAX_LIST = 4 * 1024 * 1024
"""Octets of an unpacked list: 33 million tokens of one bit."""

_BITS = frozenset({1, 2, 4, 8})


class Status(IntEnum):
    """The registered statuses (§7.1 of the draft); other values mean what the application says."""

    VALID = 0
    INVALID = 1
    SUSPENDED = 2


@dataclass(frozen=True, slots=True)
class Reference:
    """Where the status of a token stands.

    Attributes:
        uri: which list.
        index: which entry of it.
    """

    uri: str
    index: int


@dataclass(frozen=True, slots=True)
class StatusList:
    """An unpacked list.

    Attributes:
        uri: which list it is.
        bits: how many bits each entry has: 1, 2, 4 or 8.
        octets: the entries, the first one in the lowest bits of the first octet.
        issued: when the list was made, in seconds since 1970.
        fresh_until: when to fetch it again; None where it does not say.
    """

    uri: str
    bits: int
    octets: bytes = field(repr=False)
    issued: float
    fresh_until: float | None

    def __len__(self) -> int:
        return len(self.octets) * 8 // self.bits

    def status(self, index: int) -> int:
        """Return the status of one entry; compare it with `Status`.

        Raises:
            ClaimRefused: the list has no such entry, so nothing is known about the token.
        """
        if type(index) is not int or not 0 <= index < len(self):
            raise ClaimRefused("the status list has no such entry", claim="idx")
        at, shift = divmod(index * self.bits, 8)
        return self.octets[at] >> shift & ((1 << self.bits) - 1)


def reference_of(claims: Mapping[str, Any]) -> Reference | None:
    """Read where the status of a token stands; None where it names no list.

    Args:
        claims: the claims of a verified token.

    Raises:
        ClaimRefused: `status` is there and is malformed.
    """
    if "status" not in claims:
        return None
    status = claims["status"]
    if isinstance(status, Mapping) and status and "status_list" not in status:
        return None  # another way to tell the status, which this module does not read
    entry = status.get("status_list") if isinstance(status, Mapping) else None
    index = entry.get("idx") if isinstance(entry, Mapping) else None
    uri = entry.get("uri") if isinstance(entry, Mapping) else None
    if type(index) is not int or index < 0 or not isinstance(uri, str) or not uri:
        raise ClaimRefused("must hold a status_list with an index and a URI", claim="status")
    return Reference(uri, index)


def read_status_list(
    claims: Mapping[str, Any], *, uri: str, now: float, fetched: float | None = None, max_size: int = MAX_LIST
) -> StatusList:
    """Unpack a status list.

    Example:
        lists = Verifier(keys, issuer=..., audience=None, typ=TYP, max_length=2**20)
        reference = reference_of(claims)
        status_list = read_status_list(lists.check(token, now=now), uri=reference.uri, now=now)
        if status_list.status(reference.index) != Status.VALID: ...

    Args:
        claims: the claims of the list, verified as a token of the kind `statuslist+jwt`.
        uri: the URI that the token names; the list must be that one.
        now: seconds since 1970.
        fetched: when the list was fetched; `ttl` counts from there. Just now, when left out.
        max_size: the greatest number of octets of the unpacked list.

    Raises:
        ClaimRefused: a claim is missing or malformed, or this is another list.
        Expired: the list is past its `exp` or its `ttl`; fetch it again.
        TooLarge: it unpacks to more than `max_size` octets.
        Malformed: it is not the zlib form of a list.
    """
    if check_text(claims.get("sub"), "sub") != uri:
        raise ClaimRefused("this is another status list", claim="sub")
    issued = check_date(claims.get("iat"), "iat")
    fresh_until = _fresh_until(claims, now if fetched is None else fetched)
    if fresh_until is not None and not now < fresh_until:
        raise Expired("the status list is too old; fetch it again", claim="ttl")
    packed = claims.get("status_list")
    bits = packed.get("bits") if isinstance(packed, Mapping) else None
    lst = packed.get("lst") if isinstance(packed, Mapping) else None
    if type(bits) is not int or bits not in _BITS or not isinstance(lst, str):
        raise ClaimRefused("must hold bits (1, 2, 4 or 8) and lst", claim="status_list")
    return StatusList(uri, bits, unpack(decode(lst, "status list"), max_size), issued, fresh_until)


def unpack(packed: bytes, max_size: int) -> bytes:
    """Unpack zlib octets, and never more than `max_size` of them.

    Raises:
        TooLarge: there would be more.
        Malformed: it is not one complete zlib stream.
    """
    inflate = zlib.decompressobj()
    octets = None
    try:
        octets = inflate.decompress(packed, max_size + 1)
    except zlib.error:
        octets = None
    if octets is not None and len(octets) > max_size:
        raise TooLarge(f"the status list has more than {max_size} octets")
    if octets is None or not inflate.eof or inflate.unused_data:
        raise Malformed("the status list is not one complete zlib stream")
    return octets


def _fresh_until(claims: Mapping[str, Any], fetched: float) -> float | None:
    ends: list[float] = []
    if "exp" in claims:
        ends.append(check_date(claims["exp"], "exp"))
    if "ttl" in claims:
        ttl = claims["ttl"]
        if isinstance(ttl, bool) or not isinstance(ttl, int | float) or check_date(ttl, "ttl") <= 0:
            raise ClaimRefused("must be a positive number of seconds", claim="ttl")
        ends.append(fetched + ttl)
    return min(ends, default=None)
