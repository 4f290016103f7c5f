"""Everything a commit should pass: lint, format, types, import contracts, fast tests. `make check` runs it.

All run side by side, and each one's output is shown whole when it has failed; the tests' output always. The tests run
in two processes, one for the rooms up to the flows and one for all that stands on them: each imports and collects its
own half only, which two workers of one run would both do wholly.
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
# pytest rewrites the assertions of every test file; kept from run to run even where Python keeps no bytecode.
BYTECODE = ROOT / ".cache" / "bytecode"
ROOMS = ("jose", "keys", "accounts", "sessions", "admission", "storage", "coordination", "compat", "flows")
BELOW = [f"tests/{room}" for room in ROOMS]
FAST_TESTS = [
    BIN / "python", "-m", "pytest", "-q", "-m", "not slow", "--no-header", "--hypothesis-profile=check",
    "-o", "tmp_path_retention_policy=failed", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:schemathesis",
]  # fmt: skip
CHECKS = {
    "lint": [BIN / "ruff", "check", "--quiet", "."],
    "format": [BIN / "ruff", "format", "--check", "--quiet", "."],
    "types": [BIN / "mypy"],
    "contracts": [BIN / "lint-imports"],
    "tests up to the flows": [*FAST_TESTS, *BELOW],
    "other tests": [*FAST_TESTS, "tests", *(f"--ignore={folder}" for folder in BELOW)],
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
            if outcome.returncode != 0 or "tests" in name:
                print(outcome.stdout.rstrip(), flush=True)
            if outcome.returncode != 0:
                failed.append(name)
    print(f"check: {'failed: ' + ', '.join(failed) if failed else 'all passed'} in {time.monotonic() - began:.1f} s")
    return 1 if failed else 0


def run(command: list[Path | str]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"FORCE_COLOR": "", "NO_COLOR": "1", "PYTHONPYCACHEPREFIX": str(BYTECODE)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    if os.access(MEMORY, os.W_OK):
        environment["PYTEST_DEBUG_TEMPROOT"] = str(MEMORY)
    return subprocess.run(
        command, cwd=ROOT, env=environment, check=False, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
