"""A node of modes A to D: it checks passwords and keeps sessions itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from mapae.accounts.hashing import Hashing, check
from mapae.lab.lb.modes import BCRYPT_COST, READY_PATH, SIGN_IN_PATH, SIGN_OUT_PATH
from mapae.lab.lb.node import Node, NodePlan, answer, json_of
from mapae.lab.lb.own_sessions import Sessions, sessions_for
from mapae.web.answers import Answer, Receive, Scope, Send
from mapae.web.bodies import read_body

HASHING = Hashing(bcrypt_cost=BCRYPT_COST)


class SignInBody(msgspec.Struct, frozen=True):
    """What a sign-in brings."""

    email: str
    password: str


class OwnNode(Node):
    """A small application with sessions of its own."""

    def __init__(self, name: str, sessions: Sessions, hashes: dict[str, str]) -> None:
        """Prepare a node with these sessions, and the hashes of the passwords by e-mail."""
        super().__init__(name)
        self._sessions, self._hashes = sessions, hashes

    async def who(self, scope: Scope) -> str:
        """Ask the sessions."""
        return await self._sessions.who(scope)

    async def other(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sign in, sign out, or say that this node is ready."""
        match scope["method"], scope["path"]:
            case "POST", path if path == SIGN_IN_PATH:
                given = await self._sign_in(scope, receive)
            case "POST", path if path == SIGN_OUT_PATH:
                await self._sessions.end(scope)
                given = Answer(204)
            case "GET", path if path == READY_PATH:
                given = json_of(200, {"ready": True})
            case _:
                given = json_of(404, {"error": "nothing here"})
        await answer(send, given)

    async def _sign_in(self, scope: Scope, receive: Receive) -> Answer:
        body = msgspec.json.decode(await read_body(scope, receive), type=SignInBody)
        stored = self._hashes.get(body.email)
        verdict = await asyncio.to_thread(check, body.password, stored, HASHING)
        if not verdict.matches:
            return json_of(401, {"error": "who are you?"})
        headers, members = await self._sessions.begin(body.email)
        return json_of(200, members, *headers)


def own_node(plan: NodePlan) -> Node:
    """Return the node that `plan` describes."""
    hashes = msgspec.json.decode(Path(plan.accounts).read_bytes(), type=dict[str, str])
    return OwnNode(plan.name, sessions_for(plan.letter, name=plan.name, valkey=plan.valkey, key=plan.key), hashes)
