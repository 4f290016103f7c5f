"""The table of algorithms says what the standards say."""

from dataclasses import asdict

import pytest

from mapae.errors import KeyRefused
from mapae.jose.algorithms import ALGORITHM_OF_CURVE, ALGORITHMS, KEY_TYPE, algorithm_named

# RFC 7518 §3.1 and §7.1.2, RFC 8037 §3.1, RFC 8812 §3.2, RFC 9864 §2, RFC 9964 §3 with the sizes of FIPS 204 §4.
STANDARD = {
    "HS256": ("oct", {"hash_name": "sha256", "size": 256 // 8}),
    "HS384": ("oct", {"hash_name": "sha384", "size": 384 // 8}),
    "HS512": ("oct", {"hash_name": "sha512", "size": 512 // 8}),
    "RS256": ("RSA", {"hash_name": "sha256", "pss": False}),
    "RS384": ("RSA", {"hash_name": "sha384", "pss": False}),
    "RS512": ("RSA", {"hash_name": "sha512", "pss": False}),
    "PS256": ("RSA", {"hash_name": "sha256", "pss": True}),
    "PS384": ("RSA", {"hash_name": "sha384", "pss": True}),
    "PS512": ("RSA", {"hash_name": "sha512", "pss": True}),
    "ES256": ("EC", {"hash_name": "sha256", "crv": "P-256", "size": 256 // 8}),
    "ES384": ("EC", {"hash_name": "sha384", "crv": "P-384", "size": 384 // 8}),
    "ES512": ("EC", {"hash_name": "sha512", "crv": "P-521", "size": (521 + 7) // 8}),
    "ES256K": ("EC", {"hash_name": "sha256", "crv": "secp256k1", "size": 256 // 8}),
    "Ed25519": ("OKP", {"curves": ("Ed25519",)}),
    "Ed448": ("OKP", {"curves": ("Ed448",)}),
    "EdDSA": ("OKP", {"curves": ("Ed25519", "Ed448")}),
    "ML-DSA-44": ("AKP", {"public_size": 1312, "signature_size": 2420}),
    "ML-DSA-65": ("AKP", {"public_size": 1952, "signature_size": 3309}),
    "ML-DSA-87": ("AKP", {"public_size": 2592, "signature_size": 4627}),
}


def test_the_algorithms_are_those_of_the_standards():
    table = {name: (KEY_TYPE[type(algorithm)], asdict(algorithm)) for name, algorithm in ALGORITHMS.items()}
    assert table == {name: (kty, {"name": name, **facts}) for name, (kty, facts) in STANDARD.items()}


def test_each_curve_has_the_algorithm_that_names_it():
    named = {facts["crv"]: name for name, (_kty, facts) in STANDARD.items() if "crv" in facts}
    assert dict(ALGORITHM_OF_CURVE) == named | {"Ed25519": "Ed25519", "Ed448": "Ed448"}


def test_an_algorithm_has_one_name_to_the_letter():
    for name in STANDARD:
        assert algorithm_named(name).name == name
    for other in ("none", "None", "", "hs256", "HS256 ", "HS1", "ES521", "RSA-OAEP", None, 256, ["HS256"], b"HS256"):
        with pytest.raises(KeyRefused, match="no such algorithm for a key; write one of HS256, HS384"):
            algorithm_named(other)
