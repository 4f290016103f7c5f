"""What an operator does with accounts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mapae.accounts.account import Account, Role, State, normalise_email
from mapae.accounts.activity import Activity, Event
from mapae.accounts.hashing import recognise
from mapae.errors import Conflict, EmailTaken, NotFound
from mapae.flows.follow import hear
from mapae.flows.issue import new_id
from mapae.flows.open_account import open_account
from mapae.flows.service import Service
from mapae.flows.visitor import CONSOLE, Visitor
from mapae.storage import accounts, activity

IMPORTED_AT_ONCE = 200
"""Accounts of an import that are saved in one transaction."""


@dataclass(frozen=True, slots=True)
class ImportedAccount:
    """One account that another system kept.

    Attributes:
        password_hash: in a form that `mapae.accounts.hashing.recognise` knows; None for an account without one.
    """

    email: str
    password_hash: str | None
    name: str = ""


async def find_account(service: Service, name: str) -> Account:
    """Return the account with the id or the e-mail `name`.

    Raises:
        NotFound: there is none.
    """
    account = await accounts.load_account(service.database, name)
    if account is None and "@" in name:
        account = await accounts.load_account_by_email(service.database, normalise_email(name))
    if account is None:
        raise NotFound("there is no such account; `mapae user list` shows them all")
    return account


async def create_account(
    service: Service,
    email: str,
    password: str,
    *,
    name: str = "",
    role: Role = "user",
    language: str = "en",
    visitor: Visitor = CONSOLE,
) -> Account:
    """Open an account on behalf of somebody.

    Raises:
        InputRefused: the e-mail or the name cannot be used.
        PasswordRefused: the password cannot be used, with the reason.
        EmailTaken: another account has this e-mail.
    """
    now_ms, account_id = service.now_ms(), new_id()
    record = Activity(now_ms, "account_created", "ok", account_id=account_id, device=visitor.device, detail=role)
    return await open_account(
        service,
        account_id,
        email,
        password,
        now_ms=now_ms,
        name=name,
        role=role,
        language=language,
        also=(activity.recorded(record),),
    )


async def set_account_state(service: Service, account: Account, state: State, *, visitor: Visitor = CONSOLE) -> int:
    """Disable or enable an account; either way its sessions end. Return how many were live.

    Raises:
        NotFound: it is gone, or in this state already.
    """
    now_ms = service.now_ms()
    event: Event = "account_disabled" if state == "disabled" else "account_enabled"
    record = Activity(now_ms, event, "ok", account_id=account.id, device=visitor.device)
    try:
        ended = await accounts.set_state(
            service.database,
            account.id,
            state,
            reason=event,
            now_ms=now_ms,
            until=service.remembered_until(now_ms),
            also=(activity.recorded(record),),
        )
    except Conflict:
        raise NotFound(f"the account is {state} already, or gone") from None
    service.tally.count("revocations", kind="account")
    await hear(service)
    return ended


async def import_accounts(
    service: Service,
    imported: Sequence[ImportedAccount],
    *,
    progress: Callable[[int], None] = lambda _done: None,
) -> tuple[int, list[str]]:
    """Save accounts with the hashes another system made; their owners keep their passwords.

    Every hash is replaced by one of the present kind when its owner next signs in. E-mails that an account has
    already are left alone.

    Args:
        progress: called with the number done so far.

    Returns:
        How many were saved, and the e-mails that were taken.

    Raises:
        InputRefused: an e-mail or a hash cannot be used; nothing was saved.
    """
    rows = [_account(row, now_ms=service.now_ms()) for row in imported]
    taken: list[str] = []
    for begin in range(0, len(rows), IMPORTED_AT_ONCE):
        taken += await _save_imported(service, rows[begin : begin + IMPORTED_AT_ONCE])
        progress(min(begin + IMPORTED_AT_ONCE, len(rows)))
    return len(rows) - len(taken), taken


async def _save_imported(service: Service, rows: Sequence[Account]) -> list[str]:
    """Save all of `rows` in one transaction, or one by one where an e-mail is taken; return the e-mails that were."""
    records = [activity.recorded(_import_of(row)) for row in rows]
    try:
        await service.database.commit(*(statement for row in rows for statement in accounts.added(row)), *records)
    except Conflict:
        taken = []
        for row, record in zip(rows, records, strict=True):
            try:
                await accounts.add_account(service.database, row, also=(record,))
            except EmailTaken:
                taken.append(row.email)
        return taken
    return []


def _import_of(account: Account) -> Activity:
    return Activity(account.created_ms, "account_imported", "ok", account_id=account.id, device=CONSOLE.device)


def _account(row: ImportedAccount, *, now_ms: int) -> Account:
    if row.password_hash is not None:
        recognise(row.password_hash)
    return Account(
        id=new_id(),
        email=normalise_email(row.email),
        name=row.name,
        role="user",
        state="active",
        epoch=0,
        created_ms=now_ms,
        password_hash=row.password_hash,
        password_changed_ms=None,
        language="en",
    )
