"""POST /v1/ticket: how far the waiting line is. It reads the ticket and nothing else, whatever the crowd."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from mapae.admission.waiting import MOST_INTERVAL
from mapae.flows.poll import Standing, keep_seconds, kept, look_up, told
from mapae.flows.service import Service
from mapae.web.answers import JSON_HEADERS, Answer, json_answer
from mapae.web.api.fields import TicketText, about
from mapae.web.bodies import check_content_type, parse_body
from mapae.web.calls import Call
from mapae.web.cookies import pass_cookie
from mapae.web.head_lines import FixedHeaders
from mapae.web.turns import read_turn

_encode = msgspec.json.Encoder().encode


class TicketBody(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A ticket. Leave the body empty to use the ticket cookie."""

    ticket: TicketText = ""


class TicketAnswer(msgspec.Struct, frozen=True, gc=False):
    """How the holder of the ticket stands."""

    state: Annotated[
        Literal["waiting", "admitted"],
        about("Whether the holder may sign in now.", "지금 로그인할 수 있는지 알려 줘요."),
    ]
    ticket: Annotated[
        str,
        about(
            "What to show next: the same ticket, or the pass it has become. A pass is good for five minutes; the "
            "ticket stays good.",
            "다음에 보여 줄 것이에요. 같은 대기표이거나 차례가 되어 받은 입장권이에요. 입장권은 5분 동안 쓸 수 있고, "
            "대기표는 그 뒤에도 그대로예요.",
        ),
    ]
    position: (
        Annotated[int, about("The place in the line, from 1 on.", "줄에서의 순서예요. 1부터 세요.")] | UnsetType
    ) = UNSET
    wait: (
        Annotated[
            tuple[int, int],
            about(
                "Seconds, least and most; absent while the line stands still.",
                "기다릴 시간(초)의 최소와 최대예요. 줄이 멈춰 있으면 없어요.",
            ),
        ]
        | UnsetType
    ) = UNSET
    retry_after: (
        Annotated[int, about("Seconds after which to ask again.", "다시 물을 때까지의 초예요.")] | UnsetType
    ) = UNSET


async def ask_with_ticket(call: Call) -> Answer:
    """Say how the holder of the ticket stands, at once or when that is better."""
    answer = _answer(call, await call.optional_body(TicketBody))
    return answer if isinstance(answer, Answer) else await answer


def ask_with_ticket_at_once(call: Call) -> Answer | Awaitable[Answer] | None:
    """As `ask_with_ticket`; None where the body has to be waited for."""
    body = call.optional_body_at_once(TicketBody)
    return None if body is None else _answer(call, body)


def prepare_to_be_asked(call: Call) -> Callable[[bytes], Answer | None]:
    """As `ask_with_ticket_at_once`, for a head that is repeated."""
    check_content_type(call.scope)
    service = call.service

    def ask(body: bytes) -> Answer | None:
        standing = _looked_up(call, parse_body(body, TicketBody).ticket if body else "")
        return None if keep_seconds(service, standing) else _shown(service, standing)

    return ask


def _looked_up(call: Call, ticket: str) -> Standing:
    return look_up(call.service, read_turn(call.scope, ticket, browser=not ticket))


def _answer(call: Call, body: TicketBody) -> Answer | Awaitable[Answer]:
    standing = _looked_up(call, body.ticket)
    seconds = 0.0 if call.draining else keep_seconds(call.service, standing)
    return _later(call.service, standing, seconds) if seconds else _shown(call.service, standing)


async def _later(service: Service, standing: Standing, seconds: float) -> Answer:
    return _shown(service, await kept(service, standing, seconds))


def _shown(service: Service, standing: Standing) -> Answer:
    turn, place = standing.turn, told(service, standing)
    held = place.held
    if held is None:
        headers = pass_cookie(place.text) if turn.browser and place.text != turn.text else []
        return json_answer(200, TicketAnswer("admitted", place.text), headers=headers)
    wait = UNSET if held.wait is None else held.wait
    answer = TicketAnswer("waiting", place.text, held.ahead + 1, wait, held.interval)
    return Answer(200, _encode(answer), _headers_of(held.interval))


@lru_cache(maxsize=MOST_INTERVAL)
def _headers_of(interval: int) -> FixedHeaders:
    return FixedHeaders((*JSON_HEADERS, (b"retry-after", b"%d" % interval)))
