"""A server starts quickly, refuses what it cannot do with exit code 2, and ends well on SIGTERM."""

import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from http.client import HTTPException

import pytest

from servers import MAPAE, PASSWORD, environment, free_port, run_mapae, serving, start

pytestmark = pytest.mark.slow

WORKERS = pytest.mark.parametrize("workers", ["1", "3"], ids=lambda workers: f"{workers} workers")


@WORKERS
def test_a_server_is_ready_within_seconds(data, workers, measured):
    for which in ("first", "second"):
        with serving(data, MAPAE_WORKERS=workers) as server:
            measured(f"ready after the {which} start with {workers} workers, ms", f"{server.ready_seconds * 1e3:.0f}")
            assert server.ready_seconds < 4 + 2 * int(workers)  # loose, for busy machines


def not_ready(connection) -> bool:
    """Ask whether a server is ready until it says no with 503 (True) or has closed the connection (False)."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            answer = connection.ask("GET", "/readyz")
        except (OSError, HTTPException):
            return False
        if answer.status == 503:
            assert b"serving" in answer.body
            return True
        assert answer.status == 200
    raise AssertionError("the server is still ready")


@WORKERS
def test_after_sigterm_it_is_not_ready_answers_what_is_in_flight_and_exits_with_0(data, workers):
    with serving(data, MAPAE_WORKERS=workers, MAPAE_BCRYPT_COST="12") as server, ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(7)]
        reached = {connection.ask("GET", "/livez").worker for connection in connections}
        assert len(reached) > (workers != "1")
        for number, connection in enumerate(connections[:5]):
            body = {"email": f"person{number}@example.com", "password": PASSWORD}
            connection.send("POST", "/v1/sign-up", json_body=body)
        server.process.terminate()
        said_so = [not_ready(connection) for connection in connections[5:]]
        assert any(said_so)
        assert [connection.receive().status for connection in connections[:5]] == [201] * 5
        assert server.process.wait(40) == 0
        with pytest.raises(ConnectionRefusedError), server.connect() as late:
            late.ask("GET", "/livez")
    with serving(data, MAPAE_WORKERS=workers) as server, server.connect() as connection:
        for number in range(5):
            connection.sign_in(f"person{number}@example.com")


@WORKERS
def test_sigterm_at_any_moment_of_the_start_ends_it(data, workers):
    start(data, MAPAE_WORKERS=workers).stop()  # now the files are there
    for moment in (0.05, 0.2, 0.35, 0.5, 0.65, 0.8):
        port = free_port()
        process = subprocess.Popen(
            [*MAPAE, "serve"],
            cwd=data.parent,
            env=environment(data, port, MAPAE_WORKERS=workers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        threading.Event().wait(moment)  # this is the moment, wherever the start has got to
        process.terminate()
        _, said = process.communicate(timeout=40)
        assert process.returncode in {0, -15}, said
        assert "Traceback" not in said
        with socket.create_server(("127.0.0.1", port)):
            pass  # nobody listens any more
    with serving(data, MAPAE_WORKERS=workers):
        pass


SIGNALLED_AT_BIRTH = """
import os, signal
def at_birth():
    for pid in (os.getppid(), os.getpid()):
        os.kill(pid, signal.SIGTERM)
os.register_at_fork(after_in_child=at_birth)
from mapae.__main__ import main
main()
"""


def test_sigterm_in_the_moment_a_worker_is_born_ends_them_all(data):
    start(data).stop()
    done = subprocess.run(
        [sys.executable, "-c", SIGNALLED_AT_BIRTH, "serve"],
        cwd=data.parent,
        env=environment(data, free_port(), MAPAE_WORKERS="2"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


@WORKERS
def test_a_port_of_another_program_is_refused_with_exit_code_2_and_the_cure(data, workers):
    data.parent.mkdir(exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        settings = environment(data, port, MAPAE_WORKERS=workers)
        done = run_mapae("serve", settings=settings, folder=data.parent)
    assert done.returncode == 2
    assert f"port {port}" in done.stderr
    assert "MAPAE_PORT" in done.stderr
    assert "Traceback" not in done.stderr
    assert not data.exists()  # nothing was made for a server that never was


def test_two_servers_do_not_share_a_port_by_accident(data, tmp_path):
    """Workers do share theirs, so the system alone would not prevent it."""
    with serving(data, MAPAE_WORKERS="2") as server:
        settings = environment(tmp_path / "other", server.port, MAPAE_WORKERS="2")
        done = run_mapae("serve", settings=settings, folder=tmp_path)
        assert done.returncode == 2
        with server.connect() as connection:
            assert connection.ask("GET", "/readyz").status == 200
