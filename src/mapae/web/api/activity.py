"""GET /v1/me/activity: what happened to the account that is signed in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated
from urllib.parse import parse_qsl

import msgspec

from mapae.accounts.activity import describe
from mapae.errors import FieldMistake, InputRefused
from mapae.flows.read_activity import my_activity
from mapae.web.answers import Answer, json_answer
from mapae.web.api.fields import Moment, about, moment
from mapae.web.calls import Call, QueryField
from mapae.web.problems import Words

DEFAULT_LIMIT, LARGEST_LIMIT = 50, 200
_AFTER = r"[0-9]{1,15}\.[A-Za-z0-9_-]{1,32}"

QUERY: Mapping[str, QueryField] = MappingProxyType(
    {
        "after": QueryField(
            Words("`next` of the page before.", "앞 쪽의 `next`예요."), {"type": "string", "pattern": f"^{_AFTER}$"}
        ),
        "limit": QueryField(
            Words("How many at most.", "최대 몇 개인지예요."),
            {"type": "integer", "minimum": 1, "maximum": LARGEST_LIMIT, "default": DEFAULT_LIMIT},
        ),
    }
)


class ActivityItem(msgspec.Struct, frozen=True):
    """One thing that happened."""

    at: Moment
    event: Annotated[str, about("A stable name.", "바뀌지 않는 이름이에요.", example="sign_in")]
    outcome: Annotated[str, about("`ok` or `refused`.", "`ok`나 `refused`예요.")]
    text: Annotated[str, about("One line for people, in the language asked for.", "요청한 언어로 쓴 한 줄 설명이에요.")]
    session: Annotated[str | None, about("The session it concerns.", "관련된 세션이에요.")]
    device: str
    place: str
    reason: Annotated[str | None, about("Why, as a stable name.", "까닭을 나타내는, 바뀌지 않는 이름이에요.")]


class ActivityList(msgspec.Struct, frozen=True):
    """What happened to the account, the newest first."""

    activity: list[ActivityItem]
    next: Annotated[
        str | None, about("Give it as `after` for the page that follows.", "다음 쪽을 볼 때 `after`로 보내세요.")
    ]


async def list_mine(call: Call) -> Answer:
    """List what happened to the account."""
    principal = await call.principal()
    after, limit = _asked(call)
    page = await my_activity(call.service, principal, after=after, limit=limit)
    items = [
        ActivityItem(
            moment(one.at_ms),
            one.event,
            one.outcome,
            describe(one, call.language),
            one.sid,
            one.device,
            one.place,
            one.reason,
        )
        for one in page.rows
    ]
    return json_answer(200, ActivityList(items, page.after))


def _asked(call: Call) -> tuple[str | None, int]:
    after: str | None = None
    limit = DEFAULT_LIMIT
    seen: set[str] = set()
    for name, value in parse_qsl(call.scope["query_string"].decode("latin-1"), keep_blank_values=True):
        if name in seen:
            raise _refusal(name, "repeated", "write it once")
        seen.add(name)
        match name:
            case "after":
                after = _checked_after(value)
            case "limit":
                limit = _checked_limit(value)
            case _:
                raise _refusal(name[:64], "unknown", f"unknown; this query has {', '.join(QUERY)}")
    return after, limit


def _checked_after(value: str) -> str:
    if re.fullmatch(_AFTER, value) is None:
        raise _refusal("after", "value", "write the `next` of the page before")
    return value


def _checked_limit(value: str) -> int:
    if re.fullmatch(r"[0-9]{1,3}", value) is None or not 1 <= int(value) <= LARGEST_LIMIT:
        raise _refusal("limit", "value", f"write a number from 1 to {LARGEST_LIMIT}")
    return int(value)


def _refusal(name: str, code: str, what: str) -> InputRefused:
    return InputRefused(FieldMistake(f"/{name}", code, what))
