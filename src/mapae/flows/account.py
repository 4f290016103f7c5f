"""What people do with their own account."""

from __future__ import annotations

from mapae.accounts.account import Account
from mapae.accounts.activity import Activity
from mapae.errors import Conflict, NotFound, SignInRefused
from mapae.flows.check_password import check_password
from mapae.flows.follow import hear
from mapae.flows.new_password import check_new_password
from mapae.flows.service import Service
from mapae.flows.visitor import Visitor
from mapae.guard import Principal
from mapae.storage import accounts, activity, sessions

MOST_SHOWN = 10_000
"""Accounts kept to be shown again before the database is next looked at; some 10 MB at most."""


async def who_am_i(service: Service, principal: Principal) -> Account:
    """Return the account of `principal`, to be shown to its owner.

    It is at most as old as the last look at the database, a tenth of a second; what this process changes shows at once.

    Raises:
        NotFound: it has been deleted since the token was made.
    """
    account = who_am_i_at_once(service, principal)
    if account is None:
        account = await _own_account(service, principal)
        if len(service.shown) >= MOST_SHOWN:
            service.shown.clear()
        service.shown[account.id] = account
    return account


def who_am_i_at_once(service: Service, principal: Principal) -> Account | None:
    """As `who_am_i`, where the database need not be asked; None where it must."""
    return service.shown.get(principal.account_id)


async def _own_account(service: Service, principal: Principal) -> Account:
    account = await accounts.load_account(service.database, principal.account_id)
    if account is None:
        raise NotFound("the account has been deleted")
    return account


async def change_password(
    service: Service,
    principal: Principal,
    current: str,
    new: str,
    *,
    visitor: Visitor,
    end_other_sessions: bool = True,
) -> None:
    """Replace the password, and end the account's other sessions unless told otherwise (RULES P9).

    Raises:
        PasswordRefused: the new password cannot be used, with the reason.
        SignInRefused: `current` is not the password.
        TooManyAttempts: failures have to slow down.
        Busy: no capacity to hash now; nothing was changed.
    """
    account = await _own_account(service, principal)
    await check_new_password(service, new, email=account.email, name=account.name)
    account = await check_password(service, account, account.email, current, visitor=visitor)
    password_hash = await service.hash_pool.run(service.hashing.hash, new)
    now_ms = service.now_ms()
    record = Activity(
        now_ms,
        "password_changed",
        "ok",
        account_id=account.id,
        sid=principal.sid,
        device=visitor.device,
        place=visitor.place,
    )
    try:
        await accounts.replace_password(
            service.database,
            account,
            password_hash,
            changed_ms=now_ms,
            end_sessions_except=principal.sid if end_other_sessions else None,
            until=service.remembered_until(now_ms),
            also=(activity.recorded(record),),
        )
    except Conflict:
        raise SignInRefused("the password was changed by somebody else at the same moment") from None
    if end_other_sessions:
        service.tally.count("revocations", kind="session")
    await hear(service)


async def delete_account(service: Service, principal: Principal, password: str, *, visitor: Visitor) -> None:
    """Delete the account of `principal` and everything that belongs to it; its tokens are refused from now on.

    Raises:
        SignInRefused: `password` is not the password.
        TooManyAttempts: failures have to slow down.
        Busy: no capacity to check the password now.
    """
    account = await _own_account(service, principal)
    await check_password(service, account, account.email, password, visitor=visitor)
    await remove_account(service, account, visitor=visitor)


async def remove_account(service: Service, account: Account, *, visitor: Visitor) -> None:
    """Delete `account`; the record keeps only that an account with this id was deleted."""
    now_ms = service.now_ms()
    if service.settings.status_lists:
        # One by one: their ids say which places in the lists they have, and are gone with the account.
        until = service.remembered_until(now_ms)
        await sessions.revoke_sessions_of(
            service.database, account.id, reason="account_deleted", now_ms=now_ms, until=until
        )
    record = Activity(
        now_ms, "account_deleted", "ok", account_id=account.id, device=visitor.device, place=visitor.place
    )
    await accounts.delete_account(
        service.database,
        account.id,
        now_ms=now_ms,
        until=service.remembered_until(now_ms),
        also=(activity.recorded(record),),
    )
    service.tally.count("revocations", kind="account")
    await hear(service)
