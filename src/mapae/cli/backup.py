"""`mapae backup` and `mapae restore`: one file that holds the database, with the service running or not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from mapae.cli.commands import command, json_option, option
from mapae.cli.language import say
from mapae.cli.options import confirm, settings_options
from mapae.cli.output import progress, result, result_json, talk
from mapae.settings import Settings
from mapae.storage import backup as storage
from mapae.storage.backup import Backup


@command(
    ko="데이터베이스를 파일 하나로 복사해요. 서비스를 멈추지 않아도 돼요. 서명 키는 봉인된 채로 들어가요.",
    examples="""
    mapae backup mapae-2026-11-23.db
    mapae backup mapae.db --secret-to mapae.secret    # keep the two apart
    """,
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@option(
    "--secret-to",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also copy the master secret there.",
    ko="마스터 비밀 값도 이 파일에 복사해요.",
)
@option("--overwrite", is_flag=True, help="Replace FILE if it exists.", ko="FILE이 있으면 덮어써요.")
@settings_options()
@json_option
def backup(settings: Settings, *, file: Path, secret_to: Path | None, overwrite: bool, as_json: bool) -> None:
    """Copy the database into FILE, as of one moment, while the service runs or not, and verify the copy.

    The signing keys in it are sealed. To restore it elsewhere you also need the master secret: keep that in another
    place than the backup.
    """
    with progress(say("Backing up", "백업하는 중"), 1) as step:
        made = storage.back_up(settings.database_url, file, overwrite=overwrite, progress=step)
    if secret_to is not None:
        storage.copy_secret(settings.secret_file or settings.data / "secret", secret_to)
    _report(made, as_json, say(f"Backed up to {file}", f"{file}에 백업했어요"))
    if not as_json and secret_to is None:
        talk(
            say(
                f"Keep {settings.secret_file or settings.data / 'secret'} too, in another place: without it the "
                "signing keys in the backup stay closed.",
                f"{settings.secret_file or settings.data / 'secret'}도 다른 곳에 보관하세요. "
                "없으면 백업 속의 서명 키를 열 수 없어요.",
            )
        )


@command(
    ko="백업을 되돌려요. 먼저 서비스를 멈추세요.",
    examples="""
    mapae restore mapae-2026-11-23.db
    mapae restore mapae.db --overwrite --yes
    """,
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@option(
    "--overwrite", is_flag=True, help="Replace the database that is there.", ko="지금 있는 데이터베이스를 덮어써요."
)
@option("--yes", is_flag=True, help="Do not ask.", ko="묻지 않아요.")
@settings_options()
@json_option
def restore(settings: Settings, *, file: Path, overwrite: bool, yes: bool, as_json: bool) -> None:
    """Put a backup where the database is. Stop the service first.

    Sessions that ended after the backup was made live again: end them with `mapae session revoke`.
    """
    if overwrite:
        confirm(say("This replaces the present database.", "지금 있는 데이터베이스를 바꿔요."), yes=yes)
    with progress(say("Restoring", "되돌리는 중"), 1) as step:
        found = asyncio.run(storage.restore(settings.database_url, file, overwrite=overwrite, progress=step))
    _report(found, as_json, say(f"Restored {file}", f"{file}을(를) 되돌렸어요"))


def _report(found: Backup, as_json: bool, done: str) -> None:
    if as_json:
        result_json({"file": found.path, "octets": found.size, "schema": found.schema, "accounts": found.accounts})
        return
    held = say(
        f"{found.accounts} accounts, schema {found.schema}, {found.size:,} octets",
        f"계정 {found.accounts}개, 스키마 {found.schema}, {found.size:,}바이트",
    )
    result(f"{done}: {held}")
