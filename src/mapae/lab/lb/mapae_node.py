"""A node of modes E and F: the same small application, with the whole of Mapae mounted in it."""

from __future__ import annotations

import os

from mapae.flows.authenticate import authenticate_async
from mapae.lab.lb.counted import Counted
from mapae.lab.lb.node import Node, NodePlan
from mapae.lab.lb.own_sessions import Away
from mapae.settings import load_settings
from mapae.web.answers import Receive, Scope, Send
from mapae.web.app import create_app
from mapae.web.requests import read_credentials


class MapaeNode(Node):
    """Mapae signs in and out, and knows who asks."""

    def __init__(self, name: str) -> None:
        """Prepare a node with the settings of this process's environment."""
        super().__init__(name)
        self._mapae = create_app(load_settings({}, os.environ, ()))
        self._database: Counted | None = None

    @property
    def database_operations(self) -> int:
        """How often Mapae has asked its database anything, in requests and beside them."""
        return 0 if self._database is None else self._database.operations

    async def who(self, scope: Scope) -> str:
        """Ask Mapae."""
        if self._mapae.service is None:
            raise Away
        principal = await authenticate_async(self._mapae.service, read_credentials(scope).access_token)
        return principal.account_id

    async def other(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Leave it to Mapae."""
        await self._mapae(scope, receive, send)

    async def live(self, receive: Receive, send: Send) -> None:
        """Open Mapae, and count from then on what is asked of its database."""
        await receive()
        async with self._mapae.running() as service:
            service.database = self._database = Counted(service.database)
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


def mapae_node(plan: NodePlan) -> Node:
    """Return the node that `plan` describes; its settings are in this process's environment."""
    return MapaeNode(plan.name)
