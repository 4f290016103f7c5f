"""One request and one answer, with everything bounded: addresses, bytes, and the time in all."""

from __future__ import annotations

import io
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse
from time import monotonic
from typing import Any, Protocol

from mapae.errors import KeySourceError, in_words
from mapae.remote.addresses import AddressRule, Resolver, Target, read_url


@dataclass(frozen=True, slots=True)
class Request:
    """What to fetch.

    Attributes:
        url: the address.
        etag: the validator of the answer at hand, for If-None-Match.
        timeout: seconds in all, from the name to the last octet.
        max_bytes: how much of an answer may be read.
        what: what is fetched, for messages.
    """

    url: str
    etag: str | None
    timeout: float
    max_bytes: int
    what: str = "key set"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: the HTTP status.
        headers: the header fields, names in lower case.
        body: the octets, not compressed.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Fetcher(Protocol):
    """What fetches: `Fetch`, or your own, behind a proxy for example."""

    def __call__(self, request: Request) -> Answer:
        """Return the answer of the server, whatever its status; follow no redirect.

        Raises:
            KeySourceError: there is none.
            OSError: there is none.
        """


def system_resolver(host: str, port: int) -> list[str]:
    """Ask the system for the addresses of a host."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Fetch:
    """Fetches by https, from the public Internet, without redirects, cookies, proxies or compression."""

    __slots__ = ("_context", "_headers", "_resolve", "_rule")

    def __init__(
        self,
        rule: AddressRule | None = None,
        *,
        resolve: Resolver = system_resolver,
        context: ssl.SSLContext | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare to fetch.

        Args:
            rule: the addresses that are accepted.
            resolve: finds the addresses of a host.
            context: the certificates that are trusted; the system's when left out.
            headers: further header fields of every request.
        """
        self._rule = rule or AddressRule()
        self._resolve = resolve
        self._context = context
        self._headers = dict(headers or {})

    def __call__(self, request: Request) -> Answer:
        """Return the answer of the server.

        Raises:
            KeySourceError: the address is refused, the server cannot be reached, or its answer is larger or slower
                than allowed, compressed, or no HTTP.
        """
        deadline = monotonic() + request.timeout
        try:
            target = read_url(request.url)
            line = self._connect(target, deadline)
        except ssl.SSLError:
            why = f"the {request.what}'s server has no certificate that is trusted for its name"
            raise KeySourceError(why) from None
        except (OSError, ValueError) as error:
            why = f"the {request.what}'s server cannot be reached ({in_words(error)})"
            raise KeySourceError(why) from None
        try:
            return _exchange(line, target, request, self._headers)
        except (OSError, HTTPException, ValueError) as error:
            why = f"the {request.what}'s server gave no complete answer ({in_words(error)})"
            raise KeySourceError(why) from None
        finally:
            line.end()

    def _connect(self, target: Target, deadline: float) -> _Line:
        addresses = self._rule.judge(target, self._resolve(target.host, target.port))
        failed: OSError | None = None
        for address in addresses:
            try:
                line = socket.create_connection((address, target.port), timeout=_left(deadline))
            except OSError as error:
                failed = error
                continue
            try:
                if target.secure:
                    context = self._context or ssl.create_default_context()
                    line.settimeout(_left(deadline))
                    line = context.wrap_socket(line, server_hostname=target.host)
            except BaseException:
                line.close()
                raise
            return _Line(line, deadline)
        raise failed or OSError("no address")


class _Line:
    """A connection that ends at its deadline, however slowly the other side drips."""

    def __init__(self, line: socket.socket, deadline: float) -> None:
        self._line = line
        self._deadline = deadline

    def makefile(self, *_: object) -> io.BufferedReader:
        return io.BufferedReader(_Octets(self))

    def receive(self, buffer: memoryview) -> int:
        self._line.settimeout(_left(self._deadline))
        return self._line.recv_into(buffer)

    def sendall(self, octets: bytes) -> None:
        self._line.settimeout(_left(self._deadline))
        self._line.sendall(octets)

    def close(self) -> None:
        """Do nothing yet: HTTPConnection closes its end before the answer is read."""

    def end(self) -> None:
        self._line.close()


class _Octets(io.RawIOBase):
    """What is read from a line."""

    def __init__(self, line: _Line) -> None:
        self._line = line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 (what the class above it says)
        return self._line.receive(buffer)


def _exchange(line: _Line, target: Target, request: Request, more: Mapping[str, str]) -> Answer:
    connection = HTTPConnection(target.host, target.port)
    connection.sock = line  # it has what HTTPConnection uses of a socket
    connection.putrequest("GET", target.path, skip_host=True, skip_accept_encoding=True)
    connection.putheader("Host", target.authority)
    connection.putheader("Accept", "application/jwk-set+json, application/json")
    connection.putheader("Accept-Encoding", "identity")
    connection.putheader("Connection", "close")
    for name, value in ({"User-Agent": "mapae"} | dict(more)).items():
        connection.putheader(name, value)
    if request.etag is not None:
        connection.putheader("If-None-Match", request.etag)
    connection.endheaders()
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, _body(response, headers, request))


def _body(response: HTTPResponse, headers: Mapping[str, str], request: Request) -> bytes:
    most, what = request.max_bytes, request.what
    if response.status != 200:
        return b""
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise KeySourceError(f"the answer of the {what}'s server is compressed, which nobody has asked for")
    length = headers.get("content-length", "")
    declared = int(length) if re.fullmatch(r"[0-9]{1,19}", length) else 0
    body = b"" if declared > most else response.read(most + 1)
    if max(declared, len(body)) > most:
        raise KeySourceError(f"the answer of the {what}'s server has more than {most} bytes")
    return body


def _left(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError("no complete answer in time")
    return left
