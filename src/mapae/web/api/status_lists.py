"""GET /v1/status-lists and /v1/status-lists/{number}: which sessions were ended, one bit for each, for anybody."""

from __future__ import annotations

import msgspec

from mapae.flows.status_lists import TTL, list_uris, signed_list
from mapae.web.answers import JSON_TYPE, Answer
from mapae.web.calls import Call
from mapae.web.head_lines import Header
from mapae.web.refusals import NotReady, PathUnknown

_ANY_ORIGIN: Header = (b"access-control-allow-origin", b"*")
_SHARED: Header = (b"cache-control", f"public, max-age={TTL // 2}".encode())
_TYPE: Header = (b"content-type", b"application/statuslist+jwt")
_LONGEST_NUMBER = 8


class StatusListUris(msgspec.Struct, frozen=True):
    """The addresses of all token status lists of this issuer."""

    status_lists: list[str]


async def show_all(call: Call) -> Answer:
    """Return the addresses of all lists; there is no such document where sessions have no status."""
    if not call.service.settings.status_lists:
        raise PathUnknown
    uris = StatusListUris(await list_uris(call.service))
    return Answer(200, msgspec.json.encode(uris), (JSON_TYPE, _SHARED, _ANY_ORIGIN))


async def show_one(call: Call) -> Answer:
    """Return one signed list."""
    service, number = call.service, call.parameters["number"]
    if (
        not service.settings.status_lists
        or not (number.isascii() and number.isdigit())
        or len(number) > _LONGEST_NUMBER
    ):
        raise PathUnknown
    if not service.feed.readings:
        raise NotReady
    text = await signed_list(service, int(number))
    if text is None:
        raise PathUnknown
    return Answer(200, text.encode(), (_TYPE, _SHARED, _ANY_ORIGIN))
