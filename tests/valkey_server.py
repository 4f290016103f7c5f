"""A real Valkey or Redis server, and a Sentinel, as processes of their own: whichever program the machine has."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from servers import free_port

WAIT_SECONDS = 30


@dataclass
class ValkeyServer:
    """A server on a port of its own, whose files lie in `folder`."""

    program: Path
    folder: Path
    password: str = ""
    port: int = field(default_factory=free_port)
    more: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What the setting `board` says."""
        return f"redis://{f':{self.password}@' if self.password else ''}127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, on the same port as before, and return once it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [str(self.program), *self._arguments()]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.ask("PING", seconds=WAIT_SECONDS)

    def _arguments(self) -> list[str]:
        own = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", *self.more]
        return [*own, *(["--requirepass", self.password] if self.password else [])]

    def ask(self, *words: str, seconds: float = 5) -> str:
        """Send one command and return the first line of the answer, waiting for a server that is starting."""
        until = time.monotonic() + seconds
        while True:
            assert self.process.poll() is None, (self.folder / "log").read_text()
            try:
                return self._ask(words)
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)

    def _ask(self, words: tuple[str, ...]) -> str:
        login = ("AUTH", self.password) if self.password else ("PING",)
        with socket.create_connection(("127.0.0.1", self.port), timeout=2) as line, line.makefile("rb") as answers:
            for command in (login, words):
                line.sendall(" ".join(command).encode() + b"\r\n")
            answers.readline()
            first = answers.readline().decode().strip()
        if not first or first.startswith("-LOADING"):
            raise ConnectionResetError
        return first

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def pause(self) -> None:
        """Stop its clock: connections stay open, and nothing answers."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self.process.pid, signal.SIGCONT)


@dataclass
class Sentinel(ValkeyServer):
    """A Sentinel that knows one server by the name `board`."""

    watched: int = 0

    def _arguments(self) -> list[str]:
        configuration = self.folder / "sentinel.conf"
        configuration.write_text(
            f"port {self.port}\nbind 127.0.0.1\nsentinel monitor board 127.0.0.1 {self.watched} 1\n"
            "sentinel down-after-milliseconds board 500\n"
        )
        return [str(configuration), "--sentinel"]


@contextmanager
def running(server: ValkeyServer) -> Iterator[ValkeyServer]:
    """Start it, and kill it at the end whatever happened to it."""
    server.start()
    try:
        yield server
    finally:
        server.kill()
