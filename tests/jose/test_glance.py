"""The glance and the rules agree: whatever is accepted at a glance, the rules accept too, with the same result."""

import json
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.errors import TokenError
from mapae.jose.claims import Claims
from mapae.jose.glance import glance_for
from mapae.jose.key import Key
from mapae.jose.policy import ANY, Policy
from mapae.jose.verifier import Verifier

NOW = 1_800_000_000
KEY = Key.from_secret(bytes(range(32)), "HS256")
POLICY = Policy("i", "a")


class Plain(msgspec.Struct, frozen=True):
    iss: str
    sub: str
    aud: str
    exp: int
    iat: int
    jti: str


class Rich(msgspec.Struct, frozen=True):
    iss: str
    aud: str | list[str]
    exp: int | float
    iat: int
    roles: list[str]
    limits: dict[str, int]
    level: Literal["low", "high"] | None = None


class Some(msgspec.Struct, frozen=True, rename={"issuer": "iss", "expires": "exp"}):
    issuer: str
    aud: str
    expires: int
    iat: int
    extra: str = ""


class Never(msgspec.Struct, frozen=True):
    iss: str
    aud: str
    exp: int
    iat: int
    anything: Any = None


MIRRORS = [Plain, Rich, Some]
GOOD = {
    Claims: b'{"iss":"i","sub":"u","aud":"a","exp":1800000900,"iat":1800000000,"jti":"j"}',
    Plain: b'{"iss":"i","sub":"u","aud":"a","exp":1800000900,"iat":1800000000,"jti":"j"}',
    Rich: b'{"iss":"i","aud":"a","exp":1800000900,"iat":1800000000,"roles":["x"],"limits":{"n":1},"level":"low"}',
    Some: b'{"iss":"i","aud":"a","exp":1800000900,"iat":1800000000,"extra":"x"}',
}
KINDS = list(GOOD)


def verdict(kind, token, *, named):
    names = {"issuer": "i", "audience": "a"} if named else {"issuer": ANY, "audience": ANY}
    try:
        return Verifier(KEY, claims=kind, memo_bytes=0, **names).check(token, now=NOW)
    except TokenError:
        return None


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_ordinary_payload_is_accepted_at_a_glance_with_its_times(kind):
    glance, times = glance_for(kind, POLICY)
    claims = glance(GOOD[kind], NOW)
    assert type(claims) is kind
    assert times(claims) == (NOW - 5, NOW + 905)


CHANGES = [
    (b'"exp":1800000900', b'"exp":1800000900,"exp":1800000900'),
    (b'"exp":1800000900', b'"exp":1700000000,"exp":1800000900'),
    (b'"exp":1800000900', b'"exp":1700000000'),
    (b'"exp":1800000900', b'"exp":1799999995'),
    (b'"exp":1800000900', b'"exp":"1800000900"'),
    (b'"exp":1800000900', b'"exp":true'),
    (b'"exp":1800000900', b'"exp":null'),
    (b'"exp":1800000900', b'"exp":253402300800'),
    (b'"exp":1800000900', b'"exp":1e400'),
    (b'"exp":1800000900,', b""),
    (b'"iat":1800000000', b'"iat":1800000006'),
    (b'"iat":1800000000', b'"iat":true'),
    (b'"iat":1800000000', b'"iat":"1800000000"'),
    (b'"iat":1800000000', b'"iat":-253402300800'),
    (b'"iat":1800000000', b'"iat":null'),
    (b'"iss":"i"', b'"iss":"j"'),
    (b'"iss":"i"', b'"iss":["i"]'),
    (b'"iss":"i"', b'"iss":null'),
    (b'"iss":"i"', b'"iss":"j","iss":"i"'),
    (b'"iss":"i",', b""),
    (b'"aud":"a"', b'"aud":"b"'),
    (b'"aud":"a"', b'"aud":["b"]'),
    (b'"aud":"a"', b'"aud":[]'),
    (b'"aud":"a"', b'"aud":null'),
    (b'"aud":"a"', b'"aud":5'),
    (b'"aud":"a",', b""),
    (b"}", b',"nbf":1800000006}'),
    (b"}", b',"nbf":null}'),
    (b"}", b',"nbf":true}'),
    (b"}", b',"x":{"a":1,"a":1}}'),
    (b"}", b',"x":1,"x":1}'),
    (b"}", b',"x":"\\ud800"}'),
    (b"}", b',"x":"\xff"}'),
    (b"}", b',"x":' + b"[" * 40 + b"]" * 40 + b"}"),
    (b"}", b',"x":NaN}'),
    (b"}", b',"sub":5}'),
    (b"}", b',"jti":null}'),
    (b"{", b"\xef\xbb\xbf{"),
    (b"{", b"[{"),
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(("before", "after"), CHANGES, ids=[f"{b.decode()}-{n}" for n, (b, _) in enumerate(CHANGES)])
def test_what_breaks_a_rule_passes_neither_a_glance_nor_the_rules(forge, kind, before, after):
    payload = GOOD[kind]
    changed = payload[:-1] + after if before == b"}" else payload.replace(before, after, 1)
    assert changed != payload
    for seen_before in (0, 2):
        glance = glance_for(kind, POLICY)[0]
        assert all(glance(payload, NOW) for _ in range(seen_before))
        assert glance(changed, NOW) is None
    assert verdict(kind, forge(None, changed), named=True) is None


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_moment_that_is_no_number_passes_no_glance(kind):
    glance = glance_for(kind, POLICY)[0]
    assert all(glance(GOOD[kind], NOW) for _ in range(2))
    for now in (float("nan"), float("inf"), float("-inf"), NOW + 905, NOW - 6):
        assert glance(GOOD[kind], now) is None
    assert glance(GOOD[kind], NOW + 904.9) is not None
    assert glance(GOOD[kind], NOW - 5) is not None


@pytest.mark.parametrize(
    ("kind", "policy"),
    [
        (Never, POLICY),
        (Claims, Policy(ANY, "a")),
        (Claims, Policy("i", None)),
        (Claims, Policy("i", "a", max_age=60)),
        (Claims, Policy("i", "a", required=frozenset({"sub"}))),
        (Rich, Policy("i", "a", required=frozenset({"level"}))),
        (Rich, Policy("i", "a", required=frozenset({"sub"}))),
        (dict, POLICY),
    ],
)
def test_what_is_out_of_the_ordinary_is_left_to_the_rules(kind, policy):
    glance = glance_for(kind, policy)[0]
    assert all(glance(payload, NOW) is None for payload in GOOD.values())


VALUES = st.sampled_from(
    ["i", "a", "u", "", 5, True, None, 1.5, NOW, NOW + 900, NOW + 900.5, NOW - 900, ["a"], ["a", "b"], {}]
)
NAMES = st.sampled_from(["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "roles", "limits", "level", "extra", "x"])


@given(
    st.sampled_from(KINDS), st.lists(st.tuples(NAMES, VALUES), max_size=3), st.booleans(), st.sampled_from([None, 1])
)
def test_the_glance_and_the_rules_agree_on_any_payload(forge, kind, changes, ascii_only, indent):
    members = json.loads(GOOD[kind]) | dict(changes)
    separators = (",", ":") if indent is None else None
    raw = json.dumps(members, ensure_ascii=ascii_only, indent=indent, separators=separators).encode()
    token = forge(None, raw)
    by_rules = verdict(kind, token, named=False)
    aud = members.get("aud")
    named = members.get("iss") == "i" and (aud == "a" or (isinstance(aud, list) and "a" in aud))
    assert verdict(kind, token, named=True) == (by_rules if named else None)
    glance = glance_for(kind, POLICY)[0]
    for _ in range(3):  # at the third look the shape is known
        glanced = glance(raw, NOW)
        assert glanced is None or (named and glanced == by_rules)


TEXTS = st.sampled_from(["x", "", ",", "a,b", ',"iss":"i"', '"', "\\", "{", ":", "\u00e9", "\n"])


@given(
    st.sampled_from([Claims, Plain]),
    st.lists(st.tuples(st.sampled_from(["iss", "sub", "aud", "jti", "scope", ","]), TEXTS), max_size=4),
    st.permutations(range(10)),
    st.sampled_from([",", ", ", " ,\n"]),
    st.sampled_from([":", " : "]),
)
@pytest.mark.slow
def test_a_member_that_stands_twice_passes_no_glance_however_many_commas_there_are(kind, more, order, comma, colon):
    members = [*json.loads(GOOD[Plain]).items(), *more]
    written = [f"{json.dumps(name)}{colon}{json.dumps(value)}" for name, value in members]
    shuffled = [written[at] for at in order if at < len(written)]
    names = [name for name, _value in members]
    for shapes in ([], [{}, {"scope": ""}, {"scope": "", ",": ""}]):
        glance = glance_for(kind, POLICY)[0]
        for added in shapes * 2:
            glance(json.dumps(json.loads(GOOD[Plain]) | added).encode(), NOW)
        glanced = glance(f"{{{comma.join(shuffled)}}}".encode(), NOW)
        assert glanced is None or len(set(names)) == len(names)
