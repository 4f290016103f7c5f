"""POST /v1/ticket: how far the waiting line is. It reads the ticket and nothing else, whatever the crowd."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from mapae.admission.waiting import Held
from mapae.flows.gate import poll
from mapae.web.answers import Answer, json_answer
from mapae.web.api.fields import TicketText, about
from mapae.web.calls import Call
from mapae.web.cookies import pass_cookie
from mapae.web.turns import read_turn


class TicketBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ticket. Leave the body empty to use the ticket cookie."""

    ticket: TicketText = ""


class TicketAnswer(msgspec.Struct, frozen=True):
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
    """Say how the holder of the ticket stands."""
    body = await call.optional_body(TicketBody)
    turn = read_turn(call.scope, body.ticket, browser=not body.ticket)
    place = await poll(call.service, turn)
    headers = pass_cookie(place.text) if turn.browser and place.text != turn.text else []
    match place.held:
        case None:
            return json_answer(200, TicketAnswer("admitted", place.text), headers=headers)
        case Held(ahead=ahead, interval=interval, wait=wait):
            answer = TicketAnswer(
                "waiting",
                place.text,
                position=ahead + 1,
                wait=UNSET if wait is None else wait,
                retry_after=interval,
            )
            return json_answer(200, answer, headers=((b"retry-after", b"%d" % interval),))
