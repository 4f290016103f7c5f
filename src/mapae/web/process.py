"""One process of the server: uvicorn on our own event loop.

SIGTERM makes /readyz fail, leaves load balancers a moment to notice, then closes the port and lets what is in flight
finish. SIGINT does the same without the moment.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import uvicorn

from mapae.errors import Mistake, SettingsRefused
from mapae.flows.admin_link import admin_exists, create_admin_link
from mapae.flows.service import Service
from mapae.settings import Settings
from mapae.web.app import MapaeApp, create_app
from mapae.web.http_protocol import PoliteHttp
from mapae.web.logs import error_fields, open_log, route_logging
from mapae.web.metrics import SharedNumbers

EXIT_OK, EXIT_FAILED = 0, 1
BACKLOG = 1024
NOTICE_SECONDS = 0.5
"""From SIGTERM to the closing of the port: long enough for a health check of a local proxy."""
DRAIN_SECONDS = 30.0
"""How long requests in flight may take to finish."""
KEEP_ALIVE_SECONDS = 75
"""How long a connection may be idle: longer than load balancers keep theirs, so that they close first."""


@dataclass(frozen=True, slots=True)
class Started:
    """What is told once the server answers.

    Attributes:
        address: where it listens.
        issuer: its public URL.
        set_up_link: opens the first administrator's account once, within 30 minutes; None when there is one.
    """

    address: str
    issuer: str
    workers: int
    set_up_link: str | None


def check_address(settings: Settings) -> None:
    """Make sure that the address is free, before anything is opened: workers share a port with whoever shares too.

    Raises:
        SettingsRefused: it is not, or this machine has no such address.
    """
    for listening in _listening(settings, shared=False):
        listening.close()


async def set_up_link(service: Service) -> str | None:
    """Return a fresh set-up link when the server has no administrator."""
    return None if await admin_exists(service) else await create_admin_link(service)


async def serve_here(
    settings: Settings,
    *,
    say: Callable[[Started], None] | None,
    shared: SharedNumbers | None = None,
    ready: Callable[[], None] | None = None,
    orphaned: int | None = None,
) -> int:
    """Serve in this process until a signal ends it; return the exit code.

    Args:
        ready: called once requests are answered.
        orphaned: a file descriptor that ends when the parent process does; None for a process on its own.
    """
    log = open_log(settings)
    app = create_app(settings, log=log, shared=shared)
    server = _Server(_config(app, settings))
    route_logging(log)
    async with app.running() as service:
        drain = _Drain(app, server)
        drain.listen(orphaned)
        link = await set_up_link(service) if say is not None else None
        listening = _listening(settings, shared=settings.workers > 1)
        serving = asyncio.create_task(server.serve(sockets=listening), name="mapae-serve")
        await server.until_it_answers(serving)
        gc.collect()
        gc.freeze()  # what start-up made stays; the collector need not look at it again
        if say is not None:
            say(Started(address_of(settings), settings.issuer, settings.workers, link))
        if ready is not None:
            ready()
        log.line("info", "started", address=address_of(settings))
        code = await drain.finish(serving)
        log.line("info", "stopped", code=str(code))
    return code


def address_of(settings: Settings) -> str:
    """Return the URL of the address that is listened on."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{'https' if settings.tls_cert else 'http'}://{host}:{settings.port}"


class _Server(uvicorn.Server):
    """uvicorn, which leaves the signals to us and says when it answers."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals as they are."""
        yield

    def end(self) -> None:
        """Take no new connections, finish what is in flight, and let `serve` return."""
        self.should_exit = True

    async def until_it_answers(self, serving: asyncio.Task[None]) -> None:
        """Wait until the port accepts connections; raise what ended `serving` before."""
        while not self.started:
            if serving.done():
                serving.result()
            await asyncio.sleep(0.001)


def _config(app: MapaeApp, settings: Settings) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http=PoliteHttp,
        ws="none",
        loop="none",  # ours is running already
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # web/requests.py decides which proxies to believe
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )
    try:
        config.load()
    except OSError as error:  # ssl.SSLError is one too
        what = f"cannot be used with the key {settings.tls_key} ({error.strerror}); give a PEM chain and its own key"
        raise SettingsRefused([Mistake(settings.origin("tls_cert"), "tls_cert", what)]) from None
    return config


def _listening(settings: Settings, *, shared: bool) -> list[socket.socket]:
    """Bind the address; `shared` with other workers of this server, among whom the kernel divides the connections.

    Raises:
        SettingsRefused: it is taken, or this machine has no such address.
    """
    sockets: list[socket.socket] = []
    try:
        for family, kind, _, _, address in socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            listening = socket.socket(family, kind)
            sockets.append(listening)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shared:
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listening.bind(address)
            listening.listen(BACKLOG)
    except OSError as error:
        for listening in sockets:
            listening.close()
        cure = "stop the other program, or choose another port with --port or MAPAE_PORT"
        what = f"cannot listen on {settings.host} port {settings.port} ({error.strerror}); {cure}"
        raise SettingsRefused([Mistake(settings.origin("port"), "port", what)]) from None
    return sockets


class _Drain:
    """Ends the server on a signal: not ready, then no new connections, then done."""

    def __init__(self, app: MapaeApp, server: _Server) -> None:
        self._app, self._server = app, server
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()

    def listen(self, orphaned: int | None) -> None:
        """Begin to end the server when a signal comes, or the parent process goes."""
        self._loop.add_signal_handler(signal.SIGTERM, self._begin, NOTICE_SECONDS)
        if orphaned is None:
            self._loop.add_signal_handler(signal.SIGINT, self._begin, 0)
        else:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it too, and tells us with SIGTERM
            self._loop.add_reader(orphaned, self._orphaned, orphaned)

    async def finish(self, serving: asyncio.Task[None]) -> int:
        """Wait for the end; what is still in flight after `DRAIN_SECONDS` is cut off."""
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        wanted = stopping.done()
        stopping.cancel()
        await asyncio.wait({serving}, timeout=DRAIN_SECONDS if wanted else None)
        if not serving.done():
            self._app.log.line("warning", "cut off", message="requests in flight did not finish in time")
            serving.cancel()
        with suppress(asyncio.CancelledError):
            try:
                await serving
            except Exception as failure:  # noqa: BLE001 - whatever ended the server goes to the log
                self._app.log.line("error", "server failed", **error_fields(failure))
                return EXIT_FAILED
        if not wanted:
            self._app.log.line("error", "server ended", message="nobody asked it to")
            return EXIT_FAILED
        return EXIT_OK

    def _orphaned(self, descriptor: int) -> None:
        self._loop.remove_reader(descriptor)
        self._begin(0)

    def _begin(self, notice: float) -> None:
        if self._app.draining:
            return
        self._app.draining = True
        self._loop.call_later(notice, self._close)

    def _close(self) -> None:
        self._stopping.set()
        self._server.end()
