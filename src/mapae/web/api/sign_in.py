"""POST /v1/sign-up, /v1/sign-in, /v1/sign-out and /v1/sign-out-everywhere."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from mapae.errors import RefreshRefused, TokenError
from mapae.flows.gate import SIGN_IN_SHARE, line_stands
from mapae.flows.issue import Tokens
from mapae.flows.poll import Turn
from mapae.flows.sign_in import sign_in, turned_away
from mapae.flows.sign_out import sign_out, sign_out_by_refresh_token, sign_out_everywhere
from mapae.flows.sign_up import sign_up
from mapae.settings.kinds import FIRST_PARTY
from mapae.web.answers import Answer, json_answer
from mapae.web.api.fields import ClientId, Delivery, Email, Name, NewPassword, Password, TicketText, about
from mapae.web.api.tokens import RefreshToken, hand_out
from mapae.web.calls import Call
from mapae.web.cookies import REFRESH_COOKIE, cleared_cookies, cleared_ticket
from mapae.web.refusals import CredentialsTwice, TokenMissing
from mapae.web.requests import Credentials, client_address, read_cookie, read_credentials
from mapae.web.turns import read_turn


class SignUpBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new account."""

    email: Email
    password: NewPassword
    name: Name = ""
    delivery: Delivery = "bearer"
    ticket: TicketText = ""
    client_id: ClientId = FIRST_PARTY


class SignInBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An e-mail and its password."""

    email: Email
    password: Password
    delivery: Delivery = "bearer"
    ticket: TicketText = ""
    client_id: ClientId = FIRST_PARTY


class SignOutBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A refresh token of the session to end, for callers whose access token has expired."""

    refresh_token: RefreshToken | UnsetType = UNSET


class EndedAnswer(msgspec.Struct, frozen=True):
    """How many sessions were ended."""

    ended: Annotated[int, about("Sessions that were live until now.", "지금까지 살아 있던 세션의 수예요.")]


async def open_account(call: Call) -> Answer:
    """Open an account and sign in to it."""
    body = await call.body(SignUpBody)
    if body.delivery == "cookie":
        call.check_origin()
    turn = read_turn(call.scope, body.ticket, browser=body.delivery == "cookie")
    async with call.attended() as visitor:
        tokens = await sign_up(
            call.service,
            body.email,
            body.password,
            visitor=visitor,
            name=body.name,
            turn=turn,
            client_id=body.client_id,
        )
    return _handed_out(call, tokens, body.delivery, turn, status=201)


async def begin_session(call: Call) -> Answer:
    """Sign in with e-mail and password."""
    body = await call.body(SignInBody)
    if body.delivery == "cookie":
        call.check_origin()
    turn = read_turn(call.scope, body.ticket, browser=body.delivery == "cookie")
    async with call.attended() as visitor:
        tokens = await sign_in(
            call.service, body.email, body.password, visitor=visitor, turn=turn, client_id=body.client_id
        )
    return _handed_out(call, tokens, body.delivery, turn)


def join_the_line_at_once(call: Call) -> Answer | None:
    """Refuse newcomers who have to wait, as `begin_session` does; None for everybody else.

    Raises:
        Waiting, TooManyPlaces: see `sign_in`.
        InputRefused, CsrfRefused: the request is not good whoever waits.
    """
    if not line_stands(call.service, share=SIGN_IN_SHARE):
        return None
    body = call.body_at_once(SignInBody)
    if body is None:
        return None
    if body.delivery == "cookie":
        call.check_origin()
    turn = read_turn(call.scope, body.ticket, browser=body.delivery == "cookie")
    if turn.text:
        return None
    address = client_address(call.scope, trusted_proxies=call.trusted_proxies)
    raise turned_away(call.service, body.email, turn=turn, address=address, client_id=body.client_id)


async def end_this_session(call: Call) -> Answer:
    """Sign out: end the session of the access token, of the refresh token in the body, or of the cookies.

    A browser whose session has ended by other means is told so by the same answer: what it wanted is the case.
    """
    body = await call.optional_body(SignOutBody)
    if body.refresh_token is not UNSET:
        if _credentials(call) is not None:
            raise CredentialsTwice
        await sign_out_by_refresh_token(call.service, body.refresh_token, visitor=call.visitor)
        return Answer(204)
    credentials = _credentials(call)
    if credentials is not None and credentials.carrier == "header":
        await sign_out(call.service, await call.authenticated(credentials), visitor=call.visitor)
        return Answer(204)
    return await _end_cookie_session(call, credentials)


async def end_all_sessions(call: Call) -> Answer:
    """Sign out everywhere: end every session of the account, this one included."""
    principal = await call.principal()
    ended = await sign_out_everywhere(call.service, principal, visitor=call.visitor)
    return json_answer(200, EndedAnswer(ended), headers=cleared_cookies())


def _handed_out(
    call: Call, tokens: Tokens, delivery: Literal["bearer", "cookie"], turn: Turn, *, status: int = 200
) -> Answer:
    answer = hand_out(tokens, delivery, idle_ttl=call.service.settings.idle_ttl, status=status)
    if not (turn.browser and turn.text):
        return answer
    return Answer(answer.status, answer.body, (*answer.headers, *cleared_ticket()))


async def _end_cookie_session(call: Call, credentials: Credentials | None) -> Answer:
    refresh_cookie = read_cookie(call.scope, REFRESH_COOKIE)
    if credentials is None and refresh_cookie is None:
        raise TokenMissing
    call.check_origin()
    if not await _ended_by_access_cookie(call, credentials) and refresh_cookie is not None:
        with suppress(RefreshRefused):
            await sign_out_by_refresh_token(call.service, refresh_cookie, visitor=call.visitor)
    return Answer(204, headers=cleared_cookies())


async def _ended_by_access_cookie(call: Call, credentials: Credentials | None) -> bool:
    if credentials is None:
        return False
    try:
        principal = await call.authenticated(credentials)
    except TokenError:
        return False
    await sign_out(call.service, principal, visitor=call.visitor)
    return True


def _credentials(call: Call) -> Credentials | None:
    try:
        return read_credentials(call.scope)
    except TokenMissing:
        return None
