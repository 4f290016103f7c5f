"""Our HMAC and HKDF-Expand say what OpenSSL's say."""

import hmac

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given, settings
from hypothesis import strategies as st

from mapae.jose.mac import expand, mac


@settings(max_examples=60, deadline=None)
@given(key=st.binary(max_size=64), message=st.binary(max_size=300))
def test_a_mac_is_hmac_with_sha_256(key, message):
    assert mac(key, message) == hmac.digest(key, message, "sha256")


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(key=st.binary(min_size=32, max_size=32), info=st.binary(max_size=100))
def test_two_keys_are_the_64_bytes_of_hkdf_expand(key, info):
    assert b"".join(expand(key, info)) == HKDFExpand(SHA256(), 64, info).derive(key)


def test_a_key_longer_than_a_block_is_refused():
    with pytest.raises(ValueError, match="longer than a block"):
        mac(bytes(65), b"")
