"""What a glance takes, exactly: each condition, from both sides. What it leaves is for the rules."""

from datetime import datetime
from typing import Any, Literal

import msgspec
import pytest

from mapae.jose.claims import MAX_DATE, Claims
from mapae.jose.glance import glance_for
from mapae.jose.policy import ANY, Policy

NOW = 1_800_000_000


class Four(msgspec.Struct, frozen=True):
    iss: str
    aud: str
    exp: int | float
    iat: int | float


class Lists(msgspec.Struct, frozen=True):
    iss: str
    aud: str | list[str]
    exp: int
    iat: int


class Optional(msgspec.Struct, frozen=True):
    iss: str
    aud: str
    exp: int
    iat: int
    note: str = ""


class WithNbf(Four, frozen=True):
    nbf: int


class NoIss(msgspec.Struct, frozen=True):
    aud: str
    exp: int
    iat: int


class NoIat(msgspec.Struct, frozen=True):
    iss: str
    aud: str
    exp: int


def payload(iss="i", aud="a", exp=NOW + 900, iat=NOW, more=""):
    return f'{{"iss":"{iss}","aud":"{aud}","exp":{exp},"iat":{iat}{more}}}'.encode()


def taken(raw, *, kind=Claims, now=NOW, issuer="i", audience="a", leeway=5):
    claims = glance_for(kind, Policy(issuer, audience, leeway=leeway))[0](raw, now)
    assert claims is None or type(claims) is kind
    return claims is not None


both = pytest.mark.parametrize("kind", [Claims, Four], ids=lambda kind: kind.__name__)


@both
def test_each_of_several_issuers_and_audiences_is_taken(kind):
    issuers, audiences = ("h", "i", "j"), ("a", "b", "c")
    for iss in issuers:
        for aud in audiences:
            assert taken(payload(iss, aud), kind=kind, issuer=issuers, audience=audiences)
    for iss, aud in (("k", "a"), ("i", "d"), ("", "a"), ("i", "")):
        assert not taken(payload(iss, aud), kind=kind, issuer=issuers, audience=audiences)


@both
def test_other_spellings_are_taken_where_no_name_can_be_there_twice(kind):
    spaced = payload().replace(b":", b" : ").replace(b",", b" ,\n")
    assert taken(spaced, kind=kind)
    assert taken(payload("a,b"), kind=kind, issuer="a,b")
    assert not taken(payload("a,b").replace(b":", b": "), kind=kind, issuer="a,b")
    assert not taken(payload(more=',"exp":1800000900'), kind=kind)
    assert not taken(payload(more=',"iss":"i"').replace(b":", b": "), kind=kind)


@both
def test_the_bounds_of_the_dates_are_exact(kind):
    assert taken(payload(exp=0, iat=0), kind=kind, now=0)
    assert not taken(payload(exp=0, iat=-1), kind=kind, now=0)
    assert taken(payload(exp=1, iat=1), kind=kind, now=0)
    assert not taken(payload(exp=1, iat=2), kind=kind, now=0)
    assert taken(payload(exp=MAX_DATE), kind=kind)
    assert not taken(payload(exp=MAX_DATE + 1), kind=kind)
    for leeway in (0, 5):
        assert taken(payload(exp=NOW, iat=0), kind=kind, now=NOW + leeway - 0.5, leeway=leeway)
        assert not taken(payload(exp=NOW, iat=0), kind=kind, now=NOW + leeway, leeway=leeway)
        assert taken(payload(iat=NOW + leeway), kind=kind, leeway=leeway)
        assert not taken(payload(iat=NOW + leeway), kind=kind, now=NOW - 0.5, leeway=leeway)


@both
def test_dates_with_a_fraction_and_other_types_are_left(kind):
    for exp, iat in ((f"{NOW + 900}.5", NOW), (NOW + 900, f"{NOW}.5"), ("true", NOW), (NOW + 900, "null")):
        assert not taken(payload(exp=exp, iat=iat), kind=kind)


def test_members_that_need_not_be_there_need_not_be_there():
    assert taken(payload())
    assert taken(payload(more=',"sub":"u","jti":"j","scope":"a","n":1.5,"b":true,"z":null'))
    for more in (',"sub":5', ',"sub":null', ',"jti":5', ',"jti":null', ',"nbf":0', ',"x":[]', ',"x":{}', ',"x":[[]]'):
        assert not taken(payload(more=more)), more
    for name in (b'"iss"', b'"aud"', b'"exp"', b'"iat"'):
        assert not taken(payload().replace(name, b'"other"'))


def test_a_struct_is_taken_only_where_it_says_all_that_is_judged():
    assert taken(payload(), kind=Four)
    assert not taken(payload(more=',"nbf":0'), kind=WithNbf)
    assert not taken(payload(more=f',"nbf":{NOW + 900}'), kind=WithNbf)
    assert not taken(payload().replace(b'"iss":"i",', b""), kind=NoIss)
    assert not taken(payload().replace(b',"iat":1800000000', b""), kind=NoIat)
    assert not taken(payload(more=',"sub":"u"'), kind=Four)
    assert taken(payload(), kind=Lists)
    assert not taken(payload().replace(b'"a"', b'["a"]'), kind=Lists)


def test_a_member_that_may_be_left_out_makes_the_spelling_count():
    assert taken(payload(more=',"note":"x"'), kind=Optional)
    assert not taken(payload(more=',"exp":1800000900'), kind=Optional)
    assert not taken(payload(more=',"other":"x"'), kind=Optional)
    assert not taken(payload(more=',"note":"x"').replace(b":", b": "), kind=Optional)


def test_the_times_of_a_glance_count_the_leeway_in():
    for kind in (Claims, Four):
        glance, times = glance_for(kind, Policy("i", "a", leeway=7))
        assert times(glance(payload(exp=NOW + 10, iat=NOW - 10), NOW)) == (NOW - 17, NOW + 17)


# Types of claims ------------------------------------------------------------------------------

BASE = {"iss": str, "aud": str, "exp": int, "iat": int}
NOTHING = glance_for(Claims, Policy(ANY, "a"))


def mirrored(needed=(), *, options=None, **types):
    fields = [(name, kind) for name, kind in (BASE | types).items() if kind is not None]
    kind = msgspec.defstruct("Kind", fields, frozen=True, **(options or {}))
    return glance_for(kind, Policy("i", "a", required=frozenset(needed))) is not NOTHING


def deep(levels, inner, *, by=list):
    for _ in range(levels):
        inner = by[inner] if by is list else dict[str, inner]
    return inner


@pytest.mark.parametrize(
    "types",
    [
        {},
        {"sub": str, "jti": str},
        {"exp": float},
        {"exp": int | float, "iat": float},
        {"aud": str | list[str]},
        {"aud": list[str]},
        {"aud": tuple[str, ...]},
        {"x": str | int | float | bool | None},
        {"x": list[str | None]},
        {"x": tuple[int, ...]},
        {"x": dict[str, list[float]]},
        {"x": Literal["a", "b"]},
        {"x": Literal["a", 1]},
        {"x": deep(30, int)},
        {"x": deep(30, int, by=dict)},
    ],
    ids=str,
)
def test_a_type_that_says_what_the_payload_says_is_looked_at(types):
    assert mirrored(**types)


@pytest.mark.parametrize(
    "types",
    [
        {"iss": None},
        {"aud": None},
        {"exp": None},
        {"iat": None},
        {"nbf": int},
        {"iss": Literal["i"]},
        {"iss": str | int},
        {"iss": str | None},
        {"sub": int},
        {"sub": str | None},
        {"jti": int},
        {"jti": bytes},
        {"iss": list[str]},
        {"sub": list[str]},
        {"sub": str | list[str]},
        {"jti": tuple[str, ...]},
        {"exp": datetime},
        {"exp": int | str},
        {"exp": int | None},
        {"iat": datetime},
        {"iat": int | str},
        {"aud": int},
        {"aud": str | int},
        {"aud": str | None},
        {"aud": list[int]},
        {"aud": str | list[int]},
        {"aud": dict[str, str]},
        {"aud": tuple[int, ...]},
        {"x": Any},
        {"x": datetime},
        {"x": bytes},
        {"x": msgspec.Raw},
        {"x": list[Any]},
        {"x": tuple[datetime, ...]},
        {"x": dict[str, Any]},
        {"x": dict[int, int]},
        {"x": int | datetime},
        {"x": set[str]},
        {"x": tuple[int, str]},
        {"x": Literal["a", None]},  # noqa: PYI061 (read otherwise than a union)
        {"x": deep(31, int)},
        {"x": deep(31, int, by=dict)},
    ],
    ids=str,
)
def test_a_type_that_says_less_or_otherwise_is_left_to_the_rules(types):
    assert not mirrored(**types)


def test_what_is_needed_must_be_a_plain_member_that_is_always_there():
    assert mirrored(["sub"], sub=str)
    assert not mirrored(["sub"])
    assert not mirrored(["scope"], sub=str)
    assert mirrored(["scope"], scope=list[str])
    for options in ({"array_like": True}, {"tag": True}, {"tag_field": "kind", "tag": "x"}):
        assert not mirrored(options=options)
    optional = msgspec.defstruct("Kind", [*BASE.items(), ("sub", str, "")], frozen=True)
    assert glance_for(optional, Policy("i", "a")) is NOTHING
    for kind in (dict, int, "text"):
        assert glance_for(kind, Policy("i", "a")) is NOTHING
