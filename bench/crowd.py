"""A crowd at the door of Mapae, of Express + bcrypt and of fastapi-users: the same generator, in turn in one run.

    python bench/crowd.py [--times 12] [--planned 25] [--json FILE]

`make bench` makes the environment first. All hash with bcrypt at cost 12, at full price. In the time in which each
server can sign in the planned people, by its own calibrated rate, so many times as many come; those who get no answer
within ten seconds try again. Beside them programs ask who they are 200 times a second. Latencies count from when
requests were due.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import bcrypt
from measure.load import Failed
from measure.node import install_packages
from measure.report import machine
from measure.servers import free_port, start
from peers import ALL
from peers.peer import COST, PASSWORD, ROOT, Peer, People

from mapae.lab.crowd.figures import Figures, figures
from mapae.lab.crowd.generator import Background, Order, Trial, generate
from mapae.lab.crowd.meter import Used
from mapae.lab.crowd.trial import Played, Scene, generator_cores, play, server_cores
from mapae.lab.servers import LabFailed

CACHE = ROOT / ".cache"
WHO_RATE = 200.0
LIMIT = 60.0
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


def main() -> int:
    asked = arguments()
    count = round(asked.times * asked.planned)
    try:
        install_packages()
    except Failed as why:
        print(f"bench: {why}; peers from the Node world take no part", file=sys.stderr)
    CACHE.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-crowd-", dir=CACHE))
    found: dict[str, Figures] = {}
    try:
        for gate in (True, False):
            name = "Mapae" if gate else "Mapae without its gate"
            scene = Scene(f"gate-{gate}", gate=gate, cost=COST, times=asked.times, people=count, limit=LIMIT,
                          who_rate=WHO_RATE, refresh_rate=0.0)  # fmt: skip
            found[name] = figures(play(scene, folder, seed=1, tell=lambda *_: None))
            print(line(name, found[name], count), flush=True)
        people = People(
            tuple(f"p{number}@bench.example" for number in range(count)),
            bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(COST)).decode(),
        )
        for peer in ALL:
            if peer.name in PEERS:
                try:
                    found[peer.title] = at_peer(peer, people, folder, asked.times)
                except (Failed, LabFailed, OSError, subprocess.CalledProcessError) as why:
                    print(f"bench: {peer.title}: {why}", file=sys.stderr)
                    continue
                print(line(peer.title, found[peer.title], count), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if asked.json:
        document = {"machine": machine(), "times": asked.times, "people": count}
        asked.json.write_text(
            json.dumps(document | {name: asdict(each) for name, each in found.items()}, indent=1) + "\n"
        )
    return 0


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
            limit=LIMIT,
            quick=1.0,
            busy=len(server_cores()) * 2,
            seed=1,
            quiet_seconds=8.0,
            calibration_seconds=6.0,
            cores=generator_cores(),
        )
        trial: Trial = generate(order, lambda *_: None)
    finally:
        server.stop()
    scene = Scene(peer.name, gate=False, cost=COST, times=times, people=len(people.emails), limit=LIMIT)
    return figures(Played(scene, trial, Used(0.0, 0.0, 0), None))


def line(name: str, each: Figures, people: int) -> str:
    return (
        f"{name}: {each.rate:.1f} sign-ins/s calibrated, {each.share * 100:.0f} % of it in the crowd; who am I p99 "
        f"{each.who_quiet * 1000:.1f} -> {each.who_crowd * 1000:.1f} ms ({each.who_crowd / each.who_quiet:.1f} x), "
        f"{each.who_failed} without an answer; {people - each.lost} of {people} in after {each.ended:.0f} s, "
        f"{each.overtaken} overtaken"
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=float, default=12.0, help="how many times the capacity comes")
    parser.add_argument("--planned", type=int, default=25, help="people in the time in which they just fit")
    parser.add_argument("--json", type=Path, help="write everything that was measured to this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
