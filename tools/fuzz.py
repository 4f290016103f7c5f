"""Fuzz every parser, guided by the code it reaches. `make fuzz` runs it; SECONDS= says how long for each target.

    python tools/fuzz.py SECONDS [TARGET...]

Each target runs in a process of its own and keeps what it found interesting under `.cache/fuzz`, so that the next run
goes on from there. The figures of all are printed as a table; what breaks a promise is kept beside them, and the exit
code says so.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".cache" / "fuzz"
TARGET_NAMES = (
    "jws", "signed", "unverified", "inspect", "jwk", "jwks", "key-file", "jwe", "nested", "dpop", "sd-jwt", "detached",
    "status-list", "refresh", "session", "json", "date", "base64url",
)  # fmt: skip
_PROGRESS = re.compile(r"#(\d+)\s+\w+.*?cov: (\d+) ft: (\d+) corp: (\d+)/")


class Figures(NamedTuple):
    """What a run of one target came to."""

    target: str
    seconds: int
    executions: int
    edges: int
    features: int
    corpus: int
    findings: int


def main(seconds: str, *names: str) -> int:
    if not names:
        shutil.rmtree(FOLDER / "findings", ignore_errors=True)
    all_figures = []
    for name in names or TARGET_NAMES:
        figures = fuzz(name, int(seconds))
        all_figures.append(figures)
        print(" ".join(f"{field}={value}" for field, value in figures._asdict().items()), flush=True)
    print("\n| target | seconds | executions | edges | corpus | findings |")
    print("|---|---:|---:|---:|---:|---:|")
    for each in all_figures:
        print(
            f"| `{each.target}` | {each.seconds} | {each.executions:,} | {each.edges:,} | {each.corpus:,} | {each.findings} |"
        )
    (FOLDER / "figures.json").write_text(json.dumps([each._asdict() for each in all_figures], indent=1) + "\n")
    return 1 if any(each.findings for each in all_figures) else 0


def fuzz(name: str, seconds: int) -> Figures:
    place = FOLDER / name
    place.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with (place / "log").open("w") as log:
        command = [sys.executable, ROOT / "tools" / "fuzzing" / "one.py", name, str(seconds), place]
        ended = subprocess.run(command, cwd=ROOT, stdout=log, stderr=log, check=False)
    text = (place / "log").read_text(errors="replace")
    steps = _PROGRESS.findall(text)
    if not steps:
        sys.exit(f"fuzz: {name} did not start; see {place / 'log'}\n{text[-2000:]}")
    executions, edges, features, corpus = map(int, steps[-1])
    if ended.returncode:
        print(text[-3000:], file=sys.stderr)
    findings = len([path for path in (place / "findings").iterdir() if path.is_file()])
    return Figures(
        name,
        round(time.monotonic() - began),
        executions,
        edges,
        features,
        corpus,
        max(findings, int(ended.returncode != 0)),
    )


if __name__ == "__main__":
    if len(sys.argv) < 2 or not sys.argv[1].isdigit():
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
