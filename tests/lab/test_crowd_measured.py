"""`mapae lab crowd` itself, small: what must hold on every machine, however slow it is."""

import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from mapae.lab.crowd.experiment import QUICK, Found, document, run

pytestmark = pytest.mark.slow

LAB = [sys.executable, "-m", "mapae", "lab", "crowd", "--quick", "--json"]
PROMISES = {f"F{number}" for number in range(1, 9)}


def environment(folder: Path) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MAPAE_", "COVERAGE_"))}
    return own | {"TMPDIR": str(folder)}


def run_lab(folder: Path, *arguments: str) -> dict:
    asked = subprocess.run(
        [*LAB, *arguments], capture_output=True, text=True, timeout=400, check=False, cwd=folder,
        env=environment(folder),
    )  # fmt: skip
    assert asked.returncode == 0, asked.stderr
    found = json.loads(asked.stdout)
    assert found["finished"]
    assert "at 12 times the capacity" in asked.stderr, "what a crowd showed is said as soon as it has gone"
    (crowd,) = found["crowds"]
    gate = crowd["gate"]
    assert gate["lost"] == 0
    assert gate["overtaken"] == 0
    assert gate["worse"] == 0
    assert gate["who_refused"] == 0
    assert {row["number"] for row in crowd["promises"]} == PROMISES
    return found


def test_a_crowd_at_a_real_server_loses_nobody_and_overtakes_nobody(tmp_path, measured):
    found = run_lab(tmp_path, "--charts", str(tmp_path))
    (crowd,) = found["crowds"]
    gate = crowd["gate"]
    assert found["simulated"]["people"] == 6_000
    for language in ("", ".ko"):
        ET.parse(tmp_path / f"lab-crowd-12{language}.svg")
    measured("crowd: people at 12 times the capacity", crowd["people"])
    measured("crowd: share of the calibrated rate", gate["share"])
    measured("crowd: ms of who am I, p99, quiet and in the crowd", [gate["who_quiet"] * 1e3, gate["who_crowd"] * 1e3])
    measured("crowd: us of a core of a question how far, and of a who am I", [crowd["place"]["poll"] * 1e6,
                                                                             crowd["place"]["who"] * 1e6])  # fmt: skip
    measured("crowd: people overtaken without the gate", crowd["no_gate"]["overtaken"])


def test_the_crowd_comes_to_postgresql_too(tmp_path, postgres, measured):
    scene = replace(QUICK.scene, fits=5.0, quiet_seconds=1.5, calibration_seconds=2.5, after_seconds=1.0)
    plan = replace(QUICK, planned=20, scene=scene, simulated=500, places=200, control_seconds=3.0)
    found = Found()
    with postgres.new_schema() as url:
        (pair,) = run(plan, tmp_path, found, seed=1, database=url, tell=lambda *_: None)
    gate = pair.with_gate
    assert (gate.lost, gate.overtaken, gate.worse, gate.who_refused, gate.refresh_failed) == (0, 0, 0, 0, 0)
    assert document(found)["crowds"][0]["database"] == "postgresql"
    measured("crowd: ms of a refresh with PostgreSQL, p99, in the crowd", gate.refresh_crowd * 1e3)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_and_removes_everything_and_shows_what_there_is(tmp_path, number):
    lab = subprocess.Popen(
        LAB, env=environment(tmp_path), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + 60
        while not started(tmp_path):
            assert lab.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
        lab.send_signal(number)
        said, _ = lab.communicate(timeout=30)
    finally:
        lab.kill()
        lab.wait()
    assert lab.returncode == 130
    assert json.loads(said)["finished"] is False
    assert started(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def started(folder: Path) -> list[bytes]:
    """The servers and generators that run in `folder`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            at, words = (process / "cwd").readlink(), (process / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended
        if at.is_relative_to(folder) and b"crowd.serving" in words:
            found.append(words)
    return found
