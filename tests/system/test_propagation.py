"""How fast a sign-out in one worker process is known to the others."""

import threading
import time
from bisect import bisect_left
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from servers import serving

pytestmark = pytest.mark.slow

WORKERS = 3
PER_WORKER = 3
ROUNDS = 60
BOUNDS_MS = (5, 10, 20, 50, 100, 150, 200, 500, 1000, 3000)


@pytest.fixture(scope="module")
def server(module_data):
    with serving(module_data, MAPAE_WORKERS=str(WORKERS)) as started:
        yield started


@pytest.fixture
def connections(server):
    """Connections that reach every worker, several for each; the kernel deals them out."""
    with ExitStack() as stack:
        found: dict[str, list] = {}
        for _ in range(200):
            connection = stack.enter_context(server.connect())
            found.setdefault(connection.ask("GET", "/livez").worker, []).append(connection)
            if len(found) == WORKERS and min(map(len, found.values())) >= PER_WORKER:
                break
        assert len(found) == WORKERS
        yield [connection for each in found.values() for connection in each[:PER_WORKER]]


class Cause:
    """The moment at which a session is ended, for everybody who waits for it."""

    def __init__(self, watchers: int) -> None:
        self.at = 0.0
        self._watching = threading.Barrier(watchers + 1)
        self._sent = threading.Event()

    def send(self, connection, token) -> None:
        self._watching.wait(30)
        self.at = time.monotonic()
        self._sent.set()
        assert connection.ask("POST", "/v1/sign-out", token=token).status == 204

    def seconds_until_refused(self, connection, token) -> float:
        """Ask with `token` until it is refused; return when that was asked, in seconds after the sign-out was sent."""
        assert me(connection, token).status == 200
        self._watching.wait(30)
        self._sent.wait(30)
        while True:
            asked = time.monotonic()
            answer = me(connection, token)
            if answer.status == 401:
                assert answer.members["code"] == "token_revoked"
                return asked - self.at
            assert answer.status == 200
            assert asked - self.at < 10, "a worker still accepts the token of a session that was ended"


def histogram(seconds):
    counts = [0] * (len(BOUNDS_MS) + 1)
    for each in seconds:
        counts[bisect_left(BOUNDS_MS, each * 1000)] += 1
    named = [f"<={bound}: {count}" for bound, count in zip(BOUNDS_MS, counts, strict=False) if count]
    return ", ".join(named + ([f">{BOUNDS_MS[-1]}: {counts[-1]}"] if counts[-1] else []))


def me(connection, token):
    return connection.ask("GET", "/v1/me", token=token)


def test_a_sign_out_is_known_to_every_worker_within_a_second(server, connections, measured):
    """Every worker is asked again and again, from the moment the sign-out was sent."""
    connections[0].sign_up("jane@example.com")
    found: list[float] = []
    with ThreadPoolExecutor(len(connections)) as pool:
        for number in range(ROUNDS):
            token = connections[0].sign_in("jane@example.com")["access_token"]
            causing, *others = connections[number % len(connections) :] + connections[: number % len(connections)]
            cause = Cause(len(others))
            waiting = [pool.submit(cause.seconds_until_refused, connection, token) for connection in others]
            cause.send(causing, token)
            assert me(causing, token).status == 401  # where it was ended, at once
            found += [each.result() for each in waiting]
    found.sort()
    median, late = found[len(found) // 2], found[int(len(found) * 0.99)]
    measured(f"sign-outs known to {WORKERS} workers, ms: how many of {len(found)}", histogram(found))
    measured("the same in ms", f"median {median * 1e3:.0f}, 99 % {late * 1e3:.0f}, last {found[-1] * 1e3:.0f}")
    assert found[-1] < 3
    assert found[int(len(found) * 0.95)] < 1


def test_a_refreshed_token_of_an_ended_session_cannot_be_had_from_any_worker(server, connections):
    """The refresh reads the row itself, so no worker needs to hear of anything."""
    connections[0].sign_up("june@example.com")
    for connection in connections:
        tokens = connections[0].sign_in("june@example.com")
        assert connections[0].ask("POST", "/v1/sign-out", token=tokens["access_token"]).status == 204
        assert connection.refresh(tokens["refresh_token"]).status == 401
