"""Looking into a token without believing it."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.errors import Malformed, TokenError, TooLarge
from mapae.jose.unverified import read_unverified


def test_header_payload_and_signature_are_shown_whoever_signed(forge):
    seen = read_unverified(forge({"alg": "none", "x": [1]}, {"exp": "1245678900"}))
    assert seen.header == {"alg": "none", "x": [1]}
    assert seen.payload == {"exp": "1245678900"}
    assert len(seen.signature) == 32


def test_its_type_is_not_the_type_of_verified_claims(forge):
    seen = read_unverified(forge())
    assert type(seen).__name__ == "Unverified"
    assert not hasattr(seen, "sub")
    assert "user-42" not in repr(seen)
    with pytest.raises(TypeError):
        seen.payload["sub"] = "x"


def test_the_rules_of_shape_hold(forge):
    for token in (
        "",
        "a.b",
        "a.b.c.d.e",
        forge() + "=",
        forge(b"[]"),
        forge(None, b'{"a":1,"a":1}'),
        "Bearer " + forge(),
    ):
        with pytest.raises(Malformed):
            read_unverified(token)
    with pytest.raises(TooLarge):
        read_unverified("a" * 1_000_000)
    with pytest.raises(TooLarge):
        read_unverified(forge({"alg": "HS256", "x": "y" * 20_000}))
    with pytest.raises(TypeError):
        read_unverified(None)


@given(st.text() | st.binary())
def test_any_text_is_read_or_refused(token):
    with pytest.raises(TokenError):
        read_unverified(token)


@pytest.mark.slow
def test_reading_loads_neither_cryptography_nor_a_server():
    code = (
        "import sys; from mapae.jose.unverified import read_unverified; "
        "heavy = {'cryptography', 'asyncio', 'starlette', 'ssl', 'sqlite3'} & set(sys.modules); "
        "print(sorted(heavy)); sys.exit(bool(heavy))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
