"""What `mapae lab lb` says of its measurements: a table, JSON for programs, and charts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from mapae.cli.language import say
from mapae.cli.output import table
from mapae.lab.chart import Bar, Bars, draw
from mapae.lab.lb.modes import NODES, Letter
from mapae.lab.lb.results import Measured, Outage, Report, SignOuts

Pick = Callable[[str, str], str]
"""Chooses between English and Korean."""

NAMES = MappingProxyType[Letter, tuple[str, str]](
    {
        "A": ("in memory", "메모리"),
        "B": ("sticky", "고정 쿠키"),
        "C": ("central", "중앙 저장소"),
        "D": ("JWT", "JWT"),
        "E": ("JWT + feed", "JWT+폐기 목록"),
        "F": ("opaque", "불투명 토큰"),
    }
)
STORIES = MappingProxyType[Letter, tuple[str, str]](
    {
        "A": (
            "each node remembers its own sessions; requests go to the nodes in turn",
            "노드마다 자기 세션만 기억해요. 요청은 노드에 차례로 가요",
        ),
        "B": (
            "the same, and a cookie sends everybody back to their own node",
            "A와 같은데, 쿠키가 저마다 자기 노드로 다시 보내요",
        ),
        "C": ("every node asks one Valkey for every request", "모든 노드가 요청마다 Valkey 한 곳에 물어요"),
        "D": ("a JWT that every node checks by itself", "노드마다 JWT를 스스로 검증해요"),
        "E": (
            "a JWT of Mapae, whose nodes follow one list of what was revoked",
            "Mapae의 JWT예요. 노드들이 같은 폐기 목록을 따라가요",
        ),
        "F": (
            "an opaque token of Mapae, remembered by the nodes under the same list",
            "Mapae의 불투명 토큰이에요. 노드들이 같은 폐기 목록을 따르며 기억해요",
        ),
    }
)


def name_of(letter: Letter) -> str:
    """Return the name of a mode in the caller's language."""
    return say(*NAMES[letter])


def lines_of(report: Report) -> Iterator[str]:
    """Say everything that was measured: a table, and what its columns are."""
    letters = list(report.measured)
    if letters:
        cells = [list(_cells(report.measured[letter])) for letter in letters]
        rows = [(label, *values) for label, *values in zip(_labels(report), *cells, strict=True)]
        yield table(rows, head=("", *[f"{letter} {name_of(letter)}" for letter in letters]))
        yield ""
    for letter in letters:
        yield f"{letter}  {say(*STORIES[letter])}"
    for letter in report.missing:
        yield f"{letter}  {say('not measured', '재지 못했어요')}: {why_missing(report)}"
    balancer = {"own": say("the experiment's own", "실험용 밸런서")}.get(report.tools.balancer, report.tools.balancer)
    yield say(
        f"{NODES} nodes behind {balancer}, {report.plan.users} people, {report.plan.lines} requests at a time.",
        f"노드 {NODES}개, 로드 밸런서 {balancer}, {report.plan.users}명, 동시에 보낸 요청 {report.plan.lines}개.",
    )


def why_missing(report: Report) -> str:
    """Say why modes C and F could not be measured here."""
    if not report.tools.has_client:
        return say('it needs pip install "mapae[board]"', 'pip install "mapae[board]"가 필요해요')
    return say(
        "there is no valkey-server and no redis-server here; name one with --store",
        "valkey-server도 redis-server도 없어요. --store로 알려 주세요",
    )


def _labels(report: Report) -> tuple[str, ...]:
    lease = report.plan.lease_seconds
    return (
        say("requests a second", "초당 요청"),
        say("half within (p50), ms", "절반의 응답 시간(p50), ms"),
        say("99 of 100 within (p99), ms", "100개 중 99개(p99), ms"),
        say("processor time a request, µs", "요청당 프로세서 시간, µs"),
        say("store operations a request", "요청당 저장소 조회"),
        say("bytes a request", "요청 한 번의 바이트"),
        say("of them the credential", "그중 세션·토큰"),
        say("signed in, yet refused", "로그인했는데 거절"),
        say("signed out by one dead node", "노드 하나가 죽자 로그아웃"),
        say("answers lost at that moment", "그 순간 잃은 응답"),
        say("a sign-out counts everywhere", "로그아웃이 모든 노드에 반영"),
        say("served while Valkey is dead", "Valkey가 죽은 동안"),
        say("database unreadable: at first", "DB를 못 읽을 때: 처음"),
        say(f"and after the lease of {lease} s", f"그리고 유예 {lease}초 뒤"),
    )


def _cells(found: Measured) -> Iterator[str]:
    load, kill = found.load, found.kill
    yield f"{load.per_second:,.0f}"
    yield f"{load.p50_ms:.1f}"
    yield f"{load.p99_ms:.1f}"
    yield "-" if load.processor_us is None else f"{load.processor_us:,.0f}"
    yield f"{sum(load.store_operations.values()):.2f}"
    yield str(found.request_bytes)
    yield str(found.credential_bytes)
    yield percent(load.refused_share)
    yield say(f"{kill.lost} of {kill.users}", f"{kill.users}명 중 {kill.lost}명")
    yield str(kill.failed)
    yield _ended(found.sign_outs)
    valkey, database = _outage(found, "valkey"), _outage(found, "database")
    yield "-" if valkey is None else percent(valkey.at_once)
    yield "-" if database is None else percent(database.at_once)
    yield "-" if database is None or database.later is None else percent(database.later)


def percent(share: float) -> str:
    """Write a share as a percentage; less than half a percent is never written as nothing."""
    return "<1%" if 0 < share < 0.005 else f"{share * 100:.0f}%"


def _ended(found: SignOuts) -> str:
    if found.slowest_ms is None:
        return say(f"not in {found.waited_seconds:g} s", f"{found.waited_seconds:g}초에도 아님")
    if not _all_ended(found):
        return say(f"for {found.ended} of {found.tried}", f"{found.tried}번 중 {found.ended}번만")
    return f"{found.slowest_ms:.0f} ms"


def _outage(found: Measured, store: str) -> Outage | None:
    return next((outage for outage in found.outages if outage.store == store), None)


def json_of(report: Report) -> dict[str, object]:
    """Return everything that was measured, for programs; times in milliseconds or seconds as the names say."""
    return {
        "nodes": NODES,
        "users": report.plan.users,
        "lease_seconds": report.plan.lease_seconds,
        "balancer": report.tools.balancer,
        "modes": {letter: _members(found) for letter, found in report.measured.items()},
        "not_measured": {letter: why_missing(report) for letter in report.missing},
    }


def _members(found: Measured) -> dict[str, object]:
    load, outs, kill = found.load, found.sign_outs, found.kill
    return {
        "requests": load.answers,
        "requests_per_second": round(load.per_second, 1),
        "p50_ms": round(load.p50_ms, 3),
        "p99_ms": round(load.p99_ms, 3),
        "processor_us": None if load.processor_us is None else round(load.processor_us, 1),
        "failed": load.failed,
        "refused_share": round(load.refused_share, 4),
        "store_operations_per_request": {name: round(count, 4) for name, count in load.store_operations.items()},
        "request_bytes": found.request_bytes,
        "credential_bytes": found.credential_bytes,
        "kill": {"users": kill.users, "lost": kill.lost, "failed": kill.failed, "requests": kill.answers},
        "sign_out": {
            "tried": outs.tried,
            "ended": outs.ended,
            "median_ms": None if outs.median_ms is None else round(outs.median_ms, 1),
            "slowest_ms": None if outs.slowest_ms is None else round(outs.slowest_ms, 1),
            "waited_seconds": outs.waited_seconds,
        },
        "outages": [
            {
                "store": each.store,
                "served": each.at_once,
                "served_later": each.later,
                "later_seconds": each.later_seconds,
            }
            for each in found.outages
        ],
    }


def chart(report: Report, *, korean: bool) -> str:
    """Draw what differs most between the modes, as SVG in one language."""
    pick: Pick = (lambda _en, ko: ko) if korean else (lambda en, _ko: en)
    stay = ", ".join(letter for letter, found in report.measured.items() if not _all_ended(found.sign_outs))
    panels = (
        (
            pick("Signed in, and refused all the same, % of requests", "로그인했는데도 거절된 요청, %"),
            lambda found: found.load.refused_share * 100,
        ),
        (
            pick("Signed out by the death of one node, % of people", "노드 하나가 죽어서 로그아웃된 사람, %"),
            lambda found: 100 * found.kill.lost / max(1, found.kill.users),
        ),
        (
            pick("What the nodes ask a store, for each request", "요청 하나에 노드가 저장소에 묻는 횟수"),
            lambda found: sum(found.load.store_operations.values()),
        ),
        (
            pick("Processor time of nodes and Valkey for a request, µs", "요청당 노드와 Valkey의 프로세서 시간, µs"),
            lambda found: found.load.processor_us or 0.0,
        ),
        (pick("Requests a second", "초당 요청"), lambda found: found.load.per_second),
        (
            pick("99 of 100 answers within so many milliseconds", "응답 100개 중 99개가 걸린 밀리초"),
            lambda found: found.load.p99_ms,
        ),
        (pick("Bytes of a request", "요청 한 번의 바이트"), lambda found: float(found.request_bytes)),
    )
    ends = pick("Milliseconds until a sign-out counts on every node", "로그아웃이 모든 노드에 통하기까지 걸린 밀리초")
    stays = pick(f"; not every time: {stay}", f" (통하지 않은 때도 있음: {stay})") if stay else ""
    ended = {letter: found for letter, found in report.measured.items() if _all_ended(found.sign_outs)}
    return draw(
        [
            *[Bars(title, _bars(report.measured, value, pick)) for title, value in panels],
            Bars(ends + stays, _bars(ended, lambda found: found.sign_outs.slowest_ms or 0.0, pick)),
        ]
    )


def _all_ended(found: SignOuts) -> bool:
    return found.ended == found.tried


def _bars(measured: Mapping[Letter, Measured], value: Callable[[Measured], float], pick: Pick) -> Sequence[Bar]:
    return [
        Bar(f"{letter} {pick(*NAMES[letter])}", value(found), "", letter in {"E", "F"})
        for letter, found in measured.items()
    ]
