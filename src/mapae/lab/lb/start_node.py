"""A process of its own for one node: `python -m mapae.lab.lb.start_node FILE`, where a `NodePlan` stands in JSON."""

from __future__ import annotations

import asyncio
import os
import sys
from importlib import import_module
from pathlib import Path

import msgspec
import uvicorn

from mapae.lab.lb.modes import MODES
from mapae.lab.lb.node import Node, NodePlan
from mapae.lab.servers import HOST
from mapae.web import event_loop
from mapae.web.http_protocol import PoliteHttp

ORPHAN_SECONDS = 0.5
"""How often a node looks whether the experiment that started it is still there."""


def node_for(plan: NodePlan) -> Node:
    """Return the node that `plan` describes; what the other modes need is not loaded."""
    kind = "mapae_node" if MODES[plan.letter].mapae else "own_node"
    node: Node = getattr(import_module(f"mapae.lab.lb.{kind}"), kind)(plan)
    return node


async def serve(plan: NodePlan) -> None:
    """Serve until a signal comes, or the experiment is gone."""
    config = uvicorn.Config(
        node_for(plan),
        host=HOST,
        port=plan.port,
        http=PoliteHttp,
        ws="none",
        loop="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )
    server, parent = uvicorn.Server(config), os.getppid()

    async def until_orphaned() -> None:
        while os.getppid() == parent:  # noqa: ASYNC110 - nobody tells an orphan
            await asyncio.sleep(ORPHAN_SECONDS)
        server.should_exit = True

    watching = asyncio.create_task(until_orphaned())
    await server.serve()
    watching.cancel()


if __name__ == "__main__":
    event_loop.run(serve(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=NodePlan)))
