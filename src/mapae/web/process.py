"""One process of the server: granian's network threads hand requests to our own event loop.

SIGTERM makes /readyz fail, leaves load balancers a moment to notice, then closes the port and lets what is in flight
finish. SIGINT does the same without the moment.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.server.embed import Server

from mapae.errors import Mistake, SettingsRefused
from mapae.flows.admin_link import admin_exists, create_admin_link
from mapae.flows.service import Service
from mapae.settings import Settings
from mapae.web.app import MapaeApp, create_app
from mapae.web.logs import error_fields, open_log, route_logging
from mapae.web.metrics import SharedNumbers

EXIT_OK, EXIT_FAILED = 0, 1
BACKLOG = 1024
NOTICE_SECONDS = 0.5
"""From SIGTERM to the closing of the port: long enough for a health check of a local proxy."""
DRAIN_SECONDS = 30.0
"""How long requests in flight may take to finish."""


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
    """Make sure that the address is free: several sockets may share a port, so granian would not notice.

    Raises:
        SettingsRefused: it is not, or this machine has no such address.
    """
    try:
        for family, kind, _, _, address in socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            with socket.socket(family, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
                probe.listen(1)
    except OSError as error:
        cure = "stop the other program, or choose another port with --port or MAPAE_PORT"
        what = f"cannot listen on {settings.host} port {settings.port} ({error.strerror}); {cure}"
        raise SettingsRefused([Mistake(settings.origin("port"), "port", what)]) from None


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
    server = _granian(app, settings)
    route_logging(log)
    async with app.running() as service:
        drain = _Drain(app, server)
        drain.listen(orphaned)
        link = await set_up_link(service) if say is not None else None
        serving = asyncio.create_task(server.serve(), name="mapae-serve")
        await _until_it_answers(settings, serving)
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


def _granian(app: MapaeApp, settings: Settings) -> Server:
    try:
        return Server(
            app,
            settings.host,
            settings.port,
            interface=Interfaces.ASGINL,
            http=HTTPModes.auto,
            websockets=False,
            backlog=BACKLOG,
            log_enabled=False,
            ssl_cert=_path(settings.tls_cert),
            ssl_key=_path(settings.tls_key),
            ssl_protocol_min=SSLProtocols.tls12,
        )
    except OSError as error:  # ssl.SSLError is one too
        what = f"cannot be used with the key {settings.tls_key} ({error.strerror}); give a PEM chain and its own key"
        raise SettingsRefused([Mistake(settings.origin("tls_cert"), "tls_cert", what)]) from None


def _path(path: Path | str | None) -> Path | None:
    return None if path is None else Path(path)


async def _until_it_answers(settings: Settings, serving: asyncio.Task[None]) -> None:
    """Wait until the port accepts connections, or the server has failed to start."""
    any_address = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
    host = any_address.get(settings.host, settings.host)
    while not serving.done():
        try:
            _, writer = await asyncio.open_connection(host, settings.port)
        except OSError:
            await asyncio.sleep(0.005)
            continue
        writer.close()
        return
    serving.result()


class _Drain:
    """Ends the server on a signal: not ready, then no new connections, then done."""

    def __init__(self, app: MapaeApp, server: Server) -> None:
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
        self._server.stop()  # type: ignore[no-untyped-call]
