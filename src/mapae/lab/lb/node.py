"""One node of the experiment: a small application that says who asks. `start_node.py` runs it.

It is the same for all six ways; they differ in `who`. In modes A to D it keeps the sessions, or signs the tokens,
itself, as such applications are usually written (`own_node`). In modes E and F the whole of Mapae is mounted in it
(`mapae_node`).
"""

from __future__ import annotations

import msgspec

from mapae.errors import MapaeError, StorageFailed
from mapae.lab.lb.modes import COUNTS_PATH, WHO_PATH, Letter
from mapae.lab.lb.own_sessions import Away
from mapae.web.answers import JSON_TYPE, NO_STORE, Answer, Receive, Scope, Send
from mapae.web.head_lines import Header


class NodePlan(msgspec.Struct, frozen=True):
    """What the experiment tells a node.

    Attributes:
        accounts: the file with the hash of everybody's password, by e-mail (A to D).
        key: the file with the key that signs tokens (D).
        valkey: the URL of the store (C).
    """

    letter: Letter
    name: str
    port: int
    accounts: str = ""
    key: str = ""
    valkey: str = ""


class Node:
    """An ASGI application: `GET /who` says who asks; the rest is for signing in and out, and for the experiment."""

    def __init__(self, name: str) -> None:
        """Prepare a node that calls itself `name`."""
        self.name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or follow the server's start and end (ASGI)."""
        if scope["type"] == "lifespan":
            await self.live(receive, send)
        elif scope["path"] == WHO_PATH:
            await answer(send, await self._who(scope))
        elif scope["path"] == COUNTS_PATH:
            await answer(send, json_of(200, {"database": self.database_operations}))
        else:
            await self.other(scope, receive, send)

    async def _who(self, scope: Scope) -> Answer:
        try:
            user = await self.who(scope)
        except (Away, StorageFailed):
            return json_of(503, {"error": "the store does not answer"})
        except MapaeError:
            return json_of(401, {"error": "who are you?"})
        return json_of(200, {"user": user, "node": self.name})

    @property
    def database_operations(self) -> int:
        """How often this node has asked a database anything."""
        return 0

    async def who(self, scope: Scope) -> str:
        """Return who asks.

        Raises:
            TokenError: a stranger.
            Away, StorageFailed: nobody can tell now.
        """
        raise NotImplementedError

    async def other(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer everything else."""
        raise NotImplementedError

    async def live(self, receive: Receive, send: Send) -> None:
        """Follow the server's start and end."""
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})


def json_of(status: int, members: dict[str, object], *headers: Header) -> Answer:
    """Return an answer in JSON."""
    return Answer(status, msgspec.json.encode(members), (JSON_TYPE, NO_STORE, *headers))


async def answer(send: Send, given: Answer) -> None:
    """Send an answer."""
    length = (b"content-length", str(len(given.body)).encode())
    await send({"type": "http.response.start", "status": given.status, "headers": [*given.headers, length]})
    await send({"type": "http.response.body", "body": given.body})
