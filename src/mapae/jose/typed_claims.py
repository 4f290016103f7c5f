"""Turn a verified payload into the caller's type of claims, once per verifier prepared.

A reader takes the payload's octets and returns the claims that `verifier` judges, and the result. It refuses what
breaks a rule of `strict_json` whatever the type keeps: a duplicate or a wrong registered claim is never hidden by it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from msgspec import inspect

from mapae.errors import ClaimRefused
from mapae.jose.claims import ABSENT, Claims, check_text, frozen
from mapae.jose.policy import Registered
from mapae.jose.strict_json import encode, is_flat, read_object

_WHERE = re.compile(r"at `\$\.([A-Za-z0-9_\-]+)")
_MISSING = re.compile(r"missing required field `([A-Za-z0-9_\-]+)`")


MembersOf = Callable[[bytes, frozenset[str]], dict[str, Any]]


class Reader(NamedTuple):
    """How a verifier reads payloads.

    Attributes:
        read: payload to `Registered`.
        shareable: whether the result is immutable, so that a memo may hand it out again.
        again: payload to a new result, for one that is not.
    """

    read: Callable[[bytes], Registered]
    shareable: bool
    again: Callable[[bytes], Any]


def reader_for(kind: Any, required: Iterable[str], *, int_sub: bool) -> Reader:
    """Prepare a reader.

    Args:
        kind: `Claims`, a msgspec.Struct, a dataclass, a TypedDict or a pydantic model.
        required: the names that a payload must have, beside `exp`.
        int_sub: read a whole number as `sub` as its text (a quirk).

    Raises:
        TypeError: `kind` is none of these.
    """
    needed = frozenset(required)
    members_of = _with_text_sub if int_sub else _members
    if kind is Claims:
        return Reader(_untyped(members_of, needed), shareable=True, again=_no_second_time)
    decode = _decoder(kind)
    if int_sub:
        strictly = decode
        decode = lambda raw: strictly(encode(_with_text_sub(raw, needed)))  # noqa: E731
    return Reader(_typed(decode, members_of, needed), shareable=_immutable(kind), again=decode)


def _no_second_time(_raw: bytes) -> Any:
    raise AssertionError("shared results are never decoded again")


def _members(raw: bytes, needed: frozenset[str]) -> dict[str, Any]:
    return _checked(read_object(raw, "payload"), needed)


def _checked(members: dict[str, Any], needed: frozenset[str]) -> dict[str, Any]:
    if type(members.get("sub", "")) is not str or type(members.get("jti", "")) is not str:
        for name in ("sub", "jti"):
            check_text(members.get(name, ""), name)
    if not needed <= members.keys():
        raise ClaimRefused("is required and missing", claim=min(needed - members.keys()))
    return members


def _with_text_sub(raw: bytes, needed: frozenset[str]) -> dict[str, Any]:
    members = read_object(raw, "payload")
    if type(members.get("sub")) is int:
        members["sub"] = str(members["sub"])
    return _checked(members, needed)


def _untyped(members_of: MembersOf, needed: frozenset[str]) -> Callable[[bytes], Registered]:
    def read(raw: bytes) -> Registered:
        members = members_of(raw, needed)
        get = members.get
        result = Claims(members if is_flat(raw) else frozen(members))
        return (
            get("iss", ABSENT),
            get("aud", ABSENT),
            get("exp", ABSENT),
            get("nbf", ABSENT),
            get("iat", ABSENT),
            result,
        )

    return read


def _typed(
    decode: Callable[[bytes], Any], members_of: MembersOf, needed: frozenset[str]
) -> Callable[[bytes], Registered]:
    def read(raw: bytes) -> Registered:
        get = members_of(raw, needed).get
        return (
            get("iss", ABSENT),
            get("aud", ABSENT),
            get("exp", ABSENT),
            get("nbf", ABSENT),
            get("iat", ABSENT),
            decode(raw),
        )

    return read


def _decoder(kind: Any) -> Callable[[bytes], Any]:
    if hasattr(kind, "model_validate_json"):
        return _pydantic_decoder(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and not kind.__struct_config__.frozen:
        raise TypeError(f"claims must not change: write class {kind.__name__}(msgspec.Struct, frozen=True)")
    try:
        decode = _decoder_of(kind)
    except TypeError:
        raise TypeError("claims= takes a msgspec.Struct, a dataclass, a TypedDict or a pydantic model") from None

    def read(raw: bytes) -> Any:
        try:
            return decode(raw)
        except msgspec.MsgspecError as refused:
            text = str(refused)
        return _refuse(kind.__name__, text)

    return read


@lru_cache(maxsize=64)
def _decoder_of(kind: Any) -> Callable[[bytes], Any]:
    """Compile the decoder of a type, once: a program may have many verifiers with the same claims."""
    if isinstance(inspect.type_info(kind), inspect.StructType | inspect.DataclassType | inspect.TypedDictType):
        return msgspec.json.Decoder(kind).decode
    raise TypeError


def _refuse(kind: str, text: str) -> Any:
    """Name the member that does not fit; the words of msgspec may hold a value and are not passed on."""
    missing = _MISSING.search(text)
    if missing:
        raise ClaimRefused(f"is missing, and {kind} needs it", claim=missing[1])
    where = _WHERE.search(text)
    raise ClaimRefused(f"does not have the type that {kind} says", claim=where[1] if where else None)


def _pydantic_decoder(kind: Any) -> Callable[[bytes], Any]:
    validate = kind.model_validate_json

    def read(raw: bytes) -> Any:
        try:
            return validate(raw)
        except ValueError as refused:
            errors = refused.errors() if hasattr(refused, "errors") else []
        where = errors[0]["loc"] if errors else ()
        raise ClaimRefused(f"does not have the type that {kind.__name__} says", claim=str(where[0]) if where else None)

    return read


@lru_cache(maxsize=64)
def _immutable(kind: Any) -> bool:
    """Say whether a result may be handed out twice: nobody can change it."""
    return _fixed(inspect.type_info(kind))


def _fixed(info: inspect.Type) -> bool:
    match info:
        case inspect.StrType() | inspect.IntType() | inspect.FloatType() | inspect.BoolType() | inspect.NoneType():
            return True
        case inspect.LiteralType() | inspect.DateTimeType() | inspect.UUIDType() | inspect.BytesType():
            return True
        case inspect.VarTupleType(item_type=item) | inspect.FrozenSetType(item_type=item):
            return _fixed(item)
        case inspect.TupleType(item_types=items) | inspect.UnionType(types=items):
            return all(map(_fixed, items))
        case inspect.StructType(cls=cls, fields=fields):
            return cls.__struct_config__.frozen and all(_fixed(field.type) for field in fields)
        case _:
            return False
