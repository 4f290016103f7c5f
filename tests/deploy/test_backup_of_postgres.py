"""PostgreSQL beneath a node: its backup is brought back as docs/do/postgresql.md says, and its restart is survived."""

import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from deploy.documents import ROOT
from postgres_server import own_server
from servers import start

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs" / "do" / "postgresql.md"
WRITTEN = "postgresql://mapae@db.example.com/mapae"


def commands() -> dict[str, str]:
    """The commands of the page by the name of their program, the URL left to a variable."""
    found = re.findall(r"^((pg_dump|pg_restore|psql) .*)$", PAGE.read_text(), re.MULTILINE)
    return {name: line.replace(WRITTEN, "$DATABASE") for line, name in found}


@pytest.fixture(scope="module")
def programs(postgres_programs):
    missing = [name for name in commands() if not (postgres_programs / name).exists() and not shutil.which(name)]
    if missing:
        pytest.skip(f"no {', '.join(missing)} beside this PostgreSQL")
    return postgres_programs


def run(name: str, programs, folder, url: str) -> None:
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "DATABASE": url}
    done = subprocess.run(
        ["sh", "-ec", commands()[name]], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_page_says_how_to_dump_to_restore_and_to_name_the_feed_anew():
    assert commands().keys() == {"pg_dump", "pg_restore", "psql"}


def test_a_backup_brings_accounts_and_sessions_back(programs, postgres, tmp_path):
    with postgres.new_database() as database:
        url = postgres.url(database)
        node = start(tmp_path / "data", MAPAE_DATABASE=url)
        with node.connect() as connection:
            tokens = connection.sign_up("jane@example.com")
            run("pg_dump", programs, tmp_path, url)
            after = connection.sign_up("after@example.com")
        assert node.stop() == 0
        before = postgres.run("SELECT name FROM feed_head", database)
        run("pg_restore", programs, tmp_path, url)
        run("psql", programs, tmp_path, url)
        node = start(tmp_path / "data", port=node.port, MAPAE_DATABASE=url)
        with node.connect() as connection:
            assert connection.ask("GET", "/v1/me", token=tokens["access_token"]).status == 200
            assert connection.refresh(tokens["refresh_token"]).status == 200
            assert connection.refresh(after["refresh_token"]).status == 401
        assert node.stop() == 0
        assert postgres.run("SELECT name FROM feed_head", database) not in ([("",)], before)


def test_a_node_is_not_ready_while_postgres_is_away_and_comes_back_by_itself(programs, tmp_path):
    with own_server(programs) as server:
        node = start(tmp_path / "data", MAPAE_DATABASE=server.url())
        try:
            with node.connect() as connection:
                token = connection.sign_up("jane@example.com")["access_token"]
                server.stop(signal.SIGINT)
                until_ready_is(connection, 503)
                server.start()
                until_ready_is(connection, 200)
                assert connection.ask("GET", "/v1/me", token=token).status == 200
        finally:
            assert node.stop() == 0


def until_ready_is(connection, status: int) -> None:
    until = time.monotonic() + 45
    while (answer := connection.ask("GET", "/readyz")).status != status:
        assert time.monotonic() < until, answer.body
        time.sleep(0.05)
