"""Places in token status lists for new sessions, and the signed lists that say which sessions were ended.

There is no sequence. A process claims a block of places, at random and refused by a key where somebody was faster, once
in a thousand sign-ins; in between it hands places out from memory, in an order of its own.

Source: draft-ietf-oauth-status-list.
"""

from __future__ import annotations

import secrets

import msgspec

from mapae.flows.service import Service
from mapae.jose.jws import sign_octets
from mapae.jose.status_list import TYP
from mapae.sessions.status_place import (
    BLOCK_SIZE,
    BLOCKS,
    MOST_LISTS,
    NONCE_BYTES,
    Place,
    packed,
    read_place,
    write_sid,
)
from mapae.storage import status_blocks

PATH = "/v1/status-lists"
TTL = 30
"""Seconds after which a list is fetched again."""
LIFETIME = 300
"""Seconds for which a list may be used at all."""
_TRIES = 64
_DAY_MS = 86_400_000
_dice = secrets.SystemRandom()


class _Packed(msgspec.Struct, frozen=True):
    bits: int
    lst: str


class _ListClaims(msgspec.Struct, frozen=True):
    sub: str
    iat: int
    exp: int
    ttl: int
    status_list: _Packed
    iss: str
    aggregation_uri: str


async def ready_place(service: Service) -> None:
    """Make sure that `new_sid` has a place to give, where sessions have one.

    Raises:
        StorageFailed: the database cannot be written.
    """
    lists = service.status_lists
    if not service.settings.status_lists or _has_places(service):
        return
    async with lists.turn:
        if not _has_places(service):
            await _claim(service)


def _has_places(service: Service) -> bool:
    lists = service.status_lists
    return bool(lists.places) and service.now_ms() < lists.ends_ms


async def _claim(service: Service) -> None:
    now_ms = service.now_ms()
    free_ms = now_ms + service.settings.absolute_ttl * 1000 + 2 * _DAY_MS
    known = await status_blocks.load_lists(service.database)
    wide = min(MOST_LISTS, max(known, default=0) + 1)
    for number in range(_TRIES):
        # Where many blocks are taken, a list more is looked into with each try.
        chosen, block = _dice.randrange(min(MOST_LISTS, wide + number // 4)), _dice.randrange(BLOCKS)
        if await status_blocks.claim_block(service.database, chosen, block, free_ms=free_ms):
            first = block * BLOCK_SIZE
            places = [Place(chosen, first + at) for at in range(BLOCK_SIZE)]
            _dice.shuffle(places)
            service.status_lists.places, service.status_lists.ends_ms = places, now_ms + _DAY_MS
            return


def new_sid(service: Service) -> str | None:
    """Return the id of a new session with a place of its own; None where sessions have none."""
    if not service.settings.status_lists or not _has_places(service):
        return None
    lists = service.status_lists
    return write_sid(lists.places.pop(), secrets.token_bytes(NONCE_BYTES), lists.key)


def status_claim(service: Service, sid: str) -> dict[str, object]:
    """Return the claim `status` of a session's access tokens (§6.1); nothing where it has no place."""
    place = read_place(sid, service.status_lists.key) if service.settings.status_lists else None
    if place is None:
        return {}
    return {"status": {"status_list": {"idx": place.index, "uri": uri_of(service, place.list)}}}


def uri_of(service: Service, number: int) -> str:
    """Return the address of a list, which is also its name."""
    return f"{service.settings.issuer}{PATH}/{number}"


async def list_uris(service: Service) -> list[str]:
    """Return the addresses of all lists (§9.3).

    Raises:
        StorageFailed: the database cannot be read.
    """
    return [uri_of(service, number) for number in await status_blocks.load_lists(service.database)]


async def signed_list(service: Service, number: int) -> str | None:
    """Return a list as a signed token of the kind `statuslist+jwt`; None where there is no such list.

    Everybody is given the same one until a session ends or half of its `ttl` has passed.

    Raises:
        StorageFailed: the database cannot be read.
    """
    async with service.status_lists.signing:  # those who come at the same time share one
        if (known := _known(service, number)) is not None:
            return known
        if number not in await status_blocks.load_lists(service.database):
            return None
        return await _signed(service, number)


def _known(service: Service, number: int) -> str | None:
    known = service.status_lists.signed.get(number)
    fresh = known is not None and known[0] == service.revocations.head and service.now_ms() < known[1]
    return known[2] if known is not None and fresh else None


async def _signed(service: Service, number: int) -> str:
    lists, now_ms, head = service.status_lists, service.now_ms(), service.revocations.head
    ended = [read_place(sid, lists.key) for sid in await status_blocks.load_ended(service.database)]
    claims = _ListClaims(
        sub=uri_of(service, number),
        iat=now_ms // 1000,
        exp=now_ms // 1000 + LIFETIME,
        ttl=TTL,
        status_list=_Packed(1, packed(place.index for place in ended if place is not None and place.list == number)),
        iss=service.settings.issuer,
        aggregation_uri=f"{service.settings.issuer}{PATH}",
    )
    key = service.keyring.signing(now_ms)
    text = sign_octets(msgspec.json.encode(claims), key, header={"typ": TYP})  # type: ignore[arg-type]
    lists.signed[number] = head, now_ms + TTL * 500, text
    return text
