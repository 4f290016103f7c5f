"""JSON objects under the rules a token needs (RFC 8259, RFC 7493, RFC 8725 §3.7).

Names are unique at every depth, text is UTF-8 without a byte order mark and without lone surrogates, numbers are finite
and nesting is bounded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

import msgspec

from mapae.errors import Malformed

MAX_DEPTH = 32

encode = msgspec.json.Encoder().encode
decode_any = msgspec.json.Decoder().decode
decode_flat = msgspec.json.Decoder(dict[str, str | int | float | bool | None]).decode
_TOO_DEEP, _UNREADABLE = object(), object()
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")


def read_object(raw: bytes, name: str) -> dict[str, Any]:
    """Read one JSON object.

    Args:
        raw: the JSON text.
        name: what the text is, for the message.

    Raises:
        Malformed: the text breaks a rule of this module or is not an object.
    """
    try:
        value = decode_any(raw)
    except RecursionError:
        value = _TOO_DEEP
    except (msgspec.MsgspecError, ValueError):
        value = _UNREADABLE
    # Raised out here: an error that keeps the codec's own as its context would carry the text along.
    if type(value) is not dict:
        raise Malformed(_why_no_object(value, raw, name))
    # The encoder never writes a name twice, so a text that equals its own re-encoding holds no duplicate.
    if encode(value) != raw or (not is_flat(raw) and raw.count(b"{") + raw.count(b"[") > MAX_DEPTH):
        _refuse_depth(raw, name)
        _refuse_duplicates(raw, name)
    return value


def is_flat(raw: bytes) -> bool:
    """Say whether the object in `raw` holds no other object and no array, as far as a glance tells."""
    return 0x5B not in raw and raw.find(b"{", 1) < 0


def _why_no_object(value: object, raw: bytes, name: str) -> str:
    if value is _TOO_DEEP:
        return f"the {name} nests deeper than {MAX_DEPTH}"
    if value is not _UNREADABLE:
        return f"the {name} is not a JSON object"
    if raw.startswith(b"\xef\xbb\xbf"):
        return f"the {name} starts with a byte order mark"
    if b"\x00" in raw[:2]:  # UTF-16 or UTF-32; with a byte order mark it is no UTF-8 in any case
        return f"the {name} is not UTF-8"
    try:
        raw.decode()
    except UnicodeDecodeError:
        return f"the {name} is not UTF-8"
    return f"the {name} is not JSON (RFC 8259) that can be kept exactly"


def _refuse_depth(raw: bytes, name: str) -> None:
    depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", raw)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise Malformed(f"the {name} nests deeper than {MAX_DEPTH}")


def _refuse_duplicates(raw: bytes, name: str) -> None:
    """Read the text a second time, slowly, and look at the names of every object; its values were read already."""

    def look(pairs: list[tuple[str, Any]]) -> None:
        if len(dict(pairs)) != len(pairs):
            raise _DuplicateName

    why = None
    try:
        json.loads(raw.decode(), object_pairs_hook=look)
    except _DuplicateName:
        why = f"the {name} holds a member twice"
    except ValueError:  # a number of more digits than this Python was told to read
        why = f"the {name} is not JSON (RFC 8259) that can be kept exactly"
    if why:
        raise Malformed(why)


class _DuplicateName(Exception):
    pass


PLAIN = frozenset({str, int, bool, type(None)})
STR = frozenset({str})


def write_object(members: Mapping[str, Any], name: str) -> bytes:
    """Write plain members (see `plain`) as JSON.

    Raises:
        Malformed: a string holds a lone surrogate, or a number has more digits than Python writes.
    """
    try:
        return encode(members)
    except ValueError:
        pass
    raise Malformed(f"the {name} holds text or a number that JSON cannot carry")


def plain(value: Any, name: str, depth: int = 1) -> Any:
    """Copy a value into plain JSON types, refusing what JSON would silently change.

    Raises:
        Malformed: a value is not JSON (NaN, a date, bytes, a set), a name is not a string, or the nesting is too deep.
    """
    kind = type(value)
    if kind in PLAIN:
        return value
    if kind is float:
        if not isfinite(value):
            raise Malformed(f"the {name} holds NaN or an infinity; JSON has no such number: write None, or text")
        return value
    if depth > MAX_DEPTH:
        raise Malformed(f"the {name} nests deeper than {MAX_DEPTH}")
    if isinstance(value, Mapping):
        if not STR.issuperset(map(type, value)):
            raise Malformed(f"the {name} has a member name that is not a string")
        return {key: plain(member, name, depth + 1) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [plain(member, name, depth + 1) for member in value]
    raise Malformed(f"the {name} holds a {kind.__name__}; write it as a JSON string, number, object or array yourself")
