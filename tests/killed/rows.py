"""The rows of a database behind a killed server: what belongs into one transaction is there together or not at all."""

import sqlite3
from contextlib import closing

import psycopg


def opened(data, url):
    """Connect to the file in the data directory, or to PostgreSQL."""
    return closing(psycopg.connect(url) if url else sqlite3.connect(data / "mapae.db"))


def nothing_is_half_made(data, url, emails) -> None:
    """Look at every table behind the accounts with `emails`, which are all there may be."""
    with opened(data, url) as database:

        def column(sql):
            return sorted(row[0] for row in database.execute(sql))

        assert url or column("PRAGMA integrity_check") == ["ok"]
        assert column("SELECT email FROM account") == sorted(emails)
        accounts = column("SELECT id FROM account")
        assert column("SELECT account_id FROM identity") == accounts
        assert column("SELECT account_id FROM password") == accounts
        assert column("SELECT account_id FROM activity WHERE event = 'sign_up'") == accounts
        begun = column("SELECT sid FROM activity WHERE event IN ('sign_up', 'sign_in')")
        assert column("SELECT sid FROM session") == begun
        ended = (
            "SELECT sid FROM session WHERE revoked_ms IS NOT NULL AND NOT EXISTS (SELECT 1 FROM feed WHERE "
            "at_ms = revoked_ms AND (kind = 'session' AND key = sid OR kind = 'account' AND key = account_id))"
        )
        assert column(ended) == []
        assert column("SELECT key FROM feed WHERE kind = 'session'") == column(
            "SELECT sid FROM session WHERE revoked_ms IS NOT NULL AND reason <> 'sign_out_everywhere'"
        )
        ((head, last),) = database.execute("SELECT (SELECT seq FROM feed_head), (SELECT max(seq) FROM feed)")
        assert last is None or last <= head
