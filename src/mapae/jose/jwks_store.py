"""What to do with the keys of another server: use them, fetch them, wait, or refuse (RFC 8725bis §3.10).

Keys are *fresh* for a while, then *stale*: still used while one fetch is under way or fails, up to a maximum. A `kid`
that the set lacks is looked for at most once per cool-down, and a kid that was looked for in vain is remembered.

Everything here is a value: a `Store` goes in with the time of a monotonic clock, the next `Store` and a decision come
out. Who holds a lock, reads the clock and opens connections is `mapae.remote`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf

from mapae.jose.jwks import KeySet

NEVER = -inf


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long and how much, in seconds and pieces.

    Attributes:
        lifetime: how long an answer is fresh that does not say it itself.
        min_lifetime: the least freshness, whatever an answer says.
        max_lifetime: the greatest freshness, whatever an answer says.
        max_stale: how long keys that are no longer fresh may be used while no newer ones can be had.
        cool_down: the time between two fetches for unknown kids.
        unknown_for: how long a kid that was looked for in vain is not looked for again.
        max_unknown: how many such kids are remembered.
        timeout: how long one fetch may take in all.
        first_pause: how long the source is left alone after a failure; doubled by each further one.
        max_pause: the longest such pause.
    """

    lifetime: float = 300
    min_lifetime: float = 30
    max_lifetime: float = 86_400
    max_stale: float = 3_600
    cool_down: float = 30
    unknown_for: float = 60
    max_unknown: int = 1_024
    timeout: float = 5
    first_pause: float = 1
    max_pause: float = 60

    def __post_init__(self) -> None:
        numbers = [getattr(self, name) for name in self.__dataclass_fields__]
        if not all(0 <= number < inf for number in numbers) or self.timeout == 0:
            raise ValueError("the bounds of a remote key set are finite and not negative, and its timeout is not zero")
        if self.min_lifetime > self.max_lifetime:
            raise ValueError("min_lifetime is at most max_lifetime")

    def lifetime_of(self, said: float | None) -> float:
        """Return how long an answer is fresh that says `said`, or nothing."""
        return min(max(self.lifetime if said is None else said, self.min_lifetime), self.max_lifetime)


@dataclass(frozen=True, slots=True)
class Flight:
    """One fetch under way; there is never a second one beside it.

    Attributes:
        number: which one, counted from 1.
        departed: when it began.
        deadline: when nobody waits for it any more.
    """

    number: int
    departed: float
    deadline: float


@dataclass(frozen=True, slots=True)
class Use:
    """Use these keys now."""

    keys: KeySet


@dataclass(frozen=True, slots=True)
class Depart:
    """Fetch: begin this flight. With keys, use them meanwhile; without, wait for it."""

    flight: Flight
    keys: KeySet | None


@dataclass(frozen=True, slots=True)
class Join:
    """Wait for the flight that is under way."""

    flight: Flight


@dataclass(frozen=True, slots=True)
class Absent:
    """The issuer has no key with this kid."""

    keys: KeySet


@dataclass(frozen=True, slots=True)
class Refuse:
    """No keys can be had now; ask again after so many seconds."""

    reason: str
    retry_after: float


@dataclass(frozen=True, slots=True)
class Store:
    """What is known of a source of keys.

    Attributes:
        bounds: how long and how much.
        keys: the newest keys; None before the first answer.
        etag: the validator of that answer.
        fresh_until: until when the keys are used without another thought.
        usable_until: until when they may be used if there is no newer answer.
        asked: when the fetch began that last brought or confirmed the keys.
        landed: the number of that flight.
        flight: the fetch under way.
        flights: how many there were.
        failures: how many in a row have failed.
        retry_at: before then no fetch begins.
        reason: why the last one failed; empty when it did not.
        searched: when a fetch last began for an unknown kid.
        unknown: kids that were looked for in vain, each with the end of its memory.
    """

    bounds: Bounds = Bounds()
    keys: KeySet | None = None
    etag: str | None = None
    fresh_until: float = NEVER
    usable_until: float = NEVER
    asked: float = NEVER
    landed: int = 0
    flight: Flight | None = None
    flights: int = 0
    failures: int = 0
    retry_at: float = NEVER
    reason: str = ""
    searched: float = NEVER
    unknown: Mapping[str, float] = field(default_factory=dict)

    def usable(self, now: float) -> KeySet | None:
        """Return the keys unless they are too old."""
        return self.keys if now < self.usable_until else None


def seeded(bounds: Bounds, keys: KeySet | None, *, now: float) -> Store:
    """Return the store of a source that was never asked; keys known from elsewhere are stale from the start."""
    if keys is None:
        return Store(bounds)
    return Store(bounds, keys, fresh_until=now, usable_until=now + bounds.max_stale)


def look(store: Store, *, now: float) -> tuple[Store, Use | Depart | Join | Refuse]:
    """Say how to come to keys at `now`."""
    keys = store.usable(now)
    if keys is not None and now < store.fresh_until:
        return store, Use(keys)
    store = _given_up(store, now)
    if store.flight is not None:
        return store, Join(store.flight) if keys is None else Use(keys)
    if now < store.retry_at:
        return store, Refuse(store.reason, store.retry_at - now) if keys is None else Use(keys)
    return _depart(store, now, keys)


def search(store: Store, kid: str, *, since: float, now: float) -> tuple[Store, Use | Absent | Depart | Join | Refuse]:
    """Say how to come to a key that a token names and the keys at hand lack.

    Args:
        store: what is known.
        kid: the kid of the token.
        since: when the verification of the token began; an answer asked for later is conclusive.
        now: the time.
    """
    keys = store.usable(now)
    if keys is None:
        return look(store, now=now)
    if kid in keys:
        return store, Use(keys)
    if store.asked >= since:
        return _remembered(store, kid, now), Absent(keys)
    if now < store.unknown.get(kid, NEVER):
        return store, Absent(keys)
    store = _given_up(store, now)
    if store.flight is not None:
        return store, Join(store.flight)
    if now < store.retry_at:
        return store, Refuse(store.reason, store.retry_at - now)
    if now < store.searched + store.bounds.cool_down:
        return store, Absent(keys)
    store, departure = _depart(store, now, None)
    return replace(store, searched=now), departure


def arrival(store: Store, flight: Flight, *, now: float, kid: str | None = None) -> tuple[Store, Use | Absent | Refuse]:
    """Say what somebody gets who has waited for `flight`, be it for any keys or for one `kid`."""
    store = _given_up(store, now)
    keys = store.usable(now)
    if keys is not None and (kid is None or kid in keys):
        return store, Use(keys)
    if keys is not None and kid is not None and store.landed >= flight.number:
        return _remembered(store, kid, now), Absent(keys)
    reason = store.reason or "the source of the keys has not answered in time"
    return store, Refuse(reason, max(store.retry_at - now, 0.0))


def depart(store: Store, *, now: float) -> tuple[Store, Depart | Join]:
    """Begin a fetch at once, whatever its time, unless one is under way."""
    store = _given_up(store, now)
    if store.flight is not None:
        return store, Join(store.flight)
    return _depart(store, now, None)


def land(
    store: Store, flight: Flight, keys: KeySet | None, *, now: float, lifetime: float | None, etag: str | None
) -> Store:
    """Take in the answer that a flight has brought.

    Keys that say the same as before stay the same object, so that nobody has to forget what was verified with them.

    Args:
        store: what is known.
        flight: the flight; one that was given up brings nothing.
        keys: the new keys; None when the source says that they have not changed.
        now: the time.
        lifetime: how long the answer says that it is fresh, if it says.
        etag: the validator of the answer.
    """
    if store.flight != flight:
        return store
    changed = keys is not None and not _same(keys, store.keys)
    fresh_until = now + store.bounds.lifetime_of(lifetime)
    return replace(
        store,
        keys=keys if changed else store.keys,
        etag=etag if keys is not None else store.etag,
        fresh_until=fresh_until,
        usable_until=fresh_until + store.bounds.max_stale,
        asked=flight.departed,
        landed=flight.number,
        flight=None,
        failures=0,
        retry_at=NEVER,
        reason="",
        unknown={} if changed else store.unknown,
    )


def crash(store: Store, flight: Flight, reason: str, *, now: float, retry_after: float | None = None) -> Store:
    """Note that a flight has failed; the source is then left alone for a while, longer each time.

    Args:
        store: what is known.
        flight: the flight.
        reason: why, for people.
        now: the time.
        retry_after: how long the source itself asks to be left alone; honoured within bounds.
    """
    if store.flight != flight:
        return store
    bounds = store.bounds
    pause = min(bounds.first_pause * 2 ** min(store.failures, 20), bounds.max_pause)
    pause = min(max(pause, retry_after or 0), bounds.max_pause)
    return replace(
        store,
        flight=None,
        failures=store.failures + 1,
        retry_at=now + pause,
        reason=reason,
        searched=NEVER,  # nothing was learnt, so the cool-down has nothing to protect; the pause does
    )


def _depart(store: Store, now: float, meanwhile: KeySet | None) -> tuple[Store, Depart]:
    flight = Flight(store.flights + 1, now, now + store.bounds.timeout)
    return replace(store, flight=flight, flights=flight.number), Depart(flight, meanwhile)


def _given_up(store: Store, now: float) -> Store:
    """Count a flight as failed that is past its deadline, such as one that waits for a name server for ever."""
    if store.flight is None or now < store.flight.deadline:
        return store
    return crash(store, store.flight, "the source of the keys has not answered in time", now=now)


def _remembered(store: Store, kid: str, now: float) -> Store:
    bounds = store.bounds
    unknown = {name: until for name, until in store.unknown.items() if now < until and name != kid}
    for oldest in list(unknown)[: max(len(unknown) + 1 - bounds.max_unknown, 0)]:
        del unknown[oldest]
    if bounds.max_unknown:
        unknown[kid] = now + bounds.unknown_for
    return replace(store, unknown=unknown)


def _same(keys: KeySet, others: KeySet | None) -> bool:
    return others is not None and keys.to_jwks() == others.to_jwks() and keys.skipped == others.skipped
