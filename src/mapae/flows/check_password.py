"""Check the password of somebody: at the door, or again before something that matters."""

from __future__ import annotations

from mapae.accounts.account import Account
from mapae.accounts.activity import Activity, Reason
from mapae.accounts.hashing import Verdict, check
from mapae.errors import Busy, Conflict, SignInRefused
from mapae.flows import attempts
from mapae.flows.service import Service
from mapae.flows.visitor import Visitor
from mapae.storage import accounts, activity


async def check_password(
    service: Service, account: Account | None, email: str, password: str, *, visitor: Visitor
) -> Account:
    """Return `account` if it may sign in and `password` is its own; the work is the same in every case.

    A hash of an older kind is replaced after a match.

    Raises:
        SignInRefused: no such account, not its password, or it may not sign in: the caller is not told which.
        TooManyAttempts: earlier failures have to slow down; nothing was checked.
        Busy: no capacity to check now; nothing was checked and nothing is counted.
    """
    now_ms = service.now_ms()
    attempt = await attempts.admit_guess(service, account, email, visitor=visitor, now_ms=now_ms)
    stored = account.sign_in_hash if account is not None else None
    try:
        verdict: Verdict = await service.hash_pool.run_for(visitor.present, check, password, stored, service.hashing)
    except Busy:
        await attempts.take_back(service, attempt)
        raise
    if account is None or not verdict.matches:
        failure = Activity(
            now_ms,
            "sign_in_failed",
            "refused",
            account_id=account.id if account is not None else None,
            device=visitor.device,
            place=visitor.place,
            reason=_why(account),
        )
        await attempts.record_failure(service, attempt, failure, now_ms=now_ms)
        service.tally.count("sign_ins", method="password", outcome="refused")
        raise SignInRefused
    await attempts.forgive(service, attempt)
    return await _rehashed(service, account, password, now_ms=now_ms) if verdict.needs_rehash else account


def _why(account: Account | None) -> Reason:
    if account is None:
        return "unknown_account"
    if account.state != "active":
        return "account_disabled"
    return "wrong_password" if account.password_hash is not None else "no_password"


async def _rehashed(service: Service, account: Account, password: str, *, now_ms: int) -> Account:
    """Store the hash of the present kind; the password itself stays as old as it is."""
    record = Activity(now_ms, "password_rehashed", "ok", account_id=account.id)
    try:
        password_hash = await service.hash_pool.run(service.hashing.hash, password)
        await accounts.replace_password(
            service.database,
            account,
            password_hash,
            changed_ms=account.password_changed_ms or now_ms,
            also=(activity.recorded(record),),
        )
    except (Busy, Conflict):
        return account  # the next sign-in will do it, or somebody else has just done so
    return account.with_upgraded_hash(password_hash)
