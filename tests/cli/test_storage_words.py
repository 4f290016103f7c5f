"""What the storage room reports is told in Korean too."""

import pytest

from mapae.cli.storage_words import KOREAN, told
from mapae.errors import Conflict, StorageFailed
from mapae.storage import sqlite_errors
from mapae.storage.postgres import errors as postgres_errors

CURES = {
    *sqlite_errors.CURES.values(),
    *postgres_errors.CURES.values(),
    *(cure for _, cure in postgres_errors.CONNECTING),
}


@pytest.mark.parametrize("cure", sorted(CURES))
def test_every_cure_is_told_in_korean(cure, monkeypatch):
    failure = StorageFailed(f"database db.example/x: {cure} (said the server)")
    monkeypatch.setenv("MAPAE_LANG", "en")
    assert told(failure) == str(failure)
    monkeypatch.setenv("MAPAE_LANG", "ko")
    assert told(failure) == f"database db.example/x: {KOREAN[cure]} (said the server)"


def test_whatever_else_is_told_as_it_is(monkeypatch):
    monkeypatch.setenv("MAPAE_LANG", "ko")
    assert told(Conflict("it is starting")) == "it is starting"
    busy = "database db/x: all 10 connections are in use; raise database_connections, or look for what is slow there"
    assert told(StorageFailed(busy)).startswith("database db/x: 10개의 연결을 모두 쓰고 있어요")
