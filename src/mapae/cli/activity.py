"""`mapae activity`: what happened, filtered and counted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from mapae.accounts.activity import EVENTS, Activity, Event, Outcome, describe
from mapae.cli.commands import command, json_option, option
from mapae.cli.language import language, say
from mapae.cli.options import settings_options
from mapae.cli.output import result, result_json, table
from mapae.cli.service import inside
from mapae.cli.times import moment_ms
from mapae.flows.manage_accounts import find_account
from mapae.settings import Settings
from mapae.settings.kinds import duration
from mapae.storage.activity import ActivityFilter, ActivityPage, count_activity, list_activity

if TYPE_CHECKING:
    from mapae.flows.service import Service


@command(
    ko="일어난 일을 새것부터 보여 주거나 세요.",
    examples="""
    mapae activity --since 1h
    mapae activity --account jane@example.com --event sign_in_failed
    mapae activity --since 7d --count
    """,
)
@option("--account", metavar="EMAIL|ID", help="Only about this account.", ko="이 계정만 봐요.")
@option("--event", type=click.Choice(EVENTS), metavar="EVENT", help="Only this event.", ko="이 일만 봐요.")
@option("--outcome", type=click.Choice(["ok", "refused"]), help="Only with this outcome.", ko="이 결과만 봐요.")
@option("--session", "sid", metavar="SID", help="Only about this session.", ko="이 세션만 봐요.")
@option("--since", metavar="TIME", help="Only the last, like 1h or 7d.", ko="최근 것만 봐요. 예: 1h, 7d")
@option("--until", metavar="TIME", help="Only up to this long ago.", ko="이만큼 전까지만 봐요.")
@option("--after", metavar="CURSOR", help="Go on where a list ended.", ko="앞의 목록에 이어서 봐요.")
@option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most.", ko="최대 개수예요.")
@option("--count", is_flag=True, help="Count by event and outcome instead.", ko="보여 주지 않고 세요.")
@settings_options()
@json_option
def activity(
    settings: Settings,
    *,
    account: str | None,
    event: Event | None,
    outcome: Outcome | None,
    sid: str | None,
    since: str | None,
    until: str | None,
    after: str | None,
    limit: int,
    count: bool,
    as_json: bool,
) -> None:
    """Show what happened, the newest first, or count it."""
    now_ms = int(time.time() * 1000)
    from_ms, before_ms = (_ago(name, text, now_ms) for name, text in (("--since", since), ("--until", until)))

    async def wanted(service: Service) -> ActivityFilter:
        about = None if account is None else (await find_account(service, account)).id
        return ActivityFilter(
            event=event, outcome=outcome, account_id=about, sid=sid, from_ms=from_ms, before_ms=before_ms
        )

    async def counted(service: Service) -> dict[tuple[Event, Outcome], int]:
        return await count_activity(service.database, await wanted(service))

    async def listed(service: Service) -> ActivityPage:
        return await list_activity(service.database, await wanted(service), after=after, limit=limit)

    if count:
        _print_counts(inside(settings, counted), as_json)
        return
    try:
        page = inside(settings, listed)
    except ValueError:
        raise click.UsageError(
            say("--after: give what a list ended with.", "--after: 앞 목록 끝의 값을 주세요.")
        ) from None
    _print_page(page, as_json)


def _ago(name: str, text: str | None, now_ms: int) -> int | None:
    if text is None:
        return None
    try:
        seconds = duration(0, 3650 * 86_400).read(text)
    except ValueError as error:
        raise click.UsageError(f"{name}: {error}") from None
    return now_ms - int(str(seconds)) * 1000


def _print_counts(counts: dict[tuple[Event, Outcome], int], as_json: bool) -> None:
    if as_json:
        result_json({"counts": [{"event": e, "outcome": o, "count": n} for (e, o), n in counts.items()]})
        return
    rows = [(event, outcome, f"{number:,}") for (event, outcome), number in counts.items()]
    head = (say("event", "일"), say("outcome", "결과"), say("count", "수"))
    result(table(rows, head=head) if rows else say("Nothing happened.", "일어난 일이 없어요."))


def _print_page(page: ActivityPage, as_json: bool) -> None:
    if as_json:
        result_json({"activity": [_member(each) for each in page.rows], "after": page.after})
        return
    rows = [
        (moment_ms(each.at_ms), each.event, each.account_id or "-", each.device, each.place, describe(each, language()))
        for each in page.rows
    ]
    result(table(rows) if rows else say("Nothing happened.", "일어난 일이 없어요."))
    if page.after:
        result(say(f"More: add --after {page.after}", f"더 보기: --after {page.after}"))


def _member(each: Activity) -> dict[str, object]:
    return {
        "at_ms": each.at_ms,
        "event": each.event,
        "outcome": each.outcome,
        "account_id": each.account_id,
        "sid": each.sid,
        "device": each.device,
        "place": each.place,
        "reason": each.reason,
        "detail": each.detail,
        "text": describe(each, language()),
    }
