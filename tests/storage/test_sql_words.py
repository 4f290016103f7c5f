"""All SQL keeps to what lets other kinds of PostgreSQL stand behind it one day (CockroachDB, YugabyteDB, Citus).

Nothing may rest on one machine: no advisory locks, no LISTEN, no sequences, no triggers, no locks on rows that
are only read. Each compare-and-swap is one statement on one row.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

STORAGE = Path(__file__).resolve().parents[2] / "src" / "mapae" / "storage"
ONLY_SQLITE = {"backup.py", "database.py", *(path.name for path in STORAGE.glob("sqlite_*.py"))}
SQL = re.compile(
    r"^\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|CREATE|ALTER|DROP|BEGIN|SET|LOCK|TRUNCATE|LISTEN|NOTIFY)\b"
)
FORBIDDEN = re.compile(
    r"\bFOR\s+(NO\s+KEY\s+)?(UPDATE|SHARE)\b|ADVISORY|\bLISTEN\b|\bNOTIFY\b|\bNEXTVAL\b|\bSEQUENCE\b|SERIAL\b"
    r"|GENERATED\s+(ALWAYS|BY)|\bTRIGGER\b|\bLOCK\s+TABLE\b|\bPREPARE\s+TRANSACTION\b|\bUUID|\bNOW\s*\(|CURRENT_TIMESTAMP"
    r"|\bTRUNCATE\b|\bSAVEPOINT\b|\bREFERENCES\b|\bTEMP(ORARY)?\b|AUTOINCREMENT|\bROWID\b|\bPRAGMA\b|INSERT\s+OR\b"
    r"|\bctid\b|pg_sleep|\bOFFSET\b",
    re.IGNORECASE,
)


def texts():
    """Yield every SQL text of the room, with the file it stands in."""
    for path in sorted(STORAGE.rglob("*.py")):
        if path.name in ONLY_SQLITE and path.parent == STORAGE:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(node, ast.JoinedStr):
                text = "".join(part.value if isinstance(part, ast.Constant) else "x" for part in node.values)
            if isinstance(text, bytes):
                text = text.decode("utf-8", "replace")
            if isinstance(text, str) and SQL.match(text):
                yield path.name, text
    for path in sorted((STORAGE / "migrations").glob("*.sql")):
        yield path.name, "\n".join(line for line in path.read_text("utf-8").splitlines() if not line.startswith("--"))


@pytest.mark.slow
def test_no_sql_needs_what_distributed_databases_lack():
    found = list(texts())
    assert len(found) > 60
    assert [(file, text) for file, text in found if FORBIDDEN.search(text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM session WHERE sid = ? FOR UPDATE",
        "SELECT pg_advisory_lock(1)",
        "CREATE TABLE a (id BIGSERIAL)",
        "CREATE TABLE a (id BIGINT GENERATED ALWAYS AS IDENTITY)",
        "INSERT INTO a VALUES (nextval('b'))",
        "LISTEN revoked",
        "CREATE TABLE a (b TEXT REFERENCES c)",
        "UPDATE a SET at = now()",
    ],
)
def test_the_check_above_sees_each_of_them(text):
    assert SQL.match(text)
    assert FORBIDDEN.search(text)


@pytest.mark.slow
def test_no_key_begins_with_a_number_that_only_grows_except_in_logs():
    for file, text in texts():
        for table, columns in re.findall(r"CREATE TABLE (\w+) \((.*?)\n\)", text, re.DOTALL):
            keys = re.findall(r"(\w+) (TEXT|BIGINT|BYTEA) NOT NULL PRIMARY KEY|PRIMARY KEY \((\w+)", columns)
            first = keys[0][0] or keys[0][2]
            logs = {"feed": "seq", "activity": "at_ms", "feed_head": "id", "migration": "number"}
            ids = {"id", "identifier", "account_id", "sid", "kid", "subject", "digest", "node", "number", "block"}
            assert table in logs or first in ids, file
