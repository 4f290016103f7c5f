"""Open everything a flow needs, and close it again."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from mapae.flows.follow import poll
from mapae.flows.rotate_keys import keep_schedule
from mapae.flows.service import Service, build
from mapae.settings import Settings
from mapae.storage import migrate
from mapae.storage.data_directory import load_master_secret
from mapae.storage.database import open_database
from mapae.storage.revocations import name_feed


@asynccontextmanager
async def open_service(settings: Settings, *, clock: Callable[[], float] = time.time) -> AsyncIterator[Service]:
    """Open the database, bring its schema up to date, load the keys and the revocations; close all of it at the end.

    Raises:
        FileExposed: the master secret can be read by others or is tracked by git.
        KeyRefused: the master secret does not belong to this database.
        StorageFailed: the database cannot be used; the message says the cure.
        SettingsRefused: the board needs a package that is not installed.
    """
    master = load_master_secret(settings)
    database = await open_database(settings.database_url, connections=settings.database_connections)
    try:
        await migrate.apply(database)
        await name_feed(database, secrets.token_urlsafe(16))
        service = build(settings, database, master, clock=clock)
        try:
            await service.board.open()
            await keep_schedule(service)
            await poll(service)
            yield service
        finally:
            await service.board.close()
            await service.hash_pool.close()
    finally:
        await database.close()
