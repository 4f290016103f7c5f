"""What goes wrong around a service: it says so with the cure, is not ready, loses nothing, and comes back by itself."""

import asyncio
import os
import re
import resource
import sqlite3
import subprocess
import sys
import time
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx2
import psycopg
import pytest

from mapae.settings import Settings
from mapae.web.app import create_app
from postgres_server import other_account, own_server
from servers import environment, free_port, run_mapae, serving

pytestmark = pytest.mark.slow

LONG = 60
KOREAN = {"MAPAE_LANG": "ko"}


def until(true, *, within=LONG):
    """Wait until something holds."""
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def refused(folder, *command, **settings):
    """Run a command that must not succeed, and return what it said."""
    ended = run_mapae(*command, settings=environment(folder / "mapae-data", free_port(), **settings), folder=folder)
    said = ended.stdout + ended.stderr
    assert ended.returncode != 0, said
    assert "Traceback" not in said
    assert "hunter2" not in said
    return said


@contextmanager
def small_disk(place: Path, megabytes: int):
    """A disk of its own for `place`, or a skip where nobody may make one."""
    place.mkdir(mode=0o700, parents=True)
    mounted = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(mounted, check=False).returncode != 0:
        pytest.skip("a small disk can be made by root on Linux only")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path, *, leave: int = 0) -> Path:
    """Fill a disk to its end, but for so many bytes."""
    filler = disk / "filler"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    filler.write_bytes(bytes(max(0, free - leave)))
    return filler


def readiness(connection):
    answer = connection.ask("GET", "/readyz")
    return answer.status, answer.body.decode().strip()


def signs_up(connection, number):
    body = {"email": f"n{number}@example.com", "password": "a horse of bronze, five strong"}
    return connection.ask("POST", "/v1/sign-up", json_body=body)


def told_that_it_cannot_be_written(connection, acknowledged):
    """Try until nothing can be written any more, and the caller and the load balancer hear of it."""
    for number in range(100, 400):
        answer = signs_up(connection, number)
        if answer.status == 201:
            acknowledged.append(number)
        else:
            assert (answer.status, answer.members["code"]) == (503, "storage_failed")
            assert int(answer.headers["Retry-After"]) > 0
            if readiness(connection) == (503, "not ready: writing"):
                return
    pytest.fail("everything could be written")


def and_stays_told(node, connection):
    """Whoever asks later hears the same, while there is no room."""
    health = node.mapae("health")
    assert health.returncode == 9
    assert "not ready: writing" in health.stdout
    assert "[-] writing failed" in connection.ask("GET", "/readyz?verbose").body.decode()


def everything_acknowledged_is_there(connection, acknowledged):
    for number in acknowledged[:3] + acknowledged[-3:]:
        assert connection.sign_in(f"n{number}@example.com")["account"]


@pytest.mark.parametrize("how", ["the disk is full", "a file may not grow"])
def test_a_disk_without_room_is_told_and_over_when_there_is_room(tmp_path, how):
    with small_disk(tmp_path / "disk", 4) if how == "the disk is full" else new_folder(tmp_path / "disk") as disk:
        with serving(disk / "mapae-data", MAPAE_LOG_LEVEL="info") as node, node.connect() as connection:
            token = connection.sign_up("n0@example.com")["access_token"]
            acknowledged = [0]
            if how == "the disk is full":
                filler = fill(disk)
            else:
                grown = (disk / "mapae-data" / "mapae.db-wal").stat().st_size
                resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (grown, resource.RLIM_INFINITY))
            told_that_it_cannot_be_written(connection, acknowledged)
            if how == "the disk is full":
                and_stays_told(node, connection)
            assert connection.ask("GET", "/v1/me", token=token).status == 200, "what can be read is answered"
            if how == "the disk is full":
                filler.unlink()
            else:
                resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
            until(lambda: readiness(connection) == (200, "ok"))
            everything_acknowledged_is_there(connection, acknowledged)
        log = (disk / "mapae.log").read_text()
        assert ("free some space" if how == "the disk is full" else "the disk reported an error") in log
        assert "the database can be written again" in log


@contextmanager
def new_folder(place):
    place.mkdir(mode=0o700)
    yield place


def test_a_full_disk_of_postgresql_is_told_and_over_when_there_is_room(tmp_path, postgres_programs):
    with own_server(postgres_programs) as server, small_disk(server.folder / "small", 24) as disk:
        if (account := other_account()) is not None:
            os.chown(disk, account.pw_uid, account.pw_gid)
        server.run(f"CREATE TABLESPACE small LOCATION '{disk}'")
        server.run("CREATE DATABASE small TABLESPACE small")
        try:
            settings = {"MAPAE_DATABASE": server.url("small"), "MAPAE_LOG_LEVEL": "info"}
            with serving(tmp_path / "mapae-data", **settings) as node, node.connect() as connection:
                assert signs_up(connection, 0).status == 201
                filler = fill(disk, leave=65_536)
                use_up(server)
                acknowledged = [0]
                told_that_it_cannot_be_written(connection, acknowledged)
                and_stays_told(node, connection)
                filler.unlink()
                until(lambda: readiness(connection) == (200, "ok"))
                everything_acknowledged_is_there(connection, acknowledged)
            assert "its disk is full; free some space" in (tmp_path / "mapae.log").read_text()
        finally:
            server.run("DROP DATABASE small WITH (FORCE)")
            server.run("DROP TABLESPACE small")


def use_up(server):
    """Fill every page that the tables of accounts and activity have begun."""
    with psycopg.connect(server.url("small"), autocommit=True) as connection:
        for number in range(20_000):
            try:
                connection.execute(
                    "INSERT INTO account SELECT %s || id, %s || email, name, role, state, epoch, created_ms, "
                    "language FROM account LIMIT 1",
                    (f"x{number}", f"x{number}"),
                )
            except psycopg.errors.DiskFull:
                return
    pytest.fail("the disk did not fill")


def test_every_connection_in_use_is_told_and_over_when_one_is_free(tmp_path, postgres):
    with postgres.new_schema() as url:
        settings = {"MAPAE_DATABASE": url, "MAPAE_DATABASE_CONNECTIONS": "2", "MAPAE_LOG_LEVEL": "info"}
        with serving(tmp_path / "mapae-data", **settings) as node, node.connect() as connection:
            tokens = connection.sign_up("n0@example.com")
            schema = re.search(r"test_\w+", url)[0]
            with ExitStack() as callers, psycopg.connect(postgres.url()) as other, other.transaction():
                other.execute(f"LOCK TABLE {schema}.session IN ACCESS EXCLUSIVE MODE")
                waiting = [callers.enter_context(node.connect()) for _ in range(8)]
                for each in waiting:
                    each.send("POST", "/v1/refresh", json_body={"refresh_token": tokens["refresh_token"]})
                answers = [each.receive() for each in waiting]
                assert {answer.status for answer in answers} == {503}
            until(lambda: readiness(connection) == (200, "ok"))
            assert connection.refresh(tokens["refresh_token"]).status == 200
        assert "all 2 connections are in use; raise database_connections" in (tmp_path / "mapae.log").read_text()


@pytest.mark.parametrize("seconds", [60, -60])
def test_a_clock_that_is_a_minute_off_is_not_ready_until_it_is_set(tmp_path, postgres, seconds):
    async def story(url):
        settings = Settings(data=tmp_path / "mapae-data", database=url, log_level="error", issuer="http://localhost")
        app = create_app(settings)
        calling = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://localhost")
        async with app.running(), calling as http:
            for clock, expected in (
                (time.time, "ok\n"),
                (lambda: time.time() + seconds, "not ready: clock\n"),
                (time.time, "ok\n"),
            ):
                app.service.clock = clock
                async with asyncio.timeout(LONG):
                    while (await http.get("/readyz")).text != expected:  # noqa: ASYNC110 (nothing tells it)
                        await asyncio.sleep(0.05)

    with postgres.new_schema() as url:
        asyncio.run(story(url))


def test_a_schema_newer_than_the_program_is_left_alone(tmp_path):
    with serving(tmp_path / "mapae-data") as node, node.connect() as connection:
        connection.sign_up("n0@example.com")
    file = tmp_path / "mapae-data" / "mapae.db"
    with closing(sqlite3.connect(file)) as other, other:
        other.execute("INSERT INTO migration VALUES (999, 'future', 'x', 1)")
    before = file.read_bytes()
    assert "install the newer Mapae again" in refused(tmp_path, "serve")
    assert "더 새로운 마패를 다시 설치하거나" in refused(tmp_path, "doctor", **KOREAN)
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("url", "english", "korean"),
    [
        ("postgresq://mapae:hunter2@db/x", 'write "sqlite:///"', None),
        ("postgresql://mapae:hunter2@127.0.0.1:1/x", "nothing listens there", "거기서 기다리는 것이 없어요"),
        ("postgresql://mapae:hunter2@nowhere.invalid/x", "check the host name", "호스트 이름을 확인하세요"),
        ("sqlite:////proc/nowhere/mapae.db", "check that its folder exists", "폴더가 있는지"),
    ],
    ids=["no URL", "nobody there", "no such host", "no such folder"],
)
def test_a_database_that_cannot_be_had_is_told_in_both_languages(tmp_path, url, english, korean):
    assert english in refused(tmp_path, "serve", MAPAE_DATABASE=url)
    if korean is not None:
        assert korean in refused(tmp_path, "serve", MAPAE_DATABASE=url, **KOREAN)


def test_the_health_of_nothing_says_what_to_do(tmp_path):
    assert "start it with `mapae serve`" in refused(tmp_path, "health")
    assert "`mapae serve`로 시작하거나" in refused(tmp_path, "health", **KOREAN)
