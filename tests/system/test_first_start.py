"""The first start: what is made, what is printed, and what is refused."""

import shutil
import sqlite3
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from servers import PASSWORD, Server, environment, free_port, run_mapae, serving, start

pytestmark = pytest.mark.slow

MINUTE_MS = 60_000


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def redeem(server: Server, email: str = "admin@example.com"):
    """Fill in the form behind the set-up link and return the answer."""
    (token,) = parse_qs(urlsplit(server.set_up_link).query)["token"]
    form = urlencode({"token": token, "email": email, "password": PASSWORD})
    with server.connect() as connection:
        return connection.ask("POST", "/setup", body=form, Content_Type="application/x-www-form-urlencoded")


def opened(server: Server):
    """Open the set-up link and return the status."""
    link = urlsplit(server.set_up_link)
    with server.connect() as connection:
        return connection.ask("GET", f"{link.path}?{link.query}").status


def made_older(data, minutes: int) -> None:
    """Move the times of all links back, as if so many minutes had passed."""
    with closing(sqlite3.connect(data / "mapae.db")) as database, database:
        changed = database.execute(
            "UPDATE link SET created_ms = created_ms - ?, expires_ms = expires_ms - ?", [minutes * MINUTE_MS] * 2
        )
        assert changed.rowcount == 1


def refused(data, **settings: str) -> str:
    """Start a server that must not start, and return what it said."""
    done = run_mapae("serve", settings=environment(data, free_port(), **settings), folder=data.parent)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture
def git(data):
    """Run git in a repository that holds the data directory."""
    program = shutil.which("git")
    if program is None:
        pytest.skip("no git: it is not installed")

    def run(*args: str) -> str:
        return subprocess.run([program, *args], cwd=data.parent, check=True, capture_output=True, text=True).stdout

    run("init", "--quiet")
    return run


def test_what_is_made_is_closed_to_others_and_ignored_by_git(data, git):
    with serving(data) as server:
        (data.parent / "mapae.log").unlink()
        assert mode(data) == 0o700
        assert (data / ".gitignore").read_text() == "*\n"
        assert {mode(path) for path in data.iterdir() if path.name != ".gitignore"} == {0o600}
        assert {path.name for path in data.iterdir()} >= {"secret", "mapae.db"}
        git("add", "--all")
        assert git("status", "--porcelain") == ""
        assert server.set_up_link
    assert mode(data / "secret") == 0o600


def test_the_link_is_printed_once_and_built_from_the_issuer(data):
    with serving(data, MAPAE_ISSUER="https://id.example.com/auth") as server:
        assert server.set_up_link.startswith("https://id.example.com/auth/setup?token=")
    assert sum("/setup?token=" in line for line in server.said) == 1


def test_the_link_makes_one_administrator_and_then_works_no_more(data):
    with serving(data) as server:
        assert opened(server) == opened(server) == 200  # looking does not use it up
        assert redeem(server).status == 303
        assert redeem(server, "second@example.com").status in range(400, 500)
        assert opened(server) in range(400, 500)
        with server.connect() as connection:
            assert connection.sign_in("admin@example.com")["scope"] == "account admin"
            body = {"email": "second@example.com", "password": PASSWORD}
            refusal = connection.ask("POST", "/v1/sign-in", json_body=body)
            assert refusal.members["code"] == "sign_in_refused"


def test_of_many_who_open_the_link_at_once_one_becomes_administrator(data):
    with serving(data, MAPAE_WORKERS="2") as server:
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda number: redeem(server, f"admin{number}@example.com"), range(6)))
        assert sorted(answer.status < 400 for answer in answers) == [False] * 5 + [True]
        assert max(answer.status for answer in answers) < 500
    with closing(sqlite3.connect(data / "mapae.db")) as database:
        assert database.execute("SELECT count(*), min(role) FROM account").fetchall() == [(1, "admin")]


def test_the_link_works_for_thirty_minutes(data):
    with serving(data) as server:
        made_older(data, 29)
        assert opened(server) == 200
        made_older(data, 1)
        assert opened(server) in range(400, 500)
        assert redeem(server).status in range(400, 500)


def test_a_restart_prints_a_new_link_only_while_there_is_no_administrator(data):
    first = start(data)
    old = first.set_up_link
    first.stop()
    with serving(data) as server:
        assert server.set_up_link.rpartition("=")[2] != old.rpartition("=")[2]
        with server.connect() as connection:
            link = urlsplit(old)
            assert connection.ask("GET", f"{link.path}?{link.query}").status in range(400, 500)
        assert redeem(server).status == 303
    with serving(data) as server:
        pass
    assert [line for line in server.said if "/setup" in line] == []


def test_a_secret_that_others_can_read_is_refused_with_the_cure(data):
    start(data).stop()
    (data / "secret").chmod(0o644)
    assert f"chmod 600 {data / 'secret'}" in refused(data)
    (data / "secret").chmod(0o600)
    start(data).stop()


def test_a_secret_that_git_tracks_is_refused_with_the_cure(data, git):
    start(data).stop()
    git("add", "--force", "mapae-data/secret")
    assert "git rm --cached" in refused(data)
    git("rm", "--cached", "--quiet", "mapae-data/secret")
    start(data).stop()


@pytest.mark.parametrize("content", ["", "too short\n", "=" * 43])
def test_a_secret_that_is_none_is_refused_and_left_alone(data, content):
    data.mkdir(mode=0o700)
    (data / "secret").write_text(content)
    (data / "secret").chmod(0o600)
    assert "does not hold a master secret" in refused(data)
    assert (data / "secret").read_text() == content


def test_a_data_directory_of_earlier_looser_days_is_closed(data):
    data.mkdir(mode=0o755)
    with serving(data):
        assert mode(data) == 0o700
