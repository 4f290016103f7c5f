"""`mapae calibrate`: how many sign-ins this machine can take, and how long a crowd would wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mapae.cli.commands import command, json_option
from mapae.cli.language import say
from mapae.cli.options import settings_options
from mapae.cli.output import result, result_json, table
from mapae.cli.service import inside
from mapae.cli.times import length
from mapae.flows.calibrate import calibrate as measure
from mapae.settings import Settings

if TYPE_CHECKING:
    from mapae.flows.calibrate import Calibration

CROWDS = (300, 15_000, 120_000)
CORES = 8


@command(ko="이 컴퓨터가 1초에 비밀번호를 몇 개나 해시하는지 재고, 사람이 몰리면 얼마나 걸리는지 알려 줘요.")
@settings_options()
@json_option
def calibrate(settings: Settings, *, as_json: bool) -> None:
    """Measure for three seconds how many passwords this machine hashes, and say what that means for a crowd."""
    found = inside(settings, measure)
    if as_json:
        crowds = {str(people): round(found.time_for(people)) for people in CROWDS}
        result_json(
            {
                "threads": found.threads,
                "hashes_per_second": round(found.rate, 2),
                "hash_seconds": round(found.seconds, 4),
                "queue": found.room,
                "seconds_for_people": crowds,
            }
        )
        return
    result(_words(found))


def _words(found: Calibration) -> str:
    lines = [
        say(
            f"{found.rate:.1f} sign-ins a second on {found.threads} threads; one hash takes {found.seconds:.3f} s.",
            f"스레드 {found.threads}개로 1초에 {found.rate:.1f}명이 로그인할 수 있어요. 해시 하나에 "
            f"{found.seconds:.3f}초가 걸려요.",
        ),
        say(
            f"Up to {found.room} sign-ins wait for a thread; whoever comes after that gets a place in the line.",
            f"{found.room}명까지는 스레드를 기다리고, 그 뒤에 온 사람은 대기표를 받아요.",
        ),
    ]
    head = (say("people", "사람"), say("this machine", "이 컴퓨터"), say(f"{CORES} such cores", f"이런 코어 {CORES}개"))
    rows = [
        (f"{people:,}", length(found.time_for(people)), length(found.time_for(people, cores=CORES)))
        for people in CROWDS
    ]
    return "\n".join((*lines, table(rows, head=head)))
