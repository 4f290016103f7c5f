"""Three nodes behind a real HAProxy with the configuration of `deploy/haproxy`: restarts and deaths cost no answer."""

import base64
import secrets
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

import pytest

from haproxy_server import Haproxy, find_haproxy, proxying
from mapae.sessions.session import place_of
from servers import PASSWORD, Connection, Server, free_port, run_mapae, start
from valkey_server import ValkeyServer, running

pytestmark = pytest.mark.slow

NODES = 3
PAUSE = 0.004
"""Seconds between an answer and the next request of a stream."""
BOTH = ("sqlite", "postgres")


@pytest.fixture(scope="module")
def haproxy_program() -> Path:
    found = find_haproxy()
    if found is None:
        pytest.skip("no haproxy: it is not installed, and no wheel carries it")
    return found


@dataclass
class Cluster:
    """Three nodes on one database, and the proxy in front of them."""

    proxy: Haproxy
    nodes: list[Server]

    def start_again(self, index: int) -> None:
        """Start a node that has ended, and wait until the proxy sends requests to it."""
        ended = self.nodes[index]
        settings = {name: value for name, value in ended.settings.items() if name.startswith("MAPAE_")}
        self.nodes[index] = start(ended.data, port=ended.port, **settings)
        self.proxy.until_it_sends_to(NODES)


@pytest.fixture(scope="module", params=BOTH)
def database(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def cluster(haproxy_program, tmp_path_factory, request, database) -> Iterator[Cluster]:
    tmp_path = tmp_path_factory.mktemp(database)
    ports = [free_port() for _ in range(NODES)]
    with ExitStack() as stack:
        more = {"MAPAE_DATABASE": f"sqlite:///{tmp_path}/mapae.db"}
        if database == "postgres":  # and a board, as in deploy/compose
            more = {"MAPAE_DATABASE": stack.enter_context(request.getfixturevalue("postgres").new_schema())}
            board = ValkeyServer(request.getfixturevalue("valkey_program"), tmp_path / "valkey")
            more["MAPAE_BOARD"] = stack.enter_context(running(board)).url
        own = {"http_port": free_port(), "https_port": free_port()}
        proxy = stack.enter_context(proxying(haproxy_program, tmp_path / "proxy", ports, **own))
        settings = {
            "MAPAE_ISSUER": proxy.url,
            "MAPAE_SECRET_FILE": str(secret_file(tmp_path / "secret")),
            "MAPAE_TRUSTED_PROXIES": "127.0.0.1",
            **more,
        }
        with ThreadPoolExecutor(NODES) as pool:  # all at once, as an orchestrator does it
            starting = [
                pool.submit(start, new_folder(tmp_path / f"node{number}") / "data", port=port, **settings)
                for number, port in enumerate(ports)
            ]
        nodes = [each.result() for each in starting]
        stack.callback(lambda: [node.stop() for node in nodes])
        proxy.until_it_sends_to(NODES)
        yield Cluster(proxy, nodes)


def new_folder(path: Path) -> Path:
    path.mkdir()
    return path


def secret_file(path: Path) -> Path:
    """Write a master secret as `openssl rand` would make one."""
    path.touch(0o600)
    path.write_text(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    return path


@dataclass
class Stream:
    """One client on one kept-alive connection: a request, its answer, the next request, until it is told to end."""

    proxy: Haproxy
    kind: str
    answered: int = 0
    failed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._email = f"{secrets.token_hex(8)}@example.com"
        with self.proxy.connect() as connection:
            self._tokens = connection.sign_up(self._email)

    def run(self, enough: threading.Event) -> None:
        with self.proxy.connect(timeout=20) as connection:
            while not enough.wait(PAUSE):
                try:
                    self._ask(connection)
                except (OSError, HTTPException, AssertionError) as failure:
                    self.failed.append(f"{type(failure).__name__}: {failure}")
                    connection.close()
                else:
                    self.answered += 1

    def _ask(self, connection) -> None:
        match self.kind:
            case "who":
                answer = connection.ask("GET", "/v1/me", token=self._tokens["access_token"])
            case "refresh":
                answer = connection.refresh(self._tokens["refresh_token"])
            case _:
                answer = connection.ask("POST", "/v1/sign-in", json_body={"email": self._email, "password": PASSWORD})
        assert answer.status == 200, f"{answer.status} {answer.body!r}"
        if self.kind == "refresh":
            self._tokens |= answer.members


@contextmanager
def streaming(proxy: Haproxy, **kinds: int) -> Iterator[list[Stream]]:
    """Keep streams of each kind running in threads of their own; they have ended when this ends."""
    streams = [Stream(proxy, kind) for kind, count in kinds.items() for _ in range(count)]
    enough = threading.Event()
    threads = [threading.Thread(target=stream.run, args=(enough,)) for stream in streams]
    for thread in threads:
        thread.start()
    try:
        yield streams
    finally:
        enough.set()
        for thread in threads:
            thread.join()


def test_each_node_in_turn_is_restarted_and_no_answer_is_lost(cluster, database, measured):
    codes = []
    with streaming(cluster.proxy, who=3, refresh=3, sign_in=1) as streams:
        for index in range(NODES):
            codes.append(cluster.nodes[index].stop())
            cluster.start_again(index)
    assert codes == [0] * NODES
    assert [stream.failed for stream in streams] == [[]] * len(streams)
    assert all(stream.answered for stream in streams)
    measured(f"rolling restart on {database}, answers lost", f"0 of {answered(streams)}")


def test_when_nodes_are_killed_only_what_may_not_be_repeated_is_lost(cluster, database, measured):
    with streaming(cluster.proxy, who=3, refresh=3, sign_in=2) as streams:
        for index in range(NODES):
            cluster.nodes[index].kill()
            cluster.start_again(index)
    assert [stream.failed for stream in streams if stream.kind != "sign_in"] == [[]] * 6
    lost = [len(stream.failed) for stream in streams]
    assert max(lost) <= NODES, "more than what was in flight"
    assert all(stream.answered for stream in streams)
    measured(f"three kills on {database}, sign-ins lost", f"{sum(lost)} of {answered(streams)} requests")


def answered(streams: list[Stream]) -> int:
    return sum(stream.answered for stream in streams)


def test_a_caller_cannot_choose_the_address_it_is_seen_under(cluster):
    forged = {"X_Forwarded_For": "203.0.113.7", "Forwarded": "for=203.0.113.7"}
    account = {"email": f"{secrets.token_hex(4)}@example.com", "password": PASSWORD}
    with cluster.proxy.connect() as connection:
        token = connection.ask("POST", "/v1/sign-up", json_body=account, **forged).members["access_token"]
        sessions = connection.ask("GET", "/v1/sessions", token=token).members["sessions"]
    assert [session["place"] for session in sessions] == [place_of("127.0.0.1")]


@pytest.mark.parametrize("path", ["/metrics", "/%6Detrics", "/metrics?x=1"])
def test_the_numbers_are_not_shown_outside(cluster, path):
    with cluster.proxy.connect() as connection:
        answer = connection.ask("GET", path)
    assert answer.status == 404
    assert b"mapae_" not in answer.body
    with cluster.nodes[0].connect() as inside:
        assert b"mapae_build_info" in inside.ask("GET", "/metrics").body


def test_http_is_sent_to_https(cluster):
    with Connection(cluster.proxy.http_port) as connection:
        answer = connection.ask("GET", "/v1/me")
    assert answer.status == 308
    assert answer.headers["location"].startswith("https://")


def test_the_log_of_the_proxy_holds_no_query(cluster):
    with cluster.proxy.connect() as connection:
        connection.ask("GET", "/setup?token=not-for-the-log")
    until = time.monotonic() + 10
    while " GET /setup node=" not in (log := cluster.proxy.log.read_text()):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert "not-for-the-log" not in log


def test_a_node_with_another_master_secret_does_not_start_and_says_why(cluster, tmp_path):
    settings = cluster.nodes[0].settings | {
        "MAPAE_PORT": str(free_port()),
        "MAPAE_DATA": str(tmp_path / "data"),
        "MAPAE_SECRET_FILE": str(secret_file(tmp_path / "another")),
    }
    done = run_mapae("serve", settings=settings, folder=tmp_path)
    assert done.returncode == 2
    assert "sealed under another master secret" in done.stderr
    assert "put back the secret that belongs to this database" in done.stderr
    assert "Traceback" not in done.stderr
    with cluster.proxy.connect() as connection:
        assert connection.ask("GET", "/readyz").status == 200
