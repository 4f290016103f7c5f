"""`mapae bench`: what this machine and this database do with Mapae, without touching what is in it."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING

from mapae.cli.commands import command, json_option, option
from mapae.cli.language import say
from mapae.cli.output import progress, result, result_json, table

if TYPE_CHECKING:
    from mapae.lab.bench.figures import Figure
    from mapae.lab.bench.run import Findings


@command(
    ko="이 컴퓨터와 데이터베이스가 갱신, 로그인, 검증을 얼마나 하는지 재요. 따로 만든 빈 데이터베이스에서 재고 끝나면 "
    "지우므로, 쓰고 있는 자료는 건드리지 않아요.",
    examples="""
    mapae bench
    mapae bench --database postgresql://mapae@db.internal/mapae
    mapae bench --quick --json | jq .figures.refresh
    """,
)
@option(
    "--database",
    metavar="URL",
    help="Measure in this PostgreSQL, in a schema of its own, or on the disk of this SQLite file, in a new file.",
    ko="이 PostgreSQL 안에 따로 만든 스키마에서, 또는 이 SQLite 파일과 같은 디스크의 새 파일에서 재요.",
)
@option("--board", metavar="URL", help="Also look up on this board.", ko="이 보드에서 찾아보는 시간도 재요.")
@option("--quick", is_flag=True, help="Only a few seconds, and rough.", ko="몇 초만 대강 재요.")
@json_option
def bench(*, database: str | None, board: str | None, quick: bool, as_json: bool) -> None:
    """Measure refresh, sign-in and verification on this machine, in an empty database that is removed afterwards.

    Nothing that is in the database already is read or changed.
    """
    from mapae.lab.bench.run import QUICK, STEPS, Plan, bench

    with ExitStack() as stack:
        step = stack.enter_context(progress(say("measuring", "재는 중"), len(STEPS)))
        plan = QUICK if quick else Plan()
        found = asyncio.run(bench(database, board, plan, progress=lambda at: step(STEPS.index(at))))
    if as_json:
        result_json(members(found))
    else:
        result(words(found))


def members(found: Findings) -> dict[str, object]:
    """Return what was measured for a program."""
    return {
        "database": found.database,
        "hash_threads": found.threads,
        "bcrypt_cost": found.bcrypt_cost,
        "refused": found.refused,
        "figures": {
            name: {
                "count": one.count,
                "per_second": round(one.per_second, 2),
                "cpu_us": round(one.cpu_us, 3),
                "p50_ms": round(one.p50_ms, 4),
                "p99_ms": round(one.p99_ms, 4),
            }
            for name, one in found.figures.items()
        },
    }


def words(found: Findings) -> str:
    """Return what was measured for a person."""
    head = (
        "",
        say("a second", "1초에"),
        say("processor time", "프로세서 시간"),
        say("half within", "절반은"),
        say("99 % within", "99 %는"),
    )
    rows = [(_name(name, found), *_cells(one)) for name, one in found.figures.items()]
    lines = [table(rows, head=head)]
    if found.refused:
        lines.append(
            say(
                f"{found.refused} sign-ins were turned away: the machine has other work.",
                f"로그인 {found.refused}건은 돌려보냈어요. 이 컴퓨터가 다른 일로 바빠요.",
            )
        )
    lines.append(
        say(
            "Processor time is that of this process alone, a database server's is not in it.",
            "프로세서 시간은 이 프로세스의 것만이에요. 데이터베이스 서버의 시간은 들어 있지 않아요.",
        )
    )
    return "\n".join(lines)


def _name(name: str, found: Findings) -> str:
    kind = "SQLite" if found.database == "sqlite" else "PostgreSQL"
    return {
        "refresh": say(f"refresh on {kind}", f"{kind}에서 갱신"),
        "verify_new": say("verify a new token", "처음 보는 토큰 검증"),
        "verify_seen": say("verify a token seen before", "본 적 있는 토큰 검증"),
        "board_look_up": say("look-up on the board", "보드에서 찾기"),
        "sign_in": say(
            f"sign-in, bcrypt {found.bcrypt_cost}, {found.threads} threads",
            f"로그인, bcrypt {found.bcrypt_cost}, 스레드 {found.threads}개",
        ),
    }[name]


def _cells(one: Figure) -> tuple[str, ...]:
    rate = f"{one.per_second:,.0f}" if one.per_second >= 100 else f"{one.per_second:.1f}"
    return rate, _time(one.cpu_us), _time(one.p50_ms * 1000), _time(one.p99_ms * 1000)


def _time(us: float) -> str:
    if us >= 100_000:
        return say(f"{us / 1e6:.2f} s", f"{us / 1e6:.2f}초")
    return f"{us / 1000:.1f} ms" if us >= 1000 else f"{us:.1f} µs"
