"""Tickets and passes: a place in the waiting line as signed text, so that no server remembers who waits.

A ticket says when its holder came; a pass says that the holder has been let in, and is good for a few minutes on every
node, also on one that has not heard yet how far the line has moved. Both are JWTs of a kind of their own under a key of
their own, and both name the same 128-bit number: whoever signs in with one spends both.

For a browser they are bound to a cookie (`cnf` holds its hash), so a copied ticket is worth nothing elsewhere. Whoever
forges, copies or keeps one is refused; a clock of the client's never matters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from hmac import compare_digest
from zlib import crc32

import msgspec

from mapae.admission.line import place_of
from mapae.errors import Expired, NotYetValid, TicketRefused, TokenError, WrongAudience, WrongIssuer
from mapae.jose.base64url import encode
from mapae.jose.key import Key
from mapae.jose.signer import Signer
from mapae.jose.verifier import Verifier

TICKET_TYP = "mapae-ticket+jwt"
PASS_TYP = "mapae-pass+jwt"  # noqa: S105
ROOM = "sign-in"
"""The one line there is today: whatever needs a password hashed."""
TICKET_LIFETIME = 24 * 3600
PASS_LIFETIME = 5 * 60
LEEWAY = 60
"""Seconds by which a ticket's date may lie ahead of the node that reads it."""
MAX_LENGTH = 512


class Ticket(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The claims of a ticket or a pass.

    Attributes:
        arr: when its holder came, milliseconds since 1970 of the arrivals' clock.
        cnf: hash of the cookie it is bound to; empty for a program that holds it as it holds a token.
        iss: the issuer.
        aud: the room.
        jti: its 128-bit number, which also draws the place within the tenth of a second of `arr`.
        iat: when it was signed.
        exp: when it ends.
    """

    arr: int
    cnf: str
    iss: str
    aud: str
    jti: str
    iat: int
    exp: int

    @property
    def place(self) -> int:
        """Where in the line its holder stands; the same for the ticket and every pass made of it."""
        return numbered_place(self.arr, self.jti)


def numbered_place(arrived_ms: int, number: str) -> int:
    """Return where in the line somebody stands who came at `arrived_ms` and whose ticket has this number.

    The number is random and ours, so that any even spread of it will do; this one costs the least.
    """
    return place_of(arrived_ms, crc32(number.encode()))


def confirmation_of(cookie: str) -> str:
    """Return what a ticket that is bound to `cookie` says about it."""
    return encode(hashlib.sha256(cookie.encode()).digest()[:16])


class TicketOffice:
    """Writes and reads tickets and passes.

    Args:
        secret: 32 bytes that are used for nothing else.
        issuer: the service; a ticket of another one is foreign.
    """

    def __init__(self, secret: bytes, *, issuer: str) -> None:
        # As text: random octets may begin like a key file, which is refused as a secret.
        key = Key.from_secret(secret.hex().encode(), alg="HS256")
        self._signers = {
            typ: Signer(key, issuer=issuer, audience=ROOM, lifetime=lifetime, typ=typ)
            for typ, lifetime in ((TICKET_TYP, TICKET_LIFETIME), (PASS_TYP, PASS_LIFETIME))
        }
        self._checks: dict[str, Callable[..., Ticket]] = {
            typ: Verifier(
                key,
                issuer=issuer,
                audience=ROOM,
                claims=Ticket,
                typ=typ,
                leeway=LEEWAY,
                max_length=MAX_LENGTH,
                memo_bytes=0,
            ).check
            for typ in (TICKET_TYP, PASS_TYP)
        }

    def ticket(self, arrived_ms: int, number: str, *, cookie: str | None, now: int) -> str:
        """Return the ticket of somebody who came at `arrived_ms`.

        Args:
            number: 128 random bits as 22 characters.
            cookie: what the ticket is bound to; None for a program.
            now: seconds since 1970 of the arrivals' clock.
        """
        confirmation = "" if cookie is None else confirmation_of(cookie)
        return self._signed(arrived_ms, confirmation, number, now=now, typ=TICKET_TYP)

    def pass_for(self, ticket: Ticket, *, now: int) -> str:
        """Return the pass of a holder who has been let in."""
        return self._signed(ticket.arr, ticket.cnf, ticket.jti, now=now, typ=PASS_TYP)

    def read_ticket(self, text: str, *, cookie: str | None, now: int) -> Ticket:
        """Return the claims of a ticket.

        Raises:
            TicketRefused: it is forged, expired, foreign, from the future, or bound to another cookie.
        """
        return self._read(TICKET_TYP, text, cookie, now)

    def read_pass(self, text: str, *, cookie: str | None, now: int) -> Ticket:
        """Return the claims of a pass.

        Raises:
            TicketRefused: as for a ticket.
        """
        return self._read(PASS_TYP, text, cookie, now)

    def _signed(self, arrived_ms: int, confirmation: str, number: str, *, now: int, typ: str) -> str:
        return self._signers[typ].sign_at({"arr": arrived_ms, "cnf": confirmation, "jti": number}, now=now)

    def _read(self, typ: str, text: str, cookie: str | None, now: int) -> Ticket:
        try:
            ticket = self._checks[typ](text, now=now)
        except TokenError as error:
            raise _refusal(error) from None
        if ticket.cnf and not compare_digest(ticket.cnf, "" if cookie is None else confirmation_of(cookie)):
            raise TicketRefused("copied", "the ticket belongs to another browser")
        return ticket


def _refusal(error: TokenError) -> TicketRefused:
    match error:
        case Expired():
            return TicketRefused("expired", "the ticket has expired")
        case NotYetValid():
            return TicketRefused("future", "the ticket comes from the future")
        case WrongAudience() | WrongIssuer():
            return TicketRefused("foreign", "the ticket is for another door")
        case _:
            return TicketRefused("forged", "the ticket was not written here")
