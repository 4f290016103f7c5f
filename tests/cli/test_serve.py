"""The command line beside a running server, as real processes."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection

import pytest

MAPAE = [sys.executable, "-m", "mapae"]


@pytest.fixture
def server(home):
    """A running `mapae serve` and its port; it is ended with SIGTERM."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {"PATH": os.environ["PATH"], "MAPAE_PORT": str(port), "HOME": str(home)}
    process = subprocess.Popen(
        [*MAPAE, "serve"], env=environ, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            done = subprocess.run([*MAPAE, "health"], env=environ, capture_output=True, check=False, timeout=60)
            if done.returncode == 0:
                break
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
        yield environ, port, process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(40)
        process.stderr.close()


def mapae(environ, *args, give=""):
    done = subprocess.run(
        [*MAPAE, *args, "--json"], env=environ, input=give, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def status(port, token) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/v1/me", headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def signed_in(port) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    body = json.dumps({"email": "jane@example.com", "password": "a long enough passphrase"})
    connection.request("POST", "/v1/sign-in", body, {"Content-Type": "application/json"})
    members = json.loads(connection.getresponse().read())
    connection.close()
    return members["access_token"]


@pytest.mark.slow
def test_what_the_command_line_does_beside_a_server_holds_within_a_second(server):
    environ, port, _ = server
    mapae(environ, "user", "create", "jane@example.com", give="a long enough passphrase")
    token = signed_in(port)
    assert status(port, token) == 200
    mapae(environ, "user", "disable", "jane@example.com", "--yes")
    deadline = time.monotonic() + 1.0
    while status(port, token) == 200 and time.monotonic() < deadline:
        pass
    assert status(port, token) == 401


@pytest.mark.slow
def test_a_server_prints_the_link_for_the_first_administrator_and_ends_with_0(server):
    _, port, process = server
    process.send_signal(signal.SIGTERM)
    said = process.stderr.read()
    assert process.wait(40) == 0
    assert re.search(rf"http://localhost:{port}/\S*token=\S{{20,}}", said)


@pytest.mark.slow
def test_a_port_in_use_is_told_with_the_cure(server):
    environ, port, _ = server
    done = subprocess.run([*MAPAE, "serve"], env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert f"port {port}" in done.stderr
