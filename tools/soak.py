"""Play stories of the simulation until something breaks: `make soak` plays a million, on every core.

    python tools/soak.py [--stories 1000000] [--first 0] [--jobs N]

Each story is one seed (`tests/revocation_story.py`). The first that fails is printed with its seed, and ends the run
with exit code 1; `MAPAE_SEED=<seed> pytest tests/sessions/test_revocation_simulation.py` plays it again.
"""

import argparse
import os
import sys
import time
from collections import Counter
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
AT_ONCE = 250
SAY_EVERY = 10.0


def main() -> int:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--stories", type=int, default=1_000_000)
    reader.add_argument("--first", type=int, default=0)
    reader.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    asked = reader.parse_args()
    last = asked.first + asked.stories
    parts = [range(seed, min(seed + AT_ONCE, last)) for seed in range(asked.first, last, AT_ONCE)]
    outcomes: Counter[str] = Counter()
    played, began = 0, time.monotonic()
    said = began
    with get_context("spawn").Pool(asked.jobs) as pool:
        for part, happened, broken in pool.imap_unordered(play_part, parts):
            if broken is not None:
                print(f"soak: {broken}", flush=True)
                pool.terminate()
                return 1
            played += len(part)
            outcomes.update(happened)
            if time.monotonic() - said > SAY_EVERY:
                said = time.monotonic()
                left = (said - began) / played * (asked.stories - played)
                print(f"soak: {played} of {asked.stories} stories, about {left / 60:.0f} min left", flush=True)
    print(f"soak: {played} stories in {time.monotonic() - began:.0f} s: {dict(sorted(outcomes.items()))}")
    return 0


def play_part(seeds: range) -> tuple[range, Counter[str], str | None]:
    sys.path.insert(0, str(ROOT / "tests"))
    from revocation_story import play  # noqa: PLC0415  (in a process of its own)

    outcomes: Counter[str] = Counter()
    for seed in seeds:
        try:
            outcomes.update(play(seed))
        except Exception as broken:  # noqa: BLE001 - whatever it is: its seed must be named
            return seeds, outcomes, str(broken) if str(seed) in str(broken) else f"seed {seed}: {broken!r}"
    return seeds, outcomes, None


if __name__ == "__main__":
    sys.exit(main())
