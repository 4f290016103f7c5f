"""Server-side sessions: a short opaque token, and a record that says what it stands for.

A session token is `mps_` and base64url of sid (16 bytes), secret (32) and tag (16). The session's row keeps only
SHA-256 of the secret. The tag lets rubbish be refused without any look-up.

There is no refresh token: the session itself slides. A use moves its idle expiry, but at most one use in each *step*
is written down, and for one step a process may go on with what it has read. So a session ends when it was not used for
`idle_ms`, or up to one step less; a step is a tenth of that, and never longer than an access token lives.

What was read counts like an access token issued at that moment: `iat` is the clock before the row was read, and `rsq`
the position in the feed. The lease of `mapae.sessions.revocation` then holds word for word, with its proof, and
revocations are remembered for long enough, since a step is no longer than an access token's life.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field, replace
from hmac import compare_digest
from typing import Literal, TypeAlias

import msgspec

from mapae.errors import Malformed, SignatureRefused
from mapae.jose import base64url
from mapae.sessions.access_token import OPAQUE_PREFIX, AccessClaims
from mapae.sessions.refresh import SECRET_BYTES, digest
from mapae.sessions.session import Session

LENGTH = len(OPAQUE_PREFIX) + 86
"""Characters of a session token."""
_SID_BYTES = 16
_TAG_BYTES = 16


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """How server-side sessions live; milliseconds.

    Attributes:
        idle_ms: how far a use moves the idle expiry.
        step_ms: how long what was read may be used; at most one use in a step is written down.
        leeway_ms: by how much the clocks of two nodes may differ.
    """

    idle_ms: int
    step_ms: int
    leeway_ms: int


def policy_for(*, idle_ttl: int, access_ttl: int, leeway: int) -> SessionPolicy:
    """Return the policy that follows from three settings, in seconds."""
    return SessionPolicy(idle_ttl * 1000, min(access_ttl * 1000, idle_ttl * 100), leeway * 1000)


@dataclass(frozen=True, slots=True)
class SessionToken:
    """What a session token says; its tag has been checked."""

    sid: str
    secret: bytes = field(repr=False)


def write_session_token(sid: str, secret: bytes, key: bytes) -> str:
    """Return the token of a session.

    Raises:
        ValueError: `secret` is not 32 bytes.
    """
    if len(secret) != SECRET_BYTES:
        raise ValueError("a session token has a secret of 32 bytes")
    body = base64url.decode(sid, "sid") + secret
    return OPAQUE_PREFIX + base64url.encode(body + _tag(body, key))


def read_session_token(text: str, key: bytes) -> SessionToken:
    """Return what a session token says, once its shape and its tag have been checked.

    Raises:
        Malformed: it has not the shape of one.
        SignatureRefused: this server did not make it.
    """
    if len(text) != LENGTH or not text.startswith(OPAQUE_PREFIX):
        raise Malformed("not a session token of this server")
    raw = base64url.decode(text[len(OPAQUE_PREFIX) :], "session token")
    body, tag = raw[:-_TAG_BYTES], raw[-_TAG_BYTES:]
    if not compare_digest(tag, _tag(body, key)):
        raise SignatureRefused("the tag of the session token does not match")
    return SessionToken(base64url.encode(body[:_SID_BYTES]), body[_SID_BYTES:])


@dataclass(frozen=True, slots=True)
class Keep:
    """Accept; nothing is written down."""

    session: Session


@dataclass(frozen=True, slots=True)
class Slide:
    """Accept, and save `session`: it was used.

    Attributes:
        session: the row after.
    """

    session: Session


@dataclass(frozen=True, slots=True)
class Refuse:
    """Refuse; a session that was refused once stays so."""

    reason: Literal["unknown", "ended", "expired"]


Decision: TypeAlias = Keep | Slide | Refuse


def decide(session: Session, presented: SessionToken, *, now_ms: int, policy: SessionPolicy) -> Decision:
    """Say what happens when the token of `session` is presented. Every input has an answer.

    Args:
        session: the row as it is.
        now_ms: milliseconds since 1970.
    """
    if session.sid != presented.sid or not compare_digest(digest(presented.secret), session.current):
        return Refuse("unknown")
    if session.revoked_ms is not None:
        return Refuse("ended")
    if now_ms >= min(session.idle_expires_ms, session.absolute_expires_ms):
        return Refuse("expired")
    if now_ms - session.seen_ms < policy.step_ms:
        return Keep(session)
    idle_expires_ms = min(now_ms + policy.idle_ms, session.absolute_expires_ms)
    return Slide(replace(session, seen_ms=now_ms, idle_expires_ms=idle_expires_ms))


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was read of a session, as one node keeps it and lends it to the others.

    Attributes:
        digest: SHA-256 of the secret.
        epo: the account's epoch.
        rsq: the position in the feed that the reader had seen, taken before the row was read.
        read_ms: the reader's clock before the row was read, in milliseconds since 1970.
        ends_ms: when the session ends unless it is used before.
    """

    sid: str
    account_id: str
    client_id: str
    scope: str
    digest: bytes
    epo: int
    rsq: int
    read_ms: int
    ends_ms: int

    def serves(self, *, now_ms: int, policy: SessionPolicy) -> bool:
        """Say whether it may still be used without reading the row again; revocations are another question."""
        return self.read_ms - policy.leeway_ms <= now_ms < min(self.read_ms + policy.step_ms, self.ends_ms)

    def claims(self, *, issuer: str, audience: str) -> AccessClaims:
        """Return what an access token issued when the row was read would say."""
        return AccessClaims(
            sub=self.account_id,
            client_id=self.client_id,
            scope=self.scope,
            sid=self.sid,
            epo=self.epo,
            rsq=self.rsq,
            iss=issuer,
            aud=audience,
            iat=self.read_ms // 1000,
            exp=self.ends_ms // 1000,
            jti=self.sid,
        )


def record_of(session: Session, *, scope: str, rsq: int, read_ms: int) -> Record:
    """Return what is kept of a session that was read, or begun, at `read_ms`."""
    return Record(
        sid=session.sid,
        account_id=session.account_id,
        client_id=session.client_id,
        scope=scope,
        digest=session.current,
        epo=session.epoch,
        rsq=rsq,
        read_ms=read_ms,
        ends_ms=min(session.idle_expires_ms, session.absolute_expires_ms),
    )


def _tag(body: bytes, key: bytes) -> bytes:
    return hmac.digest(key, body, "sha256")[:_TAG_BYTES]
