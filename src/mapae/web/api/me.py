"""GET /v1/me, PUT /v1/me/password, POST /v1/me/delete: the account that is signed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import msgspec

from mapae.accounts.account import Account
from mapae.flows.account import change_password, delete_account, who_am_i, who_am_i_at_once
from mapae.flows.authenticate import authenticate_at_once
from mapae.guard import Principal
from mapae.web.answers import JSON_HEADERS, Answer
from mapae.web.api.fields import Moment, NewPassword, Password, about, moment
from mapae.web.calls import Call
from mapae.web.cookies import cleared_cookies

_encode = msgspec.json.Encoder().encode


class MeAnswer(msgspec.Struct, frozen=True, gc=False):
    """The account that sends the request."""

    id: str
    email: str
    name: str
    role: Literal["user", "admin"]
    language: str
    created_at: Moment
    session: Annotated[str, about("The id of the session in use.", "지금 쓰는 세션의 id예요.")]
    scope: Annotated[
        str,
        about("Space-separated scopes of the access token.", "액세스 토큰의 권한 범위(scope)예요. 빈칸으로 나눠요."),
    ]
    client_id: Annotated[
        str, about("The client that the session was begun with.", "세션을 시작한 클라이언트예요.", example="mapae")
    ]


class ChangePasswordBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The password in use and the one to use from now on."""

    current_password: Password
    new_password: NewPassword
    end_other_sessions: Annotated[
        bool, about("Sign out every other session too.", "다른 세션도 모두 로그아웃해요.")
    ] = True


class DeleteBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The password, to make sure that the person means it."""

    password: Password


async def show_me(call: Call) -> Answer:
    """Say who is signed in."""
    principal = await call.principal()
    return _shown(principal, await who_am_i(call.service, principal))


def show_me_at_once(call: Call) -> Answer | None:
    """As `show_me`; None where the session or the account has to be read."""
    return prepare_to_show_me(call)(b"")


def prepare_to_show_me(call: Call) -> Callable[[bytes], Answer | None]:
    """As `show_me_at_once`, for a head that is repeated."""
    service, access_token = call.service, call.access_token()

    def show(_body: bytes) -> Answer | None:
        principal = authenticate_at_once(service, access_token)
        account = None if principal is None else who_am_i_at_once(service, principal)
        return None if principal is None or account is None else _shown(principal, account)

    return show


def _shown(principal: Principal, account: Account) -> Answer:
    me = MeAnswer(
        account.id,
        account.email,
        account.name,
        account.role,
        account.language,
        moment(account.created_ms),
        principal.sid,
        principal.claims.scope,
        principal.client_id,
    )
    return Answer(200, _encode(me), JSON_HEADERS)


async def replace_password(call: Call) -> Answer:
    """Change the password; other sessions end unless the caller keeps them."""
    principal = await call.principal()
    body = await call.body(ChangePasswordBody)
    await change_password(
        call.service,
        principal,
        body.current_password,
        body.new_password,
        visitor=call.visitor,
        end_other_sessions=body.end_other_sessions,
    )
    return Answer(204)


async def delete_me(call: Call) -> Answer:
    """Delete the account and everything that is known about it."""
    principal = await call.principal()
    body = await call.body(DeleteBody)
    await delete_account(call.service, principal, body.password, visitor=call.visitor)
    return Answer(204, headers=cleared_cookies())
