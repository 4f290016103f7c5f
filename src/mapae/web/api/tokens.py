"""POST /v1/refresh, and how tokens are handed out: in the answer or as cookies."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from mapae.errors import FieldMistake, InputRefused
from mapae.flows.issue import Tokens
from mapae.flows.refresh import refresh
from mapae.web.answers import Answer, json_answer
from mapae.web.api.fields import ClientId, Delivery, about
from mapae.web.calls import Call
from mapae.web.cookies import REFRESH_COOKIE, cookies_for
from mapae.web.refusals import CredentialsTwice, TokenMissing
from mapae.web.requests import read_cookie

RefreshToken = Annotated[
    str,
    about(
        "An opaque refresh token; it begins with `mpr_`.",
        "속을 볼 수 없는 갱신 토큰이에요. `mpr_`로 시작해요.",
        max_length=512,
    ),
]


class TokenAnswer(msgspec.Struct, frozen=True):
    """A signed-in session. The tokens are left out when they travel as cookies."""

    expires_in: Annotated[
        int,
        about(
            "Seconds until the access token expires; an opaque one that is used before lives on.",
            "액세스 토큰이 만료될 때까지 남은 초예요. 불투명 토큰은 그 전에 쓰면 더 살아요.",
        ),
    ]
    account: Annotated[str, about("The account's id.", "계정의 id예요.")]
    session: Annotated[str, about("The session's id.", "세션의 id예요.")]
    scope: Annotated[str, about("Space-separated scopes.", "빈칸으로 나눈 권한 범위(scope)예요.")]
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105
    access_token: (
        Annotated[
            str,
            about(
                "A JWT of the kind `at+jwt` (RFC 9068), or an opaque token that begins with `mps_`.",
                "`at+jwt` 종류의 JWT(RFC 9068)이거나, `mps_`로 시작하는 불투명 토큰이에요.",
            ),
        ]
        | UnsetType
    ) = UNSET
    refresh_token: (
        Annotated[
            str,
            about(
                "The next refresh token; when absent, keep the one you have. An opaque access token comes without.",
                "다음 갱신 토큰이에요. 없으면 가지고 있는 것을 그대로 쓰세요. 불투명 액세스 토큰에는 없어요.",
            ),
        ]
        | UnsetType
    ) = UNSET


class RefreshBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A refresh token to exchange. Leave the body empty to use the refresh cookie."""

    refresh_token: RefreshToken | UnsetType = UNSET
    delivery: Delivery | UnsetType = UNSET
    client_id: ClientId | UnsetType = UNSET


def hand_out(tokens: Tokens, delivery: Literal["bearer", "cookie"], *, idle_ttl: int, status: int = 200) -> Answer:
    """Return the answer that gives `tokens` to the caller."""
    if delivery == "cookie":
        headers = cookies_for(tokens, idle_ttl=idle_ttl)
        return json_answer(
            status, TokenAnswer(tokens.expires_in, tokens.account_id, tokens.sid, tokens.scope), headers=headers
        )
    return json_answer(
        status,
        TokenAnswer(
            tokens.expires_in,
            tokens.account_id,
            tokens.sid,
            tokens.scope,
            access_token=tokens.access_token,
            refresh_token=UNSET if tokens.refresh_token is None else tokens.refresh_token,
        ),
    )


async def exchange(call: Call) -> Answer:
    """Exchange a refresh token for the next tokens.

    A token that came in a cookie is answered with cookies only: a script that may call this must not learn it.
    """
    body = await call.optional_body(RefreshBody)
    cookie = read_cookie(call.scope, REFRESH_COOKIE)
    if body.refresh_token is UNSET:
        if cookie is None:
            raise TokenMissing
        if body.delivery == "bearer":
            what = 'a refresh cookie is answered with cookies; write "cookie" or leave it out'
            raise InputRefused(FieldMistake("/delivery", "delivery_refused", what))
        token = cookie
        delivery: Literal["bearer", "cookie"] = "cookie"
    else:
        if cookie is not None:
            raise CredentialsTwice
        token = body.refresh_token
        delivery = "bearer" if body.delivery is UNSET else body.delivery
    if delivery == "cookie":
        call.check_origin()
    client_id = None if body.client_id is UNSET else body.client_id
    tokens = await refresh(call.service, token, visitor=call.visitor, client_id=client_id)
    return hand_out(tokens, delivery, idle_ttl=call.service.settings.idle_ttl)
