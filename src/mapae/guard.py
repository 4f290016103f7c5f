"""Check access tokens: signature, claims and revocation, without I/O, in a microsecond once a token has been seen."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from time import monotonic as monotonic_clock
from time import time as wall_clock

import msgspec

from mapae.errors import ScopeMissing
from mapae.jose.verifier import Verifier
from mapae.sessions.access_token import AccessClaims
from mapae.sessions.revocation import Revocations


class Principal(msgspec.Struct, frozen=True, gc=False):
    """Whoever presented an accepted access token.

    Attributes:
        claims: everything the token says.
    """

    claims: AccessClaims

    @property
    def account_id(self) -> str:
        """The account (`sub`)."""
        return self.claims.sub

    @property
    def sid(self) -> str:
        """The session."""
        return self.claims.sid

    @property
    def client_id(self) -> str:
        """The client the token was issued to."""
        return self.claims.client_id

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes the token carries."""
        return _scopes(self.claims.scope)

    @property
    def expires_at(self) -> int:
        """When the token expires, in seconds since 1970."""
        return self.claims.exp


class Guard:
    """A verifier of access tokens joined with what is known to be revoked. Synchronous; it only reads the clock."""

    __slots__ = ("_accept", "_verify", "revocations")

    def __init__(self, verifier: Verifier[AccessClaims], revocations: Revocations) -> None:
        """Join the two.

        Args:
            verifier: made with `claims=AccessClaims` and `typ=mapae.sessions.access_token.TYP`.
            revocations: kept fresh by whoever follows the feed.
        """
        self.revocations = revocations
        self._verify = verifier.check
        self._accept = revocations.accept

    def check(
        self,
        token: str | bytes,
        *,
        scopes: Sequence[str] = (),
        now: float | None = None,
        monotonic: float | None = None,
        max_staleness: float | None = None,
    ) -> Principal:
        """Return whoever presents `token`.

        Args:
            scopes: the token must carry all of them.
            now: seconds since 1970; the clock is read when left out.
            monotonic: the clock of the revocations' lease; read when left out.
            max_staleness: seconds by which the knowledge of revocations may lag; None for the setting of `revocations`.

        Raises:
            TokenError: the token is not accepted; the subclass says why.
            ScopeMissing: it is accepted but lacks scopes; all that are missing are listed.
            TypeError: `scopes` is one string.

        Source: RFC 9068 §4, RFC 6750 §3.1.
        """
        if now is None:
            now = wall_clock()
        if monotonic is None:
            monotonic = monotonic_clock()
        claims = self._verify(token, now=now)
        self._accept(claims, now=now, monotonic=monotonic, max_staleness=max_staleness)
        if scopes:
            require(claims.scope, scopes)
        return Principal(claims)


def require(scope: str, scopes: Sequence[str]) -> None:
    """Refuse unless the space-separated `scope` names all of `scopes`.

    Raises:
        ScopeMissing: some are missing; they are listed in the order asked for.
        TypeError: `scopes` is one string, whose letters would be taken for scopes.
    """
    if isinstance(scopes, str):
        raise TypeError('scopes= takes several: write scopes=["account"]')
    carried = _scopes(scope)
    if not carried.issuperset(scopes):
        raise ScopeMissing([name for name in scopes if name not in carried])


@lru_cache(maxsize=256)
def _scopes(scope: str) -> frozenset[str]:
    return frozenset(scope.split())
