"""Check an access token: no I/O, no waiting."""

from __future__ import annotations

from collections.abc import Sequence

from mapae.errors import TokenError
from mapae.flows.service import Service
from mapae.guard import Principal


def authenticate(
    service: Service, access_token: str, *, scopes: Sequence[str] = (), max_staleness: float | None = None
) -> Principal:
    """Return whoever presents `access_token`.

    Args:
        scopes: all of them are needed.
        max_staleness: seconds by which this process's view of revocations may lag; None for the setting.

    Raises:
        TokenError: the token is not accepted; the subclass says why.
        ScopeMissing: the token is accepted but lacks a scope.
    """
    try:
        principal = service.keyring.guard.check(
            access_token, scopes=scopes, now=service.clock(), max_staleness=max_staleness
        )
    except TokenError as refused:
        service.tally.count("token_verifications", outcome=refused.code)
        raise
    if service.revocations.behind(principal.claims):
        service.board.hint()
    return principal
