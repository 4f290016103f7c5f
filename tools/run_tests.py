"""Run every test and say what they cover. `make test` runs it; arguments go to pytest.

Two processes share the tests, a file at a time: with more, the tests that watch a server under load would wait for one
another. Coverage is measured in these processes; servers that a test starts as processes of their own are not counted.
The summary is printed just before pytest's closing line, so that the closing line stays the last one.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Kept from run to run even where Python keeps no bytecode: hundreds of servers and commands are started.
BYTECODE = ROOT / ".cache" / "bytecode"
COVERAGE = [sys.executable, "-m", "coverage"]
# In the order of their names: the folders with the longest tests are not the last, so both processes end together.
SHARED = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
NO_TESTS_RAN = 5


def main(arguments: list[str]) -> int:
    pytest = [*COVERAGE, "run", "-m", "pytest", *SHARED, *arguments]
    environment = os.environ | {"PYTHONPYCACHEPREFIX": str(BYTECODE)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    for old in ROOT.glob(".coverage*"):
        old.unlink()
    held = b""
    with subprocess.Popen(
        pytest, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if held:
                write(held)
            held = line
    subprocess.run([*COVERAGE, "combine", "--quiet"], cwd=ROOT, check=False)
    summary = subprocess.run(
        [*COVERAGE, "report", "--skip-covered", "--skip-empty", "--sort=cover"],
        cwd=ROOT,
        check=False,
        capture_output=True,
    )
    write(b"\n" + summary.stdout)
    write(held)
    return 1 if running.returncode == NO_TESTS_RAN else running.returncode


def write(text: bytes) -> None:
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
