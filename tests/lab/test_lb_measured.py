"""`mapae lab lb` for real: what it shows of each way to know who asks holds on this machine, now."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mapae.lab.lb.tools import find_tools

pytestmark = pytest.mark.slow

LAB = [sys.executable, "-m", "mapae", "lab", "lb", "--quick"]


def run_lab(*arguments: str | Path) -> dict:
    done = subprocess.run(
        [*LAB, "--json", *map(str, arguments)], capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def modes(valkey_program) -> dict:
    found = run_lab("--store", valkey_program)
    assert found["not_measured"] == {}
    return found["modes"]


def outages(mode: dict) -> dict[str, dict]:
    return {each["store"]: each for each in mode["outages"]}


def test_each_way_keeps_what_it_promises_and_breaks_where_it_is_said_to_break(modes, measured):
    lost = {letter: mode["kill"]["lost"] / mode["kill"]["users"] for letter, mode in modes.items()}
    refused = {letter: mode["refused_share"] for letter, mode in modes.items()}
    ended = {letter: mode["sign_out"]["ended"] / mode["sign_out"]["tried"] for letter, mode in modes.items()}
    asked = {letter: sum(mode["store_operations_per_request"].values()) for letter, mode in modes.items()}
    for letter, mode in modes.items():
        measured(f"lab lb, {letter}", f"{mode['requests_per_second']} requests/s, p99 {mode['p99_ms']} ms")
        assert mode["failed"] == 0
        assert mode["requests"] > 50

    # A and B: what one node remembers is gone with it, and without a sticky cookie it is not even found.
    assert 0.4 < refused.pop("A") < 0.9
    assert set(refused.values()) == {0.0}
    assert 0 < lost.pop("A") < 0.8
    assert 0 < lost.pop("B") < 0.8
    assert set(lost.values()) == {0.0}
    # C asks for each request, and nothing goes without its store.
    assert asked["C"] >= 1
    assert outages(modes["C"])["valkey"]["served"] == 0
    # D never asks, and cannot take back what it gave.
    assert asked["D"] == 0
    assert ended.pop("D") == 0
    # A sign-out that comes to the wrong node of A ends nothing; it ends everywhere else.
    del ended["A"]
    assert set(ended.values()) == {1.0}
    # E and F hardly ever ask, and go on without their stores as long as the lease allows.
    assert max(asked["E"], asked["F"]) < 0.5
    assert outages(modes["F"])["valkey"]["served"] == 1
    for letter in ("E", "F"):
        database = outages(modes[letter])["database"]
        assert database["served"] > 0
        assert database["served_later"] == 0
        measured(f"lab lb, {letter}: sign-out everywhere within, ms", modes[letter]["sign_out"]["slowest_ms"])
    sizes = {letter: mode["credential_bytes"] for letter, mode in modes.items()}
    assert sizes["C"] < sizes["F"] < sizes["D"] < sizes["E"]


@pytest.mark.parametrize("balancer", ["own", "nginx"])
def test_another_balancer_shows_the_same(balancer):
    try:
        find_tools(balancer=balancer, store=None)
    except LookupError:
        pytest.skip(f"no {balancer}: it is not installed")
    mode = run_lab("--mode", "B", "--balancer", balancer)["modes"]["B"]
    assert (mode["failed"], mode["refused_share"]) == (0, 0.0)
    assert 0 < mode["kill"]["lost"] < mode["kill"]["users"]
    assert mode["sign_out"]["ended"] == mode["sign_out"]["tried"]


def test_ctrl_c_ends_and_removes_everything(tmp_path):
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    lab = subprocess.Popen([*LAB, "--mode", "D"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        until = time.monotonic() + 60
        while len(started(tmp_path)) < 3:
            assert lab.poll() is None, lab.stderr.read()
            assert time.monotonic() < until
            time.sleep(0.02)
        lab.send_signal(signal.SIGINT)
        assert lab.wait(30) == 130
    finally:
        lab.kill()
        lab.stderr.close()
    assert started(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def started(folder: Path) -> list[bytes]:
    """The nodes that run: their command names their files."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended
        if b"start_node" in words and str(folder).encode() in words:
            found.append(words)
    return found
