"""The experiment's own load balancer, for machines without HAProxy and nginx; slower than both, and as honest.

One process passes whole requests and answers on. It asks every node five times a second whether it is ready, sends a
`GET` that broke off to another node, and follows the cookie of a node where it is told to.
"""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import count

import msgspec

from mapae.lab.lb.line import Broken, Line
from mapae.lab.lb.modes import NODE_COOKIE, READY_PATH
from mapae.lab.servers import HOST, status_of
from mapae.web import event_loop

CHECK_SECONDS = 0.2
_AWAY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


class BalancerPlan(msgspec.Struct, frozen=True):
    """What the experiment tells the balancer: where to listen, the ports of the nodes, and whether cookies count."""

    port: int
    nodes: list[int]
    sticky: bool


class Balancer:
    """Requests in turn to whoever is ready."""

    def __init__(self, plan: BalancerPlan) -> None:
        """Begin with all nodes: the first check says who is there."""
        self._plan = plan
        self._ready = set(plan.nodes)
        self._turn = count()
        self._idle: dict[int, list[Line]] = {node: [] for node in plan.nodes}

    async def keep_checking(self) -> None:
        """Ask the nodes until the experiment is gone."""
        parent = os.getppid()
        while os.getppid() == parent:
            for node in self._plan.nodes:
                if await status_of(node, READY_PATH) == 200:
                    self._ready.add(node)
                else:
                    self._ready.discard(node)
            await asyncio.sleep(CHECK_SECONDS)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what comes over one connection."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(length_of(head))
                writer.write(await self._passed_on(head, body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _passed_on(self, head: bytes, body: bytes) -> bytes:
        tried: set[int] = set()
        while node := self._next(head, tried):
            tried.add(node)
            line = self._idle[node].pop() if self._idle[node] else Line(node)
            try:
                reply = await line.ask(head + body)
            except Broken:
                self._ready.discard(node)
                if head.startswith(b"GET "):
                    continue
                break
            self._idle[node].append(line)
            return reply.head + b"\r\n\r\n" + reply.body
        return _AWAY

    def _next(self, head: bytes, tried: set[int]) -> int | None:
        nodes = [node for node in self._plan.nodes if node in self._ready and node not in tried]
        if not nodes:
            return None
        if self._plan.sticky:
            for number, node in enumerate(self._plan.nodes, 1):
                if node in nodes and f"{NODE_COOKIE}=n{number}".encode() in head:
                    return node
        return nodes[next(self._turn) % len(nodes)]


def length_of(head: bytes) -> int:
    """Return how long the body of a request with this head is."""
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


async def run(plan: BalancerPlan) -> None:
    """Serve until the experiment ends this process, or is gone itself."""
    balancer = Balancer(plan)
    async with await asyncio.start_server(balancer.serve, HOST, plan.port):
        await balancer.keep_checking()


if __name__ == "__main__":
    event_loop.run(run(msgspec.json.decode(sys.argv[1], type=BalancerPlan)))
