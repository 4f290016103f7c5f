"""The real application over a real SQLite file, called in this process."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import ClassVar

import httpx2
import pytest

from mapae.settings import Settings
from mapae.web.app import MapaeApp, create_app


class Api(httpx2.AsyncClient):
    """A program that calls the API."""

    EMAIL, PASSWORD = "jane@example.com", "a horse of bronze, five strong"
    OWN_ORIGIN: ClassVar = {"sec-fetch-site": "same-origin"}

    def __init__(self, app: MapaeApp, *, address: str = "203.0.113.7") -> None:
        super().__init__(
            transport=httpx2.ASGITransport(app=app, client=(address, 5000), raise_app_exceptions=True),
            base_url="https://id.example.com",
            headers={"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
        )

    async def sign_up(self, email: str = EMAIL, password: str = PASSWORD, **fields: str) -> httpx2.Response:
        return await self.post("/v1/sign-up", json={"email": email, "password": password, **fields})

    async def sign_in(self, email: str = EMAIL, password: str = PASSWORD, **fields: str) -> httpx2.Response:
        return await self.post("/v1/sign-in", json={"email": email, "password": password, **fields})

    async def refresh(self, token: str) -> httpx2.Response:
        return await self.post("/v1/refresh", json={"refresh_token": token})

    async def signed_up(self, email: str = EMAIL) -> dict[str, str]:
        """Open an account and return its tokens."""
        answer = await self.sign_up(email)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def signed_in(self, email: str = EMAIL, password: str = PASSWORD) -> dict[str, str]:
        """Sign in and return the tokens."""
        answer = await self.sign_in(email, password)
        assert answer.status_code == 200, answer.text
        return answer.json()

    @staticmethod
    def bearer(tokens: dict[str, str]) -> dict[str, str]:
        """The header that carries an access token."""
        return {"authorization": f"Bearer {tokens['access_token']}"}

    @staticmethod
    def problem(answer: httpx2.Response) -> dict[str, object]:
        """The problem of an answer, once it is a proper one (RFC 9457)."""
        assert answer.headers["content-type"] == "application/problem+json", answer.text
        assert answer.headers["cache-control"] == "no-store"
        document = json.loads(answer.content)
        assert document["status"] == answer.status_code
        assert document["type"] == f"https://id.example.com/problems/{document['code']}"
        assert document["instance"] == answer.headers["x-request-id"]
        assert document["title"]
        assert document["detail"]
        return document

    def refusal(self, answer: httpx2.Response) -> tuple[int, object]:
        """The status and the code of a problem."""
        return answer.status_code, self.problem(answer)["code"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def settings(data: Path) -> Settings:
    # The cheapest bcrypt there is: what it costs is tested where passwords are.
    return Settings(
        issuer="https://id.example.com",
        data=data,
        bcrypt_cost=4,
        hash_threads=2,
        hash_queue_seconds=60,
        log_level="error",
    )


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[MapaeApp]:
    made = create_app(settings)
    async with made.running():
        yield made


@pytest.fixture
async def api(app: MapaeApp) -> AsyncIterator[Api]:
    async with Api(app) as client:
        yield client


@pytest.fixture
async def browser(app: MapaeApp) -> AsyncIterator[Api]:
    """A second client, which keeps the cookies it gets and says that its own pages send the requests."""
    async with Api(app) as client:
        client.headers.update(client.OWN_ORIGIN)
        yield client


SERVE = """
import json, sys
from pathlib import Path
from mapae.settings import Settings
from mapae.web.server import serve
given = json.loads(sys.argv[1])
paths = {name: Path(given[name]) for name in ("data", "tls_cert", "tls_key") if name in given}
sys.exit(serve(Settings(**given | paths)))
"""


class Server:
    """A server in a process of its own."""

    def __init__(self, settings: dict[str, object], folder: Path) -> None:
        self.port = settings["port"]
        self.url = f"{'https' if 'tls_cert' in settings else 'http'}://127.0.0.1:{self.port}"
        self.output, self.talk = folder / f"{self.port}.out", folder / f"{self.port}.err"
        with self.output.open("wb") as output, self.talk.open("wb") as talk:
            started = [sys.executable, "-W", "error", "-c", SERVE, json.dumps(settings)]
            self.process = subprocess.Popen(started, stdout=output, stderr=talk)
        self.pid = self.process.pid

    def wait_until_ready(self) -> None:
        """Return once the server has said where it listens, or has ended."""
        deadline = time.monotonic() + 60
        while "listens on" not in self.talk.read_text() and self.process.poll() is None:
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.01)

    def ends(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers on free ports of this machine, and ends those that a test leaves behind."""
    started = []

    def start(**settings: object) -> Server:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        given = {
            "port": port,
            "issuer": f"http://localhost:{port}",
            "data": str(tmp_path / "mapae-data"),
            "bcrypt_cost": 4,
        }
        started.append(Server(given | settings, tmp_path))
        started[-1].wait_until_ready()
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()
