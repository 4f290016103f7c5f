"""Documents at fixed addresses: keys, metadata, whom to tell about a hole."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from mapae.flows.status_lists import PATH as STATUS_LISTS
from mapae.web.answers import JSON_TYPE, Answer
from mapae.web.api.fields import moment
from mapae.web.calls import Call
from mapae.web.head_lines import Header
from mapae.web.refusals import PathUnknown
from mapae.web.requests import header

JWKS_PATH = "/.well-known/jwks.json"
_SHARED: Header = (b"cache-control", b"public, max-age=300, stale-while-revalidate=86400")
_ANY_ORIGIN: Header = (b"access-control-allow-origin", b"*")
"""Public documents: scripts of any origin may read them."""
SECURITY_TXT_LIFE = timedelta(days=180)


async def show_keys(call: Call) -> Answer:
    """Return the public keys, so that anybody can verify tokens (RFC 7517 §5).

    The next key stands here long before it signs, so a copy kept for five minutes never lacks a key.
    """
    keyring = call.service.keyring
    etag = keyring.etag.encode()
    shared = (_SHARED, _ANY_ORIGIN, (b"etag", etag))
    if matches(header(call.scope, b"if-none-match"), etag):
        return Answer(304, headers=shared)
    return Answer(200, keyring.jwks, (JSON_TYPE, *shared))


def matches(field: bytes | None, etag: bytes) -> bool:
    """Say whether an `If-None-Match` field names `etag` (RFC 9110 §13.1.2)."""
    if field is None:
        return False
    return any(one.strip().removeprefix(b"W/") in {etag, b"*"} for one in field.split(b","))


class Metadata(msgspec.Struct, frozen=True):
    """What this issuer offers (RFC 8414 §2).

    It has no authorization endpoint and no grants yet, and says so: an absent `grant_types_supported` would claim two.
    """

    issuer: str
    jwks_uri: str
    service_documentation: str
    response_types_supported: list[str] = []
    grant_types_supported: list[str] = []
    status_list_aggregation_endpoint: str | msgspec.UnsetType = msgspec.UNSET


async def show_metadata(call: Call) -> Answer:
    """Return what clients may find out about this issuer."""
    settings = call.service.settings
    issuer = settings.issuer
    metadata = Metadata(
        issuer,
        issuer + JWKS_PATH,
        f"{issuer}/openapi.json",
        status_list_aggregation_endpoint=issuer + STATUS_LISTS if settings.status_lists else msgspec.UNSET,
    )
    return Answer(200, msgspec.json.encode(metadata), (JSON_TYPE, _SHARED, _ANY_ORIGIN))


async def show_security_contact(call: Call) -> Answer:
    """Return whom to tell about a vulnerability (RFC 9116); there is no such document without a contact."""
    settings = call.service.settings
    if settings.security_contact is None:
        raise PathUnknown
    expires = moment(call.service.now_ms()) + SECURITY_TXT_LIFE
    lines = (
        f"Contact: {settings.security_contact}",
        f"Expires: {expires:%Y-%m-%dT00:00:00Z}",
        "Preferred-Languages: en, ko",
        f"Canonical: {settings.issuer}/.well-known/security.txt",
    )
    body = "".join(f"{line}\n" for line in lines).encode()
    return Answer(200, body, ((b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"max-age=86400")))
