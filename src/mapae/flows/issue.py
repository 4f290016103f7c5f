"""Begin a session and hand out its tokens: a JWT with a refresh token, or one opaque token for all of the session."""

from __future__ import annotations

import secrets

import msgspec

from mapae.accounts.account import Account, Role, scope_of
from mapae.errors import FieldMistake, InputRefused
from mapae.flows.find_session import remember_session
from mapae.flows.known_device import remembered
from mapae.flows.service import Moment, Service
from mapae.flows.status_lists import new_sid, status_claim
from mapae.flows.visitor import Visitor
from mapae.sessions import refresh as family
from mapae.sessions.access_token import OPAQUE_PREFIX
from mapae.sessions.server_session import record_of, write_session_token
from mapae.sessions.session import Session, start
from mapae.settings.kinds import FIRST_PARTY


class Tokens(msgspec.Struct, frozen=True, gc=False):
    """What a signed-in caller receives.

    Attributes:
        access_token: a JWT of the kind `at+jwt` (RFC 9068), or the opaque token of a server-side session.
        expires_in: seconds until the access token expires; an opaque one that is used meanwhile lives on.
        refresh_token: the next refresh token; None when the caller keeps the one it presented.
        scope: space-separated scopes (RFC 6749 §3.3).
        lives: seconds for which the access token can be good at most, however much it is used.
        known_device: what a browser keeps to be known at its next sign-in; empty when nothing changes.
    """

    access_token: str
    expires_in: int
    refresh_token: str | None
    sid: str
    account_id: str
    scope: str
    client_id: str = FIRST_PARTY
    known_device: str = ""
    lives: int = 0

    @property
    def opaque(self) -> bool:
        """Whether the access token is that of a server-side session."""
        return self.access_token.startswith(OPAQUE_PREFIX)


def new_id() -> str:
    """Return 128 random bits as 22 characters: the id of an account or a session."""
    return secrets.token_urlsafe(16)


def check_client(service: Service, client_id: str) -> None:
    """Let a sign-in pass unless it names a client that the settings do not know.

    Raises:
        InputRefused: with the name of the field.
    """
    if service.settings.access_token_of(client_id) is None:
        what = "no client of this service; leave it out, or add it to the setting clients"
        raise InputRefused(FieldMistake("/client_id", "client_unknown", what))


def new_session(
    service: Service,
    account_id: str,
    *,
    epoch: int,
    role: Role,
    visitor: Visitor,
    now_ms: int,
    client_id: str = FIRST_PARTY,
) -> tuple[Session, str]:
    """Return a session that begins now, and its first token: a refresh token, or the one of a server-side session.

    The token says for good which of the two the session is; what the settings say of its client later changes nothing.
    """
    sid, secret = new_sid(service) or new_id(), secrets.token_bytes(32)
    session = start(
        sid,
        account_id,
        epoch=epoch,
        role=role,
        client_id=client_id,
        current=family.digest(secret),
        now_ms=now_ms,
        idle_ms=service.settings.idle_ttl * 1000,
        absolute_ms=service.settings.absolute_ttl * 1000,
        device=visitor.device,
        place=visitor.place,
    )
    if service.settings.access_token_of(client_id) == "opaque":
        return session, write_session_token(sid, secret, service.session_key)
    return session, family.write_token(sid, 0, secret, service.refresh_key)


def first_tokens(
    service: Service, session: Session, token: str, *, account: Account, moment: Moment, visitor: Visitor
) -> Tokens:
    """Return what a session that `new_session` made begins with, and by which the visitor's browser is known later.

    Args:
        moment: as in `tokens_for`.
    """
    known_device = remembered(service, account, visitor=visitor, now_ms=moment.now_ms)
    if not token.startswith(OPAQUE_PREFIX):
        return tokens_for(service, session, moment=moment, refresh_token=token, known_device=known_device)
    scope = scope_of(session.role)
    record = record_of(session, scope=scope, rsq=moment.seen, read_ms=moment.now_ms)
    remember_session(service, token, record)
    service.tally.count("tokens_issued", alg="opaque")
    return Tokens(
        token,
        (record.ends_ms - moment.now_ms) // 1000,
        None,
        session.sid,
        session.account_id,
        scope,
        session.client_id,
        known_device,
        (session.absolute_expires_ms - moment.now_ms) // 1000,
    )


def tokens_for(
    service: Service, session: Session, *, moment: Moment, refresh_token: str | None, known_device: str = ""
) -> Tokens:
    """Sign an access token for `session`.

    `moment` must have been taken before `session` was read: the bound on revocation rests on it, since a
    token whose `iat` lies after a revocation must have seen that revocation.
    """
    settings, scope = service.settings, scope_of(session.role)
    access_token = service.keyring.signer(moment.now_ms).sign_at(
        {
            "sub": session.account_id,
            "client_id": session.client_id,
            "scope": scope,
            "sid": session.sid,
            "epo": session.epoch,
            "rsq": moment.seen,
            **status_claim(service, session.sid),
        },
        now=moment.now_ms // 1000,
    )
    service.tally.count("tokens_issued", alg=settings.algorithm)
    return Tokens(
        access_token,
        settings.access_ttl,
        refresh_token,
        session.sid,
        session.account_id,
        scope,
        session.client_id,
        known_device,
        settings.access_ttl,
    )
