"""Check an access token: no I/O and no waiting for a JWT, nor for a server-side session that was read lately."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

from mapae.errors import KeyUnknown, TokenError
from mapae.flows.find_session import find_session, known_session, recall_session
from mapae.flows.follow import POLL_EVERY, read_anew
from mapae.flows.service import Service
from mapae.guard import Principal, require
from mapae.sessions.access_token import OPAQUE_PREFIX, AccessClaims

KEPT_UP = 2 * POLL_EVERY
"""Seconds: a view that is no older is kept up by the follower, and no token makes us read it anew."""


def authenticate(
    service: Service, access_token: str, *, scopes: Sequence[str] = (), max_staleness: float | None = None
) -> Principal:
    """Return whoever presents `access_token`.

    The token of a server-side session is known here only while this process remembers it; `authenticate_async` reads
    it where it has to.

    Args:
        scopes: all of them are needed.
        max_staleness: seconds by which this process's view of revocations may lag; None for the setting.

    Raises:
        TokenError: the token is not accepted; the subclass says why.
        ScopeMissing: the token is accepted but lacks a scope.
    """
    try:
        if access_token.startswith(OPAQUE_PREFIX):
            principal = _principal(recall_session(service, access_token, max_staleness=max_staleness), scopes)
        else:
            principal = service.keyring.guard.check(
                access_token, scopes=scopes, now=service.clock(), max_staleness=max_staleness
            )
    except TokenError as refused:
        service.tally.count("token_verifications", outcome=refused.code)
        raise
    if service.revocations.behind(principal.claims):
        service.board.hint()
    return principal


def authenticate_at_once(
    service: Service, access_token: str, *, scopes: Sequence[str] = (), max_staleness: float | None = None
) -> Principal | None:
    """As `authenticate`; None where a session or the keys have to be read first: `authenticate_async` does it.

    Raises:
        TokenError, ScopeMissing: as for `authenticate`.
    """
    if not access_token.startswith(OPAQUE_PREFIX):
        try:
            return authenticate(service, access_token, scopes=scopes, max_staleness=max_staleness)
        except KeyUnknown:
            if service.revocations.age(monotonic()) <= KEPT_UP:
                raise
            return None
    try:
        claims = known_session(service, access_token, max_staleness=max_staleness)
    except TokenError as refused:
        service.tally.count("token_verifications", outcome=refused.code)
        raise
    return None if claims is None else _of_session(service, claims, scopes)


async def authenticate_async(
    service: Service, access_token: str, *, scopes: Sequence[str] = (), max_staleness: float | None = None
) -> Principal:
    """As `authenticate`; a server-side session that this process does not remember is read first.

    So are the keys, where a token names one that this process does not know and its view is not of this moment: it
    may have slept, or been cut off, while another node began to sign with a new one.

    Raises:
        TokenError, ScopeMissing: as for `authenticate`.
        StorageFailed: the session or the keys have to be read, and cannot be.
    """
    principal = authenticate_at_once(service, access_token, scopes=scopes, max_staleness=max_staleness)
    if principal is not None:
        return principal
    if not access_token.startswith(OPAQUE_PREFIX):
        await read_anew(service)
        return authenticate(service, access_token, scopes=scopes, max_staleness=max_staleness)
    try:
        claims = await find_session(service, access_token, max_staleness=max_staleness)
    except TokenError as refused:
        service.tally.count("token_verifications", outcome=refused.code)
        raise
    return _of_session(service, claims, scopes)


def _of_session(service: Service, claims: AccessClaims, scopes: Sequence[str]) -> Principal:
    if service.revocations.behind(claims):
        service.board.hint()
    return _principal(claims, scopes)


def _principal(claims: AccessClaims, scopes: Sequence[str]) -> Principal:
    if scopes:
        require(claims.scope, scopes)
    return Principal(claims)
