"""Whose session a session token is: asked of this process's memory, then of the board, then of the database."""

from __future__ import annotations

import asyncio
import logging
from hashlib import sha256
from hmac import compare_digest
from time import monotonic
from typing import assert_never

import msgspec

from mapae.accounts.account import scope_of
from mapae.errors import KeyRefused, Malformed, MapaeError, Revoked, Stale, TokenError
from mapae.flows.service import Moment, Service
from mapae.flows.session_memory import Gone, Known
from mapae.keys.sealing import seal, unseal
from mapae.sessions.access_token import AccessClaims
from mapae.sessions.refresh import digest
from mapae.sessions.server_session import (
    LENGTH,
    Keep,
    Record,
    Refuse,
    SessionToken,
    Slide,
    decide,
    read_session_token,
    record_of,
)
from mapae.sessions.session import Session
from mapae.storage import sessions

log = logging.getLogger("mapae.sessions")

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Record).decode


async def find_session(service: Service, token: str, *, max_staleness: float | None = None) -> AccessClaims:
    """Return what an access token of the session would say, reading it where this process does not know it.

    Raises:
        TokenError: this server did not make the token, or the session has ended, or it is too old to tell.
        StorageFailed: it has to be read, and cannot be.
    """
    claims = known_session(service, token, max_staleness=max_staleness)
    if claims is not None:
        return claims
    presented = read_session_token(token, service.session_key)
    return _accepted(service, await _shared(service, name_of(token), presented), max_staleness)


def known_session(service: Service, token: str, *, max_staleness: float | None = None) -> AccessClaims | None:
    """As `find_session`, without any I/O; None for a session that has to be read.

    Raises:
        TokenError: as for `find_session`.
    """
    known = _remembered(service, name_of(token))
    if known is None:
        return None
    try:
        return _accepted(service, known, max_staleness)
    except (Revoked, Stale) as refused:
        if refused.claim == "sid":
            raise  # an ended session stays ended; of everything else, the row knows more
    return None


def recall_session(service: Service, token: str, *, max_staleness: float | None = None) -> AccessClaims:
    """As `find_session`, without any I/O: for sessions that this process has read lately.

    Raises:
        TokenError: as for `find_session`; `Stale` for a session that would have to be read.
    """
    known = _remembered(service, name_of(token))
    if known is None:
        read_session_token(token, service.session_key)
        raise Stale("the session has to be read first: await authenticate_async instead")
    return _accepted(service, known, max_staleness)


async def look_at_session(service: Service, token: str) -> AccessClaims:
    """As `find_session`, straight from the database, and without counting as a use of the session.

    Raises:
        TokenError, StorageFailed: as for `find_session`.
    """
    presented, moment = read_session_token(token, service.session_key), service.moment()
    found = await _looked_up(service, presented, now_ms=moment.now_ms)
    if isinstance(found, Refuse):
        raise Gone(found.reason, moment.now_ms).refusal()
    session, _ = found
    return _accepted(service, _known(service, _record(session, moment)), None)


def remember_session(service: Service, token: str, record: Record) -> None:
    """Keep what is known of a session that has just begun, so that its first use need not read it."""
    service.session_memory.keep(name_of(token), _known(service, record))


def name_of(token: str) -> bytes:
    """Return the name under which a token is kept.

    Raises:
        Malformed: it has not the length of a session token.
    """
    if len(token) != LENGTH:
        raise Malformed("not a session token of this server")
    return sha256(token.encode("ascii", "replace")).digest()  # no session token holds the "?" that stands in


def _remembered(service: Service, name: bytes) -> Known | None:
    """Return what serves now; raises what a session that is gone deserves."""
    kept = service.session_memory.find(name)
    now_ms = service.now_ms()
    match kept:
        case Known():
            return kept if kept.record.serves(now_ms=now_ms, policy=service.session_policy) else None
        case Gone():
            if now_ms < kept.until_ms:
                raise kept.refusal()
            return None
        case None:
            return None
        case _:
            assert_never(kept)


def _accepted(service: Service, known: Known, max_staleness: float | None) -> AccessClaims:
    service.revocations.accept(known.claims, now=service.clock(), monotonic=monotonic(), max_staleness=max_staleness)
    return known.claims


async def _shared(service: Service, name: bytes, presented: SessionToken) -> Known:
    """Read a session, together with everybody else who needs it now.

    Who joins a reading gets something a little older than its question; the claims say how old, and the lease counts.
    """
    reading = service.session_memory.reading
    task = reading.get(name)
    if task is None:
        task = reading[name] = asyncio.create_task(_read(service, name, presented))
        task.add_done_callback(lambda done: _finished(reading, name, done))
    return await asyncio.shield(task)


def _finished(reading: dict[bytes, asyncio.Task[Known]], name: bytes, done: asyncio.Task[Known]) -> None:
    del reading[name]
    if not done.cancelled():
        done.exception()  # everybody who wanted it may have gone away


async def _read(service: Service, name: bytes, presented: SessionToken) -> Known:
    moment = service.moment()  # before anything is read: what is found counts as a token of this moment
    known = await _borrowed(service, presented, now_ms=moment.now_ms)
    if known is None:
        known = await _loaded(service, name, presented, moment)
        await _lend(service, known.record, now_ms=moment.now_ms)
    service.session_memory.keep(name, known)
    return known


async def _loaded(service: Service, name: bytes, presented: SessionToken, moment: Moment) -> Known:
    """Read a session from the database and note that it was used; remember it when it is gone."""
    service.tally.count("session_lookups", source="database")
    found = await _looked_up(service, presented, now_ms=moment.now_ms)
    if isinstance(found, Refuse):
        gone = Gone(found.reason, moment.now_ms + service.session_policy.step_ms)
        service.session_memory.keep(name, gone)
        raise gone.refusal()
    before, decision = found
    if isinstance(decision, Slide):
        try:
            await sessions.slide_session(service.database, before, decision.session)
        except MapaeError as failure:
            log.warning("cannot note that a session was used: %s", failure)
    return _known(service, _record(decision.session, moment))


async def _looked_up(
    service: Service, presented: SessionToken, *, now_ms: int
) -> tuple[Session, Keep | Slide] | Refuse:
    session = await sessions.load_session(service.database, presented.sid)
    if session is None:
        return Refuse("unknown")
    decision = decide(session, presented, now_ms=now_ms, policy=service.session_policy)
    return decision if isinstance(decision, Refuse) else (session, decision)


def _record(session: Session, moment: Moment) -> Record:
    return record_of(session, scope=scope_of(session.role), rsq=moment.seen, read_ms=moment.now_ms)


def _known(service: Service, record: Record) -> Known:
    return Known(record, record.claims(issuer=service.settings.issuer, audience=service.keyring.audience))


async def _borrowed(service: Service, presented: SessionToken, *, now_ms: int) -> Known | None:
    """Return what another node has read; None where the database has to be asked."""
    if not service.board.lends:
        return None
    sealed = await service.board.borrow(_name_on_board(presented.sid))
    if sealed is None:
        return None
    try:
        record = _decode(unseal(service.record_key, sealed, purpose=_purpose(presented.sid)))
        known = _known(service, record)
        _accepted(service, known, None)
    except (KeyRefused, msgspec.MsgspecError, TokenError):
        return None
    ours = record.sid == presented.sid and compare_digest(record.digest, digest(presented.secret))
    if not ours or not record.serves(now_ms=now_ms, policy=service.session_policy):
        return None
    service.tally.count("session_lookups", source="board")
    return known


async def _lend(service: Service, record: Record, *, now_ms: int) -> None:
    if not service.board.lends:
        return
    policy = service.session_policy
    lasts_ms = min(record.read_ms + policy.step_ms, record.ends_ms) - now_ms
    if lasts_ms > 0:
        sealed = seal(service.record_key, _encode(record), purpose=_purpose(record.sid))
        await service.board.lend(_name_on_board(record.sid), sealed, for_ms=lasts_ms)


def _purpose(sid: str) -> str:
    """Return what the seal is for: a key of its own for each session, so that no key seals too many texts."""
    return f"session record {sid}"


def _name_on_board(sid: str) -> str:
    return f"session:{{{sid}}}"
