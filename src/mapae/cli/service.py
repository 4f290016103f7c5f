"""Run one thing inside the opened service, beside a server that may be running on the same files."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from mapae.flows.open_service import open_service
from mapae.flows.service import Service
from mapae.settings import Settings

T = TypeVar("T")


def inside(settings: Settings, work: Callable[[Service], Awaitable[T]]) -> T:
    """Open the service, do `work`, close it again and return the answer."""

    async def opened() -> T:
        async with open_service(settings) as service:
            return await work(service)

    return asyncio.run(opened())
