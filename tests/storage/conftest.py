"""The databases of the conformance suite: every test that asks for `database` runs on each of them."""

from __future__ import annotations

import pytest

from mapae.accounts.account import Account
from mapae.sessions.session import start
from mapae.storage import accounts, migrate, revocations, sessions
from mapae.storage.database import open_database

NOW_MS = 1_800_000_000_000
NOW = NOW_MS // 1000
UNTIL = NOW + 700

KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]


async def feed_after(database, seq):
    """The entries after `seq`, and the head."""
    reading = await revocations.load_after(database, seq)
    return list(reading.entries), reading.head


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(params=KINDS)
def database_url(request, tmp_path):
    """A database of each kind that nobody else uses, empty."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/mapae.db"
        return
    server = request.getfixturevalue("postgres")
    with server.new_schema() as url:
        yield url


@pytest.fixture
async def empty_database(database_url):
    database = await open_database(database_url)
    yield database
    await database.close()


@pytest.fixture
async def database(empty_database):
    await migrate.apply(empty_database)
    return empty_database


@pytest.fixture
def new_account():
    """Return a maker of accounts, each with a name of its own."""

    def make(name="ada", **fields):
        given = {
            "id": f"account-{name}".ljust(22, "_"),
            "email": f"{name}@example.com",
            "name": name,
            "role": "user",
            "state": "active",
            "epoch": 0,
            "created_ms": NOW_MS,
            "password_hash": f"hash of {name}",
            "password_changed_ms": NOW_MS,
            "language": "en",
        }
        return Account(**(given | fields))

    return make


@pytest.fixture
def new_session():
    """Return a maker of sessions that begin at NOW_MS."""

    def make(account, name="phone", **options):
        times = {"now_ms": NOW_MS, "idle_ms": 86_400_000, "absolute_ms": 10 * 86_400_000}
        return start(
            f"{name}-{account.name}".ljust(22, "_"),
            account.id,
            epoch=account.epoch,
            role=account.role,
            client_id="mapae",
            current=name.encode(),
            device="Firefox · Linux",
            place="203.0.113.*",
            **(times | options),
        )

    return make


@pytest.fixture
async def ada(database, new_account):
    """An account that is in the database."""
    account = new_account()
    await accounts.add_account(database, account)
    return account


@pytest.fixture
async def phone(database, ada, new_session):
    """A session of Ada's."""
    session = new_session(ada)
    await sessions.add_session(database, session)
    return session
