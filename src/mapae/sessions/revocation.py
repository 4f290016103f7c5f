"""Revocation without I/O: what was revoked, how fresh that knowledge is, and which token may pass.

Five rules, each refusing tokens: the realm's and a client's by the feed position their issuer had seen (`rsq`), an
account's by its epoch (`epo`), one session's by `sid`, one token's by `jti`. Never by the token's text: an ECDSA
signature has a second encoding. Rules only grow and are merged by maximum, so the order, the repetition and the
grouping of what arrives do not matter.

The freshness lease: after a complete reading of the feed that was asked for at the moment `sent`, everything revoked
before `sent` is known. With S = `max_staleness`, a token passes if no rule matches it and

    now - max(sent, iat) <= S

Why a revoked session is refused from S after its revocation at c, whatever the network does: suppose a node that lacks
the revocation accepts its token at t. Then sent < c. The issuer reads its clock for `iat` before it reads session and
epoch, so iat < c. Hence c > t - S. An issuer's clock that is ahead by d adds d. A clock that is set back after the
last reading makes no token younger: `now` is then what it was at `sent`, and what has passed since.

Memory: 124 bytes for each of a million revoked sessions or tokens, up to 150 where a table has just doubled; half as
much again for an account or client (CPython 3.11, resident). `FeedLog` adds 41 where the feed is given on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Literal, TypeAlias

import msgspec

from mapae.errors import Revoked, Stale
from mapae.sessions.access_token import AccessClaims

Kind: TypeAlias = Literal["realm", "client", "account", "session", "token"]
TOGETHER = 8
"""Seconds: what ends within so many is forgotten together, at their end."""
UNKNOWN_KIND = "the feed holds a kind of revocation that this program does not know"


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One line of the feed; it travels as `[seq, kind, key, value, until]`.

    Attributes:
        seq: its position; positions follow the order of commits.
        kind: what is revoked.
        key: which one: client, account, session or token id; empty for the realm.
        value: for an account, the lowest epoch that is still accepted. For realm and client, the lowest `rsq` that is
            still accepted; 0 stands for this entry's own `seq`. For session and token, nothing.
        until: the second, since 1970, from which no token it concerns is accepted anyway: the time of revocation, the
            access token's lifetime, the verifiers' leeway and the difference of clocks, added up.
    """

    seq: int
    kind: Kind
    key: str
    value: int
    until: int


@dataclass(slots=True)
class _Rules:
    """The rules of one kind: until when each must be kept, and the threshold of those that have one.

    Attributes:
        due: by the second at which they may be forgotten: that number, which all of them share, and their keys.
    """

    until: dict[str, int] = field(default_factory=dict)
    least: dict[str, int] = field(default_factory=dict)
    due: dict[int, tuple[int, list[str]]] = field(default_factory=dict)

    def keep(self, key: str, until: int) -> None:
        until += -until % TOGETHER
        if until > self.until.get(key, -1):
            due = self.due.get(until)
            if due is None:
                due = self.due[until] = (until, [])
            self.until[key] = due[0]
            due[1].append(key)

    def raise_least(self, key: str, value: int) -> None:
        if value > self.least.get(key, 0):
            self.least[key] = value

    def forget(self, before: int, most: float) -> bool:
        for second in [second for second in self.due if second < before]:
            keys = self.due[second][1]
            while keys:
                if most <= 0:
                    return False
                key, most = keys.pop(), most - 1
                # A key whose time was prolonged is due again later.
                if self.until.get(key, before) < before:
                    del self.until[key]
                    self.least.pop(key, None)
            del self.due[second]
        return True


class Revocations:
    """What one node knows to be revoked, and how fresh that knowledge is."""

    __slots__ = (
        "_accounts",
        "_clients",
        "_feed",
        "_fresh",
        "_head",
        "_realm",
        "_rules",
        "_sessions",
        "_tokens",
        "_wall",
        "keep",
        "limit",
    )

    def __init__(self, max_staleness: float = 30, *, keep_longer: int = 60) -> None:
        """Know nothing yet: until the first reading of the feed every token is refused as stale.

        Args:
            max_staleness: S in seconds.
            keep_longer: seconds by which entries outlive their `until`, so that a clock that jumps ahead and back again
                does not bring a revoked token to life.
        """
        self.limit = max_staleness
        self.keep = keep_longer
        self._rules: dict[Kind, _Rules] = {
            kind: _Rules() for kind in ("realm", "client", "account", "session", "token")
        }
        # What `accept` looks into, one step away.
        self._sessions = self._rules["session"].until
        self._tokens = self._rules["token"].until
        self._accounts = self._rules["account"].least
        self._clients = self._rules["client"].least
        self._realm = 0
        self._head = 0
        self._feed: str | None = None
        self._fresh = self._wall = -inf

    @property
    def head(self) -> int:
        """The position in the feed up to which everything is known; read on from here, and put it into `rsq`."""
        return self._head

    @property
    def ready(self) -> bool:
        """Whether the feed has been read once."""
        return self._fresh != -inf

    def age(self, monotonic: float) -> float:
        """Return how many seconds ago the last complete reading was asked for; infinite before the first."""
        return monotonic - self._fresh

    def accept(self, claims: AccessClaims, *, now: float, monotonic: float, max_staleness: float | None = None) -> None:
        """Let a token pass whose signature, dates, issuer and audience have been checked.

        Args:
            now: wall clock, seconds since 1970.
            monotonic: a clock that never jumps, the one of `apply`'s `sent`.
            max_staleness: S for this call; 0 asks for knowledge as of now, which in general means to ask online.

        Raises:
            Revoked: a rule matches.
            Stale: this node's knowledge and the token are both too old to tell.
        """
        if (
            claims.sid in self._sessions
            or self._accounts.get(claims.sub, 0) > claims.epo
            or claims.rsq < self._realm
            or claims.jti in self._tokens
            or self._clients.get(claims.client_id, 0) > claims.rsq
        ):
            raise self._refusal(claims)
        limit = self.limit if max_staleness is None else max_staleness
        if monotonic - self._fresh <= limit:
            return
        if not self.ready:
            raise Stale("revocations have not been read yet")
        # "not <=": a clock that is no number must not pass.
        if limit <= 0 or not max(now, self._wall + (monotonic - self._fresh)) - claims.iat <= limit:
            raise Stale("revocations could not be read for too long to accept a token of this age")

    def _refusal(self, claims: AccessClaims) -> Revoked:
        if claims.sid in self._sessions:
            return Revoked("the session was ended", claim="sid")
        if self._accounts.get(claims.sub, 0) > claims.epo:
            return Revoked("the account's earlier tokens were revoked", claim="epo")
        if claims.jti in self._tokens:
            return Revoked("the token was revoked", claim="jti")
        if self._clients.get(claims.client_id, 0) > claims.rsq:
            return Revoked("the client's earlier tokens were revoked", claim="client_id")
        return Revoked("all earlier tokens were revoked", claim="rsq")

    def behind(self, claims: AccessClaims) -> bool:
        """Say whether the issuer of a token had seen more of the feed: a reason to read it now."""
        return claims.rsq > self._head

    def add(self, entries: Iterable[Entry]) -> None:
        """Learn entries from anywhere, in any order, any number of times. The lease stays as it is.

        Raises:
            ValueError: an entry of a kind that this program does not know; so the lease runs out rather than that a
                rule of a newer program is overlooked.
        """
        for entry in entries:
            rules = self._rules.get(entry.kind)
            if rules is None:
                raise ValueError(UNKNOWN_KIND)
            # The threshold first: `accept` may run in another thread between the two.
            if entry.kind == "account":
                rules.raise_least(entry.key, entry.value)
            elif entry.kind in {"realm", "client"}:
                rules.raise_least(entry.key, entry.value or entry.seq)
            rules.keep(entry.key, entry.until)
        self._realm = max(self._rules["realm"].least.values(), default=0)

    def apply(
        self,
        entries: Iterable[Entry],
        *,
        head: int,
        sent: float,
        after: int = 0,
        feed: str | None = None,
        wall: float = -inf,
    ) -> None:
        """Learn a complete reading of the feed and renew the lease.

        A reading asked for before the last one only adds what it holds. One that ends before `head`, or is of a feed
        with another name, means that the feed was set back (a database restored, a replica promoted): then everything
        known is kept, `head` becomes 0 so that the next reading starts anew, and the lease is not renewed before that.

        Args:
            entries: all entries after `after` up to `head`.
            head: the feed's last position, read in the same transaction.
            sent: monotonic time, read before the reading was asked for; where a replica answered, the moment up to
                which it had replayed.
            after: the position after which the reading began; 0 for a snapshot.
            feed: the name of the feed; None where it has none.
            wall: what time it was at `sent`, in seconds since 1970; the later of what several clocks say.
        """
        self.add(entries)
        if sent <= self._fresh or after > self._head:
            return
        other = feed != self._feed
        self._feed = feed
        if head < self._head or (other and after > 0):
            self._head = 0
            return
        self._head = head
        self._fresh, self._wall = sent, wall

    def forget(self, now: float, *, most: float = inf) -> bool:
        """Drop entries whose time has passed by more than `keep_longer`, and return whether there are no more of them.

        Args:
            now: the wall clock by which this node's verifier judges `exp`, seconds since 1970.
            most: how many of each kind at the most.
        """
        before = int(now) - self.keep
        done = [rules.forget(before, most) for rules in self._rules.values()]
        self._realm = max(self._rules["realm"].least.values(), default=0)
        return all(done)

    def entries(self) -> Iterator[Entry]:
        """Yield what is known, one entry for each rule, for a snapshot or another node.

        In all of them `seq` is `head`, and `until` is the second at which they are forgotten together with others.
        """
        for kind, rules in self._rules.items():
            for key, until in list(rules.until.items()):
                yield Entry(self._head, kind, key, rules.least.get(key, 0), until)

    def __len__(self) -> int:
        return sum(len(rules.until) for rules in self._rules.values())
