"""The composition root: settings in, one ASGI application out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Coroutine, Iterator, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import lru_cache
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mapae.errors import MapaeError
from mapae.flows.follow import follow
from mapae.flows.open_service import open_service
from mapae.flows.service import Service
from mapae.flows.watch_gate import watch_gate
from mapae.settings import Settings
from mapae.web import event_loop, pages
from mapae.web.answers import JSON_TYPE, Answer, Receive, Repeat, Scope, Send, Whole
from mapae.web.calls import Call, Operation
from mapae.web.exchange import Edge, Exchange
from mapae.web.headers import API_HEADERS, headers_for
from mapae.web.http_request import HttpRequest
from mapae.web.later import Later
from mapae.web.logs import Log, error_fields, open_log
from mapae.web.metrics import MetricsPage, SharedNumbers, metrics_operation
from mapae.web.openapi import openapi_document
from mapae.web.operations import OPERATIONS
from mapae.web.problems import Words
from mapae.web.refusals import NotReady, PathUnknown
from mapae.web.routing import Found, Table

API_PREFIX = "/v1/"
"""Below it an unknown path is answered with a problem document; everywhere else with a page."""
_METADATA_PATH = "/.well-known/oauth-authorization-server"


def create_app(settings: Settings, *, log: Log | None = None, shared: SharedNumbers | None = None) -> MapaeApp:
    """Return the whole service as an ASGI application; whoever runs its lifespan opens it.

    Args:
        log: where lines go; standard output when None.
        shared: where the workers of one server leave their numbers for each other.
    """
    return MapaeApp(settings, log=log or open_log(settings), metrics=MetricsPage(shared))


class MapaeApp:
    """The whole service as an ASGI application.

    Run it under any ASGI server, whose lifespan opens the service, or open it yourself: `async with app.running()`.

    Attributes:
        service: the open service; None before the start and after the end.
        later: what other requests go before.
        draining: the process is stopping; `/readyz` says so.
    """

    def __init__(self, settings: Settings, *, log: Log, metrics: MetricsPage) -> None:
        """Prepare the application; nothing is opened yet."""
        self.settings = settings
        self.log = log
        self.service: Service | None = None
        self.later = Later()
        self._draining = False
        self._metrics = metrics
        self._base = urlsplit(settings.issuer).path.rstrip("/")
        self._table = Table((*_operations(self._base), metrics_operation(metrics)))
        headers = headers_for(API_HEADERS, issuer=settings.issuer)
        self._edge = Edge(issuer=settings.issuer, log=log, headers=headers)
        self._trusted = tuple(ip_network(proxy, strict=False) for proxy in settings.trusted_proxies)
        pages.assets_for(settings.accent)  # an accent that nobody could read stops the start
        self._pages = Starlette(
            routes=pages.routes(), exception_handlers={HTTPException: _explain, Exception: _explain}
        )

    @property
    def draining(self) -> bool:
        """Whether the process is stopping."""
        return self._draining

    @draining.setter
    def draining(self, stopping: bool) -> None:
        self._draining = stopping
        if stopping and self.service is not None:
            self.service.feed.close()  # whoever waits for news must not hold up the end

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Service]:
        """Open the service and keep its view of revocations and keys fresh until the end.

        Raises:
            FileExposed, StorageFailed: see `open_service`.
        """
        async with open_service(self.settings) as service:
            self._adopt(service)
            self.later = Later(clock_stands_still=event_loop.clock_stands_still())
            tasks = [
                asyncio.create_task(follow(service), name="mapae-follow"),
                asyncio.create_task(watch_gate(service), name="mapae-gate"),
                asyncio.create_task(self._metrics.keep_leaving(service), name="mapae-metrics"),
            ]
            try:
                yield service
            finally:
                self.service = None
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                self.log.flush()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or follow the server's start and end (ASGI)."""
        match scope["type"]:
            case "http":
                await self._serve(scope, receive, Exchange(self._edge, scope, send))
            case "lifespan":
                await self._live(receive, send)
            case "websocket":
                await send({"type": "websocket.close", "code": 1000})
            case _:
                raise ValueError("this server speaks a protocol that Mapae does not")

    def is_patient(self, scope: Scope) -> bool:
        """Say whether other requests that are ready go before this one."""
        found = self._table.exact(scope["method"], scope["path"])
        return found is not None and found.patient

    def begin(self, scope: Scope, request: HttpRequest) -> Coroutine[Any, Any, None] | None:
        """Answer a request of our own server at once; where that has to wait for something, return what will answer."""
        exchange = Exchange(self._edge, scope, request.send, request.answer)
        found = self._table.exact(scope["method"], scope["path"])
        if found is None or found.at_once is None or self.service is None:
            return self._serve(scope, request.receive, exchange)
        exchange.route = found.path
        call = Call(self.service, scope, request.receive, self._trusted, draining=self.draining)
        answer, code = exchange.attempt(found.at_once, call)
        if isinstance(answer, Answer):
            exchange.answer_whole(request.answer, answer, code=code)
            return None
        if answer is None:
            return self._serve(scope, request.receive, exchange)
        return _answered(exchange, answer, refused_pointer=found.refused_pointer)

    def prepare(self, scope: Scope) -> Repeat | None:
        """Return what answers requests that repeat a head, without reading it again; None where it is to be read."""
        found, service = self._table.exact(scope["method"], scope["path"]), self.service
        if found is None or found.prepare is None or service is None:
            return None
        route = found.path
        try:
            answer_to = found.prepare(Call(service, scope, _from_nobody, self._trusted))
        except MapaeError:
            return None  # whoever reads the head says what is wrong with it

        def answer_again(body: bytes, whole: Whole) -> bool:
            if self.service is not service:
                return False
            exchange = Exchange(self._edge, scope, _to_nobody)
            exchange.route = route
            answer, code = exchange.attempt(answer_to, body)
            if answer is None:
                return False
            exchange.answer_whole(whole, answer, code=code)
            return True

        return Repeat(answer_again, found.patient)

    def _adopt(self, service: Service) -> None:
        self.service = self._pages.state.service = service
        self._edge.count_in(service.tally)

    async def _serve(self, scope: Scope, receive: Receive, exchange: Exchange) -> None:
        try:
            service, found = self._find(scope)
            if found is None:
                await self._show_page(scope, receive, exchange)
                return
        except Exception as error:  # noqa: BLE001 - every error becomes an answer
            await exchange.refuse(error)
            return
        operation, parameters = found
        exchange.route = operation.path
        call = Call(service, scope, receive, self._trusted, parameters, self.draining)
        await _answered(exchange, operation.run(call), refused_pointer=operation.refused_pointer)

    def _find(self, scope: Scope) -> tuple[Service, Found | None]:
        path = self._local_path(scope)
        if self.service is None:
            raise NotReady
        found = self._table.find(scope["method"], path)
        if found is None and path.startswith(API_PREFIX):
            raise PathUnknown
        return self.service, found

    async def _show_page(self, scope: Scope, receive: Receive, exchange: Exchange) -> None:
        failure: Exception | None = None
        try:
            await self._pages(scope, receive, exchange.forward)
        except Exception as error:  # noqa: BLE001 - it is answered or logged below
            failure = error
        exchange.route = getattr(scope.get("route"), "path", exchange.route)
        await exchange.forwarded(failure)

    def _local_path(self, scope: Scope) -> str:
        """Return the path below the issuer's own, whether a proxy stripped that, an application mounts us, or not."""
        path: str = scope["path"]
        if root := scope.get("root_path"):
            return path.removeprefix(root)
        if self._base and (path == self._base or path.startswith(f"{self._base}/")):
            scope["root_path"] = self._base
            scope["path"] = path if path != self._base else f"{path}/"
            return path.removeprefix(self._base)
        return path

    async def _live(self, receive: Receive, send: Send) -> None:
        async with AsyncExitStack() as stack:
            await receive()
            try:
                await stack.enter_async_context(self.running())
            except (MapaeError, OSError) as error:
                self.log.line("error", "start failed", **error_fields(error))
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            await send({"type": "lifespan.startup.complete"})
            await receive()
            self.draining = True
        await send({"type": "lifespan.shutdown.complete"})


async def _from_nobody() -> MutableMapping[str, Any]:
    raise RuntimeError("a head alone has no body")


async def _to_nobody(message: MutableMapping[str, Any]) -> None:
    raise RuntimeError(f"an answer to a repeated head is given whole, not by {message['type']}")


async def _answered(exchange: Exchange, answering: Awaitable[Answer], *, refused_pointer: str = "/password") -> None:
    try:
        answer = await answering
    except Exception as error:  # noqa: BLE001 - every error becomes an answer
        await exchange.refuse(error, refused_pointer=refused_pointer)
        return
    await exchange.answer(answer)


def _operations(base: str) -> Iterator[Operation]:
    """Yield every operation, with RFC 8414 §3.1's address of the metadata of an issuer that has a path."""
    for operation in (*OPERATIONS, OPENAPI):
        yield operation
        if base and operation.path == _METADATA_PATH:
            yield replace(operation, path=_METADATA_PATH + base)


def _explain(request: Request, error: Exception) -> Response:
    return pages.render_problem(request, error)


@lru_cache(maxsize=4)
def _openapi_bytes(settings: Settings) -> bytes:
    return msgspec.json.encode(openapi_document(settings))


async def _show_openapi(call: Call) -> Answer:
    headers = (JSON_TYPE, (b"cache-control", b"public, max-age=300"), (b"access-control-allow-origin", b"*"))
    return Answer(200, _openapi_bytes(call.service.settings), headers)


OPENAPI = Operation(
    method="GET",
    path="/openapi.json",
    name="openapi",
    summary=Words("This document.", "이 문서예요."),
    run=_show_openapi,
    access="none",
)
