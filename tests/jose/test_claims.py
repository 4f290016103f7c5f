"""Claims: a read-only mapping with the registered names as attributes."""

import copy
import json
import operator
import pickle
from datetime import UTC, datetime

import pytest

from mapae.errors import ClaimRefused
from mapae.jose.claims import MAX_DATE, Claims, check_audience, check_date, check_text, frozen

MEMBERS = {"sub": "u", "aud": ["a", "b"], "exp": 10, "nbf": 1.5, "iat": 0, "jti": "j", "cnf": {"jkt": ["x"]}}
CLAIMS = Claims(frozen(MEMBERS))


def test_claims_are_a_mapping_of_their_members():
    assert list(CLAIMS) == list(MEMBERS)
    assert len(CLAIMS) == len(MEMBERS)
    assert "sub" in CLAIMS
    assert "iss" not in CLAIMS
    assert CLAIMS.get("iss", "none") == "none"
    assert Claims(frozen(MEMBERS)) == CLAIMS
    assert CLAIMS == {**MEMBERS, "aud": ("a", "b"), "cnf": {"jkt": ("x",)}}
    for other in ({"sub": "u"}, Claims({"sub": "u"}), 5, None, list(MEMBERS.items())):
        assert operator.ne(CLAIMS, other)
        assert not operator.eq(CLAIMS, other)
    assert not operator.ne(CLAIMS, Claims(frozen(MEMBERS)))
    assert CLAIMS.to_dict() == MEMBERS
    assert json.dumps(CLAIMS.to_dict()) == json.dumps(MEMBERS)
    with pytest.raises(TypeError):
        hash(CLAIMS)


def test_registered_claims_are_attributes():
    assert (CLAIMS.iss, CLAIMS.sub, CLAIMS.aud, CLAIMS.exp, CLAIMS.nbf, CLAIMS.iat, CLAIMS.jti) == (
        None,
        "u",
        ("a", "b"),
        10,
        1.5,
        0,
        "j",
    )
    assert CLAIMS.expires_at == datetime.fromtimestamp(10, UTC)
    assert CLAIMS.not_before == datetime.fromtimestamp(1.5, UTC)
    assert CLAIMS.issued_at == datetime(1970, 1, 1, tzinfo=UTC)
    assert Claims({}).expires_at is None
    assert Claims({}).aud == ()


def test_copies_keep_the_claims_and_stay_immutable():
    assert copy.copy(CLAIMS) is CLAIMS
    assert copy.deepcopy(CLAIMS) is CLAIMS
    again = pickle.loads(pickle.dumps(CLAIMS))
    assert again == CLAIMS
    assert type(again["aud"]) is tuple
    with pytest.raises(AttributeError):
        again.sub = "x"


def test_nothing_that_prints_claims_prints_a_value():
    pretty = CLAIMS.__rich_repr__()
    assert "jkt" not in repr(pretty)
    assert {value for _, value in pretty} == {...}
    assert str(CLAIMS) == "<Claims sub aud exp nbf iat jti cnf>"


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (check_text, ["", "u"], [5, None, b"u", ["u"], True]),
        (check_date, [0, 1.5, MAX_DATE, -MAX_DATE], [MAX_DATE + 1, -MAX_DATE - 1, True, "0", None, float("nan")]),
    ],
)
def test_what_is_checked_comes_back_as_it_is_or_is_refused_by_name(check, good, bad):
    assert [check(value, "claim") for value in good] == good
    for value in bad:
        with pytest.raises(ClaimRefused) as refused:
            check(value, "claim")
        assert refused.value.claim == "claim"


def test_an_audience_comes_back_as_several():
    assert check_audience("a") == check_audience(["a"]) == ("a",)
    assert check_audience(("a", "b")) == ("a", "b")
    for value in ([], (), None, 5, ["a", 5], {"a": "b"}, {"a"}):
        with pytest.raises(ClaimRefused) as refused:
            check_audience(value)
        assert refused.value.claim == "aud"
