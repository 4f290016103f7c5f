"""What an issuer elsewhere has revoked, followed by one thread, so that a check only looks into memory."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from math import inf
from pathlib import Path
from random import SystemRandom
from threading import Event, Lock, Thread
from time import monotonic, time
from typing import Any, Unpack

from mapae.errors import FeedSourceError
from mapae.jose.live_keys import LiveKeys
from mapae.jose.verifier import KeySource
from mapae.remote.feed import RemoteFeed
from mapae.remote.feed_options import FeedOptions, fetcher_for
from mapae.remote.snapshot_file import Snapshot, read_snapshot, write_snapshot
from mapae.sessions.access_token import AccessClaims
from mapae.sessions.revocation import Revocations

log = logging.getLogger("mapae.remote")

_dice = SystemRandom()  # its own: the numbers that others draw by `random` stay as they are

LONGEST_WAIT = 10.0
"""Seconds for which the issuer is asked to wait for news, at most; a third of a shorter lease."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0
"""Seconds between two attempts to reach an issuer that is away, at most: the first and the longest."""
LEAST_GAP = 0.05
"""Seconds between two questions, however much news there is."""
WRITE_EVERY = 5.0
"""Seconds between two times the file is written."""


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """What is known of an issuer's feed, for people and for metrics.

    Attributes:
        ready: whether it was read once, so that tokens can be judged.
        age: seconds since everything was known; infinite before the first reading.
        head: the position in the feed up to which everything is known.
        entries: how many revocations are remembered.
        failures: how many attempts in a row have failed.
        reason: why the last one failed; empty when it did not.
    """

    ready: bool
    age: float
    head: int
    entries: int
    failures: int
    reason: str


class RemoteRevocations:
    """Follows the feed of one issuer by HTTP and says of a verified token whether it was revoked.

    It asks once and waits for news (long polling), in a thread of its own that starts with the first check. Under the
    freshness lease: a token passes only if it was issued, or everything revoked was known, at most `max_staleness`
    seconds ago. So a revoked session is refused here that many seconds after it was revoked, whatever the network does;
    and within a moment when nothing is wrong.

    Attributes:
        revocations: what is known.
        following: whether it is known and followed, so that a check has nothing to wait for.
    """

    def __init__(self, issuer: str, keys: KeySource | LiveKeys, **options: Unpack[FeedOptions]) -> None:
        """Prepare; nothing is asked before the first check, or `start`.

        Args:
            issuer: the service whose tokens are checked.
            keys: its public keys: pages of the feed are signed with them.
            **options: `max_staleness`: the lease in seconds, 30. `leeway`: seconds by which clocks may differ, 5.
                `feed_url`: where the feed is; the issuer's own when left out. `feed_secret`: what the issuer wants to
                see from readers. `snapshot_file`: a file to keep what is known, for a start while the issuer is away.
                `start_seconds`: how long the first checks may wait for the first reading, 5. `allow_loopback`,
                `allow_networks`, `fetch`: as for `RemoteKeySet`.

        Raises:
            ValueError: the address or a bound makes no sense.
        """
        self._issuer = issuer
        staleness = options.get("max_staleness", 30.0)
        self._start_seconds = options.get("start_seconds", 5.0)
        if staleness <= 0 or self._start_seconds < 0:
            raise ValueError("max_staleness is positive, and start_seconds is not negative")
        self.revocations = Revocations(staleness)
        self._wait = min(LONGEST_WAIT, staleness / 3)
        self._feed = RemoteFeed(
            issuer,
            keys,
            self.revocations,
            fetch=options.get("fetch") or fetcher_for(issuer, options),
            url=options.get("feed_url"),
            leeway=options.get("leeway", 5),
        )
        path = options.get("snapshot_file")
        self._path = None if path is None else Path(path)
        self._written = -inf
        self._writing = Lock()
        self._keys = keys
        self._ready: Future[None] = Future()
        self._turn = Lock()
        self._ended = Event()
        self._thread: Thread | None = None
        self.following = False
        self._failures, self._reason = 0, ""
        self._remember()
        os.register_at_fork(after_in_child=_forgetting(weakref.ref(self)))

    # Judging ----------------------------------------------------------------------------------------------------------

    def accept(self, claims: AccessClaims, *, max_staleness: float | None = None) -> None:
        """Let a token pass whose signature, dates, issuer and audience have been checked.

        Args:
            claims: what it says.
            max_staleness: seconds for this call; None for the usual. 0 asks the issuer now, over the network.

        Raises:
            Revoked: it was revoked.
            Stale: it is too old to be accepted while the issuer cannot be asked.
            FeedSourceError: nothing is known yet, or the issuer was to be asked now and cannot be.
        """
        if max_staleness is not None and max_staleness <= 0:
            self._accept_now(claims)
            return
        if not self.following:
            self.start()
            self._wait_until_ready()
        self.revocations.accept(claims, now=time(), monotonic=monotonic(), max_staleness=max_staleness)

    async def accept_async(self, claims: AccessClaims, *, max_staleness: float | None = None) -> None:
        """As `accept`; where there is something to wait for, the event loop goes on meanwhile."""
        if not self.following or (max_staleness is not None and max_staleness <= 0):
            from asyncio import to_thread  # noqa: PLC0415 (whoever works without an event loop need not load one)

            await to_thread(self.accept, claims, max_staleness=max_staleness)
            return
        self.revocations.accept(claims, now=time(), monotonic=monotonic(), max_staleness=max_staleness)

    def _accept_now(self, claims: AccessClaims) -> None:
        known = self._feed.read_now()
        self.revocations.accept(claims, now=time(), monotonic=known, max_staleness=0)

    # Following --------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to follow, where nobody has yet: an application that does this at its start is ready sooner."""
        with self._turn:
            if self._thread is None:
                self._ended = Event()
                self._thread = Thread(target=self._follow, args=(self._ended,), name="mapae-revocations", daemon=True)
                self._thread.start()
                self.following = self.revocations.ready

    def close(self) -> None:
        """Follow no longer, until the next check or `start`, and write the file once more."""
        with self._turn:
            self._ended.set()
            self._thread, self.following = None, False
        with self._writing:
            self._keep()

    def status(self) -> FeedStatus:
        """Say what is known, without any waiting."""
        revocations = self.revocations
        return FeedStatus(
            ready=revocations.ready,
            age=revocations.age(monotonic()),
            head=revocations.head,
            entries=len(revocations),
            failures=self._failures,
            reason=self._reason,
        )

    def _wait_until_ready(self) -> None:
        try:
            self._ready.result(0 if self.revocations.ready else self._start_seconds)
        except TimeoutError:
            if not self.revocations.ready:
                why = self._reason or "the issuer has not answered yet"
                raise FeedSourceError(f"nothing is known of what was revoked: {why}", retry_after=1) from None
        self.following = self._thread is not None

    def _follow(self, ended: Event) -> None:
        while not ended.is_set():
            began = monotonic()
            try:
                self._feed.read(wait=self._wait)
            except Exception as failed:  # noqa: BLE001 - a fetcher from outside may raise anything; following goes on
                self._note(failed)
                pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures - 1, 10))
                ended.wait(_dice.uniform(0.5, 1) * pause)
                continue
            self._note(None)
            self.revocations.forget(time())
            with self._writing:
                if ended.is_set():
                    return  # what `close` wrote is the last
                if began - self._written > WRITE_EVERY:
                    self._keep()
            ended.wait(max(0.0, LEAST_GAP - (monotonic() - began)))

    def _note(self, failed: Exception | None) -> None:
        if failed is None:
            if self._failures or not self._ready.done():
                log.info("the revocations of %s are followed", self._issuer)
            self._failures, self._reason = 0, ""
            if self.revocations.ready and not self._ready.done():
                self._ready.set_result(None)
            return
        why = str(failed) if isinstance(failed, FeedSourceError) else f"the fetcher failed ({type(failed).__name__})"
        if not self._failures:
            log.warning("the revocations of %s cannot be read: %s", self._issuer, why)
        self._failures, self._reason = self._failures + 1, why

    # The file ---------------------------------------------------------------------------------------------------------

    def _remember(self) -> None:
        """Learn what the file holds: as old as it says, and useless for the lease where the clock was set back."""
        if self._path is None:
            return
        try:
            kept = read_snapshot(self._path, issuer=self._issuer)
        except OSError as error:
            log.warning("the file of revocations cannot be read: %s", error.strerror)
            return
        if kept is None:
            return
        age = time() - kept.known_at
        sent = monotonic() - age if age >= 0 else -1e9
        self.revocations.add(kept.entries)
        self.revocations.apply((), head=kept.head, sent=sent, feed=kept.feed, wall=kept.known_at)
        self._feed.name, self._feed.latest_ms, self._feed.known_at = kept.feed, kept.latest_ms, kept.known_at
        self._ready.set_result(None)

    def _keep(self) -> None:
        feed = self._feed
        if self._path is None or feed.name is None or feed.known_at is None:
            return
        snapshot = Snapshot(
            issuer=self._issuer,
            feed=feed.name,
            head=self.revocations.head,
            latest_ms=feed.latest_ms,
            known_at=feed.known_at,
            entries=list(self.revocations.entries()),
            keys=_exported(self._keys),
        )
        try:
            write_snapshot(self._path, snapshot)
        except OSError as error:
            log.warning("the file of revocations cannot be written: %s", error.strerror)
        self._written = monotonic()

    # After a fork, in the child ---------------------------------------------------------------------------------------

    def begin_anew(self) -> None:
        """Take up following again: threads stay behind in the parent, and its locks may be held for ever."""
        self._turn, self._writing, self._ready = Lock(), Lock(), Future()
        self._thread, self.following = None, False
        self._feed.begin_anew()
        if self.revocations.ready:
            self._ready.set_result(None)


def _forgetting(follower: weakref.ref[RemoteRevocations]) -> Callable[[], None]:
    def forget() -> None:
        mine = follower()
        if mine is not None:
            mine.begin_anew()

    return forget


def _exported(keys: KeySource | LiveKeys) -> dict[str, Any] | None:
    """Return public keys that were fetched; others are given again at the next start."""
    known = keys.newest() if isinstance(keys, LiveKeys) else None
    return None if known is None else known.to_jwks()
