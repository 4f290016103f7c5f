"""The cookies of a browser that signed in: two for its session, and one by which it is known the next time.

All carry the `__Host-` prefix: the browser keeps them only with Secure, Path=/ and no Domain, so no sibling host can
plant or read them (RFC 6265bis §4.1.3.2). All are HttpOnly: no script reads them.

The access cookie is SameSite=Lax, so that a link from a mail or a chat opens the page one is signed in to; requests
that change something are guarded by `csrf.check` besides. The refresh cookie is SameSite=Strict: it lives for weeks,
nothing but our own pages and scripts ever has to send it, and no navigation that another site began may spend it. The
device cookie is Strict too, and stays when the session ends: it says only that this browser has signed in before.

The token of a server-side session is an access cookie that stays until the session must end, since only the server
knows whether it has; no refresh cookie comes with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mapae.admission.known_device import KNOWN_FOR
from mapae.admission.ticket import PASS_LIFETIME, TICKET_LIFETIME

if TYPE_CHECKING:
    from mapae.flows.issue import Tokens

ACCESS_COOKIE = b"__Host-mapae"
REFRESH_COOKIE = b"__Host-mapae-refresh"
DEVICE_COOKIE = b"__Host-mapae-device"
TICKET_COOKIE = b"__Host-mapae-ticket"
"""A place in the waiting line."""
PASS_COOKIE = b"__Host-mapae-pass"
"""The pass that the ticket has become. It ends soon; the ticket beside it does not, so nobody is sent back."""
LINE_COOKIE = b"__Host-mapae-line"
"""What tickets of this browser are bound to."""

_ACCESS_ATTRIBUTES = b"; Path=/; Secure; HttpOnly; SameSite=Lax"
_STRICT_ATTRIBUTES = b"; Path=/; Secure; HttpOnly; SameSite=Strict"


def cookies_for(tokens: Tokens, *, idle_ttl: int) -> list[tuple[bytes, bytes]]:
    """Return the `Set-Cookie` fields that store `tokens`.

    Args:
        idle_ttl: seconds after which an unused session ends; the refresh cookie lives as long.
    """
    fields = [_field(ACCESS_COOKIE, tokens.access_token, tokens.lives, _ACCESS_ATTRIBUTES)]
    if tokens.refresh_token is not None:
        fields.append(_field(REFRESH_COOKIE, tokens.refresh_token, idle_ttl, _STRICT_ATTRIBUTES))
    elif tokens.opaque:
        # One from before would bring an earlier session back when this one ends.
        fields.append(_field(REFRESH_COOKIE, "", 0, _STRICT_ATTRIBUTES))
    if tokens.known_device:
        fields.append(_field(DEVICE_COOKIE, tokens.known_device, KNOWN_FOR, _STRICT_ATTRIBUTES))
    return fields


def cleared_cookies() -> list[tuple[bytes, bytes]]:
    """Return the `Set-Cookie` fields that make the browser forget its session; it stays a known one."""
    return [_field(ACCESS_COOKIE, "", 0, _ACCESS_ATTRIBUTES), _field(REFRESH_COOKIE, "", 0, _STRICT_ATTRIBUTES)]


def ticket_cookies(text: str, confirmation: str) -> list[tuple[bytes, bytes]]:
    """Return the `Set-Cookie` fields that keep a new ticket and what it is bound to; an earlier pass goes."""
    return [
        _field(TICKET_COOKIE, text, TICKET_LIFETIME, _ACCESS_ATTRIBUTES),
        _field(PASS_COOKIE, "", 0, _ACCESS_ATTRIBUTES),
        _field(LINE_COOKIE, confirmation, 2 * TICKET_LIFETIME, _ACCESS_ATTRIBUTES),
    ]


def pass_cookie(text: str) -> list[tuple[bytes, bytes]]:
    """Return the `Set-Cookie` field that keeps a pass beside its ticket."""
    return [_field(PASS_COOKIE, text, PASS_LIFETIME, _ACCESS_ATTRIBUTES)]


def cleared_ticket() -> list[tuple[bytes, bytes]]:
    """Return the `Set-Cookie` fields that make the browser forget its ticket and pass: they count no more."""
    return [_field(name, "", 0, _ACCESS_ATTRIBUTES) for name in (TICKET_COOKIE, PASS_COOKIE)]


def _field(name: bytes, value: str, max_age: int, attributes: bytes) -> tuple[bytes, bytes]:
    return (b"set-cookie", b"%b=%b; Max-Age=%d%b" % (name, value.encode("ascii"), max_age, attributes))
