"""Exchange a refresh token: one compare-and-swap where all is as usual, else load the row, decide and save it.

Nearly every refresh is a ROTATE of a live session by the program that holds its newest token. What that writes follows
from the token, so it is written without a look before: one round trip instead of two.
"""

from __future__ import annotations

import secrets
from typing import assert_never

from mapae.accounts.activity import Activity
from mapae.errors import Conflict, RefreshRefused, RefreshReused
from mapae.flows.follow import hear
from mapae.flows.issue import Tokens, tokens_for
from mapae.flows.service import Service
from mapae.flows.visitor import Visitor
from mapae.sessions import refresh as family
from mapae.sessions.refresh import Hold, Presented, Recover, Refuse, Replay, Reuse, Rotate
from mapae.sessions.session import Session
from mapae.storage import activity, sessions

TRIES = 4
"""Each lost race means that somebody else moved the row on; three more looks are enough to see where it went."""


async def refresh(service: Service, token: str, *, visitor: Visitor, client_id: str | None = None) -> Tokens:
    """Return new tokens for the session of the refresh token `token`.

    `refresh_token` of the result is None when the caller must keep the one it presented (HOLD). A repeated
    presentation within the window gets the same successor, so that a lost response harms nobody.

    Args:
        client_id: the client that asks, which must be that of the session; None where it did not say. A name that
            anybody may give proves nothing, so nothing is lost where it is left out.

    Raises:
        RefreshRefused: unknown, expired, ended, or not for this client.
        RefreshReused: an old token came back; the session was ended, recorded, and its owner will be told.

    Source: RFC 9700 §4.14.2; the states are those of `mapae.sessions.refresh`.
    """
    presented = family.read_token(token, service.refresh_key)
    successor = secrets.token_bytes(32)
    if (tokens := await _rotated(service, presented, successor, client_id=client_id)) is not None:
        return tokens
    for _ in range(TRIES):
        moment = service.moment()  # before the row is read: see tokens_for
        session = await sessions.load_session(service.database, presented.sid)
        if session is None:
            raise RefreshRefused
        decision = family.decide(
            session,
            presented,
            client_id=session.client_id if client_id is None else client_id,
            jkt=None,
            successor=successor,
            now_ms=moment.now_ms,
            policy=service.refresh_policy,
        )
        match decision:
            case Refuse():
                raise RefreshRefused
            case Reuse():
                await _end_for_reuse(service, session, visitor=visitor, now_ms=moment.now_ms)
                raise RefreshReused
            case Hold(after):
                next_token = None
            case Rotate(after, secret) | Replay(after, secret) | Recover(after, secret):
                next_token = family.write_token(session.sid, after.generation, secret, service.refresh_key)
            case _:
                assert_never(decision)
        if after is session or await sessions.replace_session(service.database, session, after):
            service.tally.count("refreshes", outcome=type(decision).__name__.lower())
            return tokens_for(service, after, moment=moment, refresh_token=next_token)
    raise RefreshRefused


async def _rotated(service: Service, presented: Presented, successor: bytes, *, client_id: str | None) -> Tokens | None:
    """Rotate without reading the row first, where that can be done; else change nothing and return None."""
    if service.database.unwritable is not None:
        return None  # who may only be told to keep the token is told so on a full disk too
    moment = service.moment()
    foreseen = family.foresee(presented, successor=successor, now_ms=moment.now_ms, policy=service.refresh_policy)
    if foreseen is None:
        return None
    after = await sessions.rotate_session(service.database, foreseen, client_id=client_id)
    if after is None:
        return None
    service.tally.count("refreshes", outcome="rotate")
    token = family.write_token(after.sid, after.generation, successor, service.refresh_key)
    return tokens_for(service, after, moment=moment, refresh_token=token)


async def _end_for_reuse(service: Service, session: Session, *, visitor: Visitor, now_ms: int) -> None:
    seen = Activity(
        now_ms,
        "refresh_reused",
        "refused",
        account_id=session.account_id,
        sid=session.sid,
        device=visitor.device,
        place=visitor.place,
    )
    try:
        await sessions.revoke_session(
            service.database,
            session.sid,
            reason="reuse",
            now_ms=now_ms,
            until=service.remembered_until(now_ms),
            also=(activity.recorded(seen),),
        )
    except Conflict:
        return  # somebody else has just ended it
    service.tally.count("refresh_reuse_detected")
    await hear(service)
