"""`mapae lab crowd` itself, small: what must hold on every machine, however slow it is."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

pytestmark = pytest.mark.slow


def test_a_crowd_at_a_real_server_loses_nobody_and_overtakes_nobody(tmp_path, measured):
    asked = subprocess.run(
        [sys.executable, "-m", "mapae", "lab", "crowd", "--quick", "--json", "--charts", str(tmp_path)],
        capture_output=True, text=True, timeout=400, check=False, cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith(("MAPAE_", "COVERAGE_"))},
    )  # fmt: skip
    assert asked.returncode == 0, asked.stderr
    found = json.loads(asked.stdout)
    (crowd,) = found["crowds"]
    gate = crowd["gate"]
    assert gate["lost"] == 0
    assert gate["overtaken"] == 0
    assert gate["worse"] == 0
    assert gate["who_refused"] == 0
    assert found["simulated"]["people"] == 6_000
    assert {row["number"] for row in crowd["promises"]} == {f"F{number}" for number in range(1, 9)}
    for language in ("", ".ko"):
        ET.parse(tmp_path / f"lab-crowd-12{language}.svg")
    measured("crowd: people at 12 times the capacity", crowd["people"])
    measured("crowd: share of the calibrated rate", gate["share"])
    measured("crowd: ms of who am I, p99, quiet and in the crowd", [gate["who_quiet"] * 1e3, gate["who_crowd"] * 1e3])
    measured("crowd: people overtaken without the gate", crowd["no_gate"]["overtaken"])
