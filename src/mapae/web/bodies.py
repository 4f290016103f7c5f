"""Read the JSON body of a request, strictly, and say every mistake in it."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from mapae.errors import FieldMistake, InputRefused, Malformed
from mapae.jose.strict_json import is_flat, read_object
from mapae.web.answers import WHOLE_BODY, Receive, Scope
from mapae.web.refusals import BodyTooLarge, BodyTooSlow, ContentTypeUnsupported, JsonMalformed
from mapae.web.requests import header

BODY_LIMIT = 16 * 1024
"""The largest body, in bytes."""
BODY_SECONDS = 30.0
"""How long a body may take to arrive."""

_decode = msgspec.json.Decoder().decode
_JSON_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "str": "a string",
        "int": "a number",
        "float": "a number",
        "bool": "true or false",
        "object": "an object",
        "array": "an array",
    }
)

_NOTHING: Mapping[str, Any] = MappingProxyType({})

Body = TypeVar("Body", bound=msgspec.Struct)


async def read_body(scope: Scope, receive: Receive, *, limit: int = BODY_LIMIT, seconds: float = BODY_SECONDS) -> bytes:
    """Return the whole body.

    Raises:
        BodyTooLarge: it is longer than `limit` bytes; the rest was not read.
        BodyTooSlow: it had not arrived after `seconds`.
        JsonMalformed: the client left before its end.
    """
    body = arrived_body(scope, limit=limit)
    if body is not None:
        return body
    try:
        async with asyncio.timeout(seconds):
            return await _read_parts(receive, limit)
    except TimeoutError:
        raise BodyTooSlow from None


def arrived_body(scope: Scope, *, limit: int = BODY_LIMIT) -> bytes | None:
    """Return a body that came together with its head; None where it has to be waited for.

    Raises:
        BodyTooLarge: it is longer than `limit` bytes, or says that it will be.
    """
    arrived = scope.get("extensions", _NOTHING).get(WHOLE_BODY)
    body: bytes | None = arrived() if arrived is not None else None
    if body is None:
        announced = header(scope, b"content-length")
        if announced is not None and announced.isdigit() and int(announced[:20]) > limit:
            raise BodyTooLarge
    elif len(body) > limit:
        raise BodyTooLarge
    return body


async def _read_parts(receive: Receive, limit: int) -> bytes:
    parts = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise JsonMalformed("the client left before the body ended")
        parts += message.get("body", b"")
        if len(parts) > limit:
            raise BodyTooLarge
        if not message.get("more_body", False):
            return bytes(parts)


def check_content_type(scope: Scope) -> None:
    """Refuse a body that is not plain `application/json`.

    Raises:
        ContentTypeUnsupported: another type or charset, or a content coding.
    """
    content_type = header(scope, b"content-type")
    if content_type != b"application/json":  # as nearly everybody writes it
        media_type, *parameters = (content_type or b"").lower().split(b";")
        if media_type.strip() != b"application/json":
            raise ContentTypeUnsupported
        for parameter in parameters:
            name, _, value = parameter.strip().partition(b"=")
            if name == b"charset" and value.strip(b'"') not in {b"utf-8", b"utf8"}:
                raise ContentTypeUnsupported
    if (header(scope, b"content-encoding") or b"identity").lower() != b"identity":
        raise ContentTypeUnsupported


def parse_body(body: bytes, kind: type[Body]) -> Body:
    """Return `body` as a `kind`.

    Raises:
        JsonMalformed: it is not JSON in UTF-8, or has a byte order mark, or names a member twice.
        InputRefused: a field is missing, unknown or has a wrong type or value; every such field is listed.

    Source: RFC 8259 §4, §8.1.
    """
    # One member at most, so that nothing can be named twice; whether an octet is there is quicker said of a number.
    if 0x2C not in body:
        try:
            whole: Body = _decoder(kind)(body)
        except (msgspec.MsgspecError, ValueError):
            pass  # what is wrong is said below
        else:
            return whole
    members = _read_members(body)
    try:
        return msgspec.convert(members, kind)
    except msgspec.ValidationError:
        raise InputRefused(*_mistakes(members, kind)) from None


@lru_cache(maxsize=64)
def _decoder(kind: type[msgspec.Struct]) -> Callable[[bytes], Any]:
    return msgspec.json.Decoder(kind).decode


def _read_members(body: bytes) -> dict[str, Any]:
    if is_flat(body) and b"\\" not in body:
        try:
            members = _decode(body)
        except (msgspec.MsgspecError, ValueError):
            members = None  # the slow reader says what is wrong
        # Without escapes every name and every text has two quotes, so a member too many shows in their number.
        if type(members) is dict and body.count(b'"') == 2 * (len(members) + _texts(members)):
            return members
    try:
        return read_object(body, "body")
    except Malformed as broken:
        raise JsonMalformed(broken.reason) from None


def _texts(members: dict[str, Any]) -> int:
    return [type(value) for value in members.values()].count(str)


def _mistakes(members: dict[str, Any], kind: type[msgspec.Struct]) -> Iterable[FieldMistake]:
    """Yield every mistake: unknown names, missing fields, wrong values, each with its JSON Pointer."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name in members:
        if name not in fields:
            yield FieldMistake(_pointer(name), "unknown", _unknown(name, fields))
    for name, field in fields.items():
        if name not in members:
            if field.required:
                yield FieldMistake(_pointer(name), "required", "this field is required")
            continue
        try:
            msgspec.convert(members[name], field.type)
        except msgspec.ValidationError as wrong:
            yield _wrong_value(name, str(wrong))


def _wrong_value(name: str, what: str) -> FieldMistake:
    what, _, place = what.partition(" - at `$")
    pointer = _pointer(name) + place.rstrip("`").replace("[", "/").replace("]", "").replace(".", "/")
    if "of length <=" in what:
        return FieldMistake(pointer, "too_long", f"at most {what.rpartition(' ')[2]} characters")
    if "of length >=" in what:
        return FieldMistake(pointer, "too_short", f"at least {what.rpartition(' ')[2]} characters")
    if what.startswith("Expected") and ", got" in what:
        return FieldMistake(pointer, "type", _in_json_words(what))
    return FieldMistake(pointer, "value", "not one of the values this field knows")


def _in_json_words(what: str) -> str:
    wanted, _, got = what.removeprefix("Expected ").replace("`", "").partition(", got ")
    return f"write {_JSON_WORDS.get(wanted, wanted)}, not {_JSON_WORDS.get(got, got)}"


def _unknown(name: str, fields: Iterable[str]) -> str:
    near = difflib.get_close_matches(name[:64], list(fields), n=1)
    return f"unknown field; did you mean {near[0]}?" if near else "unknown field"


def _pointer(name: str) -> str:
    return "/" + name[:64].replace("~", "~0").replace("/", "~1")
