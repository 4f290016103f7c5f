"""Check the access tokens of a Mapae elsewhere, revocations and all, without asking it for each one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import monotonic, time
from typing import Self, Unpack

from mapae.guard import Principal, require
from mapae.jose.live_keys import LiveKeys
from mapae.jose.verifier import Expected, KeySource
from mapae.remote.feed_options import FeedOptions
from mapae.remote.key_set import RemoteKeySet
from mapae.remote.revocations import FeedStatus, RemoteRevocations
from mapae.remote.snapshot_file import read_snapshot
from mapae.sessions.access_token import TYP, AccessClaims, refuse_opaque
from mapae.tokens import Verifier


class RemoteGuard:
    """Whoever presents an access token of a Mapae elsewhere: signature, claims and revocation checked in memory.

    Example:
        guard = RemoteGuard("https://id.example", audience="https://api.example")
        principal = guard.check(token, scopes=["account"])

    It fetches the issuer's keys when it first needs them and follows its revocations in a thread of its own. A session
    that ends there is refused here within a moment; within `max_staleness` seconds when the network is cut.

    Attributes:
        revocations: what follows the feed.
    """

    __slots__ = ("_accept", "_verifier", "_verify", "revocations")

    def __init__(
        self,
        issuer: str,
        *,
        audience: Expected,
        keys: KeySource | LiveKeys | None = None,
        **options: Unpack[FeedOptions],
    ) -> None:
        """Prepare; nothing is fetched before the first check, or `start`.

        Args:
            issuer: the service whose tokens are accepted.
            audience: what `aud` must name: this API, or several.
            keys: the service's public keys; fetched from where the issuer says they are when left out.
            **options: as for `RemoteRevocations`.

        Raises:
            ValueError: the issuer or a bound makes no sense.
        """
        known = _fetched(issuer, options) if keys is None else keys
        self.revocations = RemoteRevocations(issuer, known, **options)
        self._verifier: Verifier[AccessClaims] = Verifier(
            known,
            issuer=issuer,
            audience=audience,
            claims=AccessClaims,
            typ=TYP,
            leeway=options.get("leeway", 5),
        )
        self._verify = self._verifier.check
        self._accept = self.revocations.revocations.accept

    def check(self, token: str | bytes, *, scopes: Sequence[str] = (), max_staleness: float | None = None) -> Principal:
        """Return whoever presents `token`. Waits only before the first answers of the issuer.

        Args:
            scopes: the token must carry all of them.
            max_staleness: seconds by which the knowledge of revocations may lag; None for the usual. 0 asks the issuer
                now, over the network: for what must not be done a moment too late.

        Raises:
            TokenError: the token is not accepted; the subclass says why. `Stale` means: come back with a newer one.
            KeySourceError: nothing is known yet of the keys or, as `FeedSourceError`, of the revocations; try again.
            ScopeMissing: it is accepted but lacks scopes; all that are missing are listed.
        """
        refuse_opaque(token)
        now = time()
        claims = self._verify(token, now=now)
        follower = self.revocations
        if follower.following and max_staleness is None:
            self._accept(claims, now=now, monotonic=monotonic())
        else:
            follower.accept(claims, max_staleness=max_staleness)
        if scopes:
            require(claims.scope, scopes)
        return Principal(claims)

    async def check_async(
        self, token: str | bytes, *, scopes: Sequence[str] = (), max_staleness: float | None = None
    ) -> Principal:
        """As `check`; where there is something to wait for, the event loop goes on meanwhile.

        Raises:
            TokenError, KeySourceError, ScopeMissing: as for `check`.
        """
        refuse_opaque(token)
        claims = await self._verifier.verify_async(token)
        await self.revocations.accept_async(claims, max_staleness=max_staleness)
        if scopes:
            require(claims.scope, scopes)
        return Principal(claims)

    def start(self) -> Self:
        """Begin to follow now, so that the first check need not wait; return this guard."""
        self.revocations.start()
        return self

    def close(self) -> None:
        """Follow no longer."""
        self.revocations.close()

    def status(self) -> FeedStatus:
        """Say what is known of the revocations, without any waiting."""
        return self.revocations.status()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()


def _fetched(issuer: str, options: FeedOptions) -> RemoteKeySet:
    """Prepare to fetch the keys by the same rules as the feed, beginning with those of the file."""
    path = options.get("snapshot_file")
    kept = None if path is None else read_snapshot(Path(path), issuer=issuer)
    return RemoteKeySet.from_issuer(
        issuer,
        seed=None if kept is None else kept.keys,
        allow_loopback=options.get("allow_loopback", False),
        allow_networks=options.get("allow_networks", ()),
        fetch=options.get("fetch"),
    )
