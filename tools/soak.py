"""Play stories of the simulation until something breaks, or kill real servers in turn: what `make soak` does.

    python tools/soak.py [--stories 1000000] [--first 0] [--jobs N]
    python tools/soak.py --kills 1000 [--minutes M] [--jobs N]
    python tools/soak.py --file-kills 1000 [--minutes M] [--jobs N]

Each story is one seed (`tests/revocation_story.py`). The first that fails is printed with its seed, and ends the run
with exit code 1; `MAPAE_SEED=<seed> pytest tests/sessions/test_revocation_simulation.py` plays it again.

With `--kills`, each job has three nodes, a board and a PostgreSQL with fsync of its own, and one of these is killed with
SIGKILL after the other while people sign in and out (`tests/killed/in_turn.py`), so many times in all. With
`--file-kills` it is one server with its SQLite file, and people do more (`tests/killed/amid_work.py`).
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
from collections.abc import Callable, Iterator
from itertools import cycle, takewhile
from multiprocessing import get_context
from pathlib import Path
from queue import Empty
from random import Random
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
AT_ONCE = 250
SAY_EVERY = 10.0
KILLED = ("database", "board", "node", "sign-up", "refresh", "revoke")
"""What is counted as a kill: of what, or amid what."""
COMPARE_EVERY = 10
"""Kills between two comparisons of what was acknowledged with all that is in the database."""


def main() -> int:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--stories", type=int, default=1_000_000)
    reader.add_argument("--first", type=int, default=0, help="the seed of the first story")
    reader.add_argument("--kills", type=int, default=0, help="kill real servers so many times instead")
    reader.add_argument(
        "--file-kills", type=int, default=0, help="kill a server on an SQLite file so many times instead"
    )
    reader.add_argument("--minutes", type=float, default=float("inf"), help="begin no kill after so long")
    reader.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    asked = reader.parse_args()
    if asked.file_kills:
        return kill_servers(asked, asked.file_kills, kills_on_a_file)
    if not asked.kills:
        return play_stories(asked)
    if not {"postgres", "valkey_server"} <= programs().keys():
        print("soak: no PostgreSQL or no Valkey: run tools/prepare_tests.py first", file=sys.stderr)
        return 2
    return kill_servers(asked, asked.kills, kills_in_turn)


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


class Share(NamedTuple):
    """What one job does.

    Attributes:
        until: no kill begins after this moment, in seconds since 1970.
    """

    job: int
    kills: int
    seed: int
    until: float

    def in_time(self) -> bool:
        return time.time() < self.until


Kills = Callable[[Share, Path], Iterator[Counter[str]]]
"""Kills so many times in a folder, and yields what was counted so far."""


def kill_servers(asked: argparse.Namespace, count: int, kills: Kills) -> int:
    end_on_sigterm()
    context, began = get_context("spawn"), time.monotonic()
    news, seed = context.Queue(), time.time_ns() % 1_000_000
    until = time.time() + asked.minutes * 60
    shares = [
        Share(job, count // asked.jobs + (job < count % asked.jobs), seed + job, until) for job in range(asked.jobs)
    ]
    jobs = [context.Process(target=kill_some, args=(kills, share, news)) for share in shares if share.kills]
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
    kills = {name: everything.pop(name) for name in KILLED if name in everything}
    return f"{sum(kills.values())} kills {kills} in {seconds:.0f} s; {dict(everything)}"


def kill_some(kills: Kills, share: Share, news) -> None:  # noqa: ANN001 - a queue
    """Kill so many times; the counts, or what broke, go to `news`, and None at the end."""
    end_on_sigterm()
    sys.path.insert(0, str(ROOT / "tests"))
    try:
        with tempfile.TemporaryDirectory(prefix="soak-") as folder:
            for counts in kills(share, Path(folder)):
                news.put((share.job, counts, None))
        news.put((share.job, None, None))
    except Exception:  # noqa: BLE001 - whatever it is: it ends the run
        news.put((share.job, None, f"seed {share.seed}: {traceback.format_exc()}"))


def kills_in_turn(share: Share, folder: Path) -> Iterator[Counter[str]]:
    from killed.in_turn import machines  # noqa: PLC0415  (in a process of its own)

    rng, found = Random(share.seed), programs()
    with machines(Path(found["postgres"]), Path(found["valkey_server"]), folder) as all_of_them:
        for number in takewhile(lambda _: share.in_time(), range(share.kills)):
            all_of_them.kill_one(number, rng, within=(0.05, 0.8))
            if number % COMPARE_EVERY == 0:
                all_of_them.miss_nothing()
            yield all_of_them.kills + Counter(all_of_them.answers)
        all_of_them.miss_nothing()
        all_of_them.know_everything()


def kills_on_a_file(share: Share, folder: Path) -> Iterator[Counter[str]]:
    from killed.amid_work import FOCUSES, kill_amid_work  # noqa: PLC0415  (in a process of its own)

    counted: Counter[str] = Counter()
    left = share.kills
    for series, focus in enumerate(cycle(FOCUSES)):
        data = folder / f"{series}" / "mapae-data"
        data.parent.mkdir()
        now: Counter[str] = Counter()
        for kills, answers, lost in kill_amid_work(
            focus, data, None, chosen=share.seed + series, rounds=min(focus.rounds, left), go_on=share.in_time
        ):
            now = Counter({f"{focus.name}": kills, "answers": answers, "requests cut off": lost})
            yield counted + now
        counted += now
        left -= now[focus.name]
        if not left or not share.in_time():
            return


if __name__ == "__main__":
    sys.exit(main())
