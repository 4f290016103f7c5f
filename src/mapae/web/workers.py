"""Several worker processes behind one port, and the process that keeps them running."""

from __future__ import annotations

import asyncio
import os
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from mapae.flows.open_service import open_service
from mapae.settings import Settings
from mapae.web import event_loop
from mapae.web.logs import open_log
from mapae.web.metrics import SharedNumbers
from mapae.web.process import EXIT_FAILED, EXIT_OK, Started, address_of, serve_here, set_up_link

ENDING = (signal.SIGTERM, signal.SIGINT)
"""The signals that end the server."""
SHORT_LIFE = 5.0
"""A worker that ends on its own within so many seconds of its start has failed to start."""
LOOK_EVERY = 0.05
"""Seconds between two looks at whether a starting worker has ended."""


def serve_with_workers(settings: Settings, *, say: Callable[[Started], None]) -> int:
    """Serve with `settings.workers` processes until a signal ends it; return the exit code.

    The database is brought up to date before the first worker starts, so that they do not race to do it.
    """
    link = asyncio.run(_prepared(settings))
    Path(settings.data).mkdir(mode=0o700, parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="workers-", dir=settings.data))
    try:
        return _Keeper(settings, directory).run(
            lambda: say(Started(address_of(settings), settings.issuer, settings.workers, link))
        )
    finally:
        shutil.rmtree(directory, ignore_errors=True)


async def _prepared(settings: Settings) -> str | None:
    async with open_service(settings) as service:
        return await set_up_link(service)


class _Keeper:
    """Starts the workers, starts another when one ends, and ends them all."""

    def __init__(self, settings: Settings, directory: Path) -> None:
        self._settings, self._directory = settings, directory
        self._log = open_log(settings)
        self._workers: dict[int, tuple[int, float]] = {}
        self._stopping = False
        self._alive_read, self._alive_write = os.pipe()
        self._ready_read, self._ready_write = os.pipe()

    def run(self, say: Callable[[], None]) -> int:
        """Run the workers until a signal comes; return the exit code."""
        for number in ENDING:
            signal.signal(number, self._stop)
        for index in range(self._settings.workers):
            self._start(index)
        if self._all_answer():
            say()
        failed = False
        while self._workers:
            pid, status = os.wait()
            index, started = self._workers.pop(pid)
            if self._stopping:
                continue
            self._log.line("error", "worker ended", worker=index, code=str(os.waitstatus_to_exitcode(status)))
            if time.monotonic() - started < SHORT_LIFE:
                failed = True
                self._stop()
            else:
                self._start(index)
        return EXIT_FAILED if failed else EXIT_OK

    def _stop(self, number: int = 0, frame: FrameType | None = None) -> None:
        del number, frame
        self._stopping = True
        for pid in self._workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _all_answer(self) -> bool:
        """Wait until every worker has said that it answers, and say whether all did before any ended."""
        said = 0
        while said < self._settings.workers and not self._stopping:
            if os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                return False
            if select.select([self._ready_read], [], [], LOOK_EVERY)[0]:
                said += len(os.read(self._ready_read, self._settings.workers))
        return said == self._settings.workers

    def _start(self, index: int) -> None:
        if self._stopping:
            return
        self._log.flush()
        # A worker starts with our handlers, which end other processes and not itself: until it has laid them down, and
        # until we know its number, a signal has to wait.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        try:
            pid = os.fork()
            if pid == 0:
                self._become(index)
            self._workers[pid] = (index, time.monotonic())
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _become(self, index: int) -> NoReturn:
        code = EXIT_FAILED
        try:
            for number in ENDING:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
            os.close(self._alive_write)
            os.close(self._ready_read)
            code = event_loop.run(
                serve_here(
                    self._settings,
                    say=None,
                    shared=SharedNumbers(self._directory, index),
                    ready=self._say_ready,
                    orphaned=self._alive_read,
                )
            )
        except BaseException:  # noqa: BLE001 - nothing may return into the parent's code
            traceback.print_exc(file=sys.stderr)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _say_ready(self) -> None:
        os.write(self._ready_write, b"+")
