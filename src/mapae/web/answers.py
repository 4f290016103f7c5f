"""Answers: status, headers and body, and the one function that turns an error into them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from functools import lru_cache
from math import ceil
from typing import Any, NamedTuple

import msgspec

from mapae.errors import (
    FieldMistake,
    InputRefused,
    KeySourceError,
    PasswordRefused,
    RefreshRefused,
    Refused,
    ScopeMissing,
    Stale,
    TicketRefused,
    TokenError,
    Waiting,
)
from mapae.web.cookies import cleared_ticket, ticket_cookies
from mapae.web.field_words import words_for_field, words_for_password
from mapae.web.head_lines import FixedHeaders, Header
from mapae.web.problems import Language, Problem, problem_for
from mapae.web.refusals import CredentialsTwice, MethodNotAllowed, ReaderRefused, TokenMissing

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

Whole = Callable[[int, bytes, bytes], None]
"""Writes a whole answer: its status, its header fields as lines, its body."""


class Repeat(NamedTuple):
    """What has been understood of a head that comes again.

    Attributes:
        answer: answers a request with that head by its body; says whether it did.
        patient: whether other requests that are ready go first.
    """

    answer: Callable[[bytes, Whole], bool]
    patient: bool = False


WHOLE_BODY = "mapae.whole_body"
"""The ASGI extension by which our own server gives a body that came with its head: bytes, or None where it did not."""
NO_STORE: Header = (b"cache-control", b"no-store")
JSON_TYPE: Header = (b"content-type", b"application/json")
PROBLEM_TYPE: Header = (b"content-type", b"application/problem+json")
JSON_HEADERS = FixedHeaders((JSON_TYPE, NO_STORE))
"""Of JSON that no cache may keep."""
RETRY_SECONDS = 1
"""What Retry-After says when the error itself does not know."""


class Answer(msgspec.Struct, frozen=True, gc=False):
    """One HTTP answer."""

    status: int
    body: bytes = b""
    headers: Sequence[Header] = ()


def json_answer(status: int, content: object, *, headers: Sequence[Header] = ()) -> Answer:
    """Return `content` as JSON that no cache may keep."""
    return Answer(status, msgspec.json.encode(content), (*JSON_HEADERS, *headers) if headers else JSON_HEADERS)


class FieldProblem(msgspec.Struct, frozen=True):
    """One field that is wrong: a JSON Pointer (RFC 6901), a stable code, and what to write instead."""

    pointer: str
    code: str
    detail: str


class ProblemDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """What went wrong (RFC 9457).

    Of a place in the waiting line also the ticket, the position from 1 on, the wait in seconds (least and most; none
    while the line stands still), and the seconds after which to ask again.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: list[FieldProblem] = []
    ticket: str = ""
    position: int = 0
    wait: tuple[int, int] | None = None
    retry_after: int = 0


def problem_answer(
    error: Exception, *, issuer: str, language: Language, request_id: str, refused_pointer: str = "/password"
) -> Answer:
    """Turn `error` into the answer its row of the registry asks for.

    The text comes from the registry, never from the error: what an error says is for the log, except the mistakes of
    single fields, which are written for the caller.

    Source: RFC 9457 §3, RFC 6750 §3, RFC 9110 §10.2.3.
    """
    problem = problem_for(error)
    document = ProblemDocument(
        type=f"{issuer}/problems/{problem.code}",
        title=problem.title.into(language),
        status=problem.status,
        detail=_detail(error, problem, language),
        instance=request_id,
        code=problem.code,
        errors=_field_problems(error, language, refused_pointer),
        ticket=error.ticket if isinstance(error, Waiting) else "",
        position=error.position if isinstance(error, Waiting) else 0,
        wait=error.wait if isinstance(error, Waiting) else None,
        retry_after=(error.retry_after or 0) if isinstance(error, Waiting) else 0,
    )
    headers = [PROBLEM_TYPE, NO_STORE, (b"content-language", language.encode()), (b"vary", b"accept-language")]
    headers += _headers_for(error, problem, issuer)
    # Of a crowd that joins the line everybody gets the same few.
    sent = _fixed(tuple(headers)) if isinstance(error, Waiting) and error.confirmation is None else headers
    return Answer(problem.status, msgspec.json.encode(document), sent)


@lru_cache(maxsize=128)
def _fixed(headers: tuple[Header, ...]) -> FixedHeaders:
    return FixedHeaders(headers)


def challenge(error: Exception, *, realm: str) -> str | None:
    """Return the `WWW-Authenticate` field that `error` calls for, if any (RFC 6750 §3)."""
    start = f'Bearer realm="{realm}"'
    match error:
        case TokenMissing() | ReaderRefused():
            return start
        case Stale():
            return f'{start}, error="invalid_token", error_description="stale"'
        case TokenError() | RefreshRefused():
            return f'{start}, error="invalid_token", error_description="{problem_for(error).title.en}"'
        case ScopeMissing(scopes=scopes):
            return (
                f'{start}, error="insufficient_scope", error_description="{problem_for(error).title.en}", '
                f'scope="{" ".join(scopes)}"'
            )
        case CredentialsTwice():
            return f'{start}, error="invalid_request", error_description="{problem_for(error).title.en}"'
        case _:
            return None


def _headers_for(error: Exception, problem: Problem, issuer: str) -> list[Header]:
    headers: list[Header] = []
    if (field := challenge(error, realm=issuer)) is not None:
        headers.append((b"www-authenticate", field.encode("ascii", "replace")))
    if problem.status in {429, 503}:
        waits = error.retry_after if isinstance(error, Refused | KeySourceError) else None
        headers.append((b"retry-after", b"%d" % max(RETRY_SECONDS, ceil(waits or 0))))
    if isinstance(error, Waiting) and error.confirmation is not None:
        headers += ticket_cookies(error.ticket, error.confirmation)
    if isinstance(error, TicketRefused) and error.why != "future":
        headers += cleared_ticket()  # a script cannot: the next try begins without it
    if isinstance(error, MethodNotAllowed):
        headers.append((b"allow", ", ".join(error.allowed).encode()))
    return headers


def _detail(error: Exception, problem: Problem, language: Language) -> str:
    if isinstance(error, Refused) and error.retry_after is not None:
        wait = error.retry_after
        return f"{wait}초 뒤에 다시 시도해 주세요." if language == "ko" else f"Try again in {wait} seconds."
    return problem.advice.into(language)


def _field_problems(error: Exception, language: Language, refused_pointer: str) -> list[FieldProblem]:
    match error:
        case InputRefused(mistakes=mistakes):
            return [FieldProblem(m.pointer, m.code, _field_detail(m, language)) for m in mistakes]
        case PasswordRefused(why=why):
            words = words_for_password(why)
            return [FieldProblem(refused_pointer, why, error.reason if words is None or language == "en" else words.ko)]
        case _:
            return []


def _field_detail(mistake: FieldMistake, language: Language) -> str:
    words = words_for_field(mistake.code)
    return mistake.what if words is None or language == "en" else words.ko
