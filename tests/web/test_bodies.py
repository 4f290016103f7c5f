"""A body is read the quick way or the thorough one, and both say the same."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.errors import InputRefused, Malformed
from mapae.jose.strict_json import read_object
from mapae.web.bodies import parse_body
from mapae.web.refusals import JsonMalformed


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As bodies are: some fields, each of which may be left out."""

    ticket: str = ""
    count: int = 0
    many: list[str] = []
    when: float = 0.0


def read(body: bytes) -> object:
    try:
        return parse_body(body, Kind)
    except JsonMalformed:
        return "malformed"
    except InputRefused:
        return "refused"


def read_thoroughly(body: bytes) -> object:
    try:
        return msgspec.convert(read_object(body, "body"), Kind)
    except Malformed:
        return "malformed"
    except msgspec.ValidationError:
        return "refused"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=3,
)
NAMES = st.sampled_from(["ticket", "count", "many", "when", "other"])


@given(st.lists(st.tuples(NAMES, VALUES), max_size=3), st.booleans(), st.sampled_from(["", " ", "\n", "x", "\ufeff"]))
def test_any_members_are_read_the_same_both_ways(members, ascii_only, beside):
    pairs = [f"{json.dumps(name)}:{json.dumps(value, ensure_ascii=ascii_only)}" for name, value in members]
    body = (beside + "{" + ",".join(pairs) + "}").encode("utf-8", "surrogatepass")
    assert read(body) == read_thoroughly(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"ticket":"x"}',
        b'{"ticket":"a","ticket":"b"}',
        b'{"ticket":"a" , "ticket":"b"}',
        b'{"t\\u0069cket":"a"}',
        b'{"ticket":"\\ud800"}',
        b'{"ticket":"\xff"}',
        b'{"ticket":"\xed\xa0\x80"}',
        b'{"count":1.0}',
        b'{"count":1e2}',
        b'{"count":1e999}',
        b'{"count":-0}',
        b'{"count":99999999999999999999999999}',
        b'{"when":1e999}',
        b'{"when":1}',
        b'{"when":NaN}',
        b'{"many":["a"]}',
        b"{" * 40 + b"}" * 40,
        b'{"many":' + b"[" * 40 + b"]" * 40 + b"}",
        b'{"ticket":"x"}}',
        b"[]",
        b"null",
        b'"ticket"',
        b"{}",
        b"",
    ],
)
def test_whatever_is_odd_is_read_the_same_both_ways(body):
    assert read(body) == read_thoroughly(body)
