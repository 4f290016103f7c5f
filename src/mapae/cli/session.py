"""`mapae session`: who is signed in where, and ending it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mapae.accounts.account import Account
from mapae.cli.commands import Group, command, json_option, option
from mapae.cli.language import say
from mapae.cli.options import confirm, settings_options
from mapae.cli.output import result, result_json, table
from mapae.cli.service import inside
from mapae.cli.times import moment_ms
from mapae.flows.manage_accounts import find_account
from mapae.flows.manage_sessions import find_session, revoke_session
from mapae.flows.sign_out import end_all_sessions
from mapae.flows.visitor import CONSOLE
from mapae.sessions.session import Session
from mapae.settings import Settings
from mapae.storage import sessions

if TYPE_CHECKING:
    from mapae.flows.service import Service

VERBS = {
    "list": ("session:list_sessions", "Who is signed in where.", "누가 어디서 로그인했는지 보여 줘요."),
    "revoke": ("session:revoke", "End one session, or all of an account.", "세션 하나나 계정의 모든 세션을 끊어요."),
}


@click.group(cls=Group, verbs=VERBS, ko="세션을 보고 끊어요.")
def session() -> None:
    """Sessions: one for each sign-in on one device."""


@command(
    ko="살아 있는 세션을 보여 줘요.",
    examples="""
    mapae session list --account jane@example.com
    mapae session list --all --limit 1000 --json
    """,
)
@option("--account", metavar="EMAIL|ID", help="Only of this account.", ko="이 계정의 세션만 봐요.")
@option("--all", "ended_too", is_flag=True, help="Ended and expired ones too.", ko="끝난 세션도 봐요.")
@option("--after", default="", metavar="SID", help="Go on after this session.", ko="이 세션 다음부터 봐요.")
@option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="At most.", ko="최대 개수예요.")
@settings_options()
@json_option
def list_sessions(
    settings: Settings, *, account: str | None, ended_too: bool, after: str, limit: int, as_json: bool
) -> None:
    """List live sessions; those of one account the last used first."""

    async def work(service: Service) -> tuple[list[Session], dict[str, str]]:
        now_ms = service.now_ms()
        if account is not None:
            owner = await find_account(service, account)
            return await sessions.list_sessions_of(service.database, owner.id, now_ms=now_ms), {owner.id: owner.email}
        live_at = None if ended_too else now_ms
        found = await sessions.list_sessions(service.database, live_at_ms=live_at, after=after, limit=limit)
        owners = [await _owner(service, account_id) for account_id in {each.account_id for each in found}]
        return found, {owner.id: owner.email for owner in owners if owner is not None}

    if account is not None and ended_too:
        raise click.UsageError(say("--all goes without --account.", "--all은 --account 없이 쓰세요."))
    found, emails = inside(settings, work)
    following = found[-1].sid if account is None and len(found) == limit else None
    if as_json:
        result_json({"sessions": [_member(each, emails) for each in found], "after": following})
        return
    head = ["sid", say("account", "계정"), say("device", "기기"), say("place", "위치"), say("last seen", "마지막")]
    rows = []
    for each in found:
        email = emails.get(each.account_id, "-")
        rows.append([each.sid, email, each.device or "-", each.place or "-", moment_ms(each.seen_ms)])
        if ended_too:
            rows[-1].append(each.reason or "-")
    if ended_too:
        head.append(say("ended", "끝난 까닭"))
    result(table(rows, head=head) if rows else say("No sessions.", "세션이 없어요."))
    if following:
        result(say(f"More: add --after {following}", f"더 보기: --after {following}"))


@command(
    ko="세션을 끊어요. 1초 안에 모든 프로세스가 그 토큰을 거절해요.",
    examples="""
    mapae session revoke SID
    mapae session revoke --account jane@example.com --yes
    """,
)
@click.argument("sid", required=False)
@option("--account", metavar="EMAIL|ID", help="All sessions of this account.", ko="이 계정의 모든 세션을 끊어요.")
@option("--yes", is_flag=True, help="Do not ask.", ko="묻지 않아요.")
@settings_options()
@json_option
def revoke(settings: Settings, *, sid: str | None, account: str | None, yes: bool, as_json: bool) -> None:
    """End a session, or all of an account: their tokens are refused within the second."""
    if (sid is None) == (account is None):
        raise click.UsageError(say("Name a session or give --account.", "세션이나 --account 가운데 하나를 주세요."))
    if account is not None:
        confirm(say(f"All sessions of {account} end.", f"{account}의 세션이 모두 끝나요."), yes=yes)

    async def work(service: Service) -> int:
        if account is not None:
            owner = await find_account(service, account)
            return await end_all_sessions(service, owner.id, "sign_out_everywhere", visitor=CONSOLE)
        await revoke_session(service, await find_session(service, str(sid)))
        return 1

    ended = inside(settings, work)
    if as_json:
        result_json({"ended": ended})
    else:
        result(say(f"Ended {ended} sessions.", f"세션 {ended}개를 끊었어요."))


async def _owner(service: Service, account_id: str) -> Account | None:
    from mapae.storage.accounts import load_account

    return await load_account(service.database, account_id)


def _member(each: Session, emails: dict[str, str]) -> dict[str, object]:
    """Write a session for programs: nothing that could refresh it."""
    return {
        "sid": each.sid,
        "account_id": each.account_id,
        "email": emails.get(each.account_id),
        "client_id": each.client_id,
        "device": each.device,
        "place": each.place,
        "created_ms": each.created_ms,
        "seen_ms": each.seen_ms,
        "idle_expires_ms": each.idle_expires_ms,
        "absolute_expires_ms": each.absolute_expires_ms,
        "revoked_ms": each.revoked_ms,
        "reason": each.reason,
    }
