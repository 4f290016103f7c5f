"""JSON objects: unique names, UTF-8, finite numbers, bounded depth."""

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.errors import Malformed
from mapae.jose.strict_json import MAX_DEPTH, plain, read_object, write_object

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(max_size=8), VALUES, max_size=8)


@given(OBJECTS)
@pytest.mark.slow
def test_what_is_written_is_read_back_exactly(members):
    try:
        raw = write_object(plain(members, "payload"), "payload")
    except Malformed:
        with pytest.raises(UnicodeEncodeError):
            json.dumps(members, ensure_ascii=False).encode()
        return
    assert read_object(raw, "payload") == members


@given(OBJECTS, st.booleans(), st.sampled_from([None, 2]))
@pytest.mark.slow
def test_other_spellings_of_the_same_object_are_read(members, ascii_only, indent):
    text = json.dumps(members, ensure_ascii=ascii_only, indent=indent)
    if "\\ud8" in text or "\\ud9" in text or "\\uda" in text or "\\udb" in text or "\\udc" in text:
        return  # may be a lone surrogate; those have their own test
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        return
    assert read_object(raw, "payload") == members


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"b":2,"a":3}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":[{"b":1,"b":1}]}',
        b'{"a":1,"\\u0061":2}',
        b'{"a" : 1, "a":1}',
        b'{"":1,"":1}',
        b'{"a":":","a":":"}',
        b'{"a":"{\\"b\\":1","a":1}',
    ],
)
def test_a_name_given_twice_is_refused_at_any_depth(raw):
    with pytest.raises(Malformed, match="twice"):
        read_object(raw, "payload")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"1",
        b'"a"',
        b"[]",
        b"[{}]",
        b"{",
        b"{}}",
        b"{}\x00",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1e400}',
        b'{"a":-1e400}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":01}',
        b'{"a":1.}',
        b'{"a":.5}',
        b'{"a":+1}',
        b'{"a":0x1}',
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":1}//',
        b'{"a":"\x01"}',
        b'{"a":"\\x41"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\\udc00"}',
        b'{"a":"\\ud800\\u0041"}',
        b'{"\\ud800":1}',
        b'{"a":"\xff"}',
        b'{"\xff":1}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\xc0\xaf"}',
        b'{"a":"\xf5\x80\x80\x80"}',
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-16-le"),
        '{"a":1}'.encode("utf-32"),
    ],
)
def test_what_is_not_a_strict_object_is_refused(raw):
    with pytest.raises(Malformed):
        read_object(raw, "payload")


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"[]", "is not a JSON object"),
        (b"null", "is not a JSON object"),
        (b'\xef\xbb\xbf{"a":1}', "starts with a byte order mark"),
        (b'{"a":1}\xef\xbb\xbf', r"is not JSON \(RFC 8259\) that can be kept exactly"),
        ('{"a":1}'.encode("utf-16"), "is not UTF-8"),
        ('{"a":1}'.encode("utf-16-le"), "is not UTF-8"),
        ('{"a":1}'.encode("utf-16-be"), "is not UTF-8"),
        ('{"a":1}'.encode("utf-32-be"), "is not UTF-8"),
        (b'{"a":"\xff"}', "is not UTF-8"),
        (b'{"\x00":1}', r"is not JSON \(RFC 8259\) that can be kept exactly"),
        (b'{"a":NaN}', r"is not JSON \(RFC 8259\) that can be kept exactly"),
        (b'{"a":' + b"[" * 100_000, f"nests deeper than {MAX_DEPTH}"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_refusal_says_what_is_wrong(raw, why):
    with pytest.raises(Malformed, match=f"^the header {why}$"):
        read_object(raw, "header")


def test_more_digits_than_this_python_reads_are_refused():
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(700)
    try:
        with pytest.raises(Malformed, match="kept exactly"):
            read_object(b'{"a": ' + b"9" * 701 + b"}", "payload")
    finally:
        sys.set_int_max_str_digits(before)


@pytest.mark.parametrize(("opening", "closing"), [(b'{"a":', b"}"), (b"[", b"]")])
def test_depth_is_bounded_and_brackets_inside_strings_do_not_count(opening, closing):
    def nested(levels):
        return b'{"a":' + opening * (levels - 1) + b"1" + closing * (levels - 1) + b"}"

    read_object(nested(MAX_DEPTH), "payload")
    for levels in (MAX_DEPTH + 1, 500, 100_000):
        with pytest.raises(Malformed, match="nests deeper"):
            read_object(nested(levels), "payload")
    read_object(b'{"a":"' + b"[{" * 200 + b'\\""}', "payload")
    read_object(b'{"a":[' + b"[]," * 100 + b"[]]}", "payload")
    # A text that is written otherwise than the encoder would is counted in any case.
    read_object(b" " + nested(MAX_DEPTH), "payload")
    read_object(b'{"a":"' + b"[{" * 200 + b'", "b":1}', "payload")
    beside = b'{"a":[' + b"[]," * 100
    read_object(beside + b"[" * (MAX_DEPTH - 2) + b"]" * (MAX_DEPTH - 2) + b"]}", "payload")
    for raw in (b" " + nested(MAX_DEPTH + 1), beside + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"]}"):
        with pytest.raises(Malformed, match="nests deeper"):
            read_object(raw, "payload")


@pytest.mark.parametrize("inside", [lambda value: [value], lambda value: {"b": value}], ids=["arrays", "objects"])
def test_writing_refuses_what_reading_refuses_in_depth(inside):
    def nested(levels):
        value = 1
        for _ in range(levels - 1):
            value = inside(value)
        return {"a": value}

    assert read_object(write_object(plain(nested(MAX_DEPTH), "payload"), "payload"), "payload") == nested(MAX_DEPTH)
    with pytest.raises(Malformed, match="nests deeper"):
        plain(nested(MAX_DEPTH + 1), "payload")


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), "\ud800", b"x", {1, 2}, {1: 2}, {"a": {"b": {2: 3}}}, object(), 1j, 10**5000],
    ids=lambda value: type(value).__name__,
)
def test_writing_refuses_what_json_would_change(value):
    with pytest.raises(Malformed):
        write_object(plain({"a": value}, "payload"), "payload")
