"""What a request says about its sender: headers, credentials, address and language."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mapae.flows.visitor import Visitor
from mapae.web.answers import Scope
from mapae.web.cookies import ACCESS_COOKIE, DEVICE_COOKIE
from mapae.web.problems import LANGUAGES, Language
from mapae.web.refusals import CredentialsTwice, TokenMissing

USER_AGENT_LIMIT = 256
KNOWN_LIMIT = 512
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def header(scope: Scope, name: bytes) -> bytes | None:
    """Return the first field `name` (lower case), or None."""
    for field, value in scope["headers"]:
        if field == name:
            return value  # type: ignore[no-any-return]
    return None


def headers(scope: Scope, name: bytes) -> list[bytes]:
    """Return every field `name` (lower case) in order."""
    return [value for field, value in scope["headers"] if field == name]


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access token and how it travelled."""

    access_token: str
    carrier: Literal["header", "cookie"]


def read_credentials(scope: Scope) -> Credentials:
    """Return the access token of a request.

    Raises:
        TokenMissing: there is none; other schemes than Bearer do not count.
        CredentialsTwice: there is more than one, which hides whose request it is (RFC 6750 §2).

    Source: RFC 6750 §2.1, RFC 9110 §11.4.
    """
    bearer: str | None = None
    cookie: str | None = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            if bearer is not None:
                raise CredentialsTwice
            bearer = _bearer(value)
        elif name == b"cookie":
            for found in cookie_values(value, ACCESS_COOKIE):
                if cookie is not None and cookie != found:
                    raise CredentialsTwice
                cookie = found
    if bearer:
        if cookie:
            raise CredentialsTwice
        return Credentials(bearer, "header")
    if cookie:
        return Credentials(cookie, "cookie")
    raise TokenMissing


def read_bearer(scope: Scope) -> str:
    """Return the access token in the `Authorization` field; cookies do not count.

    Raises:
        TokenMissing: there is none; other schemes than Bearer do not count.
        CredentialsTwice: there is more than one such field.
    """
    fields = headers(scope, b"authorization")
    if len(fields) > 1:
        raise CredentialsTwice
    if not fields or not (token := _bearer(fields[0])):
        raise TokenMissing
    return token


def _bearer(field: bytes) -> str:
    scheme, _, token = field.partition(b" ")
    if scheme.lower() != b"bearer":
        return ""
    return token.strip().decode("latin-1")


def cookie_values(field: bytes, name: bytes) -> Iterator[str]:
    """Yield the values of the cookie `name` in a `Cookie` field (RFC 6265 §4.2.1)."""
    if name not in field:
        return
    for pair in field.split(b";"):
        found, _, value = pair.strip().partition(b"=")
        if found == name:
            yield value.decode("latin-1")


def read_cookie(scope: Scope, name: bytes) -> str | None:
    """Return the cookie `name`, or None when it is absent or empty.

    Raises:
        CredentialsTwice: the request carries it twice with different values.
    """
    values = {value for field in headers(scope, b"cookie") for value in cookie_values(field, name)}
    if len(values) > 1:
        raise CredentialsTwice
    return next(iter(values), None) or None


def read_visitor(scope: Scope, *, trusted_proxies: Sequence[Network] = ()) -> Visitor:
    """Return who is calling, as far as the network tells."""
    user_agent = header(scope, b"user-agent")
    return Visitor(
        client_address(scope, trusted_proxies=trusted_proxies),
        "" if user_agent is None else user_agent[:USER_AGENT_LIMIT].decode("latin-1"),
        read_language(scope),
        _known(scope),
    )


def _known(scope: Scope) -> str:
    """Return the first device cookie, capped; a second one can only be a mistake and refuses nothing."""
    found = (value for field in headers(scope, b"cookie") for value in cookie_values(field, DEVICE_COOKIE))
    return next(found, "")[:KNOWN_LIMIT]


def client_address(scope: Scope, *, trusted_proxies: Sequence[Network]) -> str:
    """Return the IP address of the client: the nearest one that is not a trusted proxy.

    Only what trusted proxies added is believed, read from the right. When `X-Forwarded-For` and `Forwarded` (RFC 7239)
    disagree, one of them came from the client itself, so neither is believed.
    """
    peer = scope.get("client")
    if not peer:
        return ""
    if not trusted_proxies or not _is_trusted(peer[0], trusted_proxies):
        return str(peer[0])
    found = {
        address
        for chain in (_x_forwarded_for(scope), _forwarded(scope))
        if chain and (address := _nearest_stranger(chain, trusted_proxies)) is not None
    }
    return found.pop() if len(found) == 1 else str(peer[0])


def _nearest_stranger(chain: Sequence[str], trusted_proxies: Sequence[Network]) -> str | None:
    for text in reversed(chain):
        address = _address(text)
        if address is None:
            return None
        if not _is_trusted(str(address), trusted_proxies):
            return str(address)
    return None


def _x_forwarded_for(scope: Scope) -> list[str]:
    fields = headers(scope, b"x-forwarded-for")
    return [hop for field in fields for hop in field.decode("latin-1").split(",")]


def _forwarded(scope: Scope) -> list[str]:
    chain = []
    for hop in b",".join(headers(scope, b"forwarded")).decode("latin-1").split(","):
        for pair in hop.split(";"):
            name, _, value = pair.strip().partition("=")
            if name.lower() == "for":
                chain.append(value.strip('"'))
    return chain


def _address(text: str) -> Address | None:
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_trusted(text: str, trusted_proxies: Sequence[Network]) -> bool:
    address = _address(text)
    return address is not None and any(address in network for network in trusted_proxies)


def read_language(scope: Scope) -> Language:
    """Return the language that `Accept-Language` prefers, English when it names none of ours (RFC 9110 §12.5.4)."""
    field = header(scope, b"accept-language")
    if field is None:
        return "en"
    best: Language = "en"
    best_weight = 0.0
    for choice in field[:512].decode("latin-1").lower().split(","):
        tag, _, parameters = choice.partition(";")
        language = tag.strip().partition("-")[0]
        weight = _weight(parameters)
        for known in LANGUAGES:
            if language == known and weight > best_weight:
                best, best_weight = known, weight
    return best


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
