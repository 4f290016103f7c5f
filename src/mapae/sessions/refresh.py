"""Refresh tokens: what a presented one leads to, decided from the session row alone.

A refresh token is `mpr_` and base64url of sid (16 bytes), generation (4), secret (32) and tag (16). The row keeps only
SHA-256 of the newest secret and of its parent's. The tag keeps strangers from ending a session with an invented token.

With W = `RefreshPolicy.window_ms` and the age of the newest token counted from when it was made:

    P0  ended, expired, other client or key           refuse; nothing changes
    P1  newest, age <= 2W, not the very first         HOLD: no new refresh token; it is now acknowledged
    P2  newest otherwise                              ROTATE: a successor becomes the newest
    P3  parent, age <= W                              REPLAY: the same successor again
        parent, W < age <= 2W                         HOLD: no new refresh token, nothing changes
    P4  parent, age > 2W, newest not acknowledged     RECOVER: another successor; the lost one is dead
    P5  parent, age > 2W, newest acknowledged         REUSE: the session ends
    P6  neither                                       REUSE: the session ends

Why an honest client is never thrown out: a successor is handed out for W at most, and is neither rotated nor replaced
before 2W. A client that waits T for an answer, and whose requests are on the way for at most L, has stored the
successor by W + T or never will, and sends the parent no later than that; the request arrives by W + T + L. So
T + L <= W suffices; with a time-out of 10 seconds the default of 20 leaves 10 for L.

Why a thief and the victim do not both live on: from a window's end, whoever lacks the newest token and presents the one
it has either ends the session, or takes the lost successor's place (P4), and then the other one ends it. To stay unseen
a thief must show the same token as the victim within W of it, at every rotation. The window does not slide: otherwise
a thief could hold it open until the victim comes by.

Source: RFC 9700 §4.14.2, RFC 9449 §5; FAPI 2.0 Security Profile §5.3.2.1 for P3 and P4.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256
from hmac import compare_digest
from typing import Literal, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mapae.errors import Malformed, RefreshRefused
from mapae.jose import base64url
from mapae.jose.mac import expand, mac
from mapae.sessions.session import Session, end

PREFIX = "mpr_"
SECRET_BYTES = 32
_TOKEN_LENGTH = len(PREFIX) + 91
_LAST_GENERATION = 2**32 - 1
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class RefreshPolicy:
    """How a refresh family behaves; times are milliseconds.

    Attributes:
        window_ms: for how long a lost answer is given again; at least the client's time-out plus the longest time
            a request is on its way.
        idle_ms: how far a rotation moves the idle expiry.
        strict: every use rotates and every old token ends the session (P1, P3, P4 off): the literal reading of
            RFC 9700 and ASVS 10.4.5, which throws out an honest client when one answer is lost.
        recover_max_ms: for how long after its exchange a parent may RECOVER; None for as long as the session lives.
    """

    window_ms: int = 20_000
    idle_ms: int = 14 * 86_400_000
    strict: bool = False
    recover_max_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Presented:
    """What a refresh token says; its tag has been checked."""

    sid: str
    generation: int
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Hold:
    """Answer with an access token only; the caller keeps the refresh token it has.

    Attributes:
        session: the row after; the very same object when nothing changes.
    """

    session: Session


@dataclass(frozen=True, slots=True)
class _Handed:
    session: Session
    secret: bytes = field(repr=False)

    @property
    def generation(self) -> int:
        """The generation of the refresh token to hand out."""
        return self.session.generation


class Rotate(_Handed):
    """Save `session` and hand out its newest refresh token, made from `secret` and `generation`."""

    __slots__ = ()


class Replay(_Handed):
    """Hand out the newest refresh token once more; nothing changes."""

    __slots__ = ()


class Recover(_Handed):
    """Save `session` and hand out its newest refresh token; the one that got lost is dead."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Reuse:
    """End the session: a token that had been exchanged came back.

    Attributes:
        session: the row after, ended.
    """

    session: Session


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a ROTATE makes of any row that it may be done to, as far as that follows from the token alone.

    Attributes:
        sid: of the row.
        before: what `current` must be; it becomes `previous`.
        current, replay, generation: of the row after.
        opened_before_ms: what `opened_ms` must be less than; None where it does not matter.
        now_ms: `opened_ms`, `rotated_ms` and `seen_ms` of the row after.
        idle_expires_ms: of the row after, or its absolute expiry where that is earlier.
    """

    sid: str
    before: bytes
    current: bytes
    replay: bytes = field(repr=False)
    generation: int
    opened_before_ms: int | None
    now_ms: int
    idle_expires_ms: int


Refusal: TypeAlias = Literal["unknown", "ended", "expired", "client", "key", "unreadable"]


@dataclass(frozen=True, slots=True)
class Refuse:
    """Refuse and change nothing."""

    reason: Refusal


Decision: TypeAlias = Hold | Rotate | Replay | Recover | Reuse | Refuse


def digest(secret: bytes) -> bytes:
    """Return what the database keeps of a secret."""
    return sha256(secret).digest()


def write_token(sid: str, generation: int, secret: bytes, key: bytes) -> str:
    """Return the refresh token of one generation of a session.

    Raises:
        ValueError: `secret` is not 32 bytes, or `generation` does not fit in 4.
    """
    if len(secret) != SECRET_BYTES or not 0 <= generation <= _LAST_GENERATION:
        raise ValueError("a refresh token has a secret of 32 bytes and a generation of 4")
    body = _name(sid, generation) + secret
    return PREFIX + base64url.encode(body + _tag(body, key))


def read_token(text: str, key: bytes) -> Presented:
    """Return what a refresh token says, once its shape and its tag have been checked.

    Raises:
        RefreshRefused: this server did not make it.
    """
    if len(text) != _TOKEN_LENGTH or not text.startswith(PREFIX):
        raise RefreshRefused("not a refresh token of this server")
    try:
        raw = base64url.decode(text[len(PREFIX) :], "refresh token")
    except Malformed as malformed:
        raise RefreshRefused("not a refresh token of this server") from malformed
    body, tag = raw[:52], raw[52:]
    if not compare_digest(tag, _tag(body, key)):
        raise RefreshRefused("the tag of the refresh token does not match")
    return Presented(base64url.encode(body[:16]), int.from_bytes(body[16:20], "big"), body[20:])


def decide(
    session: Session | None,
    presented: Presented,
    *,
    client_id: str,
    jkt: str | None,
    successor: bytes,
    now_ms: int,
    policy: RefreshPolicy,
) -> Decision:
    """Say what happens when `client_id` presents a refresh token of `session`. Every input has an answer.

    Save the row after by compare-and-swap on sid, generation, opened_ms, acknowledged and "not revoked"; when that
    fails, somebody else moved the row on: read it and decide again.

    Args:
        session: the row as it is; None when there is none.
        jkt: thumbprint of the key whose possession the caller has proven (RFC 9449), if any.
        successor: 32 random bytes, used only if a new refresh token is made.
        now_ms: milliseconds since 1970; on several nodes, the database's.
    """
    if session is None:
        return Refuse("unknown")
    if (reason := _refusal(session, presented, client_id=client_id, jkt=jkt, now_ms=now_ms)) is not None:
        return Refuse(reason)
    hashed = digest(presented.secret)
    if compare_digest(hashed, session.current):
        return _newest(session, presented, successor=successor, now_ms=now_ms, policy=policy)
    if session.previous is not None and not policy.strict and compare_digest(hashed, session.previous):
        return _parent(session, presented, successor=successor, now_ms=now_ms, policy=policy)
    return Reuse(end(session, "reuse", now_ms=now_ms))


def foresee(presented: Presented, *, successor: bytes, now_ms: int, policy: RefreshPolicy) -> Foreseen | None:
    """Return what `decide` would make of the row if it is the common one: a live session whose newest token this is.

    With it the row can be moved on without being read before: by one compare-and-swap on sid, `before`, the generation
    before, `opened_before_ms`, the client, no `jkt`, and neither ended nor expired. It is done exactly where `decide`
    says ROTATE, and gives the same row. Where nothing is changed, read the row and decide.

    Returns:
        None where no row can be moved on: its generations are used up.
    """
    if presented.generation >= _LAST_GENERATION:
        return None
    any_age = presented.generation == 0 or policy.strict
    return Foreseen(
        sid=presented.sid,
        before=digest(presented.secret),
        current=digest(successor),
        replay=_seal(successor, presented, presented.generation + 1),
        generation=presented.generation + 1,
        opened_before_ms=None if any_age else now_ms - 2 * policy.window_ms,
        now_ms=now_ms,
        idle_expires_ms=now_ms + policy.idle_ms,
    )


def _refusal(session: Session, presented: Presented, *, client_id: str, jkt: str | None, now_ms: int) -> Refusal | None:
    if session.sid != presented.sid:
        return "unknown"
    if session.revoked_ms is not None:
        return "ended"
    if now_ms >= min(session.idle_expires_ms, session.absolute_expires_ms) or session.generation >= _LAST_GENERATION:
        return "expired"
    if session.client_id != client_id:
        return "client"
    if session.jkt != jkt:
        return "key"
    return None


def _newest(
    session: Session, presented: Presented, *, successor: bytes, now_ms: int, policy: RefreshPolicy
) -> Decision:
    if session.generation > 0 and not policy.strict and now_ms - session.opened_ms <= 2 * policy.window_ms:
        # A row that says so already is not written again: fifty tabs make one write.
        return Hold(session if session.acknowledged else replace(session, acknowledged=True, seen_ms=now_ms))
    idle_expires_ms = min(now_ms + policy.idle_ms, session.absolute_expires_ms)
    rotated = _succeeded(
        session, presented, successor=successor, now_ms=now_ms, rotated_ms=now_ms, idle_expires_ms=idle_expires_ms
    )
    return Rotate(rotated, successor)


def _parent(
    session: Session, presented: Presented, *, successor: bytes, now_ms: int, policy: RefreshPolicy
) -> Decision:
    age_ms = now_ms - session.opened_ms
    if age_ms <= policy.window_ms:
        secret = _unseal(session, presented)
        return Refuse("unreadable") if secret is None else Replay(session, secret)
    if age_ms <= 2 * policy.window_ms:
        return Hold(session)
    recoverable = policy.recover_max_ms is None or now_ms - session.rotated_ms <= policy.recover_max_ms
    if session.acknowledged or not recoverable:
        return Reuse(end(session, "reuse", now_ms=now_ms))
    recovered = _succeeded(
        session,
        presented,
        successor=successor,
        now_ms=now_ms,
        # Only a rotation moves these two, so that recovering again and again does not prolong the session.
        rotated_ms=session.rotated_ms,
        idle_expires_ms=session.idle_expires_ms,
    )
    return Recover(recovered, successor)


def _succeeded(
    session: Session,
    presented: Presented,
    *,
    successor: bytes,
    now_ms: int,
    rotated_ms: int,
    idle_expires_ms: int,
) -> Session:
    generation = session.generation + 1
    return replace(
        session,
        current=digest(successor),
        previous=digest(presented.secret),
        replay=_seal(successor, presented, generation),
        generation=generation,
        acknowledged=False,
        opened_ms=now_ms,
        rotated_ms=rotated_ms,
        seen_ms=now_ms,
        idle_expires_ms=idle_expires_ms,
    )


def _name(sid: str, generation: int) -> bytes:
    return base64url.decode(sid, "sid") + generation.to_bytes(4, "big")


def _tag(body: bytes, key: bytes) -> bytes:
    return mac(key, body)[:16]


def _keys(presented: Presented, name: bytes) -> tuple[bytes, bytes]:
    # The secret is uniformly random already, so expanding is enough (RFC 5869 §3.3).
    return expand(presented.secret, b"mapae refresh replay" + name)


def _seal(successor: bytes, presented: Presented, generation: int) -> bytes:
    name = _name(presented.sid, generation)
    key, nonce_key = _keys(presented, name)
    # The nonce follows from the successor: two races for one generation, or a database that was set back, seal
    # different successors under one key and must not share a nonce.
    nonce = mac(nonce_key, successor)[:_NONCE_BYTES]
    return nonce + AESGCM(key).encrypt(nonce, successor, name)


def _unseal(session: Session, presented: Presented) -> bytes | None:
    sealed = session.replay or b""
    name = _name(session.sid, session.generation)
    key, _ = _keys(presented, name)
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], name)
    except (InvalidTag, ValueError):
        return None
