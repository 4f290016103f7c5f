"""Histories of concurrent refreshes: what one at a time would have answered, and clients that write down what they get.

The specification is the rule itself, `mapae.sessions.refresh.decide`, applied to one row by one caller after the other.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import astuple, dataclass, field
from functools import cache
from math import inf
from random import Random

from linearizability import Operation, order_of
from mapae.errors import RefreshRefused, RefreshReused
from mapae.flows.issue import FIRST_PARTY
from mapae.flows.refresh import refresh
from mapae.flows.service import Service
from mapae.flows.sign_out import sign_out
from mapae.guard import Principal
from mapae.sessions.refresh import Hold, Presented, RefreshPolicy, Refuse, Reuse, decide, digest, read_token
from mapae.sessions.session import Session, end

REFUSED, REUSED, HELD, DONE = "refused", "reused", "held", "done"
NOBODY_SAW = bytes(32)


@dataclass(frozen=True, slots=True)
class Asked:
    """A refresh token that was presented; or, without one, a sign-out.

    Attributes:
        times: what the clock showed between the call and its end, in milliseconds: one of them the service has read.
    """

    token: Presented | None
    times: tuple[int, ...]


class Specification:
    """What a row is after each operation, one at a time."""

    def __init__(self, history: list[Operation], policy: RefreshPolicy, *, rule=decide) -> None:
        """Look which tokens occur: a lost operation may have made one of them."""
        self._policy, self._rule = policy, rule
        self._secrets: dict[int, set[bytes]] = {}
        for each in history:
            if isinstance(each.answer, Presented):
                self._secrets.setdefault(each.answer.generation, set()).add(each.answer.secret)
        self.after = cache(self._after)

    def _after(self, row: tuple, operation: Operation) -> frozenset[tuple]:
        return frozenset(map(astuple, self._outcomes(Session(*row), operation)))

    def _outcomes(self, session: Session, operation: Operation) -> Iterator[Session]:
        asked = operation.asked
        for now_ms in asked.times:
            if asked.token is None:
                yield end(session, "sign_out", now_ms=now_ms)
                continue
            for successor in self._successors(session, operation):
                decision = self._rule(
                    session,
                    asked.token,
                    client_id=FIRST_PARTY,
                    jkt=None,
                    successor=successor,
                    now_ms=now_ms,
                    policy=self._policy,
                )
                if operation.lost or operation.answer in answers(session, decision):
                    yield session if isinstance(decision, Refuse) else decision.session

    def _successors(self, session: Session, operation: Operation) -> Iterator[bytes]:
        if isinstance(operation.answer, Presented):
            yield operation.answer.secret
            return
        yield digest(b"%d" % operation.called) if operation.lost else NOBODY_SAW
        if operation.lost:
            yield from self._secrets.get(session.generation + 1, ())


def answers(session: Session, decision) -> list:
    """What a caller may be told of a decision."""
    match decision:
        case Hold():
            return [HELD]
        case Reuse():
            return [REUSED]
        case Refuse():
            # Of several who end a session by reuse at the same time, each is told so.
            return [REFUSED, REUSED] if session.reason == "reuse" else [REFUSED]
    return [Presented(session.sid, decision.generation, decision.secret)]


def explained(history: list[Operation], start: Session, policy: RefreshPolicy, *, rule=decide) -> bool:
    """Whether one presentation after the other could have led to the same answers."""
    return order_of(history, astuple(start), Specification(history, policy, rule=rule).after) is not None


@dataclass
class Recorder:
    """Several clients of one session at several nodes, at once, some of whom never hear what became of their request.

    Attributes:
        known: the newest tokens that any of them has, the last one last.
    """

    services: list[Service]
    clock: object
    random: Random
    principal: Principal
    visitor: object
    known: list[str]
    history: list[Operation] = field(default_factory=list)
    _place: int = 0
    _times: list[int] = field(default_factory=list)

    async def records(self, rounds: int) -> None:
        """Let the clients present what they have, several at once, `rounds` times, while time goes on."""
        window = self.services[0].refresh_policy.window_ms // 1000
        pauses = (0, 1, window, window + 1, 2 * window, 2 * window + 1, 2 * window + 1, 300)
        for _ in range(rounds):
            self._moves(self.random.choice(pauses))
            asking = [asyncio.create_task(self._asks()) for _ in range(self.random.randint(2, 5))]
            if self.random.random() < 0.3:
                await self._turns()
                self._moves(self.random.choice(pauses))
            for each in asking:
                if self.random.random() < 0.15:
                    await self._turns()
                    each.cancel()
            for each in asking:
                with suppress(asyncio.CancelledError):
                    await each
            if all(each.answer == REFUSED for each in self.history[-2:]):
                return  # it has ended

    async def _turns(self) -> None:
        for _ in range(self.random.randint(0, 12)):
            await asyncio.sleep(0)  # one turn of the event loop, not a pause

    def _moves(self, seconds: int) -> None:
        self.clock.move(seconds)
        self._times.append(int(self.clock() * 1000))

    def _next(self) -> int:
        self._place += 1
        return self._place

    async def _asks(self) -> None:
        service, chance = self.random.choice(self.services), self.random.random()
        text = (
            None if chance < 0.004 else self.known[0] if chance < 0.01 else self.known[-2 if chance < 0.12 else -1 :][0]
        )
        token = None if text is None else read_token(text, service.refresh_key)
        called, first = self._next(), len(self._times) - 1
        heard, answer = inf, None
        try:
            given = await self._answer(service, text)
            if self.random.random() > 0.1:  # else it is lost on the way back
                heard, answer = self._next(), self._hears(given, service)
        finally:
            times = tuple(dict.fromkeys(self._times[first:]))
            self.history.append(Operation(called, heard, Asked(token, times), answer))

    async def _answer(self, service: Service, text: str | None) -> str:
        if text is None:
            await sign_out(service, self.principal, visitor=self.visitor)
            return DONE
        try:
            tokens = await refresh(service, text, visitor=self.visitor)
        except RefreshReused:
            return REUSED
        except RefreshRefused:
            return REFUSED
        return tokens.refresh_token or HELD

    def _hears(self, given: str, service: Service) -> str | Presented:
        if given in {DONE, REUSED, REFUSED, HELD}:
            return given
        if given not in self.known:
            self.known.append(given)
        return read_token(given, service.refresh_key)


def kinds(histories: list[list[Operation]]) -> Counter:
    """Say what occurred in histories, and how much of it at the same time."""
    found: Counter = Counter()
    for history in histories:
        for each in history:
            name = "lost" if each.lost else each.answer if isinstance(each.answer, str) else "given"
            found[name] += 1
            found["at once"] += any(
                other is not each and other.called < each.answered and each.called < other.answered for other in history
            )
    return found
