"""A real `mapae serve` as a process of its own, and a plain HTTP client for it, for every test that needs one."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from typing import Self

from mapae.lab import servers as of_the_lab

MAPAE = [sys.executable, "-m", "mapae"]
START_SECONDS = 30
STOP_SECONDS = 40
PASSWORD = "a horse of bronze, five strong"
free_port = of_the_lab.free_port


def environment(data: Path, port: int, **settings: str) -> dict[str, str]:
    """Return the environment of a server: none of this shell's settings, cheap hashes, nobody refused for waiting."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MAPAE_", "COVERAGE_"))}
    own |= {"MAPAE_PORT": str(port), "MAPAE_ISSUER": f"http://localhost:{port}", "MAPAE_DATA": str(data)}
    own |= {"MAPAE_BCRYPT_COST": "10", "MAPAE_LOG_LEVEL": "error", "MAPAE_HASH_QUEUE_SECONDS": "30s"}
    return own | settings


def run_mapae(*args: str, settings: dict[str, str], folder: Path, give: str = "") -> subprocess.CompletedProcess[str]:
    """Run one command line to its end."""
    return subprocess.run(
        [*MAPAE, *args],
        cwd=folder,
        env=settings,
        input=give,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def members(self):
        """The members of its JSON body."""
        return json.loads(self.body)

    @property
    def worker(self) -> str:
        """Names the process that answered, the same for all its answers."""
        return self.headers["x-request-id"].partition("-")[0]


class Connection:
    """One kept-alive connection to a server, opened by the first request."""

    def __init__(self, port: int, *, address: str = "", timeout: float = 60) -> None:
        """Prepare a connection.

        Args:
            address: the caller's own, as a trusted proxy would report it.
        """
        self._http = HTTPConnection("127.0.0.1", port, timeout=timeout)
        self._own = {"X-Forwarded-For": address} if address else {}

    def ask(self, method: str, path: str, **more) -> Answer:
        """Send one request and read its whole answer; see `send`."""
        self.send(method, path, **more)
        return self.receive()

    def send(self, method: str, path: str, *, json_body=None, body=None, token="", **headers: str) -> None:
        """Send one request; its answer is left to `receive`.

        Args:
            headers: header fields, with `_` for `-`.
        """
        fields = {name.replace("_", "-"): value for name, value in headers.items()} | self._own
        if json_body is not None:
            body, fields["Content-Type"] = json.dumps(json_body), "application/json"
        if token:
            fields["Authorization"] = f"Bearer {token}"
        self._http.request(method, path, body, fields)

    def receive(self) -> Answer:
        """Read the whole answer to what was sent."""
        answer = self._http.getresponse()
        return Answer(answer.status, answer.msg, answer.read())

    def close(self) -> None:
        """Close it; the next request opens it anew."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def sign_up(self, email: str, password: str = PASSWORD):
        """Open an account and return the members of the answer: its tokens and ids."""
        answer = self.ask("POST", "/v1/sign-up", json_body={"email": email, "password": password})
        assert answer.status == 201, answer.body
        return answer.members

    def sign_in(self, email: str, password: str = PASSWORD):
        """Begin a session and return the members of the answer."""
        answer = self.ask("POST", "/v1/sign-in", json_body={"email": email, "password": password})
        assert answer.status == 200, answer.body
        return answer.members

    def refresh(self, token: str) -> Answer:
        """Present a refresh token."""
        return self.ask("POST", "/v1/refresh", json_body={"refresh_token": token})


@dataclass
class Server:
    """A running `mapae serve`.

    Attributes:
        url: what people would type, and the issuer unless a setting says otherwise.
        settings: its environment.
        said: the lines it wrote to standard error so far; its log is the file `mapae.log` beside the directory.
        ready_seconds: from its start until it answered and said so.
    """

    data: Path
    port: int
    settings: dict[str, str]
    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)
    ready_seconds: float = 0.0
    _news: threading.Condition = field(default_factory=threading.Condition)
    _silent: bool = False

    def __post_init__(self) -> None:
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://localhost:{self.port}"

    @property
    def set_up_link(self) -> str:
        """The link for the first administrator that it printed."""
        return self.line_with("/setup?token=").strip()

    def line_with(self, text: str) -> str:
        """Return the first line with `text`, waiting for it."""
        with self._news:
            found = self._news.wait_for(
                lambda: next((line for line in self.said if text in line), None) or self._silent, START_SECONDS
            )
        assert isinstance(found, str), f"the server did not say {text!r}: {''.join(self.said)}"
        return found

    def connect(self, *, address: str = "", timeout: float = 60) -> Connection:
        """Return a connection to it."""
        return Connection(self.port, address=address, timeout=timeout)

    def mapae(self, *args: str, give: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command beside it, with the same settings."""
        return run_mapae(*args, settings=self.settings, folder=self.data.parent, give=give)

    def stop(self) -> int:
        """End it with SIGTERM and return its exit code; one that has ended already is only read."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            code = self.process.wait(STOP_SECONDS)
        finally:
            self.kill()
        return code

    def kill(self) -> None:
        """End it and its workers with SIGKILL, at once."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._listening.join()
        self.process.stderr.close()

    def _listen(self) -> None:
        for line in self.process.stderr:
            with self._news:
                self.said.append(line)
                self._news.notify_all()
        with self._news:
            self._silent = True
            self._news.notify_all()


def start(data: Path, *, port: int | None = None, **settings: str) -> Server:
    """Start a server on a free port of its own and return it once it answers.

    Args:
        settings: more environment variables, like `MAPAE_WORKERS="2"`.
    """
    port = port or free_port()
    own = environment(data, port, **settings)
    began = time.monotonic()
    with (data.parent / "mapae.log").open("ab") as log:
        process = subprocess.Popen(
            [*MAPAE, "serve"],
            cwd=data.parent,
            env=own,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a group of its own, so that its workers can be killed with it
        )
    server = Server(data, port, own, process)
    try:
        server.line_with("Mapae listens on")  # it says so once every worker answers
        with server.connect() as connection:
            ready = connection.ask("GET", "/readyz")
        assert ready.status == 200, ready.body
    except BaseException:
        server.kill()
        raise
    server.ready_seconds = time.monotonic() - began
    return server


@contextmanager
def serving(data: Path, **settings: str) -> Iterator[Server]:
    """Start a server, and end it with SIGTERM."""
    server = start(data, **settings)
    try:
        yield server
    finally:
        server.stop()
