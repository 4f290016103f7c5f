"""The whole service with a board: absent at the start, stopped, killed and back, and never needed."""

import json
import re
import time

import pytest

from servers import environment, free_port, run_mapae, serving, start

pytestmark = pytest.mark.slow


def board_up(connection) -> bool:
    """What the metric says."""
    return re.search(rb"^mapae_board_up (\d)", connection.ask("GET", "/metrics").body, re.MULTILINE)[1] == b"1"


def until_board_is(connection, *, up: bool) -> None:
    until = time.monotonic() + 30
    while board_up(connection) is not up:
        assert time.monotonic() < until, f"the board is not {'up' if up else 'away'}"
        time.sleep(0.02)


def lines(server) -> list[dict]:
    """What the server logged about the board."""
    logged = (server.data.parent / "mapae.log").read_text().splitlines()
    return [line for line in map(json.loads, logged) if line["event"] == "mapae.board"]


def a_round(connection, number: int) -> float:
    """Sign in, look, refresh, sign out, be refused; return how many seconds it took."""
    began = time.monotonic()
    tokens = connection.sign_in("jane@example.com")
    assert connection.ask("GET", "/v1/me", token=tokens["access_token"]).status == 200
    assert connection.refresh(tokens["refresh_token"]).status == 200
    assert connection.ask("POST", "/v1/sign-out", token=tokens["access_token"]).status == 204
    refused = connection.ask("GET", "/v1/me", token=tokens["access_token"])
    assert (refused.status, refused.members["code"]) == (401, "token_revoked"), number
    return time.monotonic() - began


def test_a_board_that_comes_stops_dies_and_comes_back_disturbs_nobody(data, valkey):
    valkey.kill()
    with serving(data, MAPAE_BOARD=valkey.url, MAPAE_WORKERS="2", MAPAE_LOG_LEVEL="info") as server:
        assert server.ready_seconds < 20
        with server.connect() as connection:
            connection.sign_up("jane@example.com")
            until_board_is(connection, up=False)
            usual = min(a_round(connection, number) for number in range(3))
            valkey.start()
            until_board_is(connection, up=True)
            a_round(connection, 3)
            valkey.pause()
            paused = [a_round(connection, number) for number in range(4, 8)]
            until_board_is(connection, up=False)
            paused += [a_round(connection, number) for number in range(8, 12)]
            assert min(paused) < 5 * usual + 0.5, "a stopped board must not be waited for"
            assert connection.ask("GET", "/readyz").status == 200
            valkey.resume()
            until_board_is(connection, up=True)
            valkey.kill()
            until_board_is(connection, up=False)
            a_round(connection, 12)
            valkey.start()
            until_board_is(connection, up=True)
            a_round(connection, 13)
    told = lines(server)
    assert all(line["level"] in {"info", "warning"} for line in told)
    away = [line for line in told if line["level"] == "warning"]
    assert 4 <= len(away) <= 8, "one line for each change of each worker"


def test_a_command_line_tells_the_servers_at_once(data, valkey, measured):
    """The second server looks at the database only when its board says so, or a second later."""
    with serving(data, MAPAE_BOARD=valkey.url) as server, server.connect() as connection:
        until_board_is(connection, up=True)
        jane = connection.sign_up("jane@example.com")
        done = server.mapae("session", "revoke", "--account", "jane@example.com", "--yes")
        assert done.returncode == 0, done.stderr
        until = time.monotonic() + 3
        while connection.ask("GET", "/v1/me", token=jane["access_token"]).status != 401:
            assert time.monotonic() < until


def test_the_doctor_looks_at_the_board(data, valkey):
    port = free_port()

    def doctor(board: str) -> tuple[int, str]:
        done = run_mapae("doctor", settings=environment(data, port, MAPAE_BOARD=board), folder=data.parent)
        return done.returncode, next((line for line in done.stdout.splitlines() if " board " in line), "")

    code, said = doctor(valkey.url)
    assert code == 0, said
    assert "carries a hint in" in said
    code, said = doctor(f"redis://:some-secret@127.0.0.1:{valkey.port}")
    assert (code, "user or the password" in said, "some-secret" in said) == (2, True, False)
    code, said = doctor(f"redis://127.0.0.1:{free_port()}")
    assert (code, "->" in said) == (2, True)
    valkey.pause()
    code, said = doctor(valkey.url)
    assert (code, "no answer in time" in said) == (2, True)
    valkey.resume()


def test_a_board_that_cannot_be_meant_stops_the_start(data):
    done = run_mapae("serve", settings=environment(data, free_port(), MAPAE_BOARD="localhost"), folder=data.parent)
    assert done.returncode == 2
    assert "redis://" in done.stderr


def test_without_a_board_the_metric_says_up(data):
    server = start(data)
    try:
        with server.connect() as connection:
            assert board_up(connection)
    finally:
        server.stop()
