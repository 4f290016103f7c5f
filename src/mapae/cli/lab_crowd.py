"""`mapae lab crowd`: a crowd at a real server, with the gate and without it, and the eight promises beside it."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from mapae.cli.commands import command, json_option, option
from mapae.cli.exits import FAULT
from mapae.cli.lab_crowd_words import Steps, conclusion, report, title
from mapae.cli.language import say
from mapae.cli.output import result, result_json, talk
from mapae.lab.crowd.experiment import FULL, QUICK, Found, Pair, document, run
from mapae.lab.crowd.pictures import crowd_picture
from mapae.lab.crowd.simulation import PromiseBroken
from mapae.lab.crowd.trial import USUAL_COST
from mapae.lab.servers import LabFailed

WITH, WITHOUT = ("with the gate", "문이 있을 때"), ("without it", "문이 없을 때")


@command(
    ko="진짜 서버에 감당할 수 있는 것의 12배와 50배의 사람을 보내고, 문이 있을 때와 없을 때를 나란히 재요.",
    examples="""
    mapae lab crowd --quick
    mapae lab crowd --charts .
    """,
)
@option("--quick", is_flag=True, help="A small crowd: about a minute.", ko="작게 재요. 1분쯤 걸려요.")
@option(
    "--database",
    metavar="URL",
    default="",
    help="An empty PostgreSQL database for this alone, instead of SQLite.",
    ko="SQLite 대신 쓸, 이 실험에만 쓰는 빈 PostgreSQL 데이터베이스예요.",
)
@option("--seed", type=int, default=1, show_default=True, help="Draws who comes when.", ko="누가 언제 오는지 정해요.")
@option(
    "--charts",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also write charts (SVG, in both languages) into this directory.",
    ko="그림(SVG, 두 언어)도 이 디렉터리에 써요.",
)
@json_option
def crowd(*, quick: bool, database: str, seed: int, charts: Path | None, as_json: bool) -> None:
    """Send 12 and 50 times as many people to a real server as it can take, with the gate and without it.

    First as many as get in within minutes; then passwords are hashed more cheaply than usual, so that 15,000 do, and
    120,000 come in simulated time. Everything runs on 127.0.0.1, in a directory of its own, and is gone at the end.
    What each crowd showed is printed when it has gone; with --json on standard error. A full run takes about twenty
    minutes.
    """
    found, steps = Found(), Steps()
    try:
        with ended_by_sigterm(), tempfile.TemporaryDirectory(prefix="mapae-lab-") as folder:
            for pair in run(QUICK if quick else FULL, Path(folder), found, seed=seed, database=database, tell=steps):
                steps.end()
                (talk if as_json else result)(report(pair))
                if charts is not None:
                    _write_charts(found, pair, charts)
    except (LabFailed, PromiseBroken) as failed:
        steps.end()
        if as_json:
            result_json({"error": {"code": "lab_failed", "reason": str(failed), "exit": FAULT}, **document(found)})
        else:
            talk(say(f"The experiment failed: {failed}", f"실험을 끝내지 못했어요: {failed}"))
        sys.exit(FAULT)
    except KeyboardInterrupt:
        steps.end()
        if as_json:
            result_json(document(found))
        raise
    steps.end()
    if as_json:
        result_json(document(found))
    else:
        result(conclusion(found))


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM do inside what Ctrl-C does: end everything that was started, and show what was found."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _write_charts(found: Found, pair: Pair, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    scene = pair.gated.scene
    en, ko = title(pair)
    note = (
        f"{en}; bcrypt of cost {scene.cost}; {found.cores} cores",
        f"{ko}; bcrypt 비용 {scene.cost}; 코어 {found.cores}개",
    )
    earnest = "-in-earnest" if scene.cost == USUAL_COST else ""
    for language, ending in (("en", ""), ("ko", ".ko")):
        path = folder / f"lab-crowd-{scene.times:.0f}{earnest}{ending}.svg"
        trials = [(WITH, pair.gated), (WITHOUT, pair.control)]
        path.write_text(crowd_picture(trials, korean=language == "ko", note=note), "utf-8")
        talk(say(f"wrote {path}", f"{path} 파일을 썼어요"))
