"""One request on its way through: its id, its answer, its line in the log and its place in the counts."""

from __future__ import annotations

import itertools
import secrets
from collections import Counter
from collections.abc import Callable, MutableMapping, Sequence
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

import msgspec

from mapae.errors import Busy, MapaeError
from mapae.flows.tally import Histogram, Series, Tally, series
from mapae.web.answers import Answer, Scope, Send, Whole, problem_answer
from mapae.web.head_lines import FixedHeaders, Header, written
from mapae.web.logs import Level, Log, error_fields
from mapae.web.problems import problem_for
from mapae.web.requests import read_language

Given = TypeVar("Given")
Done = TypeVar("Done")
NO_ROUTE = "-"
"""The route of a request that found none."""
_WITHOUT_LENGTH = frozenset({204, 304})
"""Statuses whose answer has no body at all (RFC 9110 §8.6)."""
_PATIENT = frozenset({"/v1/revocations", "/v1/ticket"})
"""They wait on purpose, so the time that they take says nothing of how fast we are."""
_QUIET = frozenset({"/livez", "/readyz", "/healthz", "/metrics", "/v1/revocations"})
"""Asked every few seconds by machines, so logged only for debugging."""


class Kind(NamedTuple):
    """What requests of one method, route and status have in common.

    Attributes:
        series: their counter.
        text: these three as they stand in a log line.
    """

    series: Series
    logged: bool
    text: str


class Edge:
    """What all exchanges of one application share."""

    def __init__(self, *, issuer: str, log: Log, headers: Sequence[Header]) -> None:
        """Keep what is sent with every answer of the API, and where its line goes."""
        self.issuer, self.log, self.headers = issuer, log, FixedHeaders(headers)
        self._counts: Counter[Series] = Counter()
        self._durations = Histogram()
        self._prefix, self._numbers = secrets.token_hex(4), itertools.count(1)
        self._kinds: dict[tuple[str, str, int], Kind] = {}

    def count_in(self, tally: Tally) -> None:
        """Count requests in `tally` from now on."""
        self._counts = tally.counts
        self._durations = tally.observations.setdefault("http_request_duration", self._durations)

    def next_id(self) -> str:
        """Return an id that no other request of any process has."""
        return f"{self._prefix}-{next(self._numbers)}"

    def note(self, exchange: Exchange, status: int, code: str | None) -> None:
        """Count and log an exchange that has ended."""
        seconds = perf_counter() - exchange.started
        asked = (exchange.scope["method"], exchange.route, status)
        kind = self._kinds.get(asked) or self._new_kind(*asked)
        self._counts[kind.series] += 1
        if exchange.route not in _PATIENT:
            self._durations.observe(seconds)
        if kind.logged:
            self.log.request(kind.text, request_id=exchange.id, seconds=seconds, code=code)

    def _new_kind(self, method: str, route: str, status: int) -> Kind:
        if route == NO_ROUTE:
            method = NO_ROUTE  # whatever a stranger invents must not become a label
        counted = series("http_requests", method=method, route=route, status=str(status))
        logged = self.log.wants("debug" if route in _QUIET else "info")
        fields = msgspec.json.encode({"method": method, "route": route, "status": status}).decode()
        kind = self._kinds[method, route, status] = Kind(counted, logged, fields[1:-1])
        return kind


class Exchange:
    """One request and its answer.

    Attributes:
        id: also `instance` of a problem, the `X-Request-Id` field, and `request_id` in the log.
        route: the path of the operation, its names unfilled.
    """

    __slots__ = ("_edge", "_send", "_status", "_whole", "id", "route", "scope", "started")

    def __init__(self, edge: Edge, scope: Scope, send: Send, whole: Whole | None = None) -> None:
        """Begin an exchange; its time starts to run.

        Args:
            whole: of a server that takes an answer in one piece.
        """
        self.started = perf_counter()
        self.scope = scope
        self.id = edge.next_id()
        self.route = NO_ROUTE
        self._edge, self._send, self._whole = edge, send, whole
        self._status = 0

    async def answer(self, answer: Answer, *, code: str | None = None) -> None:
        """Send `answer` with the headers every answer has; HEAD gets the headers alone (RFC 9110 §9.3.2)."""
        if self._whole is not None:
            self.answer_whole(self._whole, answer, code=code)
            return
        headers = [*answer.headers, *self._edge.headers, (b"x-request-id", self.id.encode())]
        if answer.status not in _WITHOUT_LENGTH:
            headers.append((b"content-length", b"%d" % len(answer.body)))
        body = b"" if self.scope["method"] == "HEAD" else answer.body
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})
        self._edge.note(self, answer.status, code)

    def answer_whole(self, whole: Whole, answer: Answer, *, code: str | None = None) -> None:
        """As `answer`, to a server that takes it in one piece."""
        headers, body = answer.headers, answer.body
        lines = headers.lines if isinstance(headers, FixedHeaders) else written(headers)
        lines += b"%bx-request-id: %b\r\n" % (self._edge.headers.lines, self.id.encode())
        if answer.status not in _WITHOUT_LENGTH:
            lines += b"content-length: %d\r\n" % len(body)
        whole(answer.status, lines, b"" if self.scope["method"] == "HEAD" else body)
        self._edge.note(self, answer.status, code)

    def attempt(self, work: Callable[[Given], Done], given: Given) -> tuple[Done | Answer, str | None]:
        """Return what `work` makes of `given`; where it fails, the problem document that says so, and its code."""
        try:
            return work(given), None
        except Exception as error:  # noqa: BLE001 - every error becomes an answer
            return self.refusal(error)

    async def refuse(self, error: Exception, *, refused_pointer: str = "/password") -> None:
        """Answer with the problem document of `error`, and log why."""
        answer, code = self.refusal(error, refused_pointer=refused_pointer)
        await self.answer(answer, code=code)

    def refusal(self, error: Exception, *, refused_pointer: str = "/password") -> tuple[Answer, str]:
        """Return the problem document of `error` with its code, and log why."""
        problem = problem_for(error)
        self._explain(error, problem.code, problem.status)
        answer = problem_answer(
            error,
            issuer=self._edge.issuer,
            language=read_language(self.scope),
            request_id=self.id,
            refused_pointer=refused_pointer,
        )
        return answer, problem.code

    async def forward(self, message: MutableMapping[str, Any]) -> None:
        """Pass on what a page sends, with the request's id."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            message = {**message, "headers": [*message["headers"], (b"x-request-id", self.id.encode())]}
        await self._send(message)

    async def forwarded(self, error: Exception | None = None) -> None:
        """End an exchange whose answer was passed on; answer it here when `error` came before any answer."""
        if error is not None:
            if not self._status:
                await self.refuse(error)
                return
            self._explain(error, problem_for(error).code, 500)
        self._edge.note(self, self._status, None)

    def _explain(self, error: Exception, code: str, status: int) -> None:
        if status >= 500 and not isinstance(error, MapaeError):
            self._edge.log.line("error", "failed", request_id=self.id, route=self.route, **error_fields(error))
        elif self._edge.log.wants("debug") or (status >= 500 and not isinstance(error, Busy)):
            # A crowd is no fault of ours: its requests are counted, and each has its line of its own.
            level: Level = "error" if status >= 500 and not isinstance(error, Busy) else "debug"
            self._edge.log.line(level, "refused", request_id=self.id, code=code, reason=str(error))
