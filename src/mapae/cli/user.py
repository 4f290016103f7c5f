"""`mapae user`: accounts, as an operator sees them. Passwords come from a prompt, a file or standard input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

from mapae.accounts.account import Account, Role, State
from mapae.cli.commands import Group, command, json_option, option
from mapae.cli.language import language, say
from mapae.cli.options import confirm, read_secret, settings_options
from mapae.cli.output import paint, result, result_json, table
from mapae.cli.service import inside
from mapae.cli.times import moment_ms
from mapae.flows.manage_accounts import create_account, find_account, set_account_state
from mapae.settings import Settings
from mapae.storage import accounts, sessions

if TYPE_CHECKING:
    from mapae.flows.service import Service
    from mapae.sessions.session import Session

VERBS = {
    "list": ("user:list_users", "Who has an account.", "누가 가입했는지 보여 줘요."),
    "show": ("user:show", "One account and its sessions.", "계정 하나와 그 세션을 보여 줘요."),
    "create": ("user:create", "Make an account.", "계정을 만들어요."),
    "disable": ("user:disable", "Keep somebody out; their sessions end.", "계정을 막고 세션을 끊어요."),
    "enable": ("user:enable", "Let somebody in again.", "막은 계정을 다시 열어요."),
    "import": ("user_import:import_users", "Take accounts over from another system.", "다른 시스템의 계정을 가져와요."),
}


@click.group(cls=Group, verbs=VERBS, ko="계정을 보고 만들고 막고 가져와요.")
def user() -> None:
    """Accounts, by e-mail or id."""


@command(
    ko="계정을 오래된 것부터 보여 줘요.",
    examples="""
    mapae user list --contains @example.com
    mapae user list --role admin --json
    """,
)
@option("--role", type=click.Choice(["user", "admin"]), help="Only these.", ko="이 역할만 봐요.")
@option("--state", type=click.Choice(["active", "disabled"]), help="Only these.", ko="이 상태만 봐요.")
@option("--contains", default="", metavar="TEXT", help="Part of the e-mail.", ko="이메일에 든 글자예요.")
@option("--after", metavar="ID", help="Go on after this account.", ko="이 계정 다음부터 봐요.")
@option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="At most.", ko="최대 개수예요.")
@settings_options()
@json_option
def list_users(
    settings: Settings,
    *,
    role: Role | None,
    state: State | None,
    contains: str,
    after: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List accounts, the oldest first."""

    async def work(service: Service) -> list[Account]:
        start = None if after is None else await find_account(service, after)
        return await accounts.list_accounts(
            service.database, role=role, state=state, email_contains=contains, after=start, limit=limit
        )

    found = inside(settings, work)
    following = found[-1].id if len(found) == limit else None
    if as_json:
        result_json({"accounts": [_member(each) for each in found], "after": following})
        return
    rows = [(each.email, each.name, each.role, each.state, moment_ms(each.created_ms), each.id) for each in found]
    head = (
        say("e-mail", "이메일"),
        say("name", "이름"),
        say("role", "역할"),
        say("state", "상태"),
        say("since", "가입"),
        "id",
    )
    result(table(rows, head=head) if rows else say("No accounts.", "계정이 없어요."))
    if following:
        result(say(f"More: add --after {following}", f"더 보기: --after {following}"))


@command(ko="계정 하나와 살아 있는 세션을 보여 줘요.")
@click.argument("name", metavar="EMAIL|ID")
@settings_options()
@json_option
def show(settings: Settings, *, name: str, as_json: bool) -> None:
    """Show one account and its live sessions."""

    async def work(service: Service) -> tuple[Account, list[Session]]:
        account = await find_account(service, name)
        return account, await sessions.list_sessions_of(service.database, account.id, now_ms=service.now_ms())

    account, live = inside(settings, work)
    if as_json:
        listed = [
            {"sid": each.sid, "device": each.device, "place": each.place, "seen_ms": each.seen_ms} for each in live
        ]
        result_json({"account": _member(account), "sessions": listed})
        return
    rows = [
        ("id", account.id),
        (say("e-mail", "이메일"), account.email),
        (say("name", "이름"), account.name or "-"),
        (say("role", "역할"), account.role),
        (say("state", "상태"), account.state),
        (say("since", "가입"), moment_ms(account.created_ms)),
        (say("password chosen", "비밀번호를 정한 때"), _password_age(account)),
    ]
    result(table(rows))
    result("\n" + paint(say(f"Live sessions: {len(live)}", f"살아 있는 세션: {len(live)}개"), bold=True))
    if live:
        result(table([(each.sid, each.device, each.place, moment_ms(each.seen_ms)) for each in live], indent="  "))


@command(
    ko="계정을 만들어요. 비밀번호는 묻거나 파일, 표준 입력에서 읽어요. 인자로는 받지 않아요.",
    examples="""
    mapae user create jane@example.com --name Jane
    mapae user create ops@example.com --admin --password-file /run/secrets/ops
    """,
)
@click.argument("email")
@option("--name", default="", help="What the person wants to be called.", ko="불리고 싶은 이름이에요.")
@option("--admin", is_flag=True, help="An administrator.", ko="관리자로 만들어요.")
@option("--language", "lang", type=click.Choice(["en", "ko"]), help="Of the pages.", ko="화면의 언어예요.")
@option(
    "--password-file",
    metavar="FILE",
    help='Read the password from there; "-" is standard input.',
    ko="비밀번호를 읽을 파일이에요.",
)
@settings_options()
@json_option
def create(
    settings: Settings,
    *,
    email: str,
    name: str,
    admin: bool,
    lang: Literal["en", "ko"] | None,
    password_file: str | None,
    as_json: bool,
) -> None:
    """Make an account. The password is asked for, or read from a file or standard input; never an argument."""
    password = read_secret(password_file, prompt=say("Password", "비밀번호"), confirm=True)
    made_role: Role = "admin" if admin else "user"

    async def work(service: Service) -> Account:
        return await create_account(service, email, password, name=name, role=made_role, language=lang or language())

    account = inside(settings, work)
    if as_json:
        result_json({"account": _member(account)})
    else:
        result(
            say(
                f"Made {account.role} {account.email} ({account.id}).",
                f"{account.email} 계정({account.id})을 만들었어요.",
            )
        )
        result(say(f"Next: mapae user show {account.email}", f"다음: mapae user show {account.email}"))


@command(ko="계정을 막아요. 세션이 모두 끝나고 다시 로그인할 수 없어요.")
@click.argument("name", metavar="EMAIL|ID")
@option("--yes", is_flag=True, help="Do not ask.", ko="묻지 않아요.")
@settings_options()
@json_option
def disable(settings: Settings, *, name: str, yes: bool, as_json: bool) -> None:
    """Keep somebody out: their sessions end within the second and they cannot sign in."""
    confirm(say(f"All sessions of {name} end.", f"{name}의 세션이 모두 끝나요."), yes=yes)
    _change_state(settings, name, "disabled", as_json)


@command(ko="막은 계정을 다시 열어요.")
@click.argument("name", metavar="EMAIL|ID")
@settings_options()
@json_option
def enable(settings: Settings, *, name: str, as_json: bool) -> None:
    """Let somebody sign in again."""
    _change_state(settings, name, "active", as_json)


def _change_state(settings: Settings, name: str, state: State, as_json: bool) -> None:
    async def work(service: Service) -> tuple[Account, int]:
        account = await find_account(service, name)
        return account, await set_account_state(service, account, state)

    account, ended = inside(settings, work)
    if as_json:
        result_json({"id": account.id, "email": account.email, "state": state, "sessions_ended": ended})
        return
    if state == "disabled":
        result(
            say(
                f"Disabled {account.email}; {ended} sessions ended.",
                f"{account.email}을(를) 막았어요. 세션 {ended}개를 끊었어요.",
            )
        )
        result(say(f"Undo: mapae user enable {account.email}", f"되돌리기: mapae user enable {account.email}"))
    else:
        result(say(f"Enabled {account.email}.", f"{account.email}을(를) 다시 열었어요."))


def _password_age(account: Account) -> str:
    if account.password_hash is None:
        return say("no password", "비밀번호 없음")
    if account.password_changed_ms is None:
        return say("unknown (imported)", "모름(가져온 계정)")
    return moment_ms(account.password_changed_ms)


def _member(account: Account) -> dict[str, object]:
    """Write an account for programs: everything but the password's hash."""
    return {
        "id": account.id,
        "email": account.email,
        "name": account.name,
        "role": account.role,
        "state": account.state,
        "language": account.language,
        "created_ms": account.created_ms,
        "has_password": account.password_hash is not None,
        "password_changed_ms": account.password_changed_ms,
    }
