"""An open service over a real database, with a clock that the test moves."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mapae.flows.issue import Tokens
from mapae.flows.open_service import open_service
from mapae.flows.service import Service
from mapae.flows.sign_in import sign_in
from mapae.flows.sign_up import sign_up
from mapae.flows.visitor import Visitor
from mapae.settings import Settings

pytestmark = pytest.mark.anyio


FIREFOX = Visitor("203.0.113.7", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "en")


@dataclass
class Clock:
    """Seconds since 1970, moved by hand."""

    now: float = 2_500_000_000.0  # later than any database's clock, which is not moved by hand

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Person:
    """Somebody with an account."""

    service: Service
    email: str = "jane@example.com"
    password: str = "a horse of bronze, five strong"
    browser: Visitor = FIREFOX

    async def signs_up(self) -> Tokens:
        return await sign_up(self.service, self.email, self.password, visitor=self.browser)

    async def signs_in(self, *, password: str | None = None, address: str | None = None) -> Tokens:
        browser = self.browser if address is None else Visitor(address, self.browser.user_agent, "en")
        return await sign_in(self.service, self.email, password or self.password, visitor=browser)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database(request) -> Iterator[str | None]:
    """The URL of a database of each kind."""
    if request.param == "sqlite":
        yield None
        return
    with request.getfixturevalue("postgres").new_schema() as url:
        yield url


@pytest.fixture
def settings(data: Path, database: str | None) -> Settings:
    # The cheapest bcrypt there is: what it costs is tested where passwords are.
    return Settings(data=data, database=database, bcrypt_cost=4, hash_threads=2, hash_queue_seconds=60)


@pytest.fixture
async def service(settings: Settings, clock: Clock) -> AsyncIterator[Service]:
    async with open_service(settings, clock=clock) as opened:
        yield opened


@pytest.fixture
def jane(service: Service) -> Person:
    return Person(service)


@pytest.fixture
def person(service: Service) -> type[Person]:
    return Person
