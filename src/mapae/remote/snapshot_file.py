"""What was revoked, kept in a file, so that a process which starts while the issuer is away need not know nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from mapae.sessions.revocation import Entry


class Snapshot(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is written.

    Attributes:
        issuer: whose revocations they are.
        feed: the name of the feed.
        head: the position up to which they are complete.
        latest_ms: the issuer's clock in the newest page.
        known_at: the wall clock's time up to which they are complete, in seconds since 1970.
        keys: the issuer's public keys (RFC 7517 §5), where they are fetched.
    """

    issuer: str
    feed: str
    head: int
    latest_ms: int
    known_at: float
    entries: list[Entry]
    keys: dict[str, Any] | None = None


def write_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Replace the file at once, so that nobody ever reads half of it; only its owner may read it.

    Raises:
        OSError: it cannot be written.
    """
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(snapshot))
    new.replace(path)


def read_snapshot(path: Path, *, issuer: str) -> Snapshot | None:
    """Return what was written for this issuer; None where there is nothing that can be used.

    Raises:
        OSError: it is there and cannot be read.
    """
    try:
        snapshot = msgspec.json.decode(path.read_bytes(), type=Snapshot)
    except (FileNotFoundError, msgspec.MsgspecError, ValueError):
        return None
    return snapshot if snapshot.issuer == issuer else None
