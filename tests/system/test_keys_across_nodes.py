"""Three nodes over one PostgreSQL rotate their keys; one sleeps through it, with the board and without."""

import os
import signal
import time
from contextlib import ExitStack

import pytest

from servers import serving
from valkey_server import ValkeyServer, running

pytestmark = pytest.mark.slow

LONG = 30
ASLEEP = 3.0
"""Seconds for which a node sleeps at least: its view is then older than any that is kept up."""


@pytest.fixture
def board(valkey_program, tmp_path):
    with running(ValkeyServer(valkey_program, tmp_path / "valkey")) as server:
        yield server


@pytest.fixture
def nodes(tmp_path, postgres, board):
    with postgres.new_schema() as url, ExitStack() as stack:
        shared = {"MAPAE_DATABASE": url, "MAPAE_ISSUER": "http://localhost:9999", "MAPAE_BOARD": board.url}
        made = []
        for name in ("one", "two", "three"):
            (tmp_path / name).mkdir()
            made.append(stack.enter_context(serving(tmp_path / name / "mapae-data", **shared)))
            shared["MAPAE_SECRET_FILE"] = str(tmp_path / "one" / "mapae-data" / "secret")
        yield made


def me(connection, token):
    return connection.ask("GET", "/v1/me", token=token).status


def kids(connection):
    return {key["kid"] for key in connection.ask("GET", "/.well-known/jwks.json").members["keys"]}


@pytest.mark.parametrize("board_is", ["there", "dead"])
def test_a_node_that_slept_through_a_rotation_refuses_nothing_valid_and_signs_nothing_that_is_refused(
    nodes, board, board_is
):
    with ExitStack() as stack:
        one, two, three = (stack.enter_context(node.connect()) for node in nodes)
        waiting = [stack.enter_context(nodes[2].connect()) for _ in range(4)]
        tokens = one.sign_up("jane@example.com")
        before, known = tokens["access_token"], kids(one)
        for connection in (three, *waiting):
            assert me(connection, before) == 200
        if board_is == "dead":
            board.kill()
        os.kill(nodes[2].process.pid, signal.SIGSTOP)
        try:
            asleep = time.monotonic()
            assert nodes[0].mapae("key", "rotate", "--now", "--yes").returncode == 0
            after = None
            while after is None or time.monotonic() < asleep + ASLEEP:
                assert time.monotonic() < asleep + LONG
                assert [me(connection, before) for connection in (one, two)] == [200, 200]
                if kids(one) > known and kids(two) > known:
                    after = one.sign_in("jane@example.com")["access_token"]
            assert me(two, after) == 200
            for connection, token in zip(waiting, (after, before, after, before), strict=True):
                connection.send("GET", "/v1/me", token=token)
            three.send("POST", "/v1/refresh", json_body={"refresh_token": tokens["refresh_token"]})
        finally:
            os.kill(nodes[2].process.pid, signal.SIGCONT)
        assert [connection.receive().status for connection in waiting] == [200] * 4
        late = three.receive().members["access_token"]
        assert [me(connection, late) for connection in (one, two, three)] == [200] * 3
        assert kids(three) == kids(one)
