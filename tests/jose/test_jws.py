"""Signed octets that are no claims."""

import pytest

from mapae.errors import AlgorithmRefused, KeyUnknown, Malformed, SignatureRefused, TooLarge
from mapae.jose.jwks import KeySet
from mapae.jose.jws import sign_octets, verify_octets
from mapae.jose.key import Key

KEY, OTHER = Key.generate("ES256"), Key.generate("ES256")


@pytest.mark.parametrize("payload", [b"", b"foo", bytes(range(256)), b'{"a":1}'])
def test_octets_come_back_as_they_were_signed(payload):
    token = sign_octets(payload, KEY, header={"typ": "x", "cty": "octets"})
    for keys in (KEY, KEY.public(), KeySet([OTHER.public(), KEY.public()])):
        signed = verify_octets(token.encode(), keys)
        assert signed.payload == payload
        assert signed.header == {"alg": "ES256", "kid": KEY.kid, "typ": "x", "cty": "octets"}
        with pytest.raises(TypeError):
            signed.header["alg"] = "none"


def test_what_is_not_so_signed_is_refused():
    token = sign_octets(b"foo", KEY)
    for wrong, keys, error in (
        (token[:-4] + "AAAA", KEY, SignatureRefused),
        (token, OTHER, SignatureRefused),
        (token, KeySet([OTHER]), KeyUnknown),
        (token, Key.generate("Ed25519"), AlgorithmRefused),
        (token + ".", KEY, Malformed),
        ("é.é.é", KEY, Malformed),
        ("Bearer " + token, KEY, Malformed),
        (token + "A" * 20_000, KEY, TooLarge),
    ):
        with pytest.raises(error):
            verify_octets(wrong, keys)


@pytest.mark.parametrize(
    "header", [{"alg": "none"}, {"kid": "other"}, {"crit": ["x"]}, {"b64": False}, {"typ": 5}, {"x": {1}}]
)
def test_a_header_that_would_be_refused_is_not_written(header):
    with pytest.raises(Malformed):
        sign_octets(b"foo", KEY, header=header)
