"""What the service's refusals mean: each problem code becomes the error of the same code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mapae import errors
from mapae.client.exchange import Answer
from mapae.errors import (
    FieldMistake,
    InputRefused,
    MapaeError,
    RefreshRefused,
    Refused,
    ServiceUnreachable,
    TicketRefused,
    Waiting,
)

LEAST_PAUSE = 1


def refusal_of(answer: Answer) -> MapaeError:
    """Return the error that an answer without success stands for."""
    members = answer.members
    code, reason = str(members.get("code", "")), str(members.get("detail", ""))
    retry_after = max(LEAST_PAUSE, answer.retry_after) if answer.status in {429, 503} else None
    match code:
        case "waiting" if (held := read_waiting(members, retry_after or LEAST_PAUSE)) is not None:
            return held
        case "ticket_refused":
            return TicketRefused("refused", reason or "the ticket does not count")
        case "input_refused":
            return InputRefused(*_mistakes(members))
        case _ if code in _BY_CODE:
            return _BY_CODE[code](reason, retry_after=retry_after)
        case _ if answer.status == 401:
            return RefreshRefused(reason)
        case _ if answer.status >= 500 or not code:
            return ServiceUnreachable(f"the service answers with status {answer.status}", retry_after=retry_after)
        case _:
            return Refused(f"{code}: {reason}", retry_after=retry_after)


def read_waiting(members: Mapping[str, Any], retry_after: int) -> Waiting | None:
    """Return the place that an answer tells of; None when it tells of none."""
    ticket, position, wait = members.get("ticket"), members.get("position"), members.get("wait")
    if not isinstance(ticket, str) or not isinstance(position, int):
        return None
    match wait:
        case [int(least), int(most)]:
            return Waiting(ticket, position=position, retry_after=retry_after, wait=(least, most))
        case _:
            return Waiting(ticket, position=position, retry_after=retry_after, wait=None)


def _mistakes(members: Mapping[str, Any]) -> Iterator[FieldMistake]:
    listed = members.get("errors")
    for each in listed if isinstance(listed, list) else ():
        match each:
            case {"pointer": str(pointer), "code": str(code), "detail": str(what)}:
                yield FieldMistake(pointer, code, what)
            case _:
                pass


def _plain(kind: type[Refused]) -> Iterator[type[Refused]]:
    """Yield `kind` and all below it that are made of a reason and the seconds to wait."""
    if kind.__init__ is Refused.__init__:
        yield kind
    for below in kind.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from _plain(below)


_BY_CODE: Mapping[str, type[Refused]] = {kind.code: kind for kind in _plain(Refused)}
