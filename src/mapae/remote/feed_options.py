"""How an issuer's feed is followed: what may be chosen, and the way to reach it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TypedDict

from mapae.remote.addresses import LOOPBACK, AddressRule, read_url
from mapae.remote.exchange import Fetch, Fetcher


class FeedOptions(TypedDict, total=False):
    """The optional arguments of `RemoteRevocations`, which describes them."""

    max_staleness: float
    leeway: int
    feed_url: str | None
    feed_secret: str | None
    snapshot_file: Path | str | None
    start_seconds: float
    allow_loopback: bool
    allow_networks: Collection[str]
    fetch: Fetcher | None


def fetcher_for(issuer: str, options: FeedOptions) -> Fetch:
    """Return what reads the feed: from accepted addresses only, and with the readers' secret where there is one.

    Raises:
        ValueError: it would be read by http from another machine.
    """
    rule = AddressRule.allowing(options.get("allow_networks", ()))
    if options.get("allow_loopback", False):
        rule = AddressRule((*rule.networks, *AddressRule.allowing(LOOPBACK).networks))
    elif not read_url(options.get("feed_url") or issuer).secure:
        raise ValueError("revocations are read by https; write allow_loopback=True for a server on this very machine")
    secret = options.get("feed_secret")
    return Fetch(rule, headers={} if secret is None else {"Authorization": f"Bearer {secret}"})
