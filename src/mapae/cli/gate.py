"""`mapae gate`: the waiting line before the sign-in: look, open, close, drain, schedule."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial

import click

from mapae.admission.gate import NOTICE_MS, Mode
from mapae.cli.commands import Group, command, json_option
from mapae.cli.language import say
from mapae.cli.options import settings_options
from mapae.cli.output import result, result_json
from mapae.cli.service import inside
from mapae.cli.times import length, moment_ms
from mapae.flows.run_gate import GateStatus, gate_status, set_gate
from mapae.flows.service import Service
from mapae.settings import Settings

VERBS = {
    "status": ("gate:status", "How long the line is, and how fast it moves.", "줄이 얼마나 길고 빠른지 보여 줘요."),
    "open": ("gate:open_gate", "Let people in; a line forms when it must.", "들여보내요. 필요할 때만 줄을 서요."),
    "close": ("gate:close", "Let nobody in; whoever comes gets a place.", "아무도 들이지 않고 대기표만 줘요."),
    "drain": ("gate:drain", "Let the line in, and nobody new join it.", "줄은 들이고 새로 서지는 못하게 해요."),
    "schedule": ("gate:schedule", "Close now and open at a moment.", "지금 닫고 정한 때에 열어요."),
}
_MODES = {"open": "열림", "closed": "닫힘", "draining": "비우는 중"}


@click.group(cls=Group, verbs=VERBS, ko="로그인 앞의 대기 줄을 보고 열고 닫아요.")
def gate() -> None:
    """The waiting line before the sign-in, of all processes and machines together."""


@command(ko="대기 줄이 얼마나 길고 얼마나 빨리 줄어드는지 보여 줘요.")
@settings_options()
@json_option
def status(settings: Settings, *, as_json: bool) -> None:
    """Show how the gate stands."""
    _show(inside(settings, gate_status), as_json=as_json)


@command(ko="문을 열어요. 자리가 있으면 바로 들어가고, 없을 때만 줄을 서요.")
@settings_options()
@json_option
def open_gate(settings: Settings, *, as_json: bool) -> None:
    """Open the gate."""
    _show(inside(settings, partial(_set, mode="open")), as_json=as_json)


@command(ko="문을 닫아요. 오는 사람은 대기표를 받고, 다시 열 때까지 줄이 멈춰요.")
@settings_options()
@json_option
def close(settings: Settings, *, as_json: bool) -> None:
    """Close the gate: whoever comes gets a place, and the line stands still. Signed-in people notice nothing."""
    _show(inside(settings, partial(_set, mode="closed")), as_json=as_json)


@command(ko="서 있는 사람은 들이고, 새로 오는 사람은 나중에 오라고 해요.")
@settings_options()
@json_option
def drain(settings: Settings, *, as_json: bool) -> None:
    """Let in those who wait; whoever comes now is told to come back later."""
    _show(inside(settings, partial(_set, mode="draining")), as_json=as_json)


@command(
    ko="지금 닫고 정한 때에 열어요. 그 전에 온 사람끼리는 순서를 제비로 뽑으니 서두를 필요가 없어요.",
    examples="""
    mapae gate schedule 2026-12-01T11:00:00Z
    mapae gate schedule 2026-12-01T20:00:00+09:00
    """,
)
@click.argument("moment", metavar="MOMENT")
@settings_options()
@json_option
def schedule(settings: Settings, *, moment: str, as_json: bool) -> None:
    """Close now and open at MOMENT (RFC 3339). Those who come before get places by lot: rushing brings no gain."""
    _show(inside(settings, partial(_set, mode="closed", opens_ms=_moment(moment))), as_json=as_json)


async def _set(service: Service, *, mode: Mode, opens_ms: int | None = None) -> GateStatus:
    """Set the gate and wait until every process has read it, so that who comes after the command meets it so."""
    await set_gate(service, mode, opens_ms=opens_ms)
    await asyncio.sleep(NOTICE_MS / 1000)
    return await gate_status(service)


def _moment(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        what = "write a moment with its zone, such as 2026-12-01T11:00:00Z"
        raise click.BadParameter(
            say(what, "시간대까지 적어 주세요. 예: 2026-12-01T20:00:00+09:00"), param_hint="MOMENT"
        )
    if at <= datetime.now(UTC):
        raise click.BadParameter(say("this moment has passed", "이미 지난 때예요"), param_hint="MOMENT")
    return int(at.timestamp() * 1000)


def _show(found: GateStatus, *, as_json: bool) -> None:
    wait = found.waiting / found.rate if found.rate else None
    if as_json:
        result_json(
            {
                "mode": found.mode,
                "opens_ms": found.opens_ms,
                "waiting": found.waiting,
                "rate": round(found.rate, 2),
                "wait_seconds": None if wait is None else round(wait),
                "capacity": round(found.capacity, 2),
                "nodes": found.nodes,
            }
        )
        return
    mode = say(found.mode, _MODES[found.mode])
    at = moment_ms(found.opens_ms)
    opens = "" if found.opens_ms is None else say(f", opens {at}", f", {at}에 열어요")
    result(say(f"Gate: {mode}{opens}", f"문: {mode}{opens}"))
    result(say(f"Waiting: {found.waiting:,}", f"대기: {found.waiting:,}명"))
    result(say(f"Let in: {found.rate:.1f} a second", f"입장: 1초에 {found.rate:.1f}명"))
    if wait is not None:
        result(say(f"A newcomer waits about {length(wait)}", f"지금 오면 {length(wait)}쯤 기다려요"))
