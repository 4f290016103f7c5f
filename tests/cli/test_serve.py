"""The command line beside a running server, as real processes."""

import json
import re
import time

import pytest

from servers import run_mapae, serving

pytestmark = pytest.mark.slow


@pytest.fixture
def server(data):
    with serving(data) as started:
        yield started


@pytest.fixture
def data(tmp_path):
    return tmp_path / "mapae-data"


def said(server, *args, give=""):
    """Run a command beside the server and return the members it printed."""
    done = server.mapae(*args, "--json", give=give)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_what_the_command_line_does_beside_a_server_holds_within_a_second(server):
    said(server, "user", "create", "jane@example.com", give="a long enough passphrase")
    with server.connect() as connection:

        def status():
            return connection.ask("GET", "/v1/me", token=token).status

        token = connection.sign_in("jane@example.com", "a long enough passphrase")["access_token"]
        assert status() == 200
        said(server, "user", "disable", "jane@example.com", "--yes")
        deadline = time.monotonic() + 1.0
        while status() == 200 and time.monotonic() < deadline:
            pass
        assert status() == 401


def test_the_health_of_a_running_server_is_well_and_of_one_that_ended_is_not(server):
    assert said(server, "health")["status"] == 200
    assert server.stop() == 0
    assert server.mapae("health").returncode == 9


def test_a_server_prints_the_link_for_the_first_administrator_and_ends_with_0(server):
    assert re.fullmatch(rf"{server.url}/\S*token=\S{{20,}}", server.set_up_link)
    assert server.stop() == 0


def test_a_port_in_use_is_told_with_the_cure(server, data):
    done = run_mapae("serve", settings=server.settings, folder=data.parent)
    assert done.returncode == 2
    assert f"port {server.port}" in done.stderr
