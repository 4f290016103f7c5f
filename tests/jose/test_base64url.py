"""Strict base64url: each octet string has exactly one accepted text."""

import base64
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.errors import Malformed
from mapae.jose.base64url import decode, encode

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def accepted(text: str) -> bytes | None:
    try:
        return decode(text)
    except Malformed:
        return None


@given(st.binary(max_size=300))
def test_what_is_written_is_read_back(raw):
    text = encode(raw)
    assert text == base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    assert decode(text) == raw


@pytest.mark.slow
@given(st.one_of(st.text(max_size=12), st.text(alphabet=ALPHABET + '+/=."\\ \n', max_size=12)))
def test_an_accepted_text_is_the_only_text_for_its_octets(text):
    raw = accepted(text)
    assert raw is None or encode(raw) == text


@pytest.mark.parametrize("length", [1, 2])
@pytest.mark.slow
def test_every_short_text_is_judged_as_the_alphabet_says(length):
    characters = [chr(code) for code in range(256)] + ["\u200b", "\uff21", "\ud800"]
    canonical = {encode(bytes(raw)) for raw in itertools.product(range(256), repeat=1)} if length == 2 else set()
    for text in map("".join, itertools.product(characters, repeat=length)):
        assert (accepted(text) is not None) == (text in canonical)


@pytest.mark.parametrize("prefix", ["AA", "QQ", "_-"])
def test_unused_bits_must_be_zero_in_a_group_of_three(prefix):
    for last in ALPHABET:
        assert (accepted(prefix + last) is not None) == (ALPHABET.index(last) % 4 == 0)


@pytest.mark.parametrize("size", [765, 766, 767, 768, 769, 770, 3309])  # about 1024 characters, and ML-DSA-65
def test_a_long_text_is_read_as_strictly_as_a_short_one(size):
    raw = (bytes(range(256)) * 13)[-size:]
    text = encode(raw)
    assert text == base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    assert decode(text) == raw
    for at in (0, 1, len(text) // 2, len(text) - 1, len(text)):
        for foreign in (
            "+",
            "/",
            "=",
            "==",
            "\n",
            " ",
            '"',
            "\\",
            "\\u0041",
            "\x00",
            "\u00e9",
            "\u200b",
            "\ud800",
            ".",
        ):
            for changed in (text[:at] + foreign + text[at:], text[:at] + foreign + text[at + 1 :]):
                assert accepted(changed) is None
    for last in ALPHABET:
        got = accepted(text[:-1] + last)
        assert got is None or encode(got) == text[:-1] + last


@pytest.mark.parametrize(
    "text",
    [
        "QQ==",
        "QUI=",
        "QUJD\n",
        " QUJD",
        "QU JD",
        "QUJD=",
        "Q+JD",
        "Q/JD",
        'QUJD"',
        "QUJ\\u0044",
        "QUJD\x00",
        "A",
        "AAAAA",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(Malformed):
        decode(text)


def test_a_refusal_says_what_is_wrong_and_with_what():
    for text in ("A", "AAAAA", "AB", "AAB"):
        with pytest.raises(Malformed, match=r"^the token is not canonical base64url"):
            decode(text)
    for text in ("Q+JD", "Q/JD", "Q.JD", "AB\\u0044"):
        with pytest.raises(Malformed, match=r"^the header holds a character outside base64url"):
            decode(text, "header")
