"""Keys rotate by `mapae key` beside a running server, and nobody with a valid token notices."""

import json
import sqlite3
import threading
import time
from collections import Counter
from contextlib import ExitStack, closing

import jwt as pyjwt
import pytest

from servers import serving

pytestmark = pytest.mark.slow

WORKERS = 3
DAY_MS = 86_400_000


@pytest.fixture
def server(data):
    with serving(data, MAPAE_WORKERS=str(WORKERS)) as started:
        yield started


@pytest.fixture
def workers(server):
    """One connection to each worker."""
    with ExitStack() as stack:
        found = {}
        while len(found) < WORKERS:
            connection = stack.enter_context(server.connect())
            found.setdefault(connection.ask("GET", "/livez").worker, connection)
        yield list(found.values())


def published(connection) -> dict[str, dict]:
    keys = connection.ask("GET", "/.well-known/jwks.json").members["keys"]
    return {key["kid"]: key for key in keys}


def kid_of(token: str) -> str:
    return pyjwt.get_unverified_header(token)["kid"]


def key_command(server, *args: str):
    done = server.mapae("key", *args, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def eventually(condition, *, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"


class Verifying(threading.Thread):
    """A client that takes a new access token from each worker in turn and has it accepted by every worker at once.

    So does a resource server that fetched the keys once, when the rotation had only been announced.
    """

    def __init__(self, server, workers) -> None:
        super().__init__()
        self.by_key: Counter[str] = Counter()
        self.refused: list[object] = []
        self.kept: dict[str, str] = {}
        self._server, self._workers, self._enough = server, workers, threading.Event()
        self._keys = {kid: pyjwt.PyJWK(key) for kid, key in published(workers[0]).items()}
        self._refresh_token = workers[0].sign_up("jane@example.com")["refresh_token"]

    def run(self) -> None:
        number = 0
        while not self._enough.is_set():
            number += 1
            members = self._workers[number % WORKERS].refresh(self._refresh_token).members
            self._refresh_token = members.get("refresh_token", self._refresh_token)
            token = members["access_token"]
            self.by_key[kid_of(token)] += 1
            self.kept.setdefault(kid_of(token), token)  # the first of each key is tried again and again
            for each in {token, *self.kept.values()}:
                self._try(each)

    def _try(self, token: str) -> None:
        for worker in self._workers:
            answer = worker.ask("GET", "/v1/me", token=token)
            if answer.status != 200:
                self.refused.append(answer.body)
        try:
            pyjwt.decode(token, self._keys[kid_of(token)], algorithms=["ES256"], audience=self._server.url)
        except (pyjwt.PyJWTError, KeyError) as refused:
            self.refused.append(refused)

    def stop(self) -> None:
        self._enough.set()
        self.join()


def test_no_valid_token_is_refused_at_any_moment_of_a_rotation(server, workers, measured):
    (first,) = published(workers[0])
    key_command(server, "new")
    eventually(lambda: all(len(published(worker)) == 2 for worker in workers))
    (second,) = set(published(workers[0])) - {first}
    announced_a_day_ago(server.data, second)
    verifying = Verifying(server, workers)
    verifying.start()
    try:
        eventually(lambda: verifying.by_key[first] >= 10)
        assert second not in verifying.by_key  # announced, and no more than that
        key_command(server, "rotate")
        eventually(lambda: verifying.by_key[second] >= 30)
    finally:
        verifying.stop()
    assert verifying.refused == []
    assert set(verifying.by_key) == {first, second}
    assert set(published(workers[0])) == {first, second}  # the old one still verifies
    assert {row["kid"]: row["does"] for row in key_list(server)} == {first: "retiring", second: "signing"}
    measured("tokens verified by each worker during a key rotation", sum(verifying.by_key.values()))


def key_list(server):
    return key_command(server, "list")["keys"]


def announced_a_day_ago(data, kid: str) -> None:
    """Move the announcement back, as if everybody had had a day to hear of it."""
    with closing(sqlite3.connect(data / "mapae.db")) as database, database:
        changed = database.execute("UPDATE signing_key SET created_ms = created_ms - ? WHERE kid = ?", (DAY_MS, kid))
        assert changed.rowcount == 1


def test_a_rotation_waits_until_everybody_can_know_the_key(server, workers):
    (first,) = published(workers[0])
    key_command(server, "rotate")
    eventually(lambda: all(len(published(worker)) == 2 for worker in workers))
    announced = next(row for row in key_list(server) if row["kid"] != first)
    assert announced["does"] == "announced"
    assert announced["sign_from_ms"] - announced["created_ms"] == DAY_MS
    for worker in workers:
        assert kid_of(worker.sign_up(f"{worker.ask('GET', '/livez').worker}@example.com")["access_token"]) == first


def test_after_a_forced_rotation_the_tokens_from_before_are_still_accepted(server, workers):
    before = workers[0].sign_up("jane@example.com")["access_token"]
    key_command(server, "rotate", "--now", "--yes")
    refused = [worker.ask("GET", "/v1/me", token=before).body for worker in workers for _ in range(50)]
    refused = [body for body in refused if b'"id"' not in body]
    assert refused == []
    eventually(lambda: all(len(published(worker)) == 2 for worker in workers))
    after = workers[1].sign_in("jane@example.com")["access_token"]
    assert kid_of(after) != kid_of(before)
    for token in (before, after):
        assert {worker.ask("GET", "/v1/me", token=token).status for worker in workers} == {200}


def test_a_key_that_leaked_is_withdrawn_from_every_worker(server, workers):
    tokens = workers[0].sign_up("jane@example.com")
    leaked = kid_of(tokens["access_token"])
    key_command(server, "retire", leaked, "--yes")
    eventually(lambda: all(leaked not in published(worker) for worker in workers))
    for worker in workers:
        answer = worker.ask("GET", "/v1/me", token=tokens["access_token"])
        assert (answer.status, answer.members["code"]) == (401, "token_key_unknown")
    renewed = workers[2].refresh(tokens["refresh_token"]).members["access_token"]  # the session itself lives on
    assert kid_of(renewed) != leaked
    assert {worker.ask("GET", "/v1/me", token=renewed).status for worker in workers} == {200}
