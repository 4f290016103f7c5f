"""Tickets and passes: a place in the waiting line as signed text, so that no server remembers who waits.

A ticket says when its holder came; a pass says that the holder has been let in, and is good for a few minutes on every
node, also on one that has not heard yet how far the line has moved. A ticket is `mpt_`, a pass `mpp_`, and base64url of
`arr` (8 octets), `iat` (4), number (16), `cnf` (16) and a tag (16) under a key of their own; both name the same 128-bit
number: whoever signs in with one spends both.

For a browser they are bound to a cookie (`cnf` holds its hash), so a copied ticket is worth nothing elsewhere. Whoever
forges, copies or keeps one is refused; a clock of the client's never matters.
"""

from __future__ import annotations

from hashlib import blake2s, sha256
from hmac import compare_digest
from struct import Struct
from typing import NamedTuple
from zlib import crc32

import msgspec

from mapae.admission.line import place_of
from mapae.errors import Malformed, TicketRefused
from mapae.jose.base64url import decode, encode
from mapae.jose.mac import mac

TICKET, PASS = "mpt_", "mpp_"
TICKET_LIFETIME = 24 * 3600
PASS_LIFETIME = 5 * 60
LEEWAY = 60
"""Seconds by which a ticket's date may lie ahead of the node that reads it, or its end behind."""
LENGTH = 84
"""Characters of either."""
UNBOUND = bytes(16)
"""What a ticket says of its cookie when it has none: it is a program's, which holds it as it holds a token."""

_BODY = Struct(">qI16s16s")
_TAG_BYTES = 16


class Ticket(msgspec.Struct, frozen=True, gc=False):
    """What a ticket or a pass says.

    Attributes:
        arr: when its holder came, milliseconds since 1970 of the arrivals' clock.
        iat: when it was signed, seconds since 1970.
        number: 128 random bits, which also draw the place within the tenth of a second of `arr`.
        cnf: hash of the cookie it is bound to, or `UNBOUND`.
        passed: whether it is a pass.
    """

    arr: int
    iat: int
    number: bytes
    cnf: bytes
    passed: bool

    @property
    def place(self) -> int:
        """Where in the line its holder stands; the same for the ticket and every pass made of it."""
        return numbered_place(self.arr, self.number)


class _Kind(NamedTuple):
    """How one of the two is signed, and for how many seconds it is good.

    BLAKE2s takes its key by itself (RFC 7693 §2.9), and less than half the time of HMAC-SHA-256.
    """

    keyed: blake2s
    lifetime: int

    def tag(self, body: bytes) -> bytes:
        """Return the tag of `body`."""
        begun = self.keyed.copy()
        begun.update(body)
        return begun.digest()


def numbered_place(arrived_ms: int, number: bytes) -> int:
    """Return where in the line somebody stands who came at `arrived_ms` and whose ticket has this number.

    The number is random and ours, so that any even spread of it will do; this one costs the least.
    """
    return place_of(arrived_ms, crc32(number))


def confirmation_of(cookie: str) -> bytes:
    """Return what a ticket that is bound to `cookie` says about it."""
    return sha256(cookie.encode()).digest()[:16]


class TicketOffice:
    """Writes and reads tickets and passes.

    Args:
        secret: 32 bytes that are used for nothing else.
        issuer: the service; it goes into the keys, so that a ticket of another one counts as a forged one.
    """

    def __init__(self, secret: bytes, *, issuer: str) -> None:
        self._kinds = {
            prefix: _Kind(blake2s(key=mac(secret, f"{prefix} {issuer}".encode()), digest_size=_TAG_BYTES), lifetime)
            for prefix, lifetime in ((TICKET, TICKET_LIFETIME), (PASS, PASS_LIFETIME))
        }

    def ticket(self, arrived_ms: int, number: bytes, *, cookie: str | None, now: int) -> str:
        """Return the ticket of somebody who came at `arrived_ms`.

        Args:
            number: 16 random bytes.
            cookie: what the ticket is bound to; None for a program.
            now: seconds since 1970 of the arrivals' clock.
        """
        return self._signed(TICKET, arrived_ms, now, number, UNBOUND if cookie is None else confirmation_of(cookie))

    def pass_for(self, ticket: Ticket, *, now: int) -> str:
        """Return the pass of a holder who has been let in."""
        return self._signed(PASS, ticket.arr, now, ticket.number, ticket.cnf)

    def read(self, text: str, *, cookie: str | None, now: int) -> Ticket:
        """Return what a ticket or a pass says.

        Raises:
            TicketRefused: it is forged, expired, from the future, or bound to another cookie.
        """
        prefix = text[:4]
        kind = self._kinds.get(prefix)
        if kind is None or len(text) != LENGTH:
            raise TicketRefused("forged", "this is no ticket")
        try:
            raw = decode(text[4:], "ticket")
        except Malformed:
            raise TicketRefused("forged", "this is no ticket") from None
        body = raw[:-_TAG_BYTES]
        if not compare_digest(raw[-_TAG_BYTES:], kind.tag(body)):
            raise TicketRefused("forged", "the ticket was not written here")
        arr, iat, number, cnf = _BODY.unpack(body)
        if not iat - LEEWAY <= now < iat + kind.lifetime + LEEWAY:
            raise _untimely(early=now < iat)
        if cnf != UNBOUND and not compare_digest(cnf, b"" if cookie is None else confirmation_of(cookie)):
            raise TicketRefused("copied", "the ticket belongs to another browser")
        return Ticket(arr, iat, number, cnf, prefix == PASS)

    def _signed(self, prefix: str, arr: int, iat: int, number: bytes, cnf: bytes) -> str:
        body = _BODY.pack(arr, iat, number, cnf)
        return prefix + encode(body + self._kinds[prefix].tag(body))


def _untimely(*, early: bool) -> TicketRefused:
    if early:
        return TicketRefused("future", "the ticket comes from the future")
    return TicketRefused("expired", "the ticket has expired")
