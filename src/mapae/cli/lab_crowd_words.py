"""What `mapae lab crowd` says, on the way and at the end."""

from __future__ import annotations

import sys
import time

from mapae.cli.language import say
from mapae.cli.output import paint, table, talk
from mapae.cli.times import length
from mapae.lab.crowd.experiment import MACHINES, Found, Pair, Simulated, all_kept
from mapae.lab.crowd.figures import Figures
from mapae.lab.crowd.promises import Words
from mapae.lab.crowd.trial import USUAL_COST

_DONE = {
    "accounts": ("making accounts", "계정을 만드는 중"),
    "quiet": ("quiet: only those who hold a session", "조용할 때: 이미 로그인한 사람만"),
    "calibration": ("calibrating: how many sign-ins a second", "재는 중: 1초에 몇 명이 로그인하는지"),
    "crowd": ("the crowd", "사람들이 몰려요"),
    "after": ("calm again?", "다시 평온한지"),
    "places": ("what a place in the line costs", "줄의 한 자리가 얼마나 드는지"),
    "simulation": ("a greater crowd, in simulated time", "더 많은 사람을 모의 시간으로"),
}


class Steps:
    """Says on standard error what is being done; on a terminal also how far it is."""

    def __init__(self) -> None:
        self._step, self._shown, self._terminal = "", 0.0, sys.stderr.isatty()

    def __call__(self, step: str, done: int, total: int) -> None:
        """Say what is done, and how far."""
        if step != self._step:
            self.end()
            self._step = step
            if not self._terminal:
                talk(say(*_DONE[step]))
        now = time.monotonic()
        if self._terminal and (now - self._shown > 0.2 or done == 0):
            self._shown = now
            count = f" {done:,}/{total:,}" if total > 1 else ""
            sys.stderr.write(f"\r\x1b[K{say(*_DONE[step])}{count}")
            sys.stderr.flush()

    def end(self) -> None:
        """Leave the line."""
        if self._terminal and self._step:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def conclusion(found: Found) -> str:
    """Return what is to be said at the end."""
    cores, loaded = found.cores, found.loaded
    return "\n".join(
        [
            *([] if found.simulated is None else [_simulated(found.simulated)]),
            say(
                f"One of {cores} cores was the generator's alone; the load was {loaded:.1f} before.",
                f"코어 {cores}개 중 하나는 부하 발생기만 썼어요. 시작 전의 부하: {loaded:.1f}",
            ),
            say("Every promise was kept.", "모든 약속을 지켰어요.")
            if all_kept(found.pairs)
            else say("Not every promise was kept; the rows say which.", "지키지 못한 약속은 위에 있어요."),
        ]
    )


def _simulated(some: Simulated) -> str:
    share, took, rate = some.share * 100, length(some.seconds), some.rate
    return say(
        f"{some.people:,} people in simulated time, before {MACHINES} such machines with {rate:.0f} sign-ins a second "
        f"together: all in after {took}, nobody lost, nobody turned away after somebody who came a second later; "
        f"threads at work {share:.0f} % of the time, {some.polls:,} questions how far.",
        f"모의 시간으로 {some.people:,}명, 이런 컴퓨터 {MACHINES}대(합쳐서 1초에 {rate:.0f}명) 앞: {took} 뒤에 모두 "
        f"들어갔고, 잃은 사람도 1초 늦게 온 사람에게 밀린 사람도 없어요. 스레드는 시간의 {share:.0f} %를 일했고, "
        f"순서를 물은 횟수는 {some.polls:,}번이에요.",
    )


def report(pair: Pair) -> str:
    """Return what one crowd showed, for people."""
    head = (say("promise", "약속"), "", say("with the gate", "문이 있을 때"), "", say("without it", "문이 없을 때"))
    marks = {True: say("kept", "지킴"), False: say("MISSED", "못 지킴"), None: ""}
    return "\n".join(
        [
            paint(say(*title(pair)), bold=True),
            _conditions(pair),
            table(
                [
                    (row.number, say(*row.promised), say(*row.measured), marks[row.kept], say(*row.control))
                    for row in pair.table
                ],
                head=head,
            ),
            _generator(pair.with_gate),
            "",
        ]
    )


def title(pair: Pair) -> Words:
    """Return who comes, as a heading."""
    people, times = len(pair.gated.trial.people), pair.gated.scene.times
    return (
        f"{people:,} people at {times:.0f} times the capacity",
        f"{people:,}명이 감당할 수 있는 것의 {times:.0f}배로 올 때",
    )


def _conditions(pair: Pair) -> str:
    scene, rate = pair.gated.scene, pair.with_gate.rate
    hashed = (
        ("bcrypt of cost 12, as in earnest.", "bcrypt 비용은 실제와 같은 12예요.")
        if scene.cost == USUAL_COST
        else (
            f"bcrypt of cost {scene.cost} instead of 12: a hash is {scene.quick:.0f} times quicker, so is the line.",
            f"bcrypt 비용이 12가 아니라 {scene.cost}라서 해시도 줄도 실제보다 {scene.quick:.0f}배 빨라요.",
        )
    )
    return say(
        f"{hashed[0]} Calibrated: {rate:.1f} sign-ins a second.\n"
        f"Beside them all the time {scene.who_rate:.0f} who am I and {scene.refresh_rate:.0f} refreshes a second.",
        f"{hashed[1]} 재 보니 1초에 {rate:.1f}명이 로그인해요.\n"
        f"그동안 내내 1초에 '나는 누구인가' {scene.who_rate:.0f}번과 갱신 {scene.refresh_rate:.0f}번이 함께 와요.",
    )


def _generator(figures: Figures) -> str:
    late, load, busy = figures.generator_late * 1000, figures.generator_load * 100, figures.admitted_busy * 100
    return say(
        f"The generator sent what was due within {late:.1f} ms (p99) and used {load:.0f} % of a core. Of the sign-ins "
        f"of those let in {busy:.1f} % met a full queue and came again.",
        f"부하 발생기는 보낼 것을 p99로 {late:.1f} ms 안에 보냈고 코어의 {load:.0f} %를 썼어요. 차례가 된 사람의 "
        f"로그인 중 {busy:.1f} %는 해시 차례가 차서 다시 왔어요.",
    )
