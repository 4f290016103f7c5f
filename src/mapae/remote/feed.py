"""One server's feed of revocations, read over HTTP: ask, check the signature, learn.

What a page is worth: the issuer had asked its database `age_ms` before it answered, and it answered after it was asked.
So what was revoked before the question went out, less `age_ms`, is known, whatever clocks say. Clocks matter only for
an old page that somebody plays back: it counts for as old as it says, give or take `leeway`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from threading import Lock
from time import monotonic, time
from urllib.parse import urlencode

from mapae.errors import FeedSourceError, KeySourceError, TokenError
from mapae.jose.live_keys import LiveKeys
from mapae.jose.verifier import KeySource, Verifier
from mapae.remote.addresses import read_url
from mapae.remote.exchange import Fetcher, Request
from mapae.sessions.feed import MAX_PAGE, TYP, FeedLog, FeedPage
from mapae.sessions.revocation import Revocations

PATH = "/v1/revocations"
"""Where an issuer that is Mapae has its feed."""
ANSWER_SECONDS = 5.0
"""How long an answer may take beyond what the server was asked to wait."""


class RemoteFeed:
    """Reads the feed of one issuer into `revocations`. Threads may share one.

    Attributes:
        url: where the feed is.
        name: the feed that was read last; None before the first page.
        latest_ms: the issuer's clock in the newest page.
        known_at: the wall clock's time up to which everything is known; None before the first reading.
    """

    __slots__ = ("_fetch", "_leeway", "_turn", "_verifier", "known_at", "latest_ms", "name", "revocations", "url")

    def __init__(
        self,
        issuer: str,
        keys: KeySource | LiveKeys,
        revocations: Revocations,
        *,
        fetch: Fetcher,
        url: str | None = None,
        leeway: int = 5,
    ) -> None:
        """Prepare to read.

        Raises:
            ValueError: the address makes no sense.
        """
        self.url = read_url(url or issuer.rstrip("/") + PATH).url
        self.revocations = revocations
        self.name: str | None = None
        self.latest_ms = 0
        self.known_at: float | None = None
        self._fetch = fetch
        self._leeway = leeway
        self._verifier: Verifier[FeedPage] = Verifier(
            keys,
            issuer=issuer,
            audience=None,
            claims=FeedPage,
            typ=TYP,
            leeway=leeway,
            max_length=MAX_PAGE,
            memo_bytes=0,
        )
        self._turn = Lock()

    def begin_anew(self) -> None:
        """Forget a lock that a thread of the parent process may hold; for the child after a fork."""
        self._turn = Lock()

    def read(self, *, wait: float = 0.0) -> None:
        """Read what is new, letting the server wait `wait` seconds for it, and renew the lease.

        Raises:
            FeedSourceError: there is no answer, or none that may be believed; nothing was learnt from it.
        """
        self._read(wait, None)

    def read_now(self) -> float:
        """Have the issuer ask its database for this very call; return the monotonic time up to which all is known.

        Raises:
            FeedSourceError: as for `read`.
        """
        return self._read(0.0, secrets.token_urlsafe(16))

    def _read(self, wait: float, nonce: str | None) -> float:
        after = began = self.revocations.head if self.revocations.ready else 0
        wait = wait if self.revocations.ready else 0.0
        gathered = FeedLog()
        while True:
            sent, wall = monotonic(), time()
            page = self._page(after, wait, nonce)
            if page.after != after:  # the feed is another, or was set back
                began, gathered = 0, FeedLog()
            gathered.extend(page.entries)
            if page.upto == page.head:
                return self._learn(page, gathered, began=began, sent=sent, wall=wall)
            after, wait = page.upto, 0.0

    def _learn(self, page: FeedPage, entries: FeedLog, *, began: int, sent: float, wall: float) -> float:
        played_back = max(0.0, wall - page.now_ms / 1000 - self._leeway)
        late = page.age_ms / 1000 + played_back
        with self._turn:
            if page.now_ms + self._leeway * 1000 < self.latest_ms <= (wall + self._leeway) * 1000:
                raise FeedSourceError("the page of the feed is older than one that was read before")
            self.latest_ms = max(self.latest_ms, page.now_ms)
            self.name = page.feed
            before = self.revocations.age(sent)
            self.revocations.apply(
                entries,
                head=page.head,
                sent=sent - late,
                after=began,
                feed=page.feed,
                wall=max(wall, page.now_ms / 1000) - late,
            )
            if self.revocations.age(sent) < before:
                self.known_at = wall - late
        return sent - late

    def _page(self, after: int, wait: float, nonce: str | None) -> FeedPage:
        query: dict[str, str | int] = {"after": after}
        if self.name is not None:
            query["feed"] = self.name
        if wait > 0:
            query["wait"] = f"{wait:.3f}"
        if nonce is not None:
            query["nonce"] = nonce
        url = f"{self.url}{'&' if '?' in self.url else '?'}{urlencode(query)}"
        try:
            answer = self._fetch(Request(url, None, wait + ANSWER_SECONDS, MAX_PAGE, "feed of revocations"))
        except (KeySourceError, OSError) as failed:
            raise FeedSourceError(str(failed)) from None
        if answer.status != 200:
            raise FeedSourceError(_status(answer.status))
        try:
            page = self._verifier.check(answer.body, now=time())
        except TokenError as refused:
            raise FeedSourceError(f"the page of the feed is refused: {refused}") from None
        except KeySourceError as failed:
            raise FeedSourceError(str(failed)) from None
        _check_shape(page, after=after, nonce=nonce)
        return page


def _status(status: int) -> str:
    match status:
        case 401:
            return "the feed of revocations is read with a secret: give feed_secret="
        case 404:
            return "the issuer has no feed of revocations; in mapae.fastapi say revocations=False for such an issuer"
        case _:
            return f"the server of the feed of revocations answers with status {status}"


def _check_shape(page: FeedPage, *, after: int, nonce: str | None) -> None:
    """Refuse a page that does not answer the question."""
    positions = [each.seq for each in page.entries]
    rules: tuple[tuple[Callable[[], bool], str], ...] = (
        (lambda: page.nonce == nonce, "is the answer to another question"),
        (lambda: page.after in {after, 0}, "begins at another position"),
        (lambda: page.after <= page.upto <= page.head and page.age_ms >= 0, "contradicts itself"),
        (lambda: page.upto > page.after or page.upto == page.head, "leads nowhere"),
        (lambda: positions == sorted(positions), "is out of order"),
        (lambda: all(page.after < each <= page.upto for each in positions), "holds what does not belong to it"),
    )
    for holds, wrong in rules:
        if not holds():
            raise FeedSourceError(f"the page of the feed {wrong}")
