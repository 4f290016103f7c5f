"""Real server processes for experiments: on free ports of 127.0.0.1, ended whatever happens, by their process id."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

HOST = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 10.0
LOOK_EVERY = 0.02
_TAIL = 800
_dice = random.SystemRandom()  # nobody who seeds the other one makes two processes choose alike


class LabFailed(Exception):
    """An experiment cannot go on; the text says why."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on.

    One that the system gives away by itself may have another owner by the time it is used; below 32,768 it gives none.

    Raises:
        LabFailed: there is none.
    """
    for _ in range(1000):
        port = _dice.randrange(10_000, 32_768)
        with suppress(OSError), socket.create_server((HOST, port)):
            return port
    raise LabFailed("no port from 10,000 to 32,767 is free")


@dataclass
class Server:
    """A process of a group of its own that listens on `port`.

    Attributes:
        name: what to call it in messages.
        log: the file that has what it writes to standard output and standard error.
    """

    name: str
    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self.port}"

    @property
    def runs(self) -> bool:
        """Whether its process has not ended."""
        return self.process.poll() is None

    def processor_seconds(self) -> float:
        """Return how much processor time its process has used; 0 where the system does not tell, or it has ended."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime, stime: proc_pid_stat(5)

    def kill(self) -> None:
        """End it and its children with SIGKILL, at once, and wait until it is gone."""
        self._signal(signal.SIGKILL)
        self.process.wait()

    async def stop(self) -> None:
        """End it with SIGTERM, and with SIGKILL where that does not end it within some seconds."""
        self._signal(signal.SIGTERM)
        until = monotonic() + STOP_SECONDS
        try:
            while self.runs and monotonic() < until:  # noqa: ASYNC110 - a process that ends sets no event
                await asyncio.sleep(LOOK_EVERY)
        finally:
            self.kill()

    def _signal(self, number: signal.Signals) -> None:
        if self.runs:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def said(self) -> str:
        """Return the last words of its log."""
        return self.log.read_text(errors="replace")[-_TAIL:].strip()


def launch(
    name: str, command: Sequence[str | Path], *, folder: Path, port: int, environment: Mapping[str, str] | None = None
) -> Server:
    """Start `command` in `folder`, which is made where it is missing; it is not waited for.

    Args:
        environment: instead of this process's own.

    Raises:
        LabFailed: the program cannot be started.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "log"
    with log.open("ab") as output:
        try:
            process = subprocess.Popen(  # noqa: S603 - programs of this experiment, and no shell
                [str(part) for part in command],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C reaches us alone, and we end it
            )
        except OSError as error:
            raise LabFailed(f"{name} cannot be started: {error.strerror}") from None
    return Server(name, process, port, log)


async def until_it_answers(server: Server, path: str, *, seconds: float = START_SECONDS) -> None:
    """Wait until `GET path` is answered with 200.

    Raises:
        LabFailed: the process ended, or did not answer in time; the text has the last words of its log.
    """
    until = monotonic() + seconds
    while await status_of(server.port, path) != 200:
        if not server.runs:
            raise LabFailed(f"{server.name} ended with code {server.process.returncode}: {server.said()}")
        if monotonic() > until:
            raise LabFailed(f"{server.name} did not answer within {seconds:.0f} s: {server.said()}")
        await asyncio.sleep(LOOK_EVERY)


async def status_of(port: int, path: str) -> int | None:
    """Return the status with which `GET path` is answered on a connection of its own; None where nothing answers."""
    request = f"GET {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n\r\n".encode()
    try:
        async with asyncio.timeout(2):
            reading, writing = await asyncio.open_connection(HOST, port)
            try:
                writing.write(request)
                return int((await reading.readline())[9:12])
            finally:
                writing.close()
    except (OSError, ValueError, TimeoutError):
        return None


def environment_for(folder: Path, *, port: int, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a Mapae whose files lie in `folder`: `settings`, and none that this process has."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("MAPAE_")}
    own |= {"MAPAE_PORT": str(port), "MAPAE_ISSUER": f"http://localhost:{port}", "MAPAE_DATA": str(folder / "data")}
    return own | {"MAPAE_LOG_LEVEL": "error"} | dict(settings)
