"""Everything a commit should pass: lint, format, types, import contracts, fast tests. `make check` runs it.

The five run side by side, and each one's output is shown whole when it has failed; the tests' output always.
"""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
# Hundreds of tests make a database each and wait for it to reach the disk; here the disk may be memory.
MEMORY = Path("/dev/shm")
FAST_TESTS = [
    BIN / "python", "-m", "pytest", "-q", "-m", "not slow", "-n", "2", "--no-header", "--hypothesis-profile=check",
    "-o", "tmp_path_retention_policy=failed",
]  # fmt: skip
CHECKS = {
    "lint": [BIN / "ruff", "check", "--quiet", "."],
    "format": [BIN / "ruff", "format", "--check", "--quiet", "."],
    "types": [BIN / "mypy"],
    "contracts": [BIN / "lint-imports"],
    "tests": FAST_TESTS,
}


def main() -> int:
    began = time.monotonic()
    failed = []
    with ThreadPoolExecutor() as pool:
        waiting = {pool.submit(run, command): name for name, command in CHECKS.items()}
        for done in as_completed(waiting):
            name = waiting[done]
            outcome = done.result()
            print(f"{name}: {'ok' if outcome.returncode == 0 else 'FAILED'}", flush=True)
            if outcome.returncode != 0 or name == "tests":
                print(outcome.stdout.rstrip(), flush=True)
            if outcome.returncode != 0:
                failed.append(name)
    print(f"check: {'failed: ' + ', '.join(failed) if failed else 'all passed'} in {time.monotonic() - began:.1f} s")
    return 1 if failed else 0


def run(command: list[Path | str]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"FORCE_COLOR": "", "NO_COLOR": "1"}
    if os.access(MEMORY, os.W_OK):
        environment["PYTEST_DEBUG_TEMPROOT"] = str(MEMORY)
    return subprocess.run(
        command, cwd=ROOT, env=environment, check=False, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
