"""A crowd at the door of Mapae, of Express + bcrypt and of fastapi-users: the same generator, in turn in one run.

    python bench/crowd.py [--times 12] [--planned 15] [--json FILE]

`make bench` makes the environment first. All hash with bcrypt at cost 12, at full price. In the time in which each
server can sign in the planned people, by its own calibrated rate, so many times as many come; those who get no answer
within ten seconds try again. Beside them programs ask who they are 200 times a second. Latencies count from when
requests were due. Mapae with its gate is followed until all are in, the others for half a minute: some five minutes in
all. Each is printed, and written to FILE, as soon as it is over.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

import bcrypt
from measure.load import Failed
from measure.node import install_packages
from measure.report import machine
from measure.servers import end_on_sigterm, free_port, start
from peers import ALL
from peers.peer import COST, PASSWORD, ROOT, Peer, People

from mapae.lab.crowd.figures import Figures, figures
from mapae.lab.crowd.generator import Background, Order, Trial, generate
from mapae.lab.crowd.stage import generator_cores, server_cores, stage_in
from mapae.lab.crowd.trial import Played, Scene, invite, play
from mapae.lab.servers import LabFailed

CACHE = ROOT / ".cache"
WHO_RATE = 200.0
LIMIT, CONTROL = 180.0, 30.0
"""Seconds a crowd is followed at most: until all are in, and until one sees what becomes of it."""
PEERS = ("express", "fastapi-users")


class PeerDoor:
    """Signs people in at a peer, who knows no line."""

    def __init__(self, requests: list[bytes]) -> None:
        self._requests = requests

    def sign_in(self, number: int, ticket: str) -> bytes:
        del ticket
        return self._requests[number]

    def poll(self, ticket: str) -> bytes:
        raise NotImplementedError


class Found:
    """What was found so far; each is printed and written down as soon as it is known."""

    def __init__(self, path: Path | None, times: float, people: int) -> None:
        self.path, self.times, self.people = path, times, people
        self.document: dict[str, object] = {"machine": machine(), "times": times, "people": people}

    def add(self, name: str, each: Figures) -> None:
        print(line(name, each, self.people), flush=True)
        self.document[name] = asdict(each)
        if self.path:
            self.path.write_text(json.dumps(self.document, indent=1) + "\n")


def main() -> int:
    asked = arguments()
    end_on_sigterm()
    count = round(asked.times * asked.planned)
    try:
        install_packages()
    except Failed as why:
        print(f"bench: {why}; peers from the Node world take no part", file=sys.stderr)
    CACHE.mkdir(exist_ok=True)
    found = Found(asked.json, asked.times, count)
    folder = Path(tempfile.mkdtemp(prefix="bench-crowd-", dir=CACHE))
    try:
        at_mapae(found, folder)
        people = People(
            tuple(f"p{number}@bench.example" for number in range(count)),
            bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(COST)).decode(),
        )
        for peer in ALL:
            if peer.name in PEERS:
                try:
                    found.add(peer.title, at_peer(peer, people, folder, asked.times))
                except (Failed, LabFailed, OSError, subprocess.CalledProcessError) as why:
                    print(f"bench: {peer.title}: {why}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def at_mapae(found: Found, folder: Path) -> None:
    stage = stage_in(folder / "mapae")
    scene = Scene("", gate=True, cost=COST, times=found.times, people=found.people, limit=LIMIT, who_rate=WHO_RATE,
                  refresh_rate=0.0)  # fmt: skip
    invite(scene, stage, tell=step)
    found.add("Mapae", figures(play(scene, stage, seed=1, tell=step)))
    ungated = replace(scene, gate=False, limit=CONTROL)
    found.add("Mapae without its gate", figures(play(ungated, stage, seed=1, tell=step)))


def at_peer(peer: Peer, people: People, folder: Path, times: float) -> Figures:
    own, port = folder / peer.name, free_port()
    own.mkdir()
    peer.prepare(own, people)
    command, environment = peer.command(own, port)
    server = start(command, environment=environment, folder=own, port=port, ready_path=peer.ready_path)
    try:
        for pid in server.pids():
            os.sched_setaffinity(pid, server_cores())
        sessions = peer.open_sessions(port, own, people, 4)
        order = Order(
            port,
            PeerDoor([peer.sign_in_request(email) for email in people.emails]),
            Background([peer.who_request(session) for session in sessions], [], WHO_RATE, 0.0),
            times=times,
            people=len(people.emails),
            limit=CONTROL,
            quick=1.0,
            busy=len(server_cores()) * 2,
            seed=1,
            quiet_seconds=8.0,
            calibration_seconds=6.0,
            cores=generator_cores(),
        )
        trial: Trial = generate(order, step)
    finally:
        server.stop()
    scene = Scene(peer.name, gate=False, cost=COST, times=times, people=len(people.emails), limit=CONTROL)
    return figures(Played(scene, trial))


class Steps:
    """Says on standard error what is being done, once each."""

    def __init__(self) -> None:
        self.name = ""

    def __call__(self, name: str, done: int, total: int) -> None:
        del done
        if name != self.name:
            self.name = name
            print(f"bench: {name}" + (f" of {total} people" if total > 1 else ""), file=sys.stderr, flush=True)


step = Steps()


def line(name: str, each: Figures, people: int) -> str:
    slower = each.who_crowd / max(each.who_quiet, 1e-6)
    return (
        f"{name}: {each.rate:.1f} sign-ins/s calibrated, {each.share * 100:.0f} % of it in the crowd; who am I p99 "
        f"{each.who_quiet * 1000:.1f} -> {each.who_crowd * 1000:.1f} ms ({slower:.1f} x), "
        f"{each.who_failed} without an answer; {people - each.lost} of {people} in after {each.ended:.0f} s, "
        f"{each.overtaken} overtaken"
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=float, default=12.0, help="how many times the capacity comes")
    parser.add_argument("--planned", type=int, default=15, help="people in the time in which they just fit")
    parser.add_argument("--json", type=Path, help="write everything that was measured to this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
