"""The key set of another server, kept up to date by itself."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Lock, Thread
from time import monotonic
from typing import Any, TypedDict, Unpack

from mapae.errors import KeySourceError, KeyUnknown
from mapae.jose.jwks import KeySet
from mapae.jose.jwks_store import (
    Absent,
    Bounds,
    Depart,
    Flight,
    Join,
    Refuse,
    Use,
    arrival,
    crash,
    depart,
    land,
    look,
    search,
    seeded,
)
from mapae.jose.key import Key
from mapae.remote.addresses import LOOPBACK, AddressRule
from mapae.remote.answers import Learnt
from mapae.remote.exchange import Fetch, Fetcher
from mapae.remote.source import Discovery, Source


class Options(TypedDict, total=False):
    """The optional arguments of `RemoteKeySet`, which describes them."""

    seed: Mapping[str, Any] | bytes | None
    rsa_alg: str | None
    bounds: Bounds | None
    allow_loopback: bool
    allow_networks: Collection[str]
    fetch: Fetcher | None


@dataclass(frozen=True, slots=True)
class Status:
    """What a `RemoteKeySet` knows, for people and for metrics; times in seconds.

    Attributes:
        url: where the keys come from; None while an issuer has not said it.
        keys: how many keys can be used.
        skipped: for each member of the set that cannot be used, its place and the reason.
        age: since when the keys are known to be right; None before the first answer.
        fresh: whether they are used without asking.
        usable: whether they may still be used.
        fetches: how many fetches began.
        failures: how many in a row have failed.
        reason: why the last one failed; empty when it did not.
    """

    url: str | None
    keys: int
    skipped: tuple[str, ...]
    age: float | None
    fresh: bool
    usable: bool
    fetches: int
    failures: int
    reason: str


class RemoteKeySet:
    """The published keys of an issuer: fetched when first needed, renewed beside the work, found by `kid`.

    Example:
        keys = mapae.RemoteKeySet.from_issuer("https://id.example")
        verifier = mapae.Verifier(keys, issuer="https://id.example", audience="api")

    One fetch at a time; a known key never waits for it. Keys that are no longer fresh are used while newer ones are
    fetched, and for `max_stale` seconds if there are none to be had; after that `KeySourceError` says why. A token
    with an unknown `kid` causes at most one fetch in `cool_down` seconds. Private and secret keys, double kids, sets of
    more than 256 KiB or 100 keys and redirects are refused. Threads and event loops may share one.

    Attributes:
        origin: the address of the keys, or their issuer.
        turn: the lock under which decisions are made, none of them slow.
    """

    __slots__ = ("__weakref__", "_arrivals", "_source", "_store", "origin", "turn")

    def __init__(
        self,
        url: str | Discovery,
        *,
        seed: Mapping[str, Any] | bytes | None = None,
        rsa_alg: str | None = None,
        bounds: Bounds | None = None,
        allow_loopback: bool = False,
        allow_networks: Collection[str] = (),
        fetch: Fetcher | None = None,
    ) -> None:
        """Prepare; nothing is fetched before a key is needed.

        Args:
            url: the address of the JWK Set, by https; `from_issuer` is for an issuer that says it.
            seed: a JWK Set known from before (`export`), used until newer keys have come.
            rsa_alg: the algorithm of RSA keys that do not say theirs, such as "RS256"; they are skipped otherwise.
            bounds: how long keys are used, and how long a fetch may take.
            allow_loopback: accept this very machine, by http too; for development.
            allow_networks: further networks that are not on the public Internet, such as "10.0.0.0/8".
            fetch: fetches in another way, through a proxy for example; then no address is checked here.

        Raises:
            ValueError: the address or a bound makes no sense.
            KeyRefused: the seed is no key set.
        """
        rule = AddressRule.allowing(allow_networks)
        if allow_loopback:
            rule = AddressRule((*rule.networks, *AddressRule.allowing(LOOPBACK).networks))
        self._source = Source(url, fetch or Fetch(rule), rsa_alg=rsa_alg)
        if not self._source.secure and not allow_loopback and fetch is None:
            raise ValueError("keys are fetched by https; write allow_loopback=True for a server on this very machine")
        known = None if seed is None else KeySet.from_jwks(seed, rsa_alg=rsa_alg)
        self.origin = url.name if isinstance(url, Discovery) else url
        self.turn: AbstractContextManager[object] = Lock()
        self._store = seeded(bounds or Bounds(), known, now=monotonic())
        self._arrivals: dict[int, Future[None]] = {}

    @classmethod
    def from_issuer(cls, issuer: str, **options: Unpack[Options]) -> RemoteKeySet:
        """Prepare to take the keys from where an issuer says that they are.

        The issuer is asked by OpenID Connect Discovery, then by RFC 8414; it must call itself exactly `issuer`.

        Args:
            issuer: the `iss` of its tokens.
            **options: as for `RemoteKeySet`.

        Raises:
            ValueError: the issuer or a bound makes no sense.
            KeyRefused: the seed is no key set.
        """
        return cls(Discovery(issuer), **options)

    def __repr__(self) -> str:
        return f"<RemoteKeySet {self.origin}>"

    # The keys ---------------------------------------------------------------------------------------------------------

    def current(self) -> KeySet:
        """Return the keys of now. Waits for a fetch only when there are none that may be used.

        Raises:
            KeySourceError: there are none, and none can be had.
        """
        store = self._store
        if store.keys is not None and monotonic() < store.fresh_until:
            return store.keys  # the way of nearly every call: nothing to decide, no lock
        match self._look():
            case Use(keys):
                return keys
            case Flight() as flight:
                self._wait(flight)
                return _keys_of(self._arrival(flight))

    async def current_async(self) -> KeySet:
        """As `current`; the event loop goes on meanwhile.

        Raises:
            KeySourceError: there are none, and none can be had.
        """
        store = self._store
        if store.keys is not None and monotonic() < store.fresh_until:
            return store.keys
        match self._look():
            case Use(keys):
                return keys
            case Flight() as flight:
                await self._wait_async(flight)
                return _keys_of(self._arrival(flight))

    def lacking(self, kid: str, since: float) -> KeySet:
        """Look for a key that was missing, and return the keys, with it or still without.

        Args:
            kid: the id.
            since: what `moment` said before the keys were looked at.

        Raises:
            KeySourceError: the source cannot be asked.
        """
        match self._search(kid, since):
            case Use(keys) | Absent(keys):
                return keys
            case Flight() as flight:
                self._wait(flight)
                return _keys_of(self._arrival(flight, kid))

    async def lacking_async(self, kid: str, since: float) -> KeySet:
        """As `lacking`; the event loop goes on meanwhile.

        Raises:
            KeySourceError: the source cannot be asked.
        """
        match self._search(kid, since):
            case Use(keys) | Absent(keys):
                return keys
            case Flight() as flight:
                await self._wait_async(flight)
                return _keys_of(self._arrival(flight, kid))

    def key_for(self, kid: str) -> Key:
        """Return the key with this id, fetching where the keys at hand lack it.

        Raises:
            KeyUnknown: the issuer has no such key.
            KeySourceError: the source cannot be asked.
        """
        since = self.moment()
        keys = self.current()
        if kid not in keys:
            keys = self.lacking(kid, since)
        if kid not in keys:
            raise KeyUnknown("no key has this kid", claim="kid")
        return keys[kid]

    def newest(self) -> KeySet | None:
        """Return the keys last learnt, fresh or not, without any waiting; None before the first answer."""
        return self._store.keys

    moment = staticmethod(monotonic)
    """The clock that `lacking` counts by."""

    # Renewal ----------------------------------------------------------------------------------------------------------

    def refresh(self) -> KeySet:
        """Fetch now, or wait for the fetch that is under way, and return the keys.

        Raises:
            KeySourceError: it failed; keys from before may still be in use.
        """
        flight = self._depart()
        self._wait(flight)
        return self._landed(flight)

    async def refresh_async(self) -> KeySet:
        """As `refresh`; the event loop goes on meanwhile.

        Raises:
            KeySourceError: it failed; keys from before may still be in use.
        """
        flight = self._depart()
        await self._wait_async(flight)
        return self._landed(flight)

    async def keep_fresh(self) -> None:
        """Renew the keys shortly before they cease to be fresh, until cancelled: run it as a task of your own.

        A failure is not raised: `status` shows it, and the next attempt follows.
        """
        from asyncio import sleep  # noqa: PLC0415 (whoever verifies without an event loop need not load one)

        while True:
            store, now = self._store, monotonic()
            ahead = 0.1 * store.bounds.min_lifetime
            await sleep(max(store.fresh_until - ahead - now, store.retry_at - now, 0.0))
            try:
                await self.refresh_async()
            except KeySourceError:
                await sleep(max(self._store.retry_at - monotonic(), store.bounds.first_pause))

    def export(self) -> bytes:
        """Write the keys as a JWK Set, to be the `seed` of a process that starts while the issuer cannot be reached.

        Raises:
            KeySourceError: none were ever learnt.
        """
        keys = self._store.keys
        if keys is None:
            raise KeySourceError("no keys have been fetched yet; call refresh() first")
        return json.dumps(keys.to_jwks(), separators=(",", ":")).encode()

    def status(self) -> Status:
        """Say what is known, without any waiting."""
        store, now = self._store, monotonic()
        keys = store.keys
        return Status(
            url=self._source.url,
            keys=0 if keys is None else len(keys),
            skipped=() if keys is None else keys.skipped,
            age=now - store.asked if store.landed else None,
            fresh=keys is not None and now < store.fresh_until,
            usable=store.usable(now) is not None,
            fetches=store.flights,
            failures=store.failures,
            reason=store.reason,
        )

    # Decisions, each under the lock, none of them slow ----------------------------------------------------------------

    def _look(self) -> Use | Flight:
        with self.turn:
            self._store, decision = look(self._store, now=monotonic())
            self._announce(decision)
        return self._begun(decision)

    def _search(self, kid: str, since: float) -> Use | Absent | Flight:
        with self.turn:
            self._store, decision = search(self._store, kid, since=since, now=monotonic())
            self._announce(decision)
        if isinstance(decision, Absent):
            return decision
        return self._begun(decision)

    def _depart(self) -> Flight:
        with self.turn:
            self._store, decision = depart(self._store, now=monotonic())
            self._announce(decision)
        self._begun(decision)
        return decision.flight

    def _arrival(self, flight: Flight, kid: str | None = None) -> Use | Absent | Refuse:
        with self.turn:
            self._store, decision = arrival(self._store, flight, now=monotonic(), kid=kid)
        return decision

    def _landed(self, flight: Flight) -> KeySet:
        arrived = self._arrival(flight)
        store = self._store
        if store.landed < flight.number:
            raise KeySourceError(store.reason or "no answer in time", retry_after=store.retry_at - monotonic())
        return _keys_of(arrived)

    def _announce(self, decision: Use | Absent | Depart | Join | Refuse) -> None:
        """Give a flight its place to wait at before anybody can look for it."""
        if isinstance(decision, Depart):
            arrived: Future[None] = Future()
            arrived.set_running_or_notify_cancel()  # nobody who waits can cancel it for the others
            self._arrivals = {decision.flight.number: arrived}

    def _begun(self, decision: Use | Depart | Join | Refuse) -> Use | Flight:
        match decision:
            case Use():
                return decision
            case Join(flight):
                return flight
            case Refuse(reason, retry_after):
                raise KeySourceError(reason, retry_after=retry_after)
            case Depart(flight, keys):
                # A thread of its own, for this one fetch: whoever needs the keys can stop waiting in time.
                Thread(target=self._fly, args=(flight,), name="mapae-keys", daemon=True).start()
                return flight if keys is None else Use(keys)

    # The fetch, outside the lock --------------------------------------------------------------------------------------

    def _fly(self, flight: Flight) -> None:
        failed: KeySourceError | None = None
        learnt: Learnt | None = None
        try:
            learnt = self._source.learn(self._store.etag, deadline=flight.deadline)
        except KeySourceError as error:
            failed = error
        except Exception as error:  # noqa: BLE001 (a fetcher from outside may raise anything; the flight must land)
            failed = KeySourceError(f"the key set cannot be fetched ({type(error).__name__})")
        now = monotonic()
        with self.turn:
            if learnt is not None:
                self._store = land(
                    self._store, flight, learnt.keys, now=now, lifetime=learnt.lifetime, etag=learnt.etag
                )
            elif failed is not None:
                self._store = crash(self._store, flight, str(failed), now=now, retry_after=failed.retry_after)
            arrived = self._arrivals.pop(flight.number, None)
        if arrived is not None:
            arrived.set_result(None)

    def _wait(self, flight: Flight) -> None:
        arrived = self._arrivals.get(flight.number)
        if arrived is not None:
            try:
                arrived.result(max(flight.deadline - monotonic(), 0))
            except TimeoutError:
                return

    async def _wait_async(self, flight: Flight) -> None:
        from asyncio import wait, wrap_future  # noqa: PLC0415 (as above)

        arrived = self._arrivals.get(flight.number)
        if arrived is not None:
            await wait([wrap_future(arrived)], timeout=max(flight.deadline - monotonic(), 0))


def _keys_of(arrived: Use | Absent | Refuse) -> KeySet:
    match arrived:
        case Use(keys) | Absent(keys):
            return keys
        case Refuse(reason, retry_after):
            raise KeySourceError(reason, retry_after=retry_after)
