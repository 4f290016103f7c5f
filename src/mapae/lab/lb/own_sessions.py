"""How applications without Mapae usually know who asks: a memory of their own, a central store, or a plain JWT."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Protocol

import mapae
from mapae.errors import TokenError
from mapae.lab.lb.modes import NODE_COOKIE, SESSION_COOKIE, TOKEN_SECONDS, Letter
from mapae.web.answers import Scope
from mapae.web.head_lines import Header
from mapae.web.requests import read_bearer, read_cookie

Given = tuple[tuple[Header, ...], dict[str, object]]
"""What a sign-in answers: header fields, and the members of its body."""
ISSUER = "http://lab.localhost"
STORED_SECONDS = 3600
PREFIX = "mapae-lab:"
"""Begins every name in the central store."""


class Away(Exception):
    """The store does not answer, so nobody can tell who asks."""


class Sessions(Protocol):
    """One way of knowing who asks."""

    async def begin(self, user: str) -> Given:
        """Remember somebody who has just shown the right password, and return what the client is to show."""

    async def who(self, scope: Scope) -> str:
        """Return who asks.

        Raises:
            TokenError: a stranger.
            Away: the store does not answer.
        """

    async def end(self, scope: Scope) -> None:
        """Forget whoever asks, as far as this way can."""


def session_of(scope: Scope) -> str:
    """Return the session's name in the request's cookie.

    Raises:
        TokenError: there is none.
    """
    name = read_cookie(scope, SESSION_COOKIE.encode())
    if name is None:
        raise TokenError("no cookie of a session")
    return name


class InMemory:
    """Modes A and B: a dict in this process."""

    def __init__(self, node: str) -> None:
        """Remember nobody yet; `node` names this process to the balancer."""
        self._node = node
        self._users: dict[str, str] = {}

    async def begin(self, user: str) -> Given:
        """Remember the user under a random name."""
        name = secrets.token_urlsafe(24)
        self._users[name] = user
        return (cookie(SESSION_COOKIE, name), cookie(NODE_COOKIE, self._node)), {}

    async def who(self, scope: Scope) -> str:
        """Look into the dict."""
        user = self._users.get(session_of(scope))
        if user is None:
            raise TokenError("no such session here")
        return user

    async def end(self, scope: Scope) -> None:
        """Take it out of the dict, if it is this process's."""
        self._users.pop(session_of(scope), None)


class Central:
    """Mode C: every node asks one Valkey or Redis server, for every request."""

    def __init__(self, url: str) -> None:
        """Prepare a client; nothing is connected yet."""
        from valkey.asyncio import Valkey  # noqa: PLC0415 - of an extra that the other modes do without

        self._store: Valkey = Valkey.from_url(url, socket_timeout=1.0, socket_connect_timeout=1.0)

    async def begin(self, user: str) -> Given:
        """Write the user under a random name."""
        name = secrets.token_urlsafe(24)
        await self._store.set(PREFIX + name, user, ex=STORED_SECONDS)
        return (cookie(SESSION_COOKIE, name),), {}

    async def who(self, scope: Scope) -> str:
        """Ask the store."""
        from valkey.exceptions import ValkeyError  # noqa: PLC0415

        name = session_of(scope)
        try:
            user = await self._store.get(PREFIX + name)
        except (ValkeyError, OSError):
            raise Away from None
        if user is None:
            raise TokenError("no such session")
        return str(user, "utf-8")

    async def end(self, scope: Scope) -> None:
        """Delete it from the store."""
        await self._store.delete(PREFIX + session_of(scope))


class Plain:
    """Mode D: a JWT that any node can check, and nobody can take back."""

    def __init__(self, key: mapae.Key) -> None:
        """Sign and verify with `key`."""
        self._signer = mapae.Signer(key, issuer=ISSUER, audience=ISSUER, lifetime=TOKEN_SECONDS)
        self._verifier = mapae.Verifier(key.public(), issuer=ISSUER, audience=ISSUER)

    async def begin(self, user: str) -> Given:
        """Sign a token."""
        return (), {"access_token": self._signer.sign({"sub": user})}

    async def who(self, scope: Scope) -> str:
        """Verify it."""
        return str(self._verifier.verify(read_bearer(scope)).sub)

    async def end(self, scope: Scope) -> None:
        """Do nothing: there is nothing to forget."""
        del scope


def cookie(name: str, value: str) -> Header:
    """Return the header field that sets a cookie."""
    return b"set-cookie", f"{name}={value}; Path=/; HttpOnly; SameSite=Lax".encode()


def sessions_for(letter: Letter, *, name: str, valkey: str, key: str) -> Sessions:
    """Return how a node of mode A, B, C or D knows who asks."""
    match letter:
        case "C":
            return Central(valkey)
        case "D":
            return Plain(mapae.Key.from_jwk(json.loads(Path(key).read_text())))
        case _:
            return InMemory(name)
