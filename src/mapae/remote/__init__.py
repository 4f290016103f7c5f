"""Another server's keys and revocations: fetched, kept, renewed, and hardly ever waited for."""

from mapae.remote.exchange import Answer, Fetch, Fetcher, Request
from mapae.remote.guard import RemoteGuard
from mapae.remote.key_set import RemoteKeySet, Status
from mapae.remote.revocations import FeedStatus, RemoteRevocations

__all__ = [
    "Answer",
    "FeedStatus",
    "Fetch",
    "Fetcher",
    "RemoteGuard",
    "RemoteKeySet",
    "RemoteRevocations",
    "Request",
    "Status",
]
