"""What a request shows of the waiting line: a ticket in its body or a cookie, and the cookie it is bound to."""

from __future__ import annotations

from mapae.flows.poll import Turn
from mapae.web.answers import Scope
from mapae.web.cookies import LINE_COOKIE, PASS_COOKIE, TICKET_COOKIE
from mapae.web.requests import header, read_cookie

LONGEST_CONFIRMATION = 64


def read_turn(scope: Scope, text: str = "", *, browser: bool) -> Turn:
    """Return what the request shows.

    Args:
        text: the ticket of the body; empty to take a browser's from its cookie.
        browser: whether a new ticket is bound to a cookie.

    Raises:
        CredentialsTwice: a cookie was sent twice with different values.
    """
    if header(scope, b"cookie") is None:  # a program, which may be one of a great many
        return Turn(text, None, browser)
    cookie = read_cookie(scope, LINE_COOKIE)
    if cookie is not None and len(cookie) > LONGEST_CONFIRMATION:
        cookie = None
    if not text and browser:
        text = read_cookie(scope, PASS_COOKIE) or read_cookie(scope, TICKET_COOKIE) or ""
    return Turn(text, cookie, browser)
