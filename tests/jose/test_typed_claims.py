"""Typed claims: the caller's type back, and never a rule weakened by it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypedDict

import msgspec
import pytest
from pydantic import BaseModel

from mapae.errors import ClaimRefused, Malformed, TokenError
from mapae.jose.policy import ANY
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
