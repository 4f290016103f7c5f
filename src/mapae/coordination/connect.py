"""Connections to a Valkey or Redis server: bounded in time, never tried again behind our back."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from valkey.asyncio import Sentinel, Valkey
from valkey.exceptions import AuthenticationError, NoPermissionError, ResponseError, TimeoutError, ValkeyError  # noqa: A004

from mapae.settings.board_url import BoardAddress

ANSWER_SECONDS = 1.0
"""How long one answer may take, also that of connecting."""
FAILURES = (ValkeyError, OSError, asyncio.TimeoutError, ValueError)
"""What a server that is absent, slow, dying or wrong raises; ValueError is an answer in another protocol."""


class Server:
    """One server, or the one that Sentinels name now; each connection asks them anew."""

    __slots__ = ("_sentinels", "client")

    def __init__(self, address: BoardAddress, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        """Prepare; nothing is connected yet."""
        limits: dict[str, Any] = {"socket_timeout": answer_seconds, "socket_connect_timeout": answer_seconds}
        if address.secure:
            ca = None if address.ca is None else str(address.ca)
            limits |= {"ssl": True, "ssl_check_hostname": True, "ssl_ca_certs": ca}
        login: dict[str, Any] = {"username": address.username, "password": address.password, "db": address.database}
        self._sentinels: list[Valkey] = []
        if address.service is not None:
            asking = {"password": address.sentinel_password, **limits}
            sentinels = Sentinel(address.hosts, sentinel_kwargs=asking, **limits)  # type: ignore[no-untyped-call]
            self._sentinels = sentinels.sentinels
            self.client: Valkey = sentinels.master_for(address.service, **login)
        elif address.socket is not None:
            self.client = Valkey(unix_socket_path=address.socket, **login, **limits)
        else:
            ((host, port),) = address.hosts
            self.client = Valkey(host=host, port=port, **login, **limits)

    async def close(self) -> None:
        """Let go of every connection."""
        for client in (self.client, *self._sentinels):
            with suppress(Exception):  # whatever it is, it is over
                await client.aclose(close_connection_pool=True)


def in_words(error: BaseException) -> str:
    """Say why the server cannot be used, without repeating anything it sent."""
    match error:
        case AuthenticationError():
            return "it refuses the user or the password"
        case NoPermissionError():
            return "its access rules do not let this user publish, subscribe, get, set and count under our prefix"
        case TimeoutError() | asyncio.TimeoutError():
            return "no answer in time"
        case ResponseError():
            return "it refuses the command"
        case OSError() if error.strerror:
            return error.strerror
        case ValueError():
            return "it does not speak the protocol of Valkey"
        case _:
            return "it cannot be reached"
