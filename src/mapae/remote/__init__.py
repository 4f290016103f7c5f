"""Keys of another server: fetched, kept, renewed and never waited for twice."""

from mapae.remote.exchange import Answer, Fetch, Fetcher, Request
from mapae.remote.key_set import RemoteKeySet, Status

__all__ = ["Answer", "Fetch", "Fetcher", "RemoteKeySet", "Request", "Status"]
