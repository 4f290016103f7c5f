"""`mapae user import`: accounts with the hashes another system made; all lines are checked before any is written."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from mapae.cli.account_rows import Form, RowMistake, read_rows
from mapae.cli.commands import command, json_option, option
from mapae.cli.exits import USAGE
from mapae.cli.language import say
from mapae.cli.options import read_file, settings_options
from mapae.cli.output import progress, result, result_json, talk
from mapae.cli.service import inside
from mapae.flows.manage_accounts import ImportedAccount, import_accounts
from mapae.settings import Settings
from mapae.storage import accounts

if TYPE_CHECKING:
    from mapae.flows.service import Service

SHOWN = 200
"""How many mistakes are printed for people; `--json` lists them all."""


@command(
    ko="다른 시스템의 계정을 비밀번호 해시와 함께 가져와요. 모든 줄이 맞아야 쓰고, 틀린 줄은 모두 알려 줘요.",
    examples="""
    mapae user import users.csv                 # columns email,password_hash,name
    mapae user import --check users.jsonl       # only look
    cat users.csv | mapae user import - --skip-bad
    """,
)
@click.argument("file")
@option(
    "--format",
    "form",
    type=click.Choice(["csv", "jsonl"]),
    help="If it cannot be told.",
    ko="알아볼 수 없을 때 형식이에요.",
)
@option("--check", "only_check", is_flag=True, help="Only check; write nothing.", ko="검사만 하고 쓰지 않아요.")
@option("--skip-bad", is_flag=True, help="Import the good lines in spite of bad ones.", ko="틀린 줄은 빼고 가져와요.")
@option("--skip-existing", is_flag=True, help="Leave out e-mails that have an account.", ko="이미 있는 이메일은 빼요.")
@settings_options()
@json_option
def import_users(
    settings: Settings,
    *,
    file: str,
    form: Form | None,
    only_check: bool,
    skip_bad: bool,
    skip_existing: bool,
    as_json: bool,
) -> None:
    """Import accounts from FILE: CSV with a head line, or JSON lines, of email, password_hash and name.

    Hashes: bcrypt ($2a$, $2b$, $2y$), Argon2 (PHC), scrypt, Django's PBKDF2. Their owners keep their passwords; each
    hash is replaced at the next sign-in. Nothing is written unless every line is right, or --skip-bad is given.
    """
    rows = read_rows(read_file(file), form)

    async def work(service: Service) -> tuple[list[RowMistake], int, int]:
        free: list[ImportedAccount] = []
        taken: list[int] = []
        for line, account in rows.good:
            if await accounts.load_account_by_email(service.database, account.email) is None:
                free.append(account)
            else:
                taken.append(line)
        mistakes = list(rows.mistakes)
        if not skip_existing:
            mistakes += [RowMistake(line, "email", "has an account already (--skip-existing)") for line in taken]
        mistakes.sort(key=lambda mistake: mistake.line)
        if only_check or (mistakes and not skip_bad):
            return mistakes, 0, len(taken)
        with progress(say("Importing", "가져오는 중"), len(free)) as step:
            saved, lost = await import_accounts(service, free, progress=step)
        return mistakes, saved, len(taken) + len(lost)

    mistakes, saved, existing = inside(settings, work)
    wrong = bool(mistakes) and not skip_bad
    if as_json:
        listed = [{"line": each.line, "field": each.field, "what": each.what} for each in mistakes]
        result_json({"imported": saved, "existing": existing, "mistakes": listed, "checked_only": only_check})
    else:
        _report(file, mistakes, saved, only_check=only_check, wrong=wrong)
    if wrong:
        sys.exit(USAGE)


def _report(file: str, mistakes: list[RowMistake], saved: int, *, only_check: bool, wrong: bool) -> None:
    for each in mistakes[:SHOWN]:
        talk(f"{file}:{each.line}  {each.field + ': ' if each.field else ''}{each.what}")
    if len(mistakes) > SHOWN:
        more = len(mistakes) - SHOWN
        talk(
            say(
                f"... and {more} more; --json lists them all",
                f"... 그리고 {more}개 더 있어요. --json으로 모두 볼 수 있어요",
            )
        )
    if wrong:
        talk(say("Nothing was written.", "아무것도 쓰지 않았어요."))
    elif only_check:
        result(say("Every line is right; nothing was written.", "모든 줄이 맞아요. 아무것도 쓰지 않았어요."))
    else:
        result(say(f"Imported {saved} accounts.", f"계정 {saved}개를 가져왔어요."))
