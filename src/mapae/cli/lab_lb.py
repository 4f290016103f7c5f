"""`mapae lab lb`: six ways to know who asks, behind one load balancer, measured on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from mapae.cli.commands import command, json_option, option
from mapae.cli.exits import FAULT
from mapae.cli.lab_lb_words import chart, json_of, lines_of, name_of
from mapae.cli.language import say
from mapae.cli.output import progress, result, result_json, talk
from mapae.lab.lb.modes import FULL, LETTERS, QUICK, Letter
from mapae.lab.lb.results import Report
from mapae.lab.lb.run import run
from mapae.lab.lb.tools import BALANCERS, Balancer, Tools, find_tools
from mapae.lab.servers import LabFailed


@command(
    ko="노드 셋을 로드 밸런서 뒤에 두고, 누구인지 아는 여섯 가지 방식을 똑같이 재서 표로 보여 줘요. 몇 분 걸려요.",
    examples="""
    mapae lab lb --quick
    mapae lab lb --mode A --mode F
    mapae lab lb --charts .
    """,
)
@option("--quick", is_flag=True, help="Less of everything: about half a minute.", ko="조금씩만 재요. 30초쯤 걸려요.")
@option(
    "--mode",
    "letters",
    type=click.Choice(LETTERS, case_sensitive=False),
    multiple=True,
    help="Only this mode; may be given several times.",
    ko="이 방식만 재요. 여러 번 쓸 수 있어요.",
)
@option(
    "--balancer",
    type=click.Choice(BALANCERS),
    help="The load balancer. [the first of these that is here]",
    ko="로드 밸런서예요. [이 중에 먼저 찾은 것]",
)
@option(
    "--store",
    metavar="PROGRAM|URL",
    envvar="MAPAE_LAB_STORE",
    help="The Valkey or Redis server: its program, or the URL of one that runs. [valkey-server, redis-server]",
    ko="Valkey나 Redis 서버예요. 프로그램이나 실행 중인 서버의 URL을 써요. [valkey-server, redis-server]",
)
@option(
    "--charts",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also write charts (SVG, in both languages) into this directory.",
    ko="그림(SVG, 두 언어)도 이 디렉터리에 써요.",
)
@json_option
def lb(
    *,
    quick: bool,
    letters: tuple[Letter, ...],
    balancer: Balancer | None,
    store: str | None,
    charts: Path | None,
    as_json: bool,
) -> None:
    """Put three nodes behind a load balancer and measure six ways to know who asks, A to F.

    Each is loaded, signed out of, robbed of a node (kill -9) and of its store. Everything runs on 127.0.0.1, in a
    directory of its own, and is gone at the end. A full run takes some three minutes.
    """
    tools = _tools(balancer, store)
    chosen = tuple(letter for letter in LETTERS if not letters or letter in letters)
    label = say("Measuring", "재는 중")
    try:
        with progress(label, 1, after=0) as step:
            report = run(
                chosen,
                QUICK if quick else FULL,
                tools,
                progress=lambda at, done, total: step(done, total, f"{label} {at}: {name_of(at)}"),
            )
    except LabFailed as failed:
        if as_json:
            result_json({"error": {"code": "lab_failed", "reason": str(failed), "exit": FAULT}})
        else:
            talk(say(f"The experiment failed: {failed}", f"실험을 끝내지 못했어요: {failed}"))
        sys.exit(FAULT)
    if charts is not None:
        _write_charts(report, charts)
    if as_json:
        result_json(json_of(report))
    else:
        result("\n".join(lines_of(report)))


def _tools(balancer: Balancer | None, store: str | None) -> Tools:
    try:
        return find_tools(balancer=balancer, store=store)
    except LookupError:
        raise click.UsageError(
            say(f"There is no {balancer} here.", f"여기에는 {balancer} 프로그램이 없어요.")
        ) from None


def _write_charts(report: Report, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for language, path in (("en", folder / "lab-lb.svg"), ("ko", folder / "lab-lb.ko.svg")):
        path.write_text(chart(report, korean=language == "ko"), "utf-8")
        talk(say(f"wrote {path}", f"{path} 파일을 썼어요"))
