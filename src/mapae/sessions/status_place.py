"""The place of a session in the token status lists, written into its id.

The id of a session that has a place is 6 random bytes, the place masked by them (3 bytes of list, 3 of index), and a
tag of 4 bytes; to everybody without the key it is as random as any other. So the place needs no column and no look-up,
and an id that was made without one is told from it by its tag.

Source: draft-ietf-oauth-status-list §4 (the list), §13.2 (places must not tell who came after whom).
"""

from __future__ import annotations

import hmac
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from hmac import compare_digest

from mapae.errors import Malformed
from mapae.jose import base64url

LIST_SIZE = 1 << 17
"""Places of one list: 16 KiB before it is packed."""
BLOCK_SIZE = 1 << 10
"""Places that a process claims at once."""
BLOCKS = LIST_SIZE // BLOCK_SIZE
NONCE_BYTES = 6
MOST_LISTS = 1 << 24


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of one list."""

    list: int
    index: int


def write_sid(place: Place, nonce: bytes, key: bytes) -> str:
    """Return the id of a session at `place`.

    Args:
        nonce: 6 random bytes.

    Raises:
        ValueError: `nonce` has another length, or there can be no such place.
    """
    if len(nonce) != NONCE_BYTES or not (0 <= place.list < MOST_LISTS and 0 <= place.index < LIST_SIZE):
        raise ValueError("a place has a list, an index and six random bytes")
    plain = place.list.to_bytes(3, "big") + place.index.to_bytes(3, "big")
    body = nonce + _masked(plain, nonce, key)
    return base64url.encode(body + _tag(body, key))


def read_place(sid: str, key: bytes) -> Place | None:
    """Return the place that an id tells; None for an id without one."""
    try:
        raw = base64url.decode(sid, "sid")
    except Malformed:
        return None
    body, tag = raw[:12], raw[12:]
    if len(raw) != 16 or not compare_digest(tag, _tag(body, key)):
        return None
    plain = _masked(body[NONCE_BYTES:], body[:NONCE_BYTES], key)
    return Place(int.from_bytes(plain[:3], "big"), int.from_bytes(plain[3:], "big"))


def packed(revoked: Iterable[int]) -> str:
    """Return a list of one bit for each place, as it stands in the member `lst` (§4.1)."""
    octets = bytearray(LIST_SIZE // 8)
    for index in revoked:
        octets[index >> 3] |= 1 << (index & 7)
    return base64url.encode(zlib.compress(octets, 9))


def _masked(octets: bytes, nonce: bytes, key: bytes) -> bytes:
    mask = hmac.digest(key, b"mask" + nonce, "sha256")
    return bytes(one ^ other for one, other in zip(octets, mask[: len(octets)], strict=True))


def _tag(body: bytes, key: bytes) -> bytes:
    return hmac.digest(key, b"tag" + body, "sha256")[:4]
