"""End sessions: this one, another one, all of them."""

from __future__ import annotations

from mapae.accounts.activity import Activity, Event
from mapae.errors import Conflict, NotFound, RefreshRefused
from mapae.flows.follow import hear
from mapae.flows.service import Service
from mapae.flows.visitor import Visitor
from mapae.guard import Principal
from mapae.sessions.refresh import digest, read_token
from mapae.sessions.session import Session
from mapae.storage import accounts, activity, sessions
from mapae.storage.database import Statement


async def sign_out(service: Service, principal: Principal, *, visitor: Visitor) -> None:
    """End the session of `principal`; ending it twice is no error."""
    try:
        await _end(service, principal.account_id, principal.sid, "sign_out", visitor=visitor)
    except Conflict:
        return


async def sign_out_by_refresh_token(service: Service, token: str, *, visitor: Visitor) -> None:
    """End the session of a refresh token, when no access token is at hand; an ended one is no error.

    Raises:
        RefreshRefused: this server did not make the token, or it is not one of the session's last two.
    """
    presented = read_token(token, service.refresh_key)
    session = await sessions.load_session(service.database, presented.sid)
    if session is None:
        return
    if digest(presented.secret) not in {session.current, session.previous}:
        raise RefreshRefused
    try:
        await _end(service, session.account_id, session.sid, "sign_out", visitor=visitor)
    except Conflict:
        return


async def end_session(service: Service, principal: Principal, sid: str, *, visitor: Visitor) -> None:
    """End another session of the same account.

    Raises:
        NotFound: the account has no such live session.
    """
    try:
        await _end(service, principal.account_id, sid, "session_revoked", visitor=visitor)
    except Conflict:
        raise NotFound from None


async def sign_out_everywhere(service: Service, principal: Principal, *, visitor: Visitor) -> int:
    """End every session of the account, this one included; return how many were live."""
    return await end_all_sessions(service, principal.account_id, "sign_out_everywhere", visitor=visitor)


async def end_other_sessions(service: Service, principal: Principal, *, visitor: Visitor) -> int:
    """End every session of the account but this one; return how many were live."""
    now_ms = service.now_ms()
    record = _recorded("sign_out_everywhere", principal.account_id, principal.sid, visitor=visitor, now_ms=now_ms)
    ended = await sessions.revoke_sessions_of(
        service.database,
        principal.account_id,
        reason="sign_out_everywhere",
        now_ms=now_ms,
        until=service.remembered_until(now_ms),
        except_sid=principal.sid,
        also=(record,),
    )
    service.tally.count("revocations", kind="session")
    await hear(service)
    return ended


async def end_all_sessions(service: Service, account_id: str, event: Event, *, visitor: Visitor) -> int:
    """End every session of an account and refuse every access token it has; return how many sessions were live."""
    now_ms = service.now_ms()
    ended = await accounts.bump_epoch(
        service.database,
        account_id,
        reason=event,
        now_ms=now_ms,
        until=service.remembered_until(now_ms),
        also=(_recorded(event, account_id, None, visitor=visitor, now_ms=now_ms),),
    )
    service.tally.count("revocations", kind="account")
    await hear(service)
    return ended


async def list_sessions(service: Service, principal: Principal) -> list[Session]:
    """Return the live sessions of the account, the latest used first."""
    return await sessions.list_sessions_of(service.database, principal.account_id, now_ms=service.now_ms())


async def _end(service: Service, account_id: str, sid: str, event: Event, *, visitor: Visitor) -> None:
    now_ms = service.now_ms()
    await sessions.revoke_session(
        service.database,
        sid,
        account_id=account_id,
        reason=event,
        now_ms=now_ms,
        until=service.remembered_until(now_ms),
        also=(_recorded(event, account_id, sid, visitor=visitor, now_ms=now_ms),),
    )
    service.tally.count("revocations", kind="session")
    await hear(service)


def _recorded(event: Event, account_id: str, sid: str | None, *, visitor: Visitor, now_ms: int) -> Statement:
    return activity.recorded(
        Activity(now_ms, event, "ok", account_id=account_id, sid=sid, device=visitor.device, place=visitor.place)
    )
