"""GET /v1/revocations: the feed of revocations, for servers elsewhere that check tokens themselves."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import parse_qsl

from mapae.errors import FieldMistake, InputRefused
from mapae.flows.show_revocations import revocations_page
from mapae.web.answers import NO_STORE, Answer
from mapae.web.calls import Call, QueryField
from mapae.web.head_lines import Header
from mapae.web.problems import Words
from mapae.web.refusals import NotReady, ReaderRefused
from mapae.web.requests import headers

LONGEST_WAIT = 10
"""Seconds for which a reader may wait for news: shorter than what proxies between us take for a dead connection."""
_HEADERS: tuple[Header, ...] = ((b"content-type", b"application/jwt"), NO_STORE)
_NAME = r"[A-Za-z0-9_-]{1,64}"
_RULES: Mapping[str, str] = MappingProxyType(
    {"after": r"[0-9]{1,18}", "feed": _NAME, "wait": r"(?:10|[0-9])(?:\.[0-9]{1,3})?", "nonce": _NAME}
)

QUERY: Mapping[str, QueryField] = MappingProxyType(
    {
        "after": QueryField(
            Words("`upto` of the page before; 0 or nothing for all.", "앞 쪽의 `upto`예요. 0이거나 없으면 전부예요."),
            {"type": "integer", "minimum": 0, "maximum": 10**18 - 1, "default": 0},
        ),
        "feed": QueryField(
            Words("`feed` of the page before.", "앞 쪽의 `feed`예요."), {"type": "string", "pattern": f"^{_NAME}$"}
        ),
        "wait": QueryField(
            Words(
                "Seconds to wait where there is nothing new; counts only beside `feed`.",
                "새것이 없을 때 기다릴 시간(초)이에요. `feed`와 함께 보낼 때만 기다려요.",
            ),
            {"type": "number", "minimum": 0, "maximum": LONGEST_WAIT, "default": 0},
        ),
        "nonce": QueryField(
            Words(
                "Comes back in the page; the database is then asked for this very answer.",
                "답에 그대로 담겨 와요. 이때는 데이터베이스를 새로 읽고 답해요.",
            ),
            {"type": "string", "pattern": f"^{_NAME}$"},
        ),
    }
)


async def show_page(call: Call) -> Answer:
    """Return one signed page of the feed, at once or when there is news."""
    _admit(call)
    asked = _asked(call)
    page = await revocations_page(
        call.service,
        after=int(asked.get("after", "0")),
        feed=asked.get("feed"),
        wait=0.0 if call.draining else min(float(asked.get("wait", "0")), LONGEST_WAIT),
        nonce=asked.get("nonce"),
    )
    if page is None:
        raise NotReady
    return Answer(200, page.encode(), _HEADERS)


def _admit(call: Call) -> None:
    """Refuse a reader that does not know the secret, where there is one."""
    secret = call.service.settings.feed_secret
    if secret is None:
        return
    fields = headers(call.scope, b"authorization")
    expected = f"bearer {secret}".encode()
    scheme, _, given = fields[0].partition(b" ") if len(fields) == 1 else (b"", b"", b"")
    if not hmac.compare_digest(scheme.lower() + b" " + given.strip(), expected):
        raise ReaderRefused


def _asked(call: Call) -> dict[str, str]:
    asked: dict[str, str] = {}
    for name, value in parse_qsl(call.scope["query_string"].decode("latin-1"), keep_blank_values=True):
        rule = _RULES.get(name)
        if rule is None:
            what = f"unknown; this query has {', '.join(QUERY)}"
            raise InputRefused(FieldMistake(f"/{name[:64]}", "unknown", what))
        if name in asked:
            raise InputRefused(FieldMistake(f"/{name}", "repeated", "write it once"))
        if re.fullmatch(rule, value) is None:
            raise InputRefused(FieldMistake(f"/{name}", "value", "not one of the values this field knows"))
        asked[name] = value
    return asked
