"""What every test may ask for. The outside programs are found by tools/prepare_tests.py; `make test` runs it first."""

import asyncio
import gc
import json
import os
import re
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from postgres_server import PostgresServer, shared_server
from valkey_server import ValkeyServer, running

# Each property is tried on many examples in `make test`, on a few in `make check`. A slow machine is no failure.
settings.register_profile("full", deadline=None)
settings.register_profile("check", deadline=None, max_examples=15)
settings.load_profile("full")

# Coverage is of the processes that run the tests, not of what they start: a traced server is another server.
if "PYTEST_XDIST_WORKER" in os.environ:
    for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
        del os.environ[name]

# A shell without job control has what it starts in the background ignore Ctrl-C, and so would all that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A thread that begins to be traced while another does cannot start (in Python 3.11), and with it a server's hash pool.
threading.settrace(None)  # type: ignore[arg-type]

ROOT = Path(__file__).resolve().parent.parent
FOUND = ROOT / ".cache" / "tests.json"
ALL_SLOW = re.compile(r"^pytestmark = .*\bmark\.slow\b", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not import a file only to leave all of its tests out: some bring libraries that take a second to load."""
    if config.option.markexpr == "not slow" and collection_path.suffix == ".py":
        return True if ALL_SLOW.search(collection_path.read_text("utf-8")) else None
    return None


def pytest_collection_finish() -> None:
    """Let the collector of cycles pass over all that was imported and collected, which lives as long as the run."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _prepared(name: str) -> Path:
    """The path of an outside program, or a skip that says which one is missing and why."""
    if not FOUND.exists():
        pytest.skip(f"no {name}: tools/prepare_tests.py has not run here (make test does)")
    prepared = json.loads(FOUND.read_text())
    if name not in prepared["found"]:
        pytest.skip(f"no {name}: {prepared['missing'][name]}")
    return Path(prepared["found"][name])


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database with all migrations and no rows: to copy it takes a tenth of the time of making it."""
    from mapae.storage import migrate
    from mapae.storage.database import open_database

    path = tmp_path_factory.mktemp("migrated") / "mapae.db"

    async def make() -> None:
        database = await open_database(f"sqlite:///{path}")
        await migrate.apply(database)
        await database.close()

    asyncio.run(make())
    return path


@pytest.fixture
def data(tmp_path: Path, migrated: Path) -> Path:
    """A data directory with nothing but a database that has all migrations."""
    folder = tmp_path / "mapae-data"
    folder.mkdir(mode=0o700)
    shutil.copy(migrated, folder)
    return folder


@pytest.fixture(scope="session")
def node() -> Path:
    """A Node of version 20 or newer."""
    return _prepared("node")


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The folder with jose, jsonwebtoken and axe-core: hand it to Node as the parent of its script, or as NODE_PATH."""
    return _prepared("node_modules")


@pytest.fixture(scope="session")
def chromium_path(node: Path) -> Path:
    """A headless Chromium that has been seen to start; its launcher brings its own flags, libraries and Korean font."""
    os.environ["PLAYWRIGHT_NODEJS_PATH"] = str(node)  # as it was started when it was tried
    return _prepared("chromium")


@pytest.fixture(scope="session")
def valkey_program() -> Path:
    """A Valkey or Redis server's program; `tests/valkey_server.py` starts it."""
    return _prepared("valkey_server")


@pytest.fixture
def valkey(valkey_program: Path, tmp_path: Path):
    """A Valkey or Redis server of this test's own."""
    with running(ValkeyServer(valkey_program, tmp_path / "valkey")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_programs() -> Path:
    """The folder with the programs of PostgreSQL 15 or newer; `tests/postgres_server.py` starts a server."""
    return Path(named) if (named := os.environ.get("MAPAE_POSTGRES")) else _prepared("postgres")


@pytest.fixture(scope="session")
def postgres(postgres_programs: Path) -> Iterator[PostgresServer]:
    """A PostgreSQL that all tests of this run share; what they write need not survive it."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    with shared_server(postgres_programs, run) as server:
        yield server


@pytest.fixture(scope="session")
def validators() -> Path:
    """The folder with the schemas of Kubernetes and of compose files, and with hadolint."""
    return _prepared("validators")


@pytest.fixture
def measured(request) -> Callable[[str, object], None]:
    """Put a figure into the summary at the end: `measured("ready in ms", 812)`."""
    return lambda name, value: request.node.user_properties.append((name, value))


def pytest_terminal_summary(terminalreporter) -> None:
    """List what the tests measured."""
    figures = [each for report in terminalreporter.stats.get("passed", ()) for each in report.user_properties]
    if figures:
        terminalreporter.section("measured")
        for name, value in sorted(figures):
            terminalreporter.write_line(f"{name}: {value}")
