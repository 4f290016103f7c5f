"""Mapae over HTTP against other people's stacks: who am I, refresh and sign-in, in turn in one run.

    python bench/over_http.py [--quick] [--only mapae,express,...] [--operations who,refresh] [--json FILE]

`make bench` makes the environment first. Every server runs as one worker on the loopback interface and keeps its
database on the same disk; all hash passwords with bcrypt at cost 12. What a figure means:

* per core: requests for each second of processor time that the server's processes used. The generator and the
  neighbours share the machine, so the comparison rests on this; requests a second depend on who had the second core.
* who am I: a GET that needs an access token. Mapae verifies ES256, once per token, and reads the account in its
  database; "for the first time" shows what it costs when no token has been seen before.
* refresh: one refresh token against a new pair, the old one used up. Peers do it in a chain for each connection. Mapae
  rotates a session's first token at once and then tells the client to keep the new one for 40 seconds, so it is asked
  with one fresh session for each request; what the client then gets within these seconds is measured apart.
* sign-in: compared with bcrypt alone, on as many threads as cores, in the same rounds.

Ratios are medians of the rounds' own ratios. There is no time that must not be exceeded: machines differ.
"""

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from measure.chart import svg
from measure.load import Failed
from measure.node import install_packages
from measure.report import document, machine, tables
from measure.rounds import OPERATIONS, QUICK, Plan, run
from measure.servers import end_on_sigterm
from peers import ALL
from peers.peer import ROOT, Operation

CACHE = ROOT / ".cache"


def main() -> int:
    asked = arguments()
    end_on_sigterm()
    plan = QUICK if asked.quick else Plan()
    if asked.rounds:
        plan = replace(plan, rounds=asked.rounds)
    if asked.operations:
        plan = replace(plan, operations=asked.operations)
    chosen = [peer for peer in ALL if not asked.only or peer.name in {"mapae", *asked.only.split(",")}]
    for peer in chosen:
        if hasattr(peer, "fresh"):
            peer.fresh = (plan.limit + plan.limit // 5 + 200) * plan.rounds
    try:
        install_packages()
    except Failed as why:
        print(f"bench: {why}; peers from the Node world take no part", file=sys.stderr)
    CACHE.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=CACHE))
    try:
        finished = run(chosen, plan, folder)
    finally:
        if asked.keep:
            print(f"bench: kept {folder.relative_to(ROOT)}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    if finished.standings[0].failed:
        return 1
    print(tables(finished))
    if asked.json:
        asked.json.write_text(json.dumps(document(finished), indent=1) + "\n")
    if asked.chart:
        where = machine()
        words = f"{where['processor']}, {where['cores']} cores, {str(where['date'])[:10]}, commit {where['commit']}"
        asked.chart.write_text(svg(finished, where=words))
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="two short rounds: to see that all works, not to quote")
    parser.add_argument("--rounds", type=int, help="how many rounds instead")
    parser.add_argument("--only", help=f"these, separated by commas, and Mapae: {', '.join(peer.name for peer in ALL)}")
    parser.add_argument("--operations", type=operations, help=f"only these, of: {', '.join(OPERATIONS)}")
    parser.add_argument("--json", type=Path, help="write everything that was measured to this file")
    parser.add_argument("--chart", type=Path, help="draw an SVG into this file")
    parser.add_argument("--keep", action="store_true", help="keep the servers' folders and logs")
    return parser.parse_args()


def operations(text: str) -> tuple[Operation, ...]:
    asked = tuple(one for one in OPERATIONS if one in text.split(","))
    if len(asked) != len(text.split(",")):
        raise argparse.ArgumentTypeError(f"choose from {', '.join(OPERATIONS)}")
    return asked


if __name__ == "__main__":
    sys.exit(main())
