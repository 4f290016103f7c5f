"""Play stories of the simulation until something breaks, or kill real servers in turn: what `make soak` does.

    python tools/soak.py [--stories 1000000] [--first 0] [--jobs N]
    python tools/soak.py --kills 1000 [--minutes M] [--jobs N]

Each story is one seed (`tests/revocation_story.py`). The first that fails is printed with its seed, and ends the run
with exit code 1; `MAPAE_SEED=<seed> pytest tests/sessions/test_revocation_simulation.py` plays it again.

With `--kills`, each job has three nodes, a board and a PostgreSQL with fsync of its own, and one of these is killed with
SIGKILL after the other while people sign in and out (`tests/killed/in_turn.py`), so many times in all.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from multiprocessing import get_context
from pathlib import Path
from queue import Empty
from random import Random

ROOT = Path(__file__).resolve().parent.parent
AT_ONCE = 250
SAY_EVERY = 10.0
COMPARE_EVERY = 10
"""Kills between two comparisons of what was acknowledged with all that is in the database."""


def main() -> int:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--stories", type=int, default=1_000_000)
    reader.add_argument("--first", type=int, default=0, help="the seed of the first story")
    reader.add_argument("--kills", type=int, default=0, help="kill real servers so many times instead")
    reader.add_argument("--minutes", type=float, default=float("inf"), help="begin no kill after so long")
    reader.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    asked = reader.parse_args()
    return kill_servers(asked) if asked.kills else play_stories(asked)


def play_stories(asked: argparse.Namespace) -> int:
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


def kill_servers(asked: argparse.Namespace) -> int:
    end_on_sigterm()
    if not {"postgres", "valkey_server"} <= programs().keys():
        print("soak: no PostgreSQL or no Valkey: run tools/prepare_tests.py first", file=sys.stderr)
        return 2
    context, began = get_context("spawn"), time.monotonic()
    news, seed = context.Queue(), time.time_ns() % 1_000_000
    until = time.time() + asked.minutes * 60
    shares = [asked.kills // asked.jobs + (job < asked.kills % asked.jobs) for job in range(asked.jobs)]
    jobs = [
        context.Process(target=kill_some, args=(job, share, seed + job, until, news))
        for job, share in enumerate(shares)
        if share
    ]
    counted: dict[int, Counter[str]] = {}
    said = began
    try:
        for job in jobs:
            job.start()
        ended = 0
        while ended < len(jobs):
            try:
                number, counts, broken = news.get(timeout=SAY_EVERY)
            except Empty:
                if not any(job.is_alive() for job in jobs):
                    print("soak: a job ended without a word", file=sys.stderr)
                    return 1
                continue
            if broken:
                print(f"soak: {broken}", flush=True)
                return 1
            ended += counts is None
            counted[number] = counts or counted[number]
            if time.monotonic() - said > SAY_EVERY:
                said = time.monotonic()
                print(f"soak: {in_words(counted, said - began)}", flush=True)
    finally:
        for job in jobs:
            if job.is_alive():
                job.terminate()
            job.join()
    print(f"soak: nothing lost, nothing accepted beyond the bound: {in_words(counted, time.monotonic() - began)}")
    return 0


def end_on_sigterm() -> None:
    """Have SIGTERM end this process as an error would, so that it ends what it has started."""

    def end(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not cut that short
        sys.exit(143)

    signal.signal(signal.SIGTERM, end)


def programs() -> dict[str, str]:
    """Return what `tools/prepare_tests.py` has found."""
    prepared = ROOT / ".cache" / "tests.json"
    return json.loads(prepared.read_text())["found"] if prepared.exists() else {}


def in_words(counted: dict[int, Counter[str]], seconds: float) -> str:
    everything = sum(counted.values(), Counter())
    kills = {name: everything.pop(name) for name in ("database", "board", "node") if name in everything}
    return f"{sum(kills.values())} kills {kills} in {seconds:.0f} s; {dict(everything)}"


def kill_some(job: int, share: int, seed: int, until: float, news) -> None:  # noqa: ANN001 - a queue
    """Kill so many times; the counts, or what broke, go to `news`, and None at the end."""
    end_on_sigterm()
    sys.path.insert(0, str(ROOT / "tests"))
    from killed.in_turn import machines  # noqa: PLC0415  (in a process of its own)

    rng, found = Random(seed), programs()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="soak-") as folder,
            machines(Path(found["postgres"]), Path(found["valkey_server"]), Path(folder)) as all_of_them,
        ):
            for number in range(share):
                if time.time() > until:
                    break
                all_of_them.kill_one(number, rng, within=(0.05, 0.8))
                if number % COMPARE_EVERY == 0:
                    all_of_them.miss_nothing()
                news.put((job, all_of_them.kills + Counter(all_of_them.answers), None))
            all_of_them.miss_nothing()
            all_of_them.know_everything()
        news.put((job, None, None))
    except Exception:  # noqa: BLE001 - whatever it is: it ends the run
        news.put((job, None, f"seed {seed}: {traceback.format_exc()}"))


if __name__ == "__main__":
    sys.exit(main())
