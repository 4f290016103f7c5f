"""Say what is odd about a token, without any library for tokens: the classes that a disagreement about it belongs to.

A token without any oddity is ordinary, and then all libraries have to agree.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from math import isfinite
from typing import Any

NOW = 1_800_000_000
LEEWAY = 5
_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
_LAST = {2: frozenset("AQgw"), 3: frozenset("AEIMQUYcgkosw048")}
_DATES = ("exp", "nbf", "iat")


def oddities(token: str, alg: str) -> tuple[str, ...]:
    """Name the classes of a token that is for a key with this algorithm, in the order of `ORDER`."""
    found = set(_oddities(token, alg))
    return tuple(name for name in ORDER if name in found)


ORDER = (
    "serialization", "surrogate-text", "segments", "characters", "padding", "unused-bits", "encoding", "json",
    "duplicate", "surrogate", "depth", "size", "crit", "b64", "encrypted", "kid", "typ", "ignored", "date-type",
    "date-range", "aud-type", "text-type", "not-yet", "issued-later", "last-second", "number", "signature-size",
)  # fmt: skip


def _oddities(token: str, alg: str) -> Iterator[str]:
    if token.lstrip().startswith("{"):
        yield "serialization"
        return
    if not _encodes(token):
        yield "surrogate-text"
        return
    segments = token.split(".")
    if len(segments) != 3 or not all(segments[:2]):
        yield "segments"
        return
    if _is_unencoded(_octets(segments[0])):
        yield "b64"  # the payload is what it is, and not base64url of anything
        return
    for segment in segments:
        yield from _of_segment(segment)
    if len(token) > 16384 or len(segments[0]) > 8192:
        yield "size"
    header, payload, signature = map(_octets, segments)
    yield from _of_json(header, _of_header)
    yield from _of_json(payload, _of_claims)
    if alg.startswith("ES") and len(signature) != 64:
        yield "signature-size"


def _is_unencoded(header: bytes) -> bool:
    """Say whether a header speaks of RFC 7797, in the way of that RFC."""
    try:
        members = json.loads(header.decode())
    except (ValueError, RecursionError):
        return False
    return isinstance(members, dict) and "b64" in members and members.get("crit") == ["b64"]


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _of_segment(segment: str) -> Iterator[str]:
    bare = segment.rstrip("=")
    if not _ALPHABET.issuperset(bare):
        yield "characters"
        return
    if bare != segment:
        yield "padding"
    rest = len(bare) % 4
    if rest == 1 or (rest in _LAST and bare[-1] not in _LAST[rest]):
        yield "unused-bits"


def _octets(segment: str) -> bytes:
    """Decode as forgivingly as anybody might."""
    kept = "".join(character for character in segment.replace("+", "-").replace("/", "_") if character in _ALPHABET)
    return base64.urlsafe_b64decode(kept[: len(kept) - (len(kept) % 4 == 1)] + "=" * (-len(kept) % 4))


class _Twice(Exception):
    pass


def _of_json(octets: bytes, look: Callable[[dict[str, Any]], Iterator[str]]) -> Iterator[str]:
    if octets.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")) or b"\0" in octets[:4]:
        yield "encoding"
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        yield "encoding"
        text = octets.decode("utf-8", "replace")
    try:
        value = json.loads(text.lstrip("\ufeff"), object_pairs_hook=_single, parse_int=_whole)
        json.loads(text.lstrip("\ufeff"), parse_int=_whole, parse_float=_finite, parse_constant=_finite)
    except _Twice:
        yield "duplicate"
        return
    except RecursionError:
        yield "depth"
        return
    except OverflowError:
        yield "number"
    except ValueError:
        yield "json"
        return
    if not isinstance(value, dict):
        yield "json"
        return
    if _deep(value) > 32:
        yield "depth"
    if not _encodes(json.dumps(value, ensure_ascii=False)):
        yield "surrogate"
    yield from look(value)


def _whole(text: str) -> int:
    return int(text[:400])  # Python limits the digits of a whole number; this many are too many already


def _finite(text: str) -> float:
    if not isfinite(float(text)):
        raise OverflowError
    return float(text)


def _single(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Twice
    return members


def _deep(value: Any) -> int:  # noqa: ANN401 (JSON)
    depth, level = 0, [value]
    while level:
        depth += any(isinstance(each, dict | list) for each in level)
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return depth


def _of_header(header: dict[str, Any]) -> Iterator[str]:
    if "crit" in header:
        yield "crit"
    if "b64" in header:
        yield "b64"
    cty = header.get("cty", "")
    if {"enc", "zip"} & header.keys() or str(cty).lower() in {"jwt", "application/jwt"}:
        yield "encrypted"
    kid = header.get("kid", "k")
    if not isinstance(kid, str) or not 0 < len(kid) <= 256 or not kid.isprintable():
        yield "kid"
    typ = header.get("typ", "JWT")
    if not isinstance(typ, str) or typ.lower() not in {"jwt", "application/jwt"}:
        yield "typ"
    if not {"alg", "typ", "kid", "crit", "b64", "enc", "zip", "cty"} >= header.keys() or not isinstance(cty, str):
        yield "ignored"


def _of_claims(claims: dict[str, Any]) -> Iterator[str]:
    for name in _DATES:
        date = claims.get(name, NOW + 1 if name == "exp" else NOW)
        if type(date) not in {int, float}:
            yield "date-type"
        elif type(date) is float and not isfinite(date):
            yield "number"
        elif abs(date) > 253402300799:
            yield "date-range"
        elif name == "nbf" and date > NOW + LEEWAY:
            yield "not-yet"
        elif name == "iat" and date > NOW + LEEWAY:
            yield "issued-later"
        elif name == "exp" and date == NOW - LEEWAY:
            yield "last-second"
    aud = claims.get("aud", "api")
    if not isinstance(aud, str) and not (isinstance(aud, list) and aud and all(isinstance(one, str) for one in aud)):
        yield "aud-type"
    if not all(isinstance(claims.get(name, ""), str) for name in ("iss", "sub", "jti")):
        yield "text-type"
