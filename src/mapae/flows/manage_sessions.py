"""What an operator does with sessions."""

from __future__ import annotations

from mapae.accounts.activity import Activity
from mapae.errors import Conflict, NotFound
from mapae.flows.follow import hear
from mapae.flows.service import Service
from mapae.flows.visitor import CONSOLE, Visitor
from mapae.sessions.session import Session
from mapae.storage import activity, sessions


async def find_session(service: Service, sid: str) -> Session:
    """Return the session with the id `sid`, live or ended.

    Raises:
        NotFound: there is none.
    """
    found = await sessions.load_session(service.database, sid)
    if found is None:
        raise NotFound("there is no such session; `mapae session list` shows them all")
    return found


async def revoke_session(service: Service, session: Session, *, visitor: Visitor = CONSOLE) -> None:
    """End somebody's session; its access tokens are refused within the second.

    Raises:
        NotFound: it has ended already.
    """
    now_ms = service.now_ms()
    record = Activity(
        now_ms,
        "session_revoked",
        "ok",
        account_id=session.account_id,
        sid=session.sid,
        device=visitor.device,
        reason="revoked_by_admin",
    )
    try:
        await sessions.revoke_session(
            service.database,
            session.sid,
            reason="revoked_by_admin",
            now_ms=now_ms,
            until=service.remembered_until(now_ms),
            also=(activity.recorded(record),),
        )
    except Conflict:
        raise NotFound("the session has ended already") from None
    service.tally.count("revocations", kind="session")
    await hear(service)
