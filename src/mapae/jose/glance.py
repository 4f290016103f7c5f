"""Accept the ordinary payload at a glance.

A glance says yes, or nothing: its conditions together suffice for every rule of `strict_json`, `claims` and `policy`.
What misses one of them (an array as audience, an `nbf`, another spelling, a mistake) is read and judged rule by rule.

No member stands twice in a payload with as many different names as commas, and one: n members have n - 1 commas between
them, and more where a value holds some, so n is at most that number, and it is at least the number of names. Where the
commas say nothing, a payload that equals its own re-encoding shows the same: an encoder never writes a name twice.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import inspect

from mapae.jose.claims import MAX_DATE, Claims
from mapae.jose.policy import Policy
from mapae.jose.shapes import Shapes
from mapae.jose.strict_json import MAX_DEPTH, decode_flat, encode

Glance = Callable[[bytes, float], Any]
"""Payload and now to the claims, or to None."""

Times = Callable[[Any], tuple[float, float]]
"""Claims that a glance accepted to the first moment of their validity, and the end of it."""

_ERRORS = (msgspec.MsgspecError, ValueError, RecursionError, KeyError)


def glance_for(kind: Any, policy: Policy) -> tuple[Glance, Times]:
    """Prepare a glance for a type of claims; where the policy or the type is not ordinary, one that says nothing."""
    if policy.max_age is not None or not policy.issuers() or not policy.audiences():
        return _NOTHING
    if kind is Claims:
        return _NOTHING if policy.required else _at_members(policy)
    return _at_attributes(kind, policy) if _mirrors_payload(kind, policy.required) else _NOTHING


_NOTHING: tuple[Glance, Times] = (lambda _raw, _now: None, lambda _claims: (MAX_DATE, -MAX_DATE))


def _times(dates: Callable[[Any], tuple[int, int]], leeway: int) -> Times:
    def times(claims: Any) -> tuple[float, float]:
        exp, iat = dates(claims)
        return iat - leeway, exp + leeway

    return times


def _at_members(policy: Policy) -> tuple[Glance, Times]:
    """Look at members of any names; those of a shape that was seen before are decoded into a type made for it."""
    issuers, audiences = policy.issuers(), policy.audiences()
    issuer, audience = min(issuers), min(audiences)  # mostly the only ones; comparing is quicker than hashing
    leeway, expired, last_exp = float(policy.leeway), -float(policy.leeway), MAX_DATE
    shapes = Shapes()
    decoder_of, other = shapes.decoders.get, _at_any_members(policy, shapes)

    def glance(raw: bytes, now: float) -> Any:
        commas = raw.count(b",")
        decode = decoder_of(commas)
        if decode is None:
            return other(raw, now)
        try:
            claims = decode(raw)  # it needs every name, so with no more commas no name is there twice
        except _ERRORS:
            shapes.give_up(commas)
            return other(raw, now)
        exp, iat, iss, aud = claims.exp, claims.iat, claims.iss, claims._aud  # noqa: SLF001 (one room)
        if (
            0 <= iat <= exp <= last_exp
            and exp - now > expired
            and iat - now <= leeway
            and (iss == issuer or iss in issuers)
            and (aud == audience or aud in audiences)
        ):
            return claims
        return None

    return glance, _times(attrgetter("exp", "iat"), policy.leeway)


def _at_any_members(policy: Policy, shapes: Shapes) -> Glance:
    issuers, audiences = policy.issuers(), policy.audiences()
    leeway, expired, last_exp = float(policy.leeway), -float(policy.leeway), MAX_DATE

    def glance(raw: bytes, now: float) -> Any:
        if 0x5B in raw:  # "[": an array somewhere; told before the decoder would have to
            return None
        try:
            members = decode_flat(raw)
            # Flat, so there is nothing to freeze; and no name twice, as the commas or the re-encoding show.
            shaped = raw.count(b",") + 1 == len(members)
            if not shaped and encode(members) != raw:
                return None
            exp, iat = members["exp"], members["iat"]
            if (
                type(exp) is int
                and type(iat) is int
                and 0 <= iat <= exp <= last_exp
                and exp - now > expired
                and iat - now <= leeway
                and members["iss"] in issuers
                and members["aud"] in audiences
                and type(members.get("sub", "")) is str
                and type(members.get("jti", "")) is str
                and "nbf" not in members
            ):
                if shaped:
                    shapes.learn(members)
                return Claims(members)
        except _ERRORS:
            pass
        return None

    return glance


def _at_attributes(kind: type[msgspec.Struct], policy: Policy) -> tuple[Glance, Times]:
    """Look at a Struct that says all of the payload: no foreign member, no member twice."""
    attribute, commas = _fields(kind)
    if not {"iss", "aud", "exp", "iat"} <= attribute.keys() or "nbf" in attribute:
        return _NOTHING
    judged = attrgetter(*(attribute[name] for name in ("exp", "iat", "iss", "aud")))
    decode = msgspec.json.Decoder(kind).decode
    issuers, audiences = policy.issuers(), policy.audiences()
    issuer, audience = min(issuers), min(audiences)  # mostly the only ones; comparing is quicker than hashing
    leeway, expired, last_exp = float(policy.leeway), -float(policy.leeway), MAX_DATE

    def glance(raw: bytes, now: float) -> Any:
        try:
            claims = decode(raw)
            if raw.count(b",") != commas and encode(claims) != raw:
                return None
        except _ERRORS:
            return None
        exp, iat, iss, aud = judged(claims)
        if (
            type(exp) is int
            and type(iat) is int
            and 0 <= iat <= exp <= last_exp
            and exp - now > expired
            and iat - now <= leeway
            and (iss == issuer or (type(iss) is str and iss in issuers))
            and (aud == audience or (type(aud) is str and aud in audiences))
        ):
            return claims
        return None

    return glance, _times(attrgetter(attribute["exp"], attribute["iat"]), policy.leeway)


@lru_cache(maxsize=64)
def _fields(kind: type[msgspec.Struct]) -> tuple[dict[str, str], int]:
    """Member to attribute, and the commas of a payload that has each member once (-1 where that proves nothing)."""
    fields = msgspec.structs.fields(kind)
    commas = len(fields) - 1 if all(field.required for field in fields) else -1
    return {field.encode_name: field.name for field in fields}, commas


_TEXT = (inspect.StrType,)
_NUMBER = (inspect.IntType, inspect.FloatType)


@lru_cache(maxsize=64)
def _mirrors_payload(kind: Any, needed: frozenset[str]) -> bool:
    """Say whether the attributes of the Struct are the members of the payload, for all that is judged."""
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return False
    info = inspect.type_info(kind)
    if not isinstance(info, inspect.StructType) or info.array_like or info.tag is not None:
        return False
    by_name = {field.encode_name: field for field in info.fields}
    for name in {"iss", "aud", "exp", "nbf", "iat", "sub", "jti"} | needed:
        field = by_name.get(name)
        if field is None:
            if name in needed:
                return False
        elif not field.required or not _plainly(field.type, name):
            return False
    return all(_faithful(field.type, MAX_DEPTH - 1) for field in info.fields)


def _plainly(info: inspect.Type, name: str) -> bool:
    """Say whether a registered claim is kept as the JSON value that it is."""
    options = info.types if isinstance(info, inspect.UnionType) else (info,)
    if name in {"exp", "nbf", "iat"}:
        return all(isinstance(option, _NUMBER) for option in options)
    if name == "aud":
        return all(
            isinstance(option, _TEXT)
            or (isinstance(option, inspect.ListType | inspect.VarTupleType) and isinstance(option.item_type, _TEXT))
            for option in options
        )
    return name not in {"iss", "sub", "jti"} or all(isinstance(option, _TEXT) for option in options)


def _faithful(info: inspect.Type, depth: int) -> bool:
    """Say whether re-encoding writes what was read, member by member, at most `depth` deep.

    Raw JSON, for one, would hide its inside, and `Any` may be of any depth.
    """
    if not depth:
        return False
    match info:
        case inspect.StrType() | inspect.IntType() | inspect.FloatType() | inspect.BoolType() | inspect.NoneType():
            return True
        case inspect.ListType(item_type=item) | inspect.VarTupleType(item_type=item):
            return _faithful(item, depth - 1)
        case inspect.DictType(key_type=inspect.StrType(), value_type=value):
            return _faithful(value, depth - 1)
        case inspect.UnionType(types=types):
            return all(_faithful(option, depth) for option in types)
        case inspect.LiteralType(values=values):
            return all(isinstance(value, str | int) for value in values)
        case _:
            return False
