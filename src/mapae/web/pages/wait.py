"""The waiting room: a small page that asks again by itself, without a script, and then goes on to the form."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from starlette.responses import Response

from mapae.errors import TicketRefused, Waiting
from mapae.flows.gate import TooManyPlaces, ask, waiting
from mapae.flows.poll import NO_TURN, Place, Turn
from mapae.web.cookies import cleared_ticket, pass_cookie, ticket_cookies
from mapae.web.head_lines import Header
from mapae.web.pages.local_paths import local_path
from mapae.web.pages.moments import duration_range
from mapae.web.pages.page import Page
from mapae.web.turns import read_turn

FORMS: Final = {"sign-in": "/sign-in", "sign-up": "/sign-up"}
"""What one may be waiting for."""
_MOST = 10**7
"""The longest line that the progress bar knows."""


def turn_of(page: Page) -> Turn:
    """Return what this browser shows of the waiting line."""
    return read_turn(page.request.scope, browser=True)


def keep_cookies(response: Response, cookies: Sequence[Header]) -> Response:
    """Return `response` with `cookies` set."""
    for name, value in cookies:
        response.headers.append(name.decode(), value.decode())
    return response


async def room_before(page: Page, next_path: str, *, form: str) -> tuple[Response | None, Sequence[Header]]:
    """Return the way to the waiting room when there is a line, and the cookies for whichever page is shown.

    Nobody fills in a form before it is their turn; the page they wanted is kept in the address.
    """
    turn = turn_of(page)
    try:
        place = await ask(page.service, turn, address=page.visitor.address)
    except Waiting as held:
        return to_room(page, held, next_path, form=form), ()
    except TooManyPlaces:
        return before_room(page, next_path, form=form), ()
    if place is None:
        return None, ()
    if place.held is not None:
        return to_room(page, waiting(place.held, place.text), next_path, form=form), ()
    return None, () if place.text == turn.text else pass_cookie(place.text)


def to_room(page: Page, held: Waiting, next_path: str, *, form: str) -> Response:
    """Send the browser to the waiting room, with the ticket it has just got."""
    response = page.redirect("/wait", next=next_path, to=form if form != "sign-in" else "", of=str(held.position - 1))
    cookies = ticket_cookies(held.ticket, held.confirmation) if held.confirmation is not None else ()
    return keep_cookies(response, cookies)


def before_room(page: Page, next_path: str, *, form: str) -> Response:
    """Send the browser to the waiting room without a ticket; it gets one there, a little later."""
    return page.redirect("/wait", next=next_path, to=form if form != "sign-in" else "")


def begin_again(page: Page, next_path: str, *, form: str) -> Response:
    """Send a browser whose ticket does not count back to the form without it."""
    response = page.redirect(FORMS[form], next=next_path)
    return keep_cookies(response, cleared_ticket())


async def wait(page: Page) -> Response:
    """Show how far the line is, or go on to the form."""
    query = page.request.query_params
    next_path = local_path(query.get("next", ""))
    form = query.get("to", "") if query.get("to", "") in FORMS else "sign-in"
    turn = turn_of(page)
    cookies: Sequence[Header] = ()
    try:
        place = await ask(page.service, turn, address=page.visitor.address)
    except TooManyPlaces as slowed:
        return _show(page, next_path, form=form, seconds=slowed.retry_after or 1)
    except Waiting as held:
        cookies = ticket_cookies(held.ticket, held.confirmation) if held.confirmation is not None else ()
        return keep_cookies(_room(page, held, next_path, form=form), cookies)
    except TicketRefused:
        turn, place = NO_TURN, None
    if place is None or place.held is None:
        return keep_cookies(page.redirect(FORMS[form], next=next_path), _passed(place, turn))
    return _room(page, waiting(place.held, place.text), next_path, form=form)


def _passed(place: Place | None, turn: Turn) -> Sequence[Header]:
    return pass_cookie(place.text) if place is not None and place.text != turn.text else ()


def _room(page: Page, held: Waiting, next_path: str, *, form: str) -> Response:
    ahead = held.position - 1
    of = _number(page.request.query_params.get("of", ""), least=max(1, ahead))
    values = {
        "ahead": f"{ahead:,}" if ahead != 1 else 1,
        "done": of - ahead,
        "of": of,
        "range": "" if held.wait is None else duration_range(held.wait, page.language),
        "name": _name(held.ticket),
    }
    return _show(page, next_path, form=form, seconds=held.retry_after or 1, of=str(of), values=values)


def _show(
    page: Page,
    next_path: str,
    *,
    form: str,
    seconds: int,
    of: str = "",
    values: Mapping[str, object] = MappingProxyType({"ahead": None, "name": ""}),
) -> Response:
    again = page.path("/wait", next=next_path, to=form if form != "sign-in" else "", of=of)
    response = page.render("wait.html", {**values, "again": again, "seconds": seconds}, status=200, here=again)
    response.headers["retry-after"] = str(seconds)
    return response


def _number(text: str, *, least: int) -> int:
    """Return what the address says about the beginning of the wait: only a picture depends on it."""
    return min(max(int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0, least), _MOST)


def _name(ticket: str) -> str:
    """Return a short name of a ticket, to say on the telephone; it opens nothing."""
    return hashlib.sha256(ticket.encode()).hexdigest()[:6].upper()
