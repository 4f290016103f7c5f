"""Who is looking at a page: read from the cookies, and renewed on the way when the access token has run out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mapae.errors import MapaeError, RefreshRefused, RefreshReused, Refused, TokenError
from mapae.flows.authenticate import authenticate_async
from mapae.flows.issue import Tokens
from mapae.flows.refresh import refresh
from mapae.flows.sign_out import sign_out, sign_out_by_refresh_token
from mapae.guard import Principal
from mapae.sessions.access_token import OPAQUE_PREFIX
from mapae.web import csrf
from mapae.web.cookies import ACCESS_COOKIE, REFRESH_COOKIE, cleared_cookies, cookies_for
from mapae.web.pages.explain import render_problem
from mapae.web.pages.page import Page
from mapae.web.requests import read_cookie

Endpoint = Callable[[Request], Awaitable[Response]]


class SignInFirst(Refused):
    """Nobody is signed in here.

    Attributes:
        flash: what the sign-in page says about it; empty for a first visit.
    """

    code = "sign_in_first"

    def __init__(self, flash: str = "") -> None:
        super().__init__("nobody is signed in")
        self.flash = flash


@dataclass(frozen=True, slots=True)
class Presence:
    """Somebody signed in.

    Attributes:
        renewed: new tokens for the cookies; None while the old ones last.
    """

    principal: Principal
    renewed: Tokens | None = None


def for_anyone(endpoint: Callable[[Page], Awaitable[Response]]) -> Endpoint:
    """Return `endpoint` behind the check for requests that another site made the browser send."""

    async def answer(request: Request) -> Response:
        page = Page(request)
        try:
            csrf.check(request.scope, issuer=page.settings.issuer)
            return await endpoint(page)
        except (MapaeError, HTTPException) as error:
            return render_problem(request, error)

    return answer


def for_signed_in(endpoint: Callable[[Page, Principal], Awaitable[Response]]) -> Endpoint:
    """Return `endpoint` for people who signed in; all others are sent to sign in and come back."""

    async def answer(page: Page) -> Response:
        try:
            found = await presence(page)
            response = await endpoint(page, found.principal)
        except SignInFirst as absent:
            return to_sign_in(page, flash=absent.flash)
        if found.renewed is not None and not _sets_tokens(response):
            keep_tokens(page, response, found.renewed)
        return response

    return for_anyone(answer)


async def presence(page: Page) -> Presence:
    """Return who the cookies of `page` belong to, renewing an access token that has run out.

    Raises:
        SignInFirst: there is nobody, or the session has ended.
    """
    scope, service = page.request.scope, page.service
    access_token, refresh_token = read_cookie(scope, ACCESS_COOKIE), read_cookie(scope, REFRESH_COOKIE)
    if access_token is not None:
        try:
            return Presence(await authenticate_async(service, access_token))
        except TokenError:
            pass  # expired, revoked or too old for a lagging list: the refresh token decides
    if refresh_token is None:
        raise SignInFirst("ended" if access_token else "")
    try:
        tokens = await refresh(service, refresh_token, visitor=page.visitor)
        return Presence(await authenticate_async(service, tokens.access_token), tokens)
    except RefreshReused:
        raise SignInFirst("reused") from None
    except (RefreshRefused, TokenError):
        raise SignInFirst("ended") from None


def to_sign_in(page: Page, *, flash: str = "") -> Response:
    """Send the browser to sign in and back to this page.

    A visit that began on another site arrives without the refresh cookie (SameSite=Strict). A page that sends itself
    on starts a navigation of our own, which carries it, so whoever is signed in comes through without noticing.
    """
    request = page.request
    back = request.url.path if request.method in {"GET", "HEAD"} else page.path("/account")
    if request.headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
        target = page.path("/sign-in", next=back)
        return page.render("hop.html", {"target": target})
    response = page.redirect("/sign-in", flash=flash, next=back)
    forget_tokens(response)
    return response


def keep_tokens(page: Page, response: Response, tokens: Tokens) -> None:
    """Store `tokens` in the browser."""
    for name, value in cookies_for(tokens, idle_ttl=page.settings.idle_ttl):
        response.headers.append(name.decode(), value.decode())


def forget_tokens(response: Response) -> None:
    """Make the browser forget its tokens."""
    for name, value in cleared_cookies():
        response.headers.append(name.decode(), value.decode())


async def leave_old_session(page: Page) -> None:
    """End the session this browser still holds when somebody signs in over it, so that none is left behind."""
    scope, service = page.request.scope, page.service
    old, opaque = read_cookie(scope, REFRESH_COOKIE), read_cookie(scope, ACCESS_COOKIE)
    # Each may have ended already.
    if old is not None:
        with suppress(RefreshRefused):
            await sign_out_by_refresh_token(service, old, visitor=page.visitor)
    if opaque is not None and opaque.startswith(OPAQUE_PREFIX):
        with suppress(TokenError):
            await sign_out(service, await authenticate_async(service, opaque), visitor=page.visitor)


def _sets_tokens(response: Response) -> bool:
    return any(value.startswith(ACCESS_COOKIE.decode() + "=") for value in response.headers.getlist("set-cookie"))
