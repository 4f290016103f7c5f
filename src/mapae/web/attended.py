"""Know whether a caller still waits for the answer, so that nobody hashes for those who have gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from mapae.flows.visitor import Visitor
from mapae.web.answers import Receive


@asynccontextmanager
async def attended(visitor: Visitor, receive: Receive) -> AsyncIterator[Visitor]:
    """Give back `visitor`, whose `present` follows the connection as long as the work inside lasts.

    Args:
        receive: of the request, whose body was read (ASGI: what comes then is the end of the connection).
    """
    gone = asyncio.Event()
    watching = asyncio.create_task(_wait_for_the_end(receive, gone))
    try:
        yield replace(visitor, present=lambda: not gone.is_set())
    finally:
        watching.cancel()


async def _wait_for_the_end(receive: Receive, gone: asyncio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    gone.set()
