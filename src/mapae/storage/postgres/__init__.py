"""PostgreSQL behind the same functions as SQLite. Needs the extra `postgres`."""
