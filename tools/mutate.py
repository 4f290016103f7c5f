"""Change the token core in thousands of small ways, and see whether a test notices each. `make mutate` runs it.

    python tools/mutate.py [MODULE...]

Without arguments every module of the core is tried. What survives must stand in `tools/mutation/equivalent.toml`, with
the reason why no test can tell it from the original; the command fails otherwise, and prints the figures in any case.
"""

from __future__ import annotations

import json
import os
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from mutation.mutants import Mutant, mutants_of
from mutation.trial import CANNOT, PYTEST, SURVIVED, Trial, in_child, survives_import

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "src" / "mapae" / "jose"
EQUIVALENT = ROOT / "tools" / "mutation" / "equivalent.toml"
REPORT = ROOT / ".cache" / "mutation.json"
MODULES = (
    "signatures", "header", "policy", "verifier", "jws", "claims", "key", "jwk", "jwks", "algorithms", "glance", "memo",
    "base64url", "strict_json", "unverified", "issuers", "quirks", "typed_claims", "points", "guessable_primes",
    "key_files",
)  # fmt: skip
# What starts other programs, or asks the clock, tells nothing about these modules.
TESTS = [
    "tests/jose/test_keys.py",
    "tests/jose/test_verify.py",
    "tests/jose",
    *(f"--ignore=tests/jose/{name}.py" for name in ("test_typing", "test_encryption_peers", "test_differences")),
    "--deselect=tests/jose/test_hostile_corpus.py::test_the_files_are_what_the_program_writes",
    "--deselect=tests/jose/test_encryption_attacks.py::test_a34_faults_of_key_and_tag_take_the_same_time",
]
IMPORT_SECONDS = 300
progress = os.fdopen(os.dup(2), "w", buffering=1)


def main(names: Sequence[str]) -> int:
    os.chdir(ROOT)
    os.environ["MAPAE_VECTORS"] = "/nonexistent"  # the same tests everywhere, with or without the outside vectors
    began = time.monotonic()
    mutants = {name: list(mutants_of((FOLDER / f"{name}.py").read_text())) for name in names}
    say(f"{sum(map(len, mutants.values()))} mutants of {len(names)} modules")
    code, exchanged = in_child(lambda: exchange_each(mutants), seconds=6 * 3600)
    if code != SURVIVED:
        return 1
    survivors = {
        name: [
            mutant
            for mutant, code in zip(mutants[name], exchanged[name], strict=True)
            if (imported(name, mutant) if code == CANNOT else code) == SURVIVED
        ]
        for name in names
    }
    return report(mutants, survivors, minutes=(time.monotonic() - began) / 60)


def exchange_each(mutants: Mapping[str, Sequence[Mutant]]) -> dict[str, list[int]]:
    """Collect the tests once and try every mutant that needs no import."""
    codes: dict[str, list[int]] = {}

    def work(trial: Trial) -> None:
        reach = trial.reach()
        say(f"{len(trial.items)} tests in {sum(reach.seconds):.0f} s")
        for name, each in mutants.items():
            codes[name] = []
            for mutant in each:
                codes[name].append(trial.survives(mutant, FOLDER / f"{name}.py", reach))
                if codes[name][-1] == SURVIVED:
                    say(f"{name}:{mutant.line} survives: {mutant.name}")
            say(f"{name}: {Counter(codes[name])[SURVIVED]} of {len(each)} survive, {Counter(codes[name])[CANNOT]} wait")

    pytest.main([*PYTEST, *TESTS], plugins=[Trial(work, FOLDER, say)])
    return codes if len(codes) == len(mutants) else sys.exit(1)


def imported(name: str, mutant: Mutant) -> int:
    code = survives_import(mutant, f"mapae.jose.{name}", TESTS, seconds=IMPORT_SECONDS)
    if code == SURVIVED:
        say(f"{name}:{mutant.line} survives: {mutant.name}")
    return code


def report(
    mutants: Mapping[str, Sequence[Mutant]], survivors: Mapping[str, Sequence[Mutant]], *, minutes: float
) -> int:
    known = tomllib.loads(EQUIVALENT.read_text())
    unknown, total, noticed, excused = [], 0, 0, 0
    print("| module | mutants | noticed | equivalent | missed |")
    print("|---|---:|---:|---:|---:|")
    for name, each in mutants.items():
        equal = {entry["mutant"] for entry in known.get(name, ())}
        missed = [mutant for mutant in survivors[name] if mutant.name not in equal]
        alive = len(survivors[name])
        print(f"| `{name}` | {len(each)} | {len(each) - alive} | {alive - len(missed)} | {len(missed)} |")
        unknown += [f"{name}:{mutant.line} {mutant.name}" for mutant in missed]
        total, noticed, excused = total + len(each), noticed + len(each) - alive, excused + alive - len(missed)
        stale = equal - {mutant.name for mutant in survivors[name]}
        unknown += [f"{name}: listed as equivalent, but noticed or gone: {entry}" for entry in sorted(stale)]
    print(f"| all | {total} | {noticed} | {excused} | {total - noticed - excused} |")
    print(f"\n{100 * noticed / (total - excused):.2f} % of those that differ were noticed, in {minutes:.0f} minutes.")
    for line in unknown:
        print(line)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(
        json.dumps({"total": total, "noticed": noticed, "equivalent": excused, "missed": unknown}, indent=1)
    )
    return 1 if unknown else 0


def say(text: str) -> None:
    progress.write(f"mutate: {text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or MODULES))
