"""Typed claims: the caller's type back, and never a rule weakened by it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypedDict
from uuid import UUID

import msgspec
import pytest
from pydantic import BaseModel, model_validator

from mapae.errors import ClaimRefused, Malformed, TokenError
from mapae.jose.claims import ABSENT, Claims
from mapae.jose.policy import ANY
from mapae.jose.typed_claims import reader_for
from mapae.jose.verifier import Verifier

NOW = 1_800_000_000


class Access(msgspec.Struct, frozen=True):
    iss: str
    sub: str
    aud: str
    exp: int
    iat: int
    jti: str


class Loose(msgspec.Struct, frozen=True, omit_defaults=True):
    sub: str = "nobody"
    exp: int | None = None
    nbf: int | None = None


class Subject(msgspec.Struct, frozen=True):
    sub: str


class Nested(msgspec.Struct, frozen=True):
    sub: str
    cnf: dict[str, Any]


class Raw(msgspec.Struct, frozen=True):
    exp: int
    cnf: msgspec.Raw


class Dated(msgspec.Struct, frozen=True):
    sub: str
    until: datetime


class Renamed(msgspec.Struct, frozen=True, rename={"expires": "exp"}):
    expires: int


class Tagged(msgspec.Struct, frozen=True, tag_field="nbf", tag="x"):
    exp: int


class Listed(msgspec.Struct, frozen=True, array_like=True):
    exp: int


class Chosen(msgspec.Struct, frozen=True):
    exp: int
    role: Literal["admin", "user"]


class Texts(msgspec.Struct, frozen=True):
    exp: str | int
    aud: Any = None


@dataclass(frozen=True)
class Plain:
    sub: str


class Members(TypedDict):
    sub: str


class Model(BaseModel):
    sub: str


def verifier(key, kind, **options):
    return Verifier(key, issuer=ANY, audience=ANY, claims=kind, **options)


@pytest.mark.parametrize("kind", [Access, Subject, Loose, Plain, Model])
@pytest.mark.parametrize("memo_bytes", [0, 100_000])
def test_the_result_is_of_the_callers_type(key, forge, kind, memo_bytes):
    check = verifier(key, kind, memo_bytes=memo_bytes).check
    for _ in range(2):
        claims = check(forge(), now=NOW)
        assert type(claims) is kind
        assert claims.sub == "user-42"


def test_a_typed_dict_is_a_dict_of_its_members(key, forge):
    assert verifier(key, Members).check(forge(), now=NOW) == {"sub": "user-42"}


def test_a_renamed_field_is_judged_by_its_name_in_the_token(key, forge):
    assert verifier(key, Renamed).check(forge(None, b'{"exp":1800000900}'), now=NOW).expires == NOW + 900
    with pytest.raises(TokenError):
        verifier(key, Renamed).check(forge(None, b'{"exp":1700000000}'), now=NOW)


def test_what_a_type_converts_is_converted(key, forge, good):
    payload = {**good, "until": "2030-01-01T00:00:00Z"}
    assert verifier(key, Dated).check(forge(None, payload), now=NOW).until == datetime(2030, 1, 1, tzinfo=UTC)


ALL = [Access, Loose, Subject, Nested, Raw, Dated, Renamed, Tagged, Chosen, Texts, Plain, Members, Model]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    "payload",
    [
        b'{"exp":1700000000,"exp":1800000900}',
        b'{"exp":1800000900,"exp":1800000900}',
        b'{"exp":1700000000}',
        b'{"exp":"1800000900"}',
        b'{"exp":null}',
        b'{"exp":true}',
        b'{"exp":1800000900,"nbf":1800000500}',
        b'{"exp":1800000900,"nbf":null}',
        b'{"exp":1800000900,"nbf":"x"}',
        b'{"exp":1800000900,"iat":true}',
        b'{"exp":1800000900,"sub":5}',
        b'{"exp":1800000900,"sub":null}',
        b'{"exp":1800000900,"aud":[]}',
        b'{"exp":1800000900,"aud":null}',
        b'{"exp":1800000900,"aud":5}',
        b'{"exp":1800000900,"cnf":{"a":1,"a":2}}',
        b'{"exp":1800000900,"x":1,"x":1}',
        b'{"exp":1800000900,"x":' + b"[" * 40 + b"]" * 40 + b"}",
        b'{"sub":"u"}',
        b"[1800000900]",
        b"{}",
        b"null",
    ],
    ids=lambda payload: payload.decode()[:50],
)
def test_no_type_hides_what_the_rules_refuse(key, forge, kind, payload):
    with pytest.raises((ClaimRefused, Malformed, TokenError)):
        verifier(key, kind).check(forge(None, payload), now=NOW)


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (Access, b'{"iss":"i","sub":"u","aud":"a","exp":1800000900,"exp":1800000900,"iat":1800000000,"jti":"j"}'),
        (Access, b'{"iss":"i","sub":"u","aud":"a","exp":1800000900,"iat":1800000000,"jti":"j","nbf":1800000500}'),
        (Access, b'{"iss":"i","sub":"u","aud":"a","exp":1800000900,"iat":1800000000,"jti":"j","nbf":null}'),
        (Nested, b'{"sub":"u","cnf":{"a":1,"a":2},"exp":1800000900}'),
        (Raw, b'{"exp":1800000900,"cnf":{"a":1,"a":2}}'),
        (Raw, b'{"exp":1800000900,"cnf":' + b"[" * 40 + b"]" * 40 + b"}"),
        (Subject, b'{"sub":"u","exp":1700000000}'),
        (Chosen, b'{"exp":1800000900,"role":"admin","role":"admin"}'),
    ],
    ids=str,
)
def test_a_payload_that_fits_the_type_is_judged_in_full(key, forge, kind, payload):
    with pytest.raises(TokenError):
        verifier(key, kind).check(forge(None, payload), now=NOW)


def test_spelling_order_and_extra_claims_do_not_matter(key, forge, good):
    for payload in ({**good, "extra": [1]}, dict(reversed(good.items()))):
        assert verifier(key, Access).check(forge(None, payload), now=NOW).jti == "t-1"
    spaced = b'{ "sub" : "user\\u002d42", "exp": 1.8000009e9 , "iss":"i", "aud":"a", "iat": 0, "jti":"t" }'
    assert verifier(key, Subject).check(forge(None, spaced), now=NOW).sub == "user-42"


@pytest.mark.parametrize("kind", [Access, Dated, Chosen, Plain, Model], ids=lambda kind: kind.__name__)
def test_a_refusal_names_the_claim_and_no_value(key, forge, kind):
    payload = {"exp": NOW + 900, "iss": "i", "sub": "u", "aud": "a", "iat": 0, "until": "canary", "role": "canary"}
    if kind in {Plain, Model}:
        del payload["sub"]
    with pytest.raises(ClaimRefused) as refused:
        verifier(key, kind).check(forge(None, payload), now=NOW)
    assert refused.value.claim in {"jti", "until", "role", "sub"}
    assert kind.__name__ in str(refused.value)
    assert "canary" not in repr(refused.value)
    assert refused.value.__cause__ is refused.value.__context__ is None


def test_a_result_that_could_be_changed_is_never_handed_out_twice(key, forge, good):
    token = forge(None, {**good, "cnf": {"jkt": "x"}})
    check = verifier(key, Nested).check
    first = check(token, now=NOW)
    first.cnf["jkt"] = "changed"
    assert check(token, now=NOW).cnf == {"jkt": "x"}
    unchanging = verifier(key, Access).check
    assert unchanging(token, now=NOW) is unchanging(token, now=NOW)


class Changing(msgspec.Struct):
    sub: str


@pytest.mark.parametrize("kind", [Changing, dict, list, int, str, None, "Claims", object(), Any])
def test_what_is_no_type_of_claims_is_a_type_error(key, kind):
    with pytest.raises(TypeError):
        verifier(key, kind)


def test_a_type_that_reads_arrays_reads_no_token(key, forge):
    for payload in (b"[1800000900]", b'{"exp":1800000900}'):
        with pytest.raises(TokenError):
            verifier(key, Listed).check(forge(None, payload), now=NOW)


def test_required_claims_are_required_of_types_too(key, forge, good):
    verifier(key, Access, required=["jti", "sub"]).check(forge(), now=NOW)
    for kind in (Access, Subject):
        with pytest.raises(ClaimRefused) as refused:
            verifier(key, kind, required=["scope"]).check(forge(), now=NOW)
        assert refused.value.claim == "scope"


@pytest.mark.parametrize("kind", [None, Access, Members], ids=str)
def test_what_is_required_may_be_all_there_is_and_the_first_that_is_missing_is_named(key, forge, kind):
    options = {} if kind is None else {"claims": kind}
    everything = {"iss": "i", "sub": "u", "aud": "a", "exp": NOW + 900, "iat": NOW, "jti": "j"}
    check = Verifier(key, issuer=ANY, audience=ANY, required=everything, **options).check
    check(forge(None, everything), now=NOW)
    for missing in (["iat"], ["sub", "iss"], ["jti", "aud"]):
        rest = {name: value for name, value in everything.items() if name not in missing}
        with pytest.raises(ClaimRefused, match="is required and missing") as refused:
            check(forge(None, rest), now=NOW)
        assert refused.value.claim == min(missing)


@pytest.mark.parametrize("int_sub", [False, True])
def test_the_claim_of_a_wrong_type_is_named_and_a_payload_is_called_so(int_sub):
    for kind in (Claims, Loose):
        read = reader_for(kind, (), int_sub=int_sub).read
        for members, claim in ((b'{"jti":5}', "jti"), (b'{"sub":"u","jti":null}', "jti"), (b'{"sub":true}', "sub")):
            with pytest.raises(ClaimRefused, match="must be a string") as refused:
                read(members)
            assert refused.value.claim == claim
        with pytest.raises(Malformed, match=r"^the payload is not a JSON object$"):
            read(b"[]")


def test_claims_that_hold_others_are_read_only_all_the_way_down(key, forge):
    claims = Verifier(key, issuer=ANY, audience=ANY).check(forge(None, b'{"exp":1800000900,"a":{"b":[1]}}'), now=NOW)
    assert claims["a"]["b"] == (1,)
    with pytest.raises(TypeError):
        claims["a"]["b"] = 2


class Inner(msgspec.Struct, frozen=True):
    x: int


class Open(msgspec.Struct):
    x: int


class Holds(msgspec.Struct, frozen=True):
    x: list[int]


UNCHANGING = [
    str, int, float, bool, None, bytes, datetime, UUID, Inner, Literal["a", 1],
    tuple[str, ...], frozenset[int], tuple[int, str], str | None, tuple[Inner, ...],
]  # fmt: skip
CHANGING = [
    Any, list[str], dict[str, int], set[int], Open, Holds, tuple[list[int], ...], frozenset[Any], tuple[list[int], int],
    tuple[int, list[int]], int | list[int], bytearray, Plain, Members,
]  # fmt: skip


def with_field(kind):
    return msgspec.defstruct("Kind", [("sub", str), ("value", kind)], frozen=True)


@pytest.mark.parametrize("kind", UNCHANGING, ids=str)
def test_a_result_that_nobody_can_change_may_be_handed_out_again(kind):
    assert reader_for(with_field(kind), (), int_sub=False).shareable is True


@pytest.mark.parametrize("kind", CHANGING, ids=str)
def test_a_result_that_somebody_could_change_may_not(kind):
    assert reader_for(with_field(kind), (), int_sub=False).shareable is False
    turned = msgspec.defstruct("Kind", [("value", kind), ("sub", str)], frozen=True)
    assert reader_for(turned, (), int_sub=False).shareable is False


def test_what_is_no_struct_is_decoded_again_each_time():
    for kind in (Plain, Members, Model):
        assert reader_for(kind, (), int_sub=False).shareable is False


def test_what_is_wrong_with_a_type_is_said():
    with pytest.raises(TypeError, match=r"class Changing\(msgspec\.Struct, frozen=True\)"):
        reader_for(Changing, (), int_sub=False)
    for kind in ("Claims", 5, dict, int, object()):
        with pytest.raises(TypeError, match=r"a msgspec\.Struct, a dataclass, a TypedDict or a pydantic model"):
            reader_for(kind, (), int_sub=False)


class Still(BaseModel, frozen=True):
    sub: str


def test_an_example_of_a_type_is_no_type():
    for example in (Still(sub="u"), Model(sub="u"), Inner(1), Plain("u")):
        with pytest.raises(TypeError):
            reader_for(example, (), int_sub=False)


class Part(BaseModel):
    first: int
    second: int


class Whole(BaseModel):
    part: Part
    level: int


class Particular(BaseModel):
    sub: str

    @model_validator(mode="after")
    def never(self):
        raise ValueError("canary")


class Strict(BaseModel):
    @classmethod
    def model_validate_json(cls, raw):
        raise ValueError(f"canary {raw}")


@pytest.mark.parametrize(("kind", "claim"), [(Whole, "part"), (Particular, None), (Strict, None)], ids=str)
def test_what_a_model_refuses_is_named_by_the_claim_where_there_is_one(kind, claim):
    decode = reader_for(kind, (), int_sub=False).read
    with pytest.raises(ClaimRefused) as refused:
        decode(b'{"part":{"first":"x","second":"x"},"sub":"u","level":"x"}')
    assert refused.value.claim == claim
    assert kind.__name__ in str(refused.value)
    assert "canary" not in repr(refused.value)


class Several(msgspec.Struct, frozen=True):
    sub: str
    level: Literal["low", "high"]


def test_what_a_type_lacks_and_what_does_not_fit_is_named_by_the_claim():
    read = reader_for(Several, (), int_sub=False).read
    for payload, claim, words in (
        (b'{"sub":"u"}', "level", "is missing, and Several needs it"),
        (b'{"sub":"u","level":"no"}', "level", "does not have the type that Several says"),
    ):
        with pytest.raises(ClaimRefused, match=words) as refused:
            read(payload)
        assert refused.value.claim == claim
    listed = reader_for(Listed, (), int_sub=False).read
    with pytest.raises(ClaimRefused, match="does not have the type that Listed says") as refused:
        listed(b'{"exp":1800000900}')
    assert refused.value.claim is None


def test_what_is_not_there_is_absent_and_not_none():
    for kind in (Claims, Subject):
        for int_sub in (False, True):
            read = reader_for(kind, (), int_sub=int_sub).read
            assert read(b'{"sub":"u"}')[:5] == (ABSENT,) * 5
            assert read(b'{"iss":"i","aud":"a","exp":1,"nbf":2,"iat":3,"sub":"u"}')[:5] == ("i", "a", 1, 2, 3)


def test_a_type_reads_the_payload_in_the_spelling_it_came_in(key, forge):
    token = forge(None, b'{"exp":1800000900,"cnf":{ "a" : 1 }}')
    assert bytes(verifier(key, Raw).check(token, now=NOW).cnf) == b'{ "a" : 1 }'
