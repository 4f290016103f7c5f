"""A database that cannot be read for a while, for every test of what happens then.

Moving the file away, or locking it, would not do: an open database in WAL mode is read all the same. So its schema is
damaged in one transaction, which every reader notices at its next query, and mended in another.
"""

import sqlite3
from contextlib import closing, contextmanager


@contextmanager
def unreadable(data):
    """Make the database unreadable for everybody else; yield the one connection that still writes."""
    with closing(sqlite3.connect(data / "mapae.db", isolation_level=None)) as database:
        database.execute("PRAGMA writable_schema=ON")
        ((whole,),) = database.execute("SELECT sql FROM sqlite_master WHERE name = 'attempt'")
        ((version,),) = database.execute("PRAGMA schema_version")

        def rewrite(sql, version):
            database.execute("BEGIN IMMEDIATE")
            database.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'attempt'", (sql,))
            database.execute(f"PRAGMA schema_version = {version}")
            database.execute("COMMIT")

        rewrite("CREATE TABLE attempt (", version + 1)
        try:
            yield database
        finally:
            rewrite(whole, version + 2)
