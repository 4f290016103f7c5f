"""The eight promises of the gate, each beside what was measured, with the gate and without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mapae.lab.crowd.figures import Figures
from mapae.lab.crowd.places import Place
from mapae.lab.crowd.stage import server_cores
from mapae.lab.crowd.trial import Played

Words = tuple[str, str]
"""A text in English and in Korean."""

REFRESH_SECONDS = {"sqlite": 0.05, "postgresql": 0.1}
QUEUE_SECONDS = 2.0
POLL_SECONDS = 100e-6
SHARE = 0.95
CALM_SECONDS = 5.0
BYTES = 100.0
"""Of memory for each who waits: what a process grows by for other reasons, divided by thousands of places."""


@dataclass(frozen=True, slots=True)
class Row:
    """One promise.

    Attributes:
        number: F1 to F8.
        promised: in words.
        measured: the same with the gate.
        control: without it; empty where there is nothing to compare.
        kept: whether the gate has kept it; None where it is only shown.
    """

    number: str
    promised: Words
    measured: Words
    control: Words
    kept: bool | None


def rows(gated: Played, control: Played, *, with_gate: Figures, without: Figures, place: Place) -> list[Row]:
    """Return the table for two trials of the same crowd."""
    store = gated.scene.store
    hash_seconds = len(server_cores()) / max(gated.trial.rate, 0.1)
    return [
        _row("F1", ("who am I: p99 at most twice the quiet one", "나는 누구인가: p99가 조용할 때의 두 배 이하"),
             _ms2(with_gate.who_crowd, with_gate.who_quiet), _ms2(without.who_crowd, without.who_quiet),
             kept=with_gate.who_crowd <= 2 * with_gate.who_quiet),
        _row("F1", ("and never refused", "그리고 거절은 없음"),
             _count(with_gate.who_failed), _count(without.who_failed), kept=with_gate.who_failed == 0),
        _row("F2", (f"refresh: p99 at most {REFRESH_SECONDS[store] * 1000:.0f} ms",
                    f"갱신: p99가 {REFRESH_SECONDS[store] * 1000:.0f} ms 이하"),
             _ms2(with_gate.refresh_crowd, with_gate.refresh_quiet), _ms2(without.refresh_crowd, without.refresh_quiet),
             kept=with_gate.refresh_crowd <= REFRESH_SECONDS[store]),
        _row("F2", ("and no error", "그리고 오류는 없음"),
             _count(with_gate.refresh_failed), _count(without.refresh_failed), kept=with_gate.refresh_failed == 0),
        _row("F3", ("sign-ins: at least 95 % of the calibrated rate", "로그인: 잰 속도의 95 % 이상"),
             _share(with_gate), _share(without), kept=with_gate.share >= SHARE),
        _row("F3", ("calm again within 5 s", "5초 안에 다시 평온함"),
             _seconds(with_gate.calm), _seconds(without.calm),
             kept=with_gate.calm is not None and with_gate.calm <= CALM_SECONDS),
        _row("F4", ("let in: signed in within 2 s and a hash, p99", "차례가 된 뒤 로그인: p99가 2초와 해시 하나 이하"),
             _seconds(with_gate.admitted), ("", ""), kept=with_gate.admitted <= QUEUE_SECONDS + hash_seconds),
        _row("F5", ("nobody overtaken by who came a second later", "1초 늦게 온 사람에게 밀린 사람 없음"),
             _overtaken(with_gate), _overtaken(without), kept=with_gate.overtaken == 0),
        _row("F6", ("nobody lost", "잃은 사람 없음"),
             _people(with_gate.lost), _people(without.lost), kept=with_gate.lost == 0),
        _row("F6", ("no place got worse", "순서가 나빠진 사람 없음"),
             _places(with_gate.worse), ("no places", "순서가 없음"), kept=with_gate.worse == 0),
        _row("F7", ("a question how far: at most 100 us of a core", "순서를 묻는 데 코어 100 us 이하"),
             _processor(place), ("", ""), kept=place.poll <= POLL_SECONDS),
        _row("F7", ("who waits costs no memory", "기다리는 사람은 메모리를 쓰지 않음"),
             _bytes(place), ("", ""), kept=place.resident / place.waiting < BYTES),
        _row("F8", ("the same crowd without the gate", "문이 없을 때의 같은 사람들"),
             _in(with_gate, len(gated.trial.people)), _in(without, len(control.trial.people)), kept=None),
    ]  # fmt: skip


def kept(table: Sequence[Row]) -> bool:
    """Say whether the gate kept every promise."""
    return all(row.kept is not False for row in table)


def _row(number: str, promised: Words, measured: Words, control: Words, *, kept: bool | None) -> Row:
    return Row(number, promised, measured, control, kept)


def _ms2(crowd: float, quiet: float) -> Words:
    crowd, quiet = crowd * 1000, quiet * 1000
    return f"{crowd:.1f} ms (quiet {quiet:.1f})", f"{crowd:.1f} ms (조용할 때 {quiet:.1f})"


def _count(number: int) -> Words:
    return f"{number:,}", f"{number:,}번"


def _people(number: int) -> Words:
    return f"{number:,} people", f"{number:,}명"


def _places(number: int) -> Words:
    return f"{number:,} places", f"{number:,}자리"


def _share(each: Figures) -> Words:
    share, worst = each.share * 100, each.share_worst * 100
    return f"{share:.0f} % (worst 5 s: {worst:.0f} %)", f"{share:.0f} % (가장 나쁜 5초: {worst:.0f} %)"


def _seconds(seconds: float | None) -> Words:
    if seconds is None:
        return "not within the trial", "실험이 끝날 때까지 아님"
    return f"{seconds:.2f} s", f"{seconds:.2f}초"


def _overtaken(each: Figures) -> Words:
    by = each.overtaken_by
    if not each.overtaken:
        return "0 people", "0명"
    return f"{each.overtaken:,} people, by up to {by:.0f} s", f"{each.overtaken:,}명, 최대 {by:.0f}초 늦은 사람에게"


def _processor(place: Place) -> Words:
    poll, who, poll_alone, who_alone = (
        f"{each * 1e6:.0f}" for each in (place.poll, place.who, place.poll_alone, place.who_alone)
    )
    return (
        f"{poll} us (who am I: {who}); one by one {poll_alone} ({who_alone})",
        f"{poll} us (나는 누구인가: {who}), 하나씩 물으면 {poll_alone} ({who_alone})",
    )


def _bytes(place: Place) -> Words:
    each = max(0.0, place.resident / place.waiting)
    return f"{each:.0f} bytes each", f"한 사람에 {each:.0f}바이트"


def _in(each: Figures, people: int) -> Words:
    inside = people - each.lost
    return (
        f"{inside:,} of {people:,} in after {each.ended:.0f} s, {each.refused:,} refusals",
        f"{each.ended:.0f}초 뒤 {people:,}명 중 {inside:,}명, 거절 {each.refused:,}번",
    )
