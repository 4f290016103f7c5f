"""What a polite program says and how long it waits, without a clock, a network or dice of its own.

A conversation is a generator: it yields requests, pauses and places in the line; whoever runs it, with or without an
event loop, does what it says and sends back each answer.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeVar

from mapae.client.exchange import Answer, Request
from mapae.client.refusals import LEAST_PAUSE, read_waiting, refusal_of
from mapae.client.tokens import Tokens, read_tokens
from mapae.errors import (
    Busy,
    MapaeError,
    RefreshRefused,
    Refused,
    ServiceUnreachable,
    TicketRefused,
    TooManyAttempts,
    Waiting,
)

SPREAD = 0.15
"""By so much more than it was told a program waits at most: those who were told the same do not come together."""
REFRESH_TRIES = 3
_LONGEST_BACKOFF = 8.0


@dataclass(frozen=True, slots=True)
class Pause:
    """Seconds to do nothing."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Place:
    """How this program stands in the waiting line.

    Attributes:
        position: from 1 on.
        wait: seconds, least and most; None while the line stands still.
        retry_after: seconds after which the service is asked again.
    """

    position: int
    wait: tuple[int, int] | None
    retry_after: int


T = TypeVar("T")
Step = Request | Pause | Place
Heard = Answer | ServiceUnreachable
"""What is sent back for a request."""
Conversation = Generator[Step, Heard, T]


@dataclass(frozen=True, slots=True)
class Manners:
    """What a conversation needs of the world.

    Attributes:
        clock: seconds from any beginning, never set back.
        lot: returns a random number from 0 up to 1.
    """

    clock: Callable[[], float]
    lot: Callable[[], float]

    def spread(self, seconds: float) -> float:
        """Return `seconds` or a little more."""
        return seconds * (1 + SPREAD * self.lot())

    def backoff(self, failures: int) -> float:
        """Return how long to leave a service alone that has given no answer so often in a row."""
        return min(_LONGEST_BACKOFF, 0.5 * (1 << min(failures, 8))) * (0.5 + self.lot())


def signing_in(
    email: str, password: str, *, client_id: str, ticket: str, ends: float, manners: Manners
) -> Conversation[tuple[Tokens, float]]:
    """Sign in, and wait in the line where there is one; return the tokens and when they were asked for.

    Args:
        client_id: the name of the program at the service; empty for the service's own.
        ticket: a place from before; empty without one.
        ends: when, by the clock, the caller wants to be told that it did not work.

    Raises:
        Refused: as the service says; Waiting when the turn comes too late, with the ticket to go on with.
        ServiceUnreachable: no usable answer.
    """
    named = {"client_id": client_id} if client_id else {}
    shown = kept = ticket
    failures = 0
    while True:
        members = {"email": email, "password": password} | named | ({"ticket": shown} if shown else {})
        asked = manners.clock()
        refusal = yield from _asked(Request("/v1/sign-in", members))
        if isinstance(refusal, Answer):
            return read_tokens(refusal.members, before=None), asked
        match refusal:
            case Waiting():
                kept = refusal.ticket
                shown = yield from _in_line(refusal, ends=ends, manners=manners)
            case TicketRefused() if shown:
                # A pass is short-lived, its ticket is not; and where the ticket has ended too, there is a new one.
                shown = kept = kept if shown != kept else ""
            case ServiceUnreachable():
                pause = refusal.retry_after or manners.backoff(failures)
                failures += 1
                yield from _pause(pause, refusal, ends=ends, manners=manners)
            case Refused(retry_after=int(seconds)):
                yield from _pause(seconds, refusal, ends=ends, manners=manners)
            case _:
                raise refusal


def _in_line(held: Waiting, *, ends: float, manners: Manners) -> Conversation[str]:
    """Wait for the turn; return the pass, or the empty text when the ticket does not count any more."""
    while True:
        seconds = held.retry_after or LEAST_PAUSE
        yield Place(held.position, held.wait, seconds)
        yield from _pause(seconds, held, ends=ends, manners=manners)
        answer = yield from _asked(Request("/v1/ticket", {"ticket": held.ticket}))
        match answer:
            case Answer(members={"state": "admitted", "ticket": str(admitted)}):
                return admitted
            case Answer(members=members, retry_after=told):
                held = read_waiting(members, max(LEAST_PAUSE, told)) or held
            case TicketRefused():
                return ""
            case ServiceUnreachable() | Busy() | TooManyAttempts():
                continue  # the place is kept, however long nobody answers
            case _:
                raise answer


def renewing(refresh_token: str, *, manners: Manners) -> Conversation[tuple[Tokens, float]]:
    """Exchange a refresh token; return the tokens and when they were asked for.

    The same one is sent again when no answer came, since the first answer may be lost.

    Raises:
        RefreshRefused: the session has ended.
        Refused: as the service says.
        ServiceUnreachable: no usable answer to any try.
    """
    failures = 0
    while True:
        asked = manners.clock()
        answer = yield from _asked(Request("/v1/refresh", {"refresh_token": refresh_token}))
        if isinstance(answer, Answer):
            return read_tokens(answer.members, before=refresh_token), asked
        failures += 1
        if not isinstance(answer, ServiceUnreachable | Busy) or failures == REFRESH_TRIES:
            raise answer
        yield Pause(max(manners.backoff(failures), answer.retry_after or 0))


def signing_out(tokens: Tokens) -> Conversation[None]:
    """End the session; one that has ended already is what was wanted.

    Raises:
        ServiceUnreachable: no usable answer: the session may live on.
    """
    if tokens.refresh_token is not None:
        answer = yield from _asked(Request("/v1/sign-out", {"refresh_token": tokens.refresh_token}))
    else:
        answer = yield from _asked(Request("/v1/sign-out", bearer=tokens.access_token))
    if not isinstance(answer, Answer | RefreshRefused):
        raise answer


def _asked(request: Request) -> Conversation[Answer | MapaeError]:
    """Return the answer, or the refusal that it is."""
    answer = yield request
    if isinstance(answer, ServiceUnreachable):
        return answer
    return answer if 200 <= answer.status < 300 else refusal_of(answer)


def _pause(seconds: float, why: MapaeError, *, ends: float, manners: Manners) -> Conversation[None]:
    """Wait a little longer than told; when that would be too long, raise `why` instead of waiting in vain."""
    pause = manners.spread(seconds)
    if manners.clock() + pause > ends:
        raise why
    yield Pause(pause)
