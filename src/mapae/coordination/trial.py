"""Try a board once, for whoever wants to know why it does not work."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from time import monotonic

from mapae.coordination.connect import ANSWER_SECONDS, FAILURES, Server, in_words
from mapae.settings.board_url import read_board_url


@dataclass(frozen=True, slots=True)
class Trial:
    """How it went.

    Attributes:
        place: where the board is, without user and password.
        seconds: how long a hint took from this process to itself.
        why: what is wrong; None where nothing is.
    """

    place: str
    seconds: float = 0.0
    why: str | None = None


async def try_board(url: str, *, prefix: str) -> Trial:
    """Connect, publish and hear it, on a channel that nobody else listens to.

    Raises:
        ValueError: the URL names no server.
    """
    address = read_board_url(url)
    server = Server(address)
    hearing = server.client.pubsub()
    channel = f"{{{prefix}}}:hint:{secrets.token_hex(8)}"
    try:
        async with asyncio.timeout(3 * ANSWER_SECONDS):
            await hearing.subscribe(channel)
            sent = None
            while True:
                kind = (await hearing.get_message(timeout=ANSWER_SECONDS) or {}).get("type")
                if kind == "subscribe":
                    sent = monotonic()
                    await server.client.publish(channel, b"")
                elif kind == "message" and sent is not None:
                    return Trial(address.shown, monotonic() - sent)
    except FAILURES as failure:
        return Trial(address.shown, why=in_words(failure))
    finally:
        await server.close()
