"""ECDSA signatures in their two forms: the octets are the same as those of the primitive's own encoder."""

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import example, given
from hypothesis import strategies as st

from mapae.errors import SignatureRefused
from mapae.jose.base64url import decode, encode
from mapae.jose.dss_signature import from_der, to_der
from mapae.jose.key import Key

SIZES = {"ES256": 32, "ES384": 48, "ES512": 66, "ES256K": 32}
NUMBERS = st.integers(0, 2**521 - 1) | st.integers(0, 2**264)


@given(st.sampled_from(sorted(set(SIZES.values()))), NUMBERS, NUMBERS)
@example(32, 0, 0)
@example(32, 0x7F, 0x80)
@example(32, 0x58, 0x5858)
@example(66, 2**521 - 1, 2**521 - 1)
@example(66, 256**60, 256**61)  # together 127 octets, the most that one octet of length says
@example(66, 256**61, 256**61)
def test_der_is_written_and_read_as_the_primitive_does(size, r, s):
    r, s = (number % 256**size for number in (r, s))
    halves = r.to_bytes(size, "big") + s.to_bytes(size, "big")
    der = encode_dss_signature(r, s)
    assert to_der(halves) == der
    assert from_der(der, size) == halves
    assert decode_dss_signature(to_der(halves)) == (r, s)


@pytest.mark.parametrize("alg", SIZES)
def test_a_half_out_of_range_is_refused_by_the_primitive(alg):
    key, size = Key.generate(alg), SIZES[alg]
    good = decode(key.make_signature(b"message"))
    r, s = good[:size], good[size:]
    zero, most = bytes(size), b"\xff" * size
    for halves in (zero + zero, r + zero, zero + s, most + s, r + most, s + r):
        with pytest.raises(SignatureRefused):
            key.check_signature(b"message", encode(halves))
    key.check_signature(b"message", encode(good))


@pytest.mark.parametrize("alg", ["HS256", "HS512", "RS256", "PS256", *SIZES, "Ed25519", "Ed448", "ML-DSA-44"])
@pytest.mark.slow
def test_a_beginning_is_signed_and_verified_with_the_rest(alg):
    key = Key.generate(alg, bits=2048)
    signature = key.signer_after(b"header.")(b"payload")[1:].decode()
    key.check_signature(b"header.payload", signature)
    check = key.checker_after(b"header.")
    check(b"payload", key.make_signature(b"header.payload"))
    for begun, rest in ((b"header.", b"other"), (b"Header.", b"payload"), (b"", b"payload"), (b"header", b"payload")):
        with pytest.raises(SignatureRefused):
            key.checker_after(begun)(rest, signature)
