"""Claims of a shape that was seen before are the same claims, only decoded more quickly."""

import copy
import json
import pickle

import msgspec
import pytest

from mapae.jose.claims import Claims
from mapae.jose.glance import glance_for
from mapae.jose.policy import Policy
from mapae.jose.shapes import Shapes, _decoder_for

NOW = 1_800_000_000
MEMBERS = {
    "iss": "i",
    "sub": "u",
    "aud": "a",
    "exp": NOW + 900,
    "iat": NOW,
    "scope": "read",
    "n": 1,
    "f": 1.5,
    "z": None,
}


@pytest.fixture(autouse=True)
def no_types_of_other_tests():
    _decoder_for.cache_clear()


def written(members):
    return msgspec.json.encode(members)


def decoder_of(names):
    shapes = Shapes()
    for _ in range(2):
        shapes.learn(dict.fromkeys(names))
    return shapes.decoders[len(names) - 1]


def glance():
    return glance_for(Claims, Policy("i", "a"))[0]


def shaped(members=MEMBERS):
    return decoder_of(members)(written(members))


def test_names_that_come_twice_in_turn_are_a_shape():
    look = glance()
    first, second, third, fourth = (look(written(MEMBERS), NOW) for _ in range(4))
    assert type(first) is type(second) is Claims
    assert type(third) is type(fourth) is not Claims
    assert first == second == third == fourth == MEMBERS
    assert isinstance(third, Claims)
    assert (type(third).__name__, type(third).__module__) == ("Claims", "mapae.jose.shapes")


def test_another_order_of_the_same_names_is_the_same_shape():
    look = glance()
    for _ in range(2):
        look(written(MEMBERS), NOW)
    turned = dict(reversed(MEMBERS.items()))
    assert type(look(written(turned), NOW)) is not Claims
    assert look(written(turned), NOW) == turned


def test_claims_of_a_shape_behave_as_other_claims_do():
    claims, other = shaped(), Claims(MEMBERS)
    assert list(claims) == list(other) == list(MEMBERS)
    assert [claims[name] for name in claims] == [other[name] for name in other]
    assert (len(claims), repr(claims), claims.__rich_repr__()) == (len(other), repr(other), other.__rich_repr__())
    for name in ("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "expires_at", "not_before", "issued_at"):
        assert getattr(claims, name) == getattr(other, name)
    assert claims == other == MEMBERS
    assert not claims != other  # noqa: SIM202 (the operator is what is tried)
    assert claims != Claims({**MEMBERS, "n": 2})
    assert (claims.get("n"), claims.get("none"), claims.get("none", 5)) == (1, None, 5)
    assert "scope" in claims
    assert "nbf" not in claims
    assert claims.to_dict() == MEMBERS
    assert json.dumps({**claims}) == json.dumps(MEMBERS)
    assert copy.copy(claims) is copy.deepcopy(claims) is claims
    assert pickle.loads(pickle.dumps(claims)) == claims
    with pytest.raises(KeyError):
        claims["none"]
    with pytest.raises(AttributeError):
        claims.sub = "other"
    with pytest.raises(TypeError):
        hash(claims)


def test_a_registered_claim_that_is_not_there_is_none():
    claims = shaped({"iss": "i", "aud": "a", "exp": NOW, "iat": NOW})
    assert (claims.sub, claims.jti, claims.nbf, claims.not_before) == (None, None, None, None)
    assert shaped({"iss": "i", "aud": "a", "exp": NOW, "iat": NOW, "jti": "j"}).jti == "j"


BASE = {"iss": "i", "aud": "a", "exp": NOW, "iat": NOW}


@pytest.mark.parametrize(
    "name",
    [
        "",
        "_0",
        "_aud",
        "_fields",
        "aud_",
        "items",
        "get",
        "to_dict",
        "expires_at",
        "class",
        "é",
        "a b",
        "https://x.example/r",
    ],
)
def test_a_claim_may_have_any_name(name):
    members = BASE | {name: "v"}
    claims = shaped(members)
    assert claims[name] == "v"
    assert claims.to_dict() == dict(claims) == members
    assert claims.aud == ("a",)


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "_members"])
def test_a_name_that_cannot_be_a_field_makes_no_shape(name):
    members = BASE | {name: "v"}
    assert decoder_of(members) is None
    look = glance()
    assert all(look(written(members | {"exp": NOW + 900}), NOW)[name] == "v" for _ in range(4))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iss", None),
        ("sub", 5),
        ("aud", ["a"]),
        ("aud", 5),
        ("exp", NOW + 900.5),
        ("exp", True),
        ("iat", "0"),
        ("jti", None),
        ("n", []),
        ("n", {}),
    ],
)
def test_a_decoder_refuses_what_no_glance_takes(name, value):
    members = MEMBERS | {"jti": "j"}
    decode = decoder_of(members)
    assert decode(written(members)) == members
    with pytest.raises(msgspec.ValidationError):
        decode(written(members | {name: value}))


def test_a_member_that_nobody_can_set_cannot_be_set():
    for value in (None, {}, {"sub": "x"}, "unset", 0):
        with pytest.raises(msgspec.ValidationError):
            decoder_of(MEMBERS)(written(MEMBERS | {"_members": value}))


def test_names_that_change_every_time_are_no_shape():
    look = glance()
    for number in range(6):
        assert type(look(written(MEMBERS | {f"x{number % 2}": 1}), NOW)) is Claims


def test_two_shapes_with_as_many_commas_are_decoded_as_before():
    look = glance()
    one, two = MEMBERS | {"one": 1}, MEMBERS | {"two": 2}
    for _ in range(3):
        assert look(written(one), NOW) == one
    assert type(look(written(one), NOW)) is not Claims
    assert look(written(two), NOW) == two
    for _ in range(3):
        assert type(look(written(one), NOW)) is Claims
        assert look(written(two), NOW) == two
    for _ in range(3):
        assert type(look(written(one), NOW)) is Claims
    assert type(look(written(MEMBERS), NOW)) is type(look(written(MEMBERS), NOW)) is Claims
    assert type(look(written(MEMBERS), NOW)) is not Claims


def test_a_comma_inside_a_value_teaches_no_shape():
    look = glance()
    for _ in range(4):
        assert type(look(written(MEMBERS | {"scope": "a,b"}), NOW)) is Claims


def test_shapes_of_more_than_sixty_four_names_are_not_kept():
    for count, kept in ((64, True), (65, False)):
        shapes = Shapes()
        for _ in range(3):
            shapes.learn(dict.fromkeys([*BASE, *map(str, range(count - 4))]))
        assert bool(shapes.decoders) is kept


def test_dates_of_a_shape_are_judged_at_every_look():
    look = glance()
    for _ in range(3):
        assert look(written(MEMBERS), NOW) is not None
    for now, taken in (
        (NOW + 904.9, True),
        (NOW + 905, False),
        (NOW - 5, True),
        (NOW - 5.1, False),
        (float("nan"), False),
    ):
        assert (look(written(MEMBERS), now) is not None) is taken
    for name, value in (("iss", "j"), ("aud", "b"), ("iat", -1), ("iat", NOW + 901), ("exp", 253402300800)):
        assert look(written(MEMBERS | {name: value}), NOW) is None
    assert look(written(MEMBERS | {"exp": 253402300799}), NOW).exp == 253402300799
    assert look(written(MEMBERS | {"iat": 0}), NOW).iat == 0
    assert look(written(MEMBERS | {"iat": NOW, "exp": NOW}), NOW).exp == NOW
    assert type(look(written(MEMBERS), NOW)) is not Claims


def test_each_of_several_issuers_and_audiences_is_taken_in_a_shape():
    look = glance_for(Claims, Policy(("h", "i", "j"), ("a", "b", "c")))[0]
    for _ in range(3):
        for iss in "hij":
            for aud in "abc":
                assert look(written(MEMBERS | {"iss": iss, "aud": aud}), NOW).aud == (aud,)
    for changed in ({"iss": "k"}, {"aud": "d"}, {"iss": ""}, {"aud": ""}):
        assert look(written(MEMBERS | changed), NOW) is None
