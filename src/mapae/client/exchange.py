"""One request to the service and its answer, with everything bounded: bytes, and the time in all."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from threading import Timer
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from mapae.errors import Malformed, ServiceUnreachable, in_words
from mapae.jose.strict_json import read_object

MOST_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask; always by POST.

    Attributes:
        path: below the address of the service.
        members: of the JSON body.
        bearer: the access token that says who asks; None where it does not matter.
    """

    path: str
    members: Mapping[str, str] = field(default_factory=dict, repr=False)
    bearer: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: the HTTP status.
        members: of the JSON body; none where it is something else.
        retry_after: the seconds of its Retry-After; 0 without one.
    """

    status: int
    members: Mapping[str, Any] = field(repr=False)
    retry_after: int


class Exchange:
    """Asks one service, over a new connection each time, without redirects, cookies or proxies."""

    __slots__ = ("_base", "_context", "_host", "_port", "_secure", "_timeout")

    def __init__(self, service: str, *, timeout: float, context: ssl.SSLContext | None) -> None:
        """Prepare to ask.

        Raises:
            ValueError: `service` is no https URL (http for this very machine), or has more than a path.
        """
        parts = urlsplit(service)
        self._secure = parts.scheme == "https"
        if not parts.hostname or parts.scheme not in {"https", "http"} or "@" in parts.netloc:
            raise ValueError("the service is an https URL with a host and without a password")
        if "?" in service or "#" in service:
            raise ValueError("the address of a service has no query and no fragment")
        if not self._secure and not _is_this_machine(parts.hostname):
            raise ValueError("a password travels by https only; http is for this very machine")
        self._host, self._port = parts.hostname, parts.port
        self._base = parts.path.rstrip("/")
        self._timeout, self._context = timeout, context

    def __call__(self, request: Request) -> Answer:
        """Return the answer of the service, whatever its status.

        Raises:
            ServiceUnreachable: there is none, or it is larger or slower than allowed.
        """
        try:
            return self._ask(request)
        except ssl.SSLError:
            raise ServiceUnreachable("the service has no certificate that is trusted for its name") from None
        except (OSError, HTTPException, ValueError) as error:
            raise ServiceUnreachable(f"the service gave no complete answer ({in_words(error)})") from None

    def _ask(self, request: Request) -> Answer:
        until = monotonic() + self._timeout
        if self._secure:
            context = self._context or ssl.create_default_context()
            line: HTTPConnection = HTTPSConnection(self._host, self._port, timeout=self._timeout, context=context)
        else:
            line = HTTPConnection(self._host, self._port, timeout=self._timeout)
        try:
            line.connect()
            ending = Timer(max(0.001, until - monotonic()), _cut, [line.sock])  # however slowly the other side drips
            ending.daemon = True
            ending.start()
            try:
                return _exchanged(line, self._base, request)
            finally:
                ending.cancel()
        finally:
            line.close()


def _exchanged(line: HTTPConnection, base: str, request: Request) -> Answer:
    fields = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "mapae-client"}
    fields["Content-Type"] = "application/json"
    if request.bearer is not None:
        fields["Authorization"] = f"Bearer {request.bearer}"
    body = json.dumps(dict(request.members)).encode() if request.members else b""
    line.request("POST", base + request.path, body, fields)
    response = line.getresponse()
    content = response.read(MOST_BYTES + 1)
    if response.length or len(content) > MOST_BYTES:
        raise HTTPException  # cut short, or too long
    said = response.headers.get("retry-after", "")
    retry_after = int(said) if said.isascii() and said.isdecimal() and len(said) < 7 else 0
    return Answer(response.status, _members(content), retry_after)


def _members(content: bytes) -> Mapping[str, Any]:
    try:
        return read_object(content, "answer")
    except Malformed:
        return {}


def _cut(line: socket.socket) -> None:
    with suppress(OSError):
        socket.socket.shutdown(line, socket.SHUT_RDWR)  # below TLS, which another thread is using


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
