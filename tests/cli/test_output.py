import os
import pty
import subprocess
import sys

import pytest

from mapae.cli.output import printable, table, width_of
from mapae.cli.times import length, moment, moment_ms, relative

LONG_WORK = """
from mapae.cli.output import progress
with progress("Importing", 3, after=0.0) as step:
    for done in (1, 2, 3):
        step(done)
print("result")
"""


@pytest.mark.slow
def test_a_progress_bar_is_drawn_on_a_terminal_and_not_into_the_result():
    try:
        leader, follower = pty.openpty()
    except OSError as why:
        pytest.skip(f"no terminal to be had: {why}")
    environ = {"PATH": os.environ["PATH"], "TERM": "xterm", "COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, "-c", LONG_WORK], stdout=subprocess.PIPE, stderr=follower, env=environ, check=True, timeout=60
    )
    os.close(follower)
    drawn = os.read(leader, 65_536).decode()
    os.close(leader)
    assert "Importing" in drawn
    assert "100%" in drawn
    assert done.stdout == b"result\n"


@pytest.mark.slow
def test_no_progress_bar_is_drawn_into_a_file():
    done = subprocess.run([sys.executable, "-c", LONG_WORK], capture_output=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == (b"result\n", b"")


def test_columns_line_up_with_korean_letters():
    lines = table([("이름", "x"), ("name", "y")]).splitlines()
    assert lines == ["이름  x", "name  y"]
    assert width_of("이름") == 4


def test_control_characters_are_written_out():
    assert printable("a\x1b[0m\u202e가") == "a\\u001b[0m\\u202e가"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3_605, "1 h"),
        (90_000, "1 d 1 h"),
        (252, "4 min 12 s"),
        (1e18, "31709791983 years"),
    ],
)
def test_lengths_are_told_with_two_units(seconds, words, monkeypatch):
    monkeypatch.setenv("MAPAE_LANG", "en")
    assert length(seconds) == words


def test_moments_are_told_in_utc_and_relative_to_now(monkeypatch):
    monkeypatch.setenv("MAPAE_LANG", "en")
    assert moment(0) == "1970-01-01 00:00:00 UTC"
    assert moment_ms(None) == "-"
    assert (relative(100, 40), relative(40, 100)) == ("in 1 min", "1 min ago")
