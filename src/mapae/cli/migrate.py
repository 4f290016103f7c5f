"""`mapae migrate`: which changes of the schema the database has, apply the others, or print their SQL."""

from __future__ import annotations

import asyncio

import click

from mapae.cli.commands import Group, command, json_option
from mapae.cli.language import say
from mapae.cli.options import settings_options
from mapae.cli.output import progress, result, result_json, table
from mapae.cli.times import moment_ms
from mapae.settings import Settings
from mapae.storage import migrate as schema
from mapae.storage.database import database_file, is_postgres, open_database
from mapae.storage.migrate import Migration

VERBS = {
    "status": ("migrate:status", "What is applied and what is not.", "무엇이 적용됐는지 보여 줘요."),
    "up": ("migrate:up", "Apply what is pending.", "남은 것을 적용해요."),
    "sql": ("migrate:sql", "Print the SQL of what is pending.", "남은 것의 SQL을 써요."),
}


@click.group(cls=Group, verbs=VERBS, ko="데이터베이스의 표를 이 버전에 맞춰요.")
def migrate() -> None:
    """Bring the tables of the database up to date. `mapae serve` does so by itself at every start."""


@command(ko="어떤 변경이 적용됐고 무엇이 남았는지 보여 줘요.")
@settings_options()
@json_option
def status(settings: Settings, *, as_json: bool) -> None:
    """Say which changes are applied and which are pending."""
    known = _known(settings)
    if as_json:
        listed = [{"number": each.number, "name": each.name, "applied_ms": each.applied_ms} for each in known]
        result_json({"migrations": listed, "pending": sum(each.applied_ms is None for each in known)})
        return
    pending = say("pending", "남았어요")
    rows = [
        (f"{each.number:04}", each.name, pending if each.applied_ms is None else moment_ms(each.applied_ms))
        for each in known
    ]
    result(table(rows, head=(say("number", "번호"), say("name", "이름"), say("applied", "적용"))))
    if any(each.applied_ms is None for each in known):
        result(say("Next: mapae migrate up", "다음: mapae migrate up"))


@command(ko="남은 변경을 순서대로 적용해요. 실행 중인 서비스 옆에서도 안전해요.")
@settings_options()
@json_option
def up(settings: Settings, *, as_json: bool) -> None:
    """Apply what is pending, each change in its own transaction; safe beside a running service."""
    applied = asyncio.run(_up(settings))
    if as_json:
        result_json({"applied": [{"number": each.number, "name": each.name} for each in applied]})
    elif applied:
        for each in applied:
            result(say("Applied", "적용했어요:") + f" {each.number:04} {each.name}")
    else:
        result(say("Nothing was pending.", "남은 변경이 없었어요."))


@command(ko="남은 변경의 SQL을 써요. 아무것도 바꾸지 않아요.")
@settings_options()
@json_option
def sql(settings: Settings, *, as_json: bool) -> None:
    """Print the SQL of what is pending; nothing is changed."""
    kind = "postgresql" if is_postgres(settings.database_url) else "sqlite"
    text = schema.pending_sql(_known(settings), kind)
    if as_json:
        result_json({"sql": text})
    elif text:
        result(text)
    else:
        result(say("-- nothing is pending", "-- 남은 변경이 없어요"))


def _known(settings: Settings) -> list[Migration]:
    """Return all migrations; a database that does not exist yet is not made for this."""
    file = database_file(settings.database_url)
    if file is None or file.exists():
        return asyncio.run(_status(settings.database_url))
    return schema.without_database()


async def _status(url: str) -> list[Migration]:
    database = await open_database(url)
    try:
        return await schema.status(database)
    finally:
        await database.close()


async def _up(settings: Settings) -> list[Migration]:
    file = database_file(settings.database_url)
    if file is not None and not file.exists():
        from mapae.storage.data_directory import prepare_directory

        prepare_directory(settings.data)
    database = await open_database(settings.database_url)
    try:
        pending = sum(each.applied_ms is None for each in await schema.status(database))
        done = 0
        with progress(say("Applying", "적용하는 중"), pending) as step:

            def show(_migration: Migration) -> None:
                nonlocal done
                done += 1
                step(done)

            return await schema.apply(database, applied=show)
    finally:
        await database.close()
