"""Rows of `account`, `identity` (the names that must be unique) and `password`."""

from __future__ import annotations

from collections.abc import Sequence

from mapae.accounts.account import Account, Role, State
from mapae.errors import Conflict, EmailTaken
from mapae.storage.database import Database, Row, Statement
from mapae.storage.revocations import account_entry
from mapae.storage.sessions import ended_of, revoked_of

_COLUMNS = "a.id, a.email, a.name, a.role, a.state, a.epoch, a.created_ms, p.hash, p.changed_ms, a.language"
_ACCOUNT = f"SELECT {_COLUMNS} FROM account a LEFT JOIN password p ON p.account_id = a.id"  # noqa: S608
_BY_ID = f"{_ACCOUNT} WHERE a.id = ?"
_BY_EMAIL = (
    f"SELECT {_COLUMNS} FROM identity i JOIN account a ON a.id = i.account_id "  # noqa: S608
    "LEFT JOIN password p ON p.account_id = a.id WHERE i.identifier = ?"
)


async def load_account(database: Database, account_id: str) -> Account | None:
    """Return an account by its id."""
    row = await database.fetch_one(_BY_ID, account_id)
    return None if row is None else _account(row)


async def load_account_by_email(database: Database, email: str) -> Account | None:
    """Return the account that signs in with the normalised e-mail `email`."""
    row = await database.fetch_one(_BY_EMAIL, email)
    return None if row is None else _account(row)


async def list_accounts(
    database: Database,
    *,
    role: Role | None = None,
    state: State | None = None,
    email_contains: str = "",
    after: Account | None = None,
    limit: int = 100,
) -> list[Account]:
    """Return accounts, the oldest first, from the one that follows `after`."""
    where, values = _filter(role, state, email_contains)
    at = (after.created_ms, after.id) if after else (-1, "")
    rows = await database.fetch_apart(
        f"{_ACCOUNT} WHERE (a.created_ms, a.id) > (?, ?){where} ORDER BY a.created_ms, a.id LIMIT ?",
        *at,
        *values,
        limit,
    )
    return [_account(row) for row in rows]


async def add_account(database: Database, account: Account, *, also: Sequence[Statement] = ()) -> None:
    """Save a new account with its e-mail and its password, if it has one.

    Raises:
        EmailTaken: another account has this e-mail.
        Conflict: there is an account with this id, or one of `also` was refused.
    """
    try:
        await database.commit(*added(account), *also)
    except Conflict as conflict:
        if conflict.constraint == "identity.identifier":
            raise EmailTaken from conflict
        raise


def added(account: Account) -> tuple[Statement, ...]:
    """Return the statements that save a new account, to ride in a transaction."""
    row = Statement(
        "INSERT INTO account (id, email, name, role, state, epoch, created_ms, language) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            account.id,
            account.email,
            account.name,
            account.role,
            account.state,
            account.epoch,
            account.created_ms,
            account.language,
        ),
    )
    identity = Statement("INSERT INTO identity (identifier, account_id) VALUES (?, ?)", (account.email, account.id))
    if account.password_hash is None:
        return identity, row
    password = Statement(
        "INSERT INTO password (account_id, hash, changed_ms) VALUES (?, ?, ?)",
        (account.id, account.password_hash, account.password_changed_ms),
    )
    return identity, row, password


async def replace_password(
    database: Database,
    account: Account,
    password_hash: str,
    *,
    changed_ms: int,
    end_sessions_except: str | None = None,
    until: int | None = None,
    also: Sequence[Statement] = (),
) -> int:
    """Save a new password hash if the stored one is still that of `account`; return how many sessions were ended.

    Args:
        changed_ms: when the person chose this password; when it is only hashed anew, the time it has already.
        end_sessions_except: end every other session, with its entry in the feed; None ends none.
        until: when sessions are ended: the second until which the feed must remember it.

    Raises:
        Conflict: the password was changed meanwhile, the account is gone, or one of `also` was refused.
    """
    ends: tuple[Statement, ...] = ()
    if end_sessions_except is not None:
        if until is None:
            raise ValueError("sessions that are ended need `until`")
        ends = revoked_of(
            account.id, reason="password_changed", now_ms=changed_ms, until=until, except_sid=end_sessions_except
        )
    replaced = password_replaced(account, password_hash, changed_ms=changed_ms)
    results = await database.commit(replaced, *ends, *also)
    return len(results[1]) if ends else 0


def password_replaced(account: Account, password_hash: str, *, changed_ms: int) -> Statement:
    """Return the statement that replaces the password hash of `account` by another, to ride in a transaction."""
    if account.password_hash is None:
        return Statement(
            "INSERT INTO password (account_id, hash, changed_ms) SELECT id, ?, ? FROM account WHERE id = ?",
            (password_hash, changed_ms, account.id),
            1,
        )
    return Statement(
        "UPDATE password SET hash = ?, changed_ms = ? WHERE account_id = ? AND hash = ?",
        (password_hash, changed_ms, account.id, account.password_hash),
        1,
    )


async def bump_epoch(
    database: Database,
    account_id: str,
    *,
    reason: str,
    now_ms: int,
    until: int,
    also: Sequence[Statement] = (),
) -> int:
    """Refuse every access token of an account and end all its sessions; return how many were live.

    Args:
        until: second until which the feed must remember it.

    Raises:
        Conflict: there is no such account, or one of `also` was refused.
    """
    statements = epoch_bumped(account_id, reason=reason, now_ms=now_ms, until=until)
    _, ended, *_ = await database.commit(*statements, *also)
    return len(ended)


def epoch_bumped(account_id: str, *, reason: str, now_ms: int, until: int) -> tuple[Statement, ...]:
    """Return the statements of `bump_epoch`, to ride in a transaction; the second returns the ids of ended sessions.

    The account comes first: a session that is being added holds its row, so that it is either seen here or refused.
    """
    return (
        Statement("UPDATE account SET epoch = epoch + 1 WHERE id = ?", (account_id,), 1),
        ended_of(account_id, reason=reason, now_ms=now_ms),
        *account_entry(account_id, until=until, now_ms=now_ms),
    )


async def set_state(
    database: Database,
    account_id: str,
    state: State,
    *,
    reason: str,
    now_ms: int,
    until: int,
    also: Sequence[Statement] = (),
) -> int:
    """Enable or disable an account; return how many sessions that ended.

    Either way its access tokens are refused and its sessions end: nothing from before comes back to life.

    Raises:
        Conflict: there is no such account, or it is in this state already, or one of `also` was refused.
    """
    statements = epoch_bumped(account_id, reason=reason, now_ms=now_ms, until=until)
    changed = Statement("UPDATE account SET state = ? WHERE id = ? AND state <> ?", (state, account_id, state), 1)
    _, ended, *_ = await database.commit(*statements, changed, *also)
    return len(ended)


async def delete_account(
    database: Database,
    account_id: str,
    *,
    now_ms: int,
    until: int,
    also: Sequence[Statement] = (),
) -> int:
    """Delete an account with its sessions, password, links and names; return how many sessions were live.

    Its access tokens are refused through the feed, and its e-mail can be used again. What is recorded about it in
    `activity` stays until its retention ends, under an id that names nobody any more.

    Raises:
        Conflict: there is no such account, or one of `also` was refused.
    """
    tables = (
        ("session", "account_id"),
        ("link", "account_id"),
        ("password", "account_id"),
        ("identity", "account_id"),
        ("account", "id"),
    )
    removed = [Statement(f"DELETE FROM {table} WHERE {column} = ?", (account_id,)) for table, column in tables]  # noqa: S608
    statements = epoch_bumped(account_id, reason="account_deleted", now_ms=now_ms, until=until)
    _, ended, *_ = await database.commit(*statements, *removed, *also)
    return len(ended)


def _filter(role: Role | None, state: State | None, email_contains: str) -> tuple[str, tuple[str, ...]]:
    where, values = "", []
    for clause, value in ((" AND a.role = ?", role), (" AND a.state = ?", state)):
        if value is not None:
            where += clause
            values.append(str(value))
    if email_contains:
        escaped = email_contains.lower().replace("!", "!!").replace("%", "!%").replace("_", "!_")
        where += " AND a.email LIKE ? ESCAPE '!'"
        values.append(f"%{escaped}%")
    return where, tuple(values)


def _account(row: Row) -> Account:
    return Account(*row)
