"""HTTP/1.1 for uvicorn, written for short answers, with bounds that others leave to a proxy.

httptools reads a request, unless its head is the one that came before it on this connection: then the application may
answer by what it has understood of that head. An application that can answers any request at once, without a task of
its own; any other runs in one, as ASGI says. An answer is written in one piece, and no timer is set for every request.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState

from mapae.web.answers import Repeat, Scope, Whole
from mapae.web.head_lines import Header, written
from mapae.web.http_request import Answering, HttpRequest, beginning
from mapae.web.known_head import KnownHead, known_head
from mapae.web.later import NEWCOMER, REPEATED, Later

HEAD_LIMIT = 64 * 1024
"""The longest request line and header section, in bytes."""
HEAD_FIELDS = 100
"""The most header fields of a request."""
HEAD_SECONDS = 10.0
"""How long a head may take to arrive: from the connection, or from its first byte on one that is kept."""

Again = Callable[[Whole], bool]
"""Answers one request whose head came before; says whether it did."""


class PoliteHttp(asyncio.Protocol):
    """One connection. Whoever sends half a head and waits, or a head without end, is sent away.

    Source: RFC 9110 §15.5.9 (408), RFC 6585 §5 (431).
    """

    transport: asyncio.Transport
    _date: list[Header] | None = None
    _date_lines = b""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """Prepare one connection of a uvicorn server."""
        del app_state  # whoever runs this server opens the application itself
        self._loop = _loop or asyncio.get_running_loop()
        self._app = config.loaded_app
        self._begin: Answering = getattr(self._app, "begin", None) or self._as_task
        self._later: Later | None = getattr(self._app, "later", None)
        self._keep_seconds: float = config.timeout_keep_alive
        self._asgi = {"version": config.asgi_version, "spec_version": "2.3"}
        self._server = server_state
        self._parser = httptools.HttpRequestParser(self)
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._refused = HTTPStatus.BAD_REQUEST
        self._in_head, self._head_bytes, self._arrived, self._ended_here = False, 0, 0, False
        self._url, self._headers, self._expects = b"", list[Header](), False
        self._waiting: deque[tuple[Scope, HttpRequest, Again | None]] = deque()
        self._reading: HttpRequest | None = None
        self._known: KnownHead | None = None
        self._prepare: Callable[[Scope], Repeat | None] = getattr(self._app, "prepare", _understand_nothing)
        self._repeat: Repeat | None = None
        self._answering: HttpRequest | None = None
        self._paused, self._writable = False, asyncio.Event()
        self._writable.set()
        self._idle_since: float | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give the first head its time."""
        self.transport = transport  # type: ignore[assignment]  # it is a Transport (PEP 3156)
        self._server.connections.add(self)  # type: ignore[arg-type]  # one more protocol of its kind
        self._addresses = {
            "server": get_local_addr(self.transport),
            "client": get_remote_addr(self.transport),
            "scheme": "https" if is_ssl(self.transport) else "http",
        }
        self._head_timer = self._loop.call_later(HEAD_SECONDS, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks, and tell whoever is answering."""
        del exc
        self._server.connections.discard(self)
        self._stop_head_timer()
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        self._waiting.clear()
        self._repeat = None
        if self._answering is not None:
            self._answering.lose()
        self._writable.set()
        del self._parser  # it holds us, and we hold it

    def data_received(self, data: bytes) -> None:
        """Parse `data` and begin to answer; what is left of a head counts against its bounds."""
        self._idle_since = None
        if self._known is not None and self._known.begins(data):
            self._take_again(self._known, data[len(self._known.octets) :])
            return
        self._known = self._repeat = None
        began_between = self._is_between()
        self._arrived, self._ended_here = len(data), False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # there is no other protocol here: it is answered as any request, and is the last one
        except httptools.HttpParserError:
            self._refuse(self._refused)
            return
        if began_between and self._ended_here and self._is_between():
            self._known = known_head(data, self._waiting[-1][0])
        if self._waiting:
            self._go_on()
        if self._in_head and not self.transport.is_closing():
            # Of what came together with the end of an earlier request, only what was parsed surely is this head's.
            self._head_bytes += self._parsed_bytes() if self._ended_here else len(data)
            if self._head_bytes > HEAD_LIMIT:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            elif self._head_timer is None:
                self._head_timer = self._loop.call_later(HEAD_SECONDS, self._too_slow)

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._in_head, self._head_bytes = True, 0
        self._url, self._headers, self._expects = b"", [], False

    def on_url(self, url: bytes) -> None:
        """Take a piece of the request's target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field."""
        name = name.lower()
        self._headers.append((name, value))
        if name == b"expect" and value.lower() == b"100-continue":
            self._expects = True

    def on_headers_complete(self) -> None:
        """Put the request in the queue, unless its head is too long."""
        self._in_head = False
        self._stop_head_timer()
        self._check_head()
        parser, target = self._parser, self._url
        if target[:1] == b"/" and b"?" not in target and b"#" not in target:
            path, query = target, b""
        else:
            parsed = httptools.parse_url(target)
            path, query = parsed.path or b"", parsed.query or b""
        text, version = path.decode("ascii"), parser.get_http_version()
        scope: Scope = {
            "type": "http",
            "asgi": self._asgi,
            "http_version": version,
            "method": parser.get_method().decode("ascii"),
            "path": unquote(text) if "%" in text else text,
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": self._headers,
            **self._addresses,
        }
        keep = version != "1.0" and parser.should_keep_alive() and not parser.should_upgrade()
        self._reading = HttpRequest(self, scope, keep_alive=keep, expects=self._expects)
        self._waiting.append((scope, self._reading, None))

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        if self._reading is not None:
            self._reading.add_body(body)

    def on_message_complete(self) -> None:
        """Note that the request is there."""
        self._ended_here = True
        if self._reading is not None:
            self._reading.end_body()
            self._reading = None

    def answered(self) -> None:
        """Go on with the next request, or wait for one."""
        self._answering = None
        self._server.total_requests += 1
        if self._waiting:
            self._loop.call_soon(self._go_on)  # not at once: whoever sends many together does not keep the loop
            return
        self.resume_reading()
        self._rest()

    def shutdown(self) -> None:
        """Close once everything that was asked is answered."""
        last = self._waiting[-1][1] if self._waiting else self._answering
        if last is None:
            self.transport.close()
        else:
            last.keep_alive = False

    def pause_writing(self) -> None:
        """Let nobody write: the client does not read."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let everybody write again."""
        self._writable.set()
        self._go_on()

    async def drained(self) -> None:
        """Wait until the client has read enough of what was written."""
        if not self._writable.is_set():
            await self._writable.wait()

    def pause_reading(self) -> None:
        """Read no more for now."""
        if not self._paused and not self.transport.is_closing():
            self._paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if self._paused and not self.transport.is_closing():
            self._paused = False
            self.transport.resume_reading()

    @property
    def default_lines(self) -> bytes:
        """Header fields of every answer, such as the date."""
        if self._server.default_headers is not self._date:
            self._date = self._server.default_headers
            self._date_lines = written(self._date)
        return self._date_lines

    def _go_on(self) -> None:
        """Answer the next request, unless one is being answered or the client does not read its answers."""
        if self.transport.is_closing():
            return
        if self._waiting and self._answering is None and self._writable.is_set():
            scope, request, again = self._waiting.popleft()
            self._answering = request
            if self._later is not None and (again is not None or self._app.is_patient(scope)):
                self._later.do(partial(self._start, scope, request, again), NEWCOMER if again is None else REPEATED)
            else:
                self._start(scope, request)
        if self._waiting:
            self.pause_reading()
        elif self._reading is None:
            self.resume_reading()

    def _rest(self) -> None:
        """Wait for the next request."""
        self._idle_since = self._loop.time()
        if self._idle_timer is None:
            self._idle_timer = self._loop.call_later(self._keep_seconds, self._look_whether_idle)

    def _is_between(self) -> bool:
        """Say whether the parser stands between two requests."""
        return self._reading is None and not self._in_head

    def _is_free(self) -> bool:
        """Say whether nothing has to be done before the next request is answered."""
        waits = self._waiting or self._answering is not None
        return not waits and self._writable.is_set() and not self.transport.is_closing()

    def _write_whole(self, status: int, lines: bytes, body: bytes) -> None:
        self.transport.write(beginning(status, self.default_lines, lines, keep_alive=True) + body)
        self._server.total_requests += 1
        self._rest()

    def _take_again(self, known: KnownHead, body: bytes) -> None:
        """Answer a request with a known head at once, or put it in the queue; the parser need not see it."""
        again: Again | None = None
        if self._is_free():
            if self._repeat is None:
                self._repeat = self._prepare(known.scope()) or _NOT_AT_ONCE
            repeat = self._repeat
            if repeat.patient and self._later is not None and not self._later.now(self._loop, REPEATED):
                again = partial(repeat.answer, body)
            elif repeat.answer(body, self._write_whole):
                return
        scope = known.scope()
        request = HttpRequest(self, scope, keep_alive=True, expects=False)
        request.add_body(body)
        request.end_body()
        self._waiting.append((scope, request, again))
        self._go_on()

    def _start(self, scope: Scope, request: HttpRequest, again: Again | None = None) -> None:
        if request.gone:
            return
        try:
            if again is not None and again(request.answer):
                return
            answering = self._begin(scope, request)
        except Exception:
            request.break_off()
            raise
        if answering is not None:
            task = self._loop.create_task(request.run(answering))
            self._server.tasks.add(task)
            task.add_done_callback(self._server.tasks.discard)

    def _as_task(self, scope: Scope, request: HttpRequest) -> Coroutine[Any, Any, None]:
        answering: Coroutine[Any, Any, None] = self._app(scope, request.receive, request.send)
        return answering

    def _check_head(self) -> None:
        """Refuse a head that came in one piece and is too long all the same."""
        size = self._parsed_bytes() if self._head_bytes + self._arrived > HEAD_LIMIT else 0
        if len(self._headers) > HEAD_FIELDS or size > HEAD_LIMIT:
            self._refused = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise ValueError("the head is too long")  # the parser stops, and data_received answers

    def _parsed_bytes(self) -> int:
        return len(self._url) + sum([len(name) + len(value) for name, value in self._headers])

    def _refuse(self, status: HTTPStatus) -> None:
        text = status.phrase.encode()
        self._waiting.clear()
        self.transport.write(
            b"HTTP/1.1 %d %b\r\ncontent-type: text/plain\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
            % (status, text, len(text), text)
        )
        self.transport.close()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _too_slow(self) -> None:
        self._head_timer = None
        if self._in_head:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()  # not one byte came

    def _look_whether_idle(self) -> None:
        """Close a connection on which nothing was asked for long; one timer serves all its requests."""
        self._idle_timer = None
        if self._idle_since is None:
            return  # in use: the end of the next answer starts the clock again
        left = self._idle_since + self._keep_seconds - self._loop.time()
        if left > 0:
            self._idle_timer = self._loop.call_later(left, self._look_whether_idle)
        else:
            self.transport.close()


def _not_at_once(body: bytes, whole: Whole) -> bool:
    del body, whole
    return False


def _understand_nothing(scope: Scope) -> None:
    del scope


_NOT_AT_ONCE = Repeat(_not_at_once)
