"""Who comes: people who sign in as they are told, a few who do not, and programs that hold a session already."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from mapae.lab.http_wire import request
from mapae.lab.open_loop import LATE, LOST, Answer

WHO, REFRESH, SIGN_IN, ADMITTED, POLL = range(5)
"""What is asked: two by programs that hold a session; signing in with a pass is counted apart."""
AGAIN = 1.0
"""Seconds after which people try again when nothing answers, or when they are not told when to."""
HASTE = 0.25
"""Seconds after which somebody impatient looks again, whatever they were told."""


class Door(Protocol):
    """How one kind of server is asked to sign somebody in."""

    def sign_in(self, number: int, ticket: str) -> bytes:
        """Return the request of person `number`."""

    def poll(self, ticket: str) -> bytes:
        """Return the question how far the line is."""


class MapaeDoor:
    """Mapae's own API."""

    def __init__(self, prefix: str, password: str) -> None:
        self._prefix, self._password = prefix, password

    def sign_in(self, number: int, ticket: str) -> bytes:
        """Return `POST /v1/sign-in`."""
        body = {"email": email(self._prefix, number), "password": self._password}
        return request("POST", "/v1/sign-in", body=json.dumps(body | ({"ticket": ticket} if ticket else {})).encode())

    def poll(self, ticket: str) -> bytes:
        """Return `POST /v1/ticket`."""
        return request("POST", "/v1/ticket", body=json.dumps({"ticket": ticket}).encode())


def email(prefix: str, number: int) -> str:
    """Return the address of person `number`."""
    return f"{prefix}{number}@crowd.example"


@dataclass(slots=True)
class Person:
    """Somebody who wants in, and what happened to them.

    Attributes:
        typing: seconds they take over the form once it is their turn.
        impatient: looks again sooner than they were told.
        forgetful: how many times they throw their place away and come anew.
        came: when the first request was sent; None before.
        known: when the first answer was there: from then on they have come.
        turned_away: when they last asked and were told to wait, though they came as told.
        called: when they were told that they may sign in, or were in without having waited.
        inside: when they were signed in.
        behind: the position they were told last.
        worse: how much worse than before a position was, at most.
        refused: answers that had neither a place nor a door for them.
        moments: when they asked and were told to wait or to come again.
    """

    number: int
    door: Door
    typing: float
    impatient: bool = False
    forgetful: int = 0
    came: float | None = None
    known: float | None = None
    called: float | None = None
    inside: float | None = None
    behind: int | None = None
    told_at: float = 0.0
    worse: int = 0
    refused: int = 0
    moments: list[float] = field(default_factory=list)
    _ticket: str = ""
    _polls: bool = False

    def ask(self, now: float) -> tuple[int, bytes]:
        """Ask to be let in, or how far the line is."""
        if self.came is None:
            self.came = now
        if self._polls:
            return POLL, self.door.poll(self._ticket)
        return (ADMITTED if self.called is not None else SIGN_IN), self.door.sign_in(self.number, self._ticket)

    def answered(self, answer: Answer, head: bytes, body: bytes) -> float | None:
        """Do as one is told, or not."""
        if answer.status in (LOST, LATE):
            return answer.done + AGAIN
        if self.known is None:
            self.known = answer.done
        if answer.status == 200:
            return self._welcome(answer, body)
        return self._turned_away(answer, head, body)

    def _welcome(self, answer: Answer, body: bytes) -> float | None:
        if answer.kind != POLL:
            self.inside = answer.done
            self.called = self.called if self.called is not None else answer.done
            return None
        told = json.loads(body)
        self._ticket = told["ticket"]
        if told["state"] == "admitted":
            self.called, self._polls = answer.done, False
            return answer.done + self.typing
        return self._waits(answer, told)

    def _turned_away(self, answer: Answer, head: bytes, body: bytes) -> float:
        told = json.loads(body) if body.startswith(b"{") else {}
        if told.get("code") == "waiting":
            self._ticket, self._polls = told["ticket"], True
            return self._waits(answer, told)
        self.refused += 1
        if self.called is None:
            self.moments.append(answer.sent)
        return answer.done + (HASTE if self.impatient else retry_after(head))

    def _waits(self, answer: Answer, told: dict[str, Any]) -> float:
        position, seconds = told["position"], told["retry_after"]
        self.moments.append(answer.sent)
        if self.behind is not None and self.told_at > (self.known or 0.0) + 1.0:
            self.worse = max(self.worse, position - self.behind)
        self.behind, self.told_at = position, answer.done
        if self.forgetful:
            self.forgetful -= 1
            self._ticket, self._polls, self.came, self.known, self.behind = "", False, None, None, None
            self.moments.clear()
            return answer.done + HASTE
        return answer.done + (HASTE if self.impatient else seconds)


def retry_after(head: bytes) -> float:
    """Return the seconds that an answer tells to wait."""
    _, found, rest = head.lower().partition(b"\r\nretry-after:")
    value = rest.partition(b"\r\n")[0].strip()
    return float(value) if found and value.isdigit() else AGAIN


@dataclass
class Crowd:
    """Makes people, one after the other, and keeps them all.

    Attributes:
        quick: by how much everything goes quicker than with a hash of the usual cost, forms included.
        habits: whether some are impatient or forgetful.
    """

    door: Door
    random: Random
    quick: float
    habits: bool = True
    people: list[Person] = field(default_factory=list)

    def make(self) -> Person:
        """Return the next person: three of four are apps that hold the password, the fourth has a form to fill in."""
        dice = self.random
        app = dice.random() < 0.75
        typing = dice.uniform(0.02, 0.2) if app else min(120.0, dice.lognormvariate(2.1, 0.5)) / self.quick
        habit = dice.random() if self.habits else 1.0
        person = Person(
            len(self.people), self.door, typing, impatient=habit < 0.02, forgetful=3 if 0.02 <= habit < 0.03 else 0
        )
        self.people.append(person)
        return person


class Once:
    """Asks one thing once; the requests are taken in turn."""

    __slots__ = ("_kind", "_requests")

    def __init__(self, kind: int, requests: Callable[[], bytes]) -> None:
        self._kind, self._requests = kind, requests

    def ask(self, now: float) -> tuple[int, bytes]:  # noqa: ARG002
        """Return the next request."""
        return self._kind, self._requests()

    def answered(self, answer: Answer, head: bytes, body: bytes) -> None:
        """Nothing more to ask."""


@dataclass
class Regular:
    """Signs in again and again, the next time when the last is answered: keeps the hashing threads busy.

    Attributes:
        until: seconds since the run began.
    """

    number: int
    door: Door
    until: float

    def ask(self, now: float) -> tuple[int, bytes]:  # noqa: ARG002
        """Sign in."""
        return SIGN_IN, self.door.sign_in(self.number, "")

    def answered(self, answer: Answer, head: bytes, body: bytes) -> float | None:  # noqa: ARG002
        """Go on at once."""
        again = answer.done + (0.0 if answer.status == 200 else 0.2)
        return again if again < self.until else None


def in_turn(requests: Iterable[bytes]) -> Callable[[], bytes]:
    """Return what gives one request after the other, and begins again."""
    given = list(requests)
    at = -1

    def following() -> bytes:
        nonlocal at
        at = (at + 1) % len(given)
        return given[at]

    return following
