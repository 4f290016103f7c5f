"""Change the token core in thousands of small ways, and see whether a test notices each. `make mutate` runs it.

    python tools/mutate.py [MODULE...] [--afresh]

Without a name the modules that sign and verify are tried: what they decide about signatures, algorithms, keys and claims.
Any other of `mapae.jose` can be named. What a test noticed is kept in `.cache/mutation` and not tried again until the
module changes; `--afresh` forgets it. Changes that make no difference stand in `tools/mutation/equivalent.toml`, with the
reason, and are not tried. The figures are printed, and the command fails if a change was missed.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
from mutation.mutants import Mutant, mutants_of
from mutation.trial import CANNOT, PYTEST, SURVIVED, Trial, in_child, survives_import

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "src" / "mapae" / "jose"
EQUIVALENT = ROOT / "tools" / "mutation" / "equivalent.toml"
RESULTS = ROOT / ".cache" / "mutation"
MODULES = (
    "signer", "shapes", "glance", "verifier", "signatures", "base64url", "algorithms", "policy", "claims", "header", "jws",
    "key", "jwks", "jwk", "typed_claims", "strict_json", "dss_signature", "issuers", "memo", "jwt",
)  # fmt: skip
QUICK_TESTS = [
    f"tests/jose/test_{name}.py"
    for name in ("keys", "key_members", "signatures", "refusals", "reasons", "verify", "verifier_paths", "glance_exact")
]
FIRST_TESTS = {
    "algorithms": "algorithms", "signatures": "signatures", "header": "refusals", "claims": "claims", "jws": "refusals",
    "jwk": "key_members", "jwks": "key_members", "key": "key_members", "glance": "glance_exact",
    "shapes": "shapes", "signer": "signer", "base64url": "base64url",
    "typed_claims": "typed_claims", "strict_json": "strict_json", "dss_signature": "dss_signature", "issuers": "issuers",
    "memo": "memo", "jwt": "sign", "policy": "verifier_paths", "verifier": "verifier_paths",
}  # fmt: skip
TESTS = [
    *QUICK_TESTS,
    *(
        f"tests/jose/test_{name}.py"
        for name in (
            "algorithms", "attacks", "base64url", "claims", "dss_signature", "front_door", "glance", "hostile_corpus", "issuers",
            "jws", "key_sets", "memo", "mistakes", "shapes", "sign", "signer", "strict_json", "typed_claims", "unverified",
        )
    ),
    "--deselect=tests/jose/test_hostile_corpus.py::test_the_files_are_what_the_program_writes",
]  # fmt: skip
IMPORT_SECONDS = 300
progress = os.fdopen(os.dup(2), "w", buffering=1)


def main(arguments: Sequence[str]) -> int:
    os.chdir(ROOT)
    os.environ["MAPAE_VECTORS"] = "/nonexistent"  # the same tests everywhere, with or without the outside vectors
    names = [argument for argument in arguments if argument != "--afresh"] or MODULES
    runs = [Run(name, afresh="--afresh" in arguments) for name in names]
    untried = sum(len(run.untried()) for run in runs)
    say(f"{sum(len(run.mutants) for run in runs)} mutants of {len(runs)} modules, {untried} to try")
    if untried and not try_each(runs):
        return 1
    return report(runs)


def try_each(runs: Sequence[Run]) -> bool:
    """Try what is not known yet, first by exchanging code, then by importing; say whether it could be done."""
    code, waiting = in_child(lambda: exchange_each(runs), seconds=6 * 3600)
    if code != SURVIVED:
        return False
    for run in runs:
        run.load()
        for mutant in run.untried():
            if mutant.name in waiting[run.name]:
                run.outcomes[mutant.name] = imported(run.name, mutant) != SURVIVED
                run.save()
    return True


class Run:
    """The mutants of one module, and what is known of them: an interrupted run goes on where it was.

    Attributes:
        name: the module.
        mutants: all of them.
        listed: the names of those that make no difference.
        outcomes: whether a test noticed the mutant of this name, as far as it was tried.
    """

    def __init__(self, name: str, *, afresh: bool) -> None:
        self.name = name
        source = (FOLDER / f"{name}.py").read_text()
        self._version = hashlib.sha256(source.encode()).hexdigest()
        self._path = RESULTS / f"{name}.json"
        self.mutants = list(mutants_of(source))
        entries = tomllib.loads(EQUIVALENT.read_text()).get(name, ())
        self.listed = {mutant for entry in entries for mutant in entry["mutants"]}
        self.outcomes: dict[str, bool] = {}
        if not afresh:
            self.load()

    def load(self) -> None:
        """Read what is known, if it is about the module as it stands."""
        kept = json.loads(self._path.read_text()) if self._path.exists() else {}
        if kept.get("version") == self._version:
            self.outcomes = kept["outcomes"]

    def save(self) -> None:
        RESULTS.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps({"version": self._version, "outcomes": self.outcomes}, indent=1))

    def untried(self) -> list[Mutant]:
        """List what to try: everything that no test is known to notice, and that should make a difference."""
        return [
            mutant for mutant in self.mutants if not self.outcomes.get(mutant.name) and mutant.name not in self.listed
        ]


def exchange_each(runs: Sequence[Run]) -> dict[str, set[str]]:
    """Collect the tests once and try every mutant that needs no import; return the names of those that do."""
    waiting: dict[str, set[str]] = {}

    def work(trial: Trial) -> None:
        reach = trial.reach()
        say(f"{len(trial.items)} tests in {sum(reach.seconds):.0f} s")
        for run in runs:
            waiting[run.name] = set()
            for mutant in run.untried():
                code = trial.survives(mutant, FOLDER / f"{run.name}.py", reach)
                if code == CANNOT:
                    waiting[run.name].add(mutant.name)
                    continue
                run.outcomes[mutant.name] = code != SURVIVED
                run.save()
                if code == SURVIVED:
                    say(f"{run.name}:{mutant.line} survives: {mutant.name}")
            say(f"{run.name}: {len(run.untried()) - len(waiting[run.name])} survive, {len(waiting[run.name])} wait")

    pytest.main([*PYTEST, *TESTS], plugins=[Trial(work, FOLDER, say)])
    if len(waiting) != len(runs):
        say("the tests could not be collected; `python -m pytest tests/jose` says why")
        sys.exit(1)
    return waiting


def imported(name: str, mutant: Mutant) -> int:
    first = [f"tests/jose/test_{FIRST_TESTS.get(name, 'keys')}.py"]
    for tests in (first, QUICK_TESTS, TESTS):  # most are noticed by the first few
        code = survives_import(mutant, f"mapae.jose.{name}", tests, seconds=IMPORT_SECONDS)
        if code != SURVIVED:
            break
    if code == SURVIVED:
        say(f"{name}:{mutant.line} survives: {mutant.name}")
    return code


def report(runs: Sequence[Run]) -> int:
    """Print the figures, and whatever no test noticed."""
    missed = []
    total = noticed = same = 0
    print("| module | changes | noticed | no difference | missed |\n|---|---:|---:|---:|---:|")
    for run in runs:
        missed += [f"{run.name}:{mutant.line} {mutant.name}" for mutant in run.untried()]
        listed = sum(mutant.name in run.listed for mutant in run.mutants)
        figures = (len(run.mutants), len(run.mutants) - listed - len(run.untried()), listed)
        print(f"| `{run.name}` | {figures[0]:,} | {figures[1]:,} | {figures[2]} | {len(run.untried())} |")
        total, noticed, same = total + figures[0], noticed + figures[1], same + figures[2]
        missed += [
            f"{run.name}: listed, and no such mutant: {name}" for name in run.listed - {m.name for m in run.mutants}
        ]
    print(f"| all | {total:,} | {noticed:,} | {same} | {total - noticed - same} |")
    print(f"\n{100 * noticed / max(1, total - same):.2f} % of the changes that make a difference were noticed.")
    print("\n".join(missed))
    return 1 if missed else 0


def say(text: str) -> None:
    progress.write(f"mutate: {text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
