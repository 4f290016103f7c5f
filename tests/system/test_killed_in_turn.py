"""Nodes, board and database are killed in turn while people sign in and out: nothing acknowledged is lost (R4).

Each round something else is killed, with SIGKILL, in the middle of the work, and started again. A sign-out that was
acknowledged stays one; its token is accepted nowhere from `max_staleness` after it was acknowledged on (R1), and a node
that was killed does not answer before it knows everything. A sign-in that was acknowledged is there afterwards.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPException
from itertools import product
from random import Random

import pytest

from postgres_server import SAFE, own_server
from servers import Server, serving, start
from valkey_server import ValkeyServer, running

pytestmark = pytest.mark.slow

NODES = 3
ROUNDS = 9
STALENESS = 2
LONG = 60


class Witnessed:
    """What people were told: which sessions live, and since when others have ended."""

    def __init__(self):
        self.live: list[dict] = []
        self.ended: list[tuple[float, dict]] = []
        self.doubtful: list[dict] = []
        self.lost = 0


@pytest.fixture
def machines(postgres_programs, valkey_program, tmp_path):
    """A database that keeps what it has acknowledged, a board, and nodes."""
    with ExitStack() as stack:
        database = stack.enter_context(own_server(postgres_programs, *SAFE))
        board = stack.enter_context(running(ValkeyServer(valkey_program, tmp_path / "valkey")))
        shared = {
            "MAPAE_BOARD": board.url,
            "MAPAE_DATABASE": database.url(),
            "MAPAE_ISSUER": "http://localhost:9999",
            "MAPAE_MAX_STALENESS": f"{STALENESS}s",
            "MAPAE_PASSWORD_HASH": "argon2id",
            "MAPAE_ARGON2_MEMORY_KIB": "7168",
            "MAPAE_ARGON2_TIME": "1",
        }
        nodes: list[Server] = []
        for number in range(NODES):
            data = tmp_path / f"node{number}" / "mapae-data"
            data.parent.mkdir()
            nodes.append(stack.enter_context(serving(data, **shared)))
            shared["MAPAE_SECRET_FILE"] = str(nodes[0].data / "secret")
        yield database, board, nodes, stack


def started_again(node: Server, stack) -> Server:
    settings = {name: value for name, value in node.settings.items() if name.startswith("MAPAE_")}
    again = start(node.data, port=node.port, **settings)
    stack.callback(again.stop)
    return again


def works(node: Server, told: Witnessed, rng: Random, over: threading.Event) -> None:
    """Sign in and out at one node until somebody is killed; whatever was not answered is doubtful."""
    with node.connect(timeout=10) as connection:
        while not over.is_set():
            leaving = told.live.pop(rng.randrange(len(told.live))) if told.live and rng.random() < 0.5 else None
            try:
                if leaving is None:
                    body = {"email": "jane@example.com", "password": "a horse of bronze, five strong"}
                    answer = connection.ask("POST", "/v1/sign-in", json_body=body)
                else:
                    answer = connection.ask("POST", "/v1/sign-out", token=leaving["access_token"])
            except (OSError, HTTPException):
                told.lost += 1
                told.doubtful += [leaving] if leaving else []
                return
            if answer.status == 200:
                told.live.append(answer.members)
            elif answer.status == 204:
                told.ended.append((time.monotonic(), leaving))
            else:
                assert answer.status in {401, 503}, answer.body  # without a database, or stale
                told.doubtful += [leaving] if leaving else []


def accepted_late(nodes: list[Server], told: Witnessed) -> list[float]:
    """Seconds after its sign-out at which a token was still accepted beyond the bound, at any node that answers."""
    late = []
    for node in nodes:
        with node.connect(timeout=10) as connection:
            for ended, session in told.ended[-15:]:
                asked = time.monotonic()
                try:
                    status = connection.ask("GET", "/v1/me", token=session["access_token"]).status
                except (OSError, HTTPException):
                    break
                if status == 200 and asked - ended > STALENESS:
                    late.append(asked - ended)
    return late


def until_it_knows(node: Server, session: dict, status: int) -> None:
    """Wait until a node answers for a session as it must."""
    until = time.monotonic() + LONG
    with node.connect(timeout=10) as connection:
        while True:
            try:
                answer = connection.ask("GET", "/v1/me", token=session["access_token"])
                if answer.status == status:
                    return
                assert status != 401 or answer.status != 200, "it lives again"
            except (OSError, HTTPException):
                connection.close()
            assert time.monotonic() < until, f"still {answer.status}"
            time.sleep(0.02)


def one_is_killed(number: int, machines, told: list[Witnessed], rng: Random) -> None:
    """Let people work at all nodes until one of the machines is killed, and start it again."""
    database, board, nodes, stack = machines
    over, victim = threading.Event(), (database, board, nodes[number % NODES])[number % 3]
    with ThreadPoolExecutor(NODES) as people:
        working = [people.submit(works, *each, Random(rng.random()), over) for each in zip(nodes, told, strict=True)]
        threading.Event().wait(rng.uniform(0.2, 1.0))  # not to wait for anything: this is the moment of the kill
        victim.kill()
        killed = time.monotonic()
        while victim is database and time.monotonic() - killed < STALENESS + 0.5:
            assert not [late for each in told for late in accepted_late(nodes, each)]
        over.set()
        for each in working:
            each.result(LONG)
    if isinstance(victim, Server):
        nodes[number % NODES] = started_again(victim, stack)
    else:
        victim.start()
    assert not [late for each in told for late in accepted_late(nodes, each)]


def test_nothing_acknowledged_is_lost_whatever_is_killed_and_no_ended_session_outlives_the_bound(machines, measured):
    database, _, nodes, _ = machines
    rng, told = Random(5), [Witnessed() for _ in nodes]
    with nodes[0].connect() as connection:
        connection.sign_up("jane@example.com")
    for number in range(ROUNDS):
        one_is_killed(number, machines, told, rng)
    for each, node in product(told, nodes):
        for _, session in each.ended[-15:]:
            until_it_knows(node, session, 401)
        for session in each.live[-15:]:
            until_it_knows(node, session, 200)
    ended, live = sum(len(each.ended) for each in told), sum(len(each.live) for each in told)
    rows = database.run("SELECT count(*) FROM session WHERE revoked_ms IS NOT NULL")[0][0]
    doubtful = sum(len(each.doubtful) for each in told)
    assert ended <= rows <= ended + doubtful, "a sign-out was lost"
    measured(
        f"kills of database, board and nodes in turn, {ROUNDS}",
        f"{ended} sign-outs and {live} sessions kept, {sum(each.lost for each in told)} requests cut off",
    )
    assert ended > ROUNDS
