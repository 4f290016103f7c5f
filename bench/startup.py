"""Measure what starting the command line costs: CPU time of `mapae token inspect`, beside Python itself.

python bench/startup.py [rounds]
"""

import json
import resource
import statistics
import subprocess
import sys

TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJleHAiOjF9.c2ln"
COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "mapae --version": [sys.executable, "-m", "mapae", "--version"],
    "mapae token inspect": [sys.executable, "-m", "mapae", "token", "inspect"],
    "mapae config check": [sys.executable, "-m", "mapae", "config", "check"],
}


def cpu_ms(command: list[str]) -> float:
    """Run a command and return its CPU time in milliseconds, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, input=TOKEN.encode(), capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main() -> None:
    """Print one JSON object with least, median and greatest CPU time of each command."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            taken[name].append(cpu_ms(command))
    found = {
        name: {"min": round(min(each), 1), "median": round(statistics.median(each), 1), "max": round(max(each), 1)}
        for name, each in taken.items()
    }
    print(json.dumps({"rounds": rounds, "python": sys.version.split()[0], "cpu_ms": found}, indent=2))


if __name__ == "__main__":
    main()
