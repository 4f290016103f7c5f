"""What one process keeps of the token status lists."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from mapae.sessions.status_place import Place


@dataclass(slots=True)
class StatusLists:
    """What this process keeps of the lists.

    Attributes:
        key: masks places in the ids of sessions.
        places: claimed, and not handed out yet.
        ends_ms: until when new sessions may take them.
        turn: whoever claims a block.
        signing: whoever signs a list.
        signed: lists that were signed, by number: as of which position in the feed, until when, and their text.
    """

    key: bytes
    places: list[Place] = field(default_factory=list)
    ends_ms: int = 0
    signed: dict[int, tuple[int, int, str]] = field(default_factory=dict)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    signing: asyncio.Lock = field(default_factory=asyncio.Lock)
