"""The one table of signature algorithms (RFC 7518 §3, RFC 8812, RFC 9864, RFC 9964).

There is no `none` and no default list: a key has exactly one algorithm, and a token must name that one (RFC 8725 §3.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mapae.errors import KeyRefused


@dataclass(frozen=True, slots=True)
class Hmac:
    """HMAC with SHA-2 (RFC 7518 §3.2); `size` octets of hash, also the least size of a secret."""

    name: str
    hash_name: str
    size: int


@dataclass(frozen=True, slots=True)
class Rsa:
    """RSASSA-PKCS1-v1_5 or RSASSA-PSS (RFC 7518 §3.3, §3.5)."""

    name: str
    hash_name: str
    pss: bool


@dataclass(frozen=True, slots=True)
class Ecdsa:
    """ECDSA (RFC 7518 §3.4, RFC 8812 §3.2); `size` octets in a coordinate and in each half of a signature."""

    name: str
    hash_name: str
    crv: str
    size: int


@dataclass(frozen=True, slots=True)
class Eddsa:
    """EdDSA (RFC 8037, RFC 9864); `EdDSA` itself is the older name for either curve."""

    name: str
    curves: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MlDsa:
    """ML-DSA (FIPS 204, RFC 9964); sizes in octets."""

    name: str
    public_size: int
    signature_size: int


Algorithm = Hmac | Rsa | Ecdsa | Eddsa | MlDsa

ALGORITHMS: Mapping[str, Algorithm] = MappingProxyType(
    {
        algorithm.name: algorithm
        for algorithm in (
            Hmac("HS256", "sha256", 32),
            Hmac("HS384", "sha384", 48),
            Hmac("HS512", "sha512", 64),
            Rsa("RS256", "sha256", pss=False),
            Rsa("RS384", "sha384", pss=False),
            Rsa("RS512", "sha512", pss=False),
            Rsa("PS256", "sha256", pss=True),
            Rsa("PS384", "sha384", pss=True),
            Rsa("PS512", "sha512", pss=True),
            Ecdsa("ES256", "sha256", "P-256", 32),
            Ecdsa("ES384", "sha384", "P-384", 48),
            Ecdsa("ES512", "sha512", "P-521", 66),
            Ecdsa("ES256K", "sha256", "secp256k1", 32),
            Eddsa("Ed25519", ("Ed25519",)),
            Eddsa("Ed448", ("Ed448",)),
            Eddsa("EdDSA", ("Ed25519", "Ed448")),
            MlDsa("ML-DSA-44", 1312, 2420),
            MlDsa("ML-DSA-65", 1952, 3309),
            MlDsa("ML-DSA-87", 2592, 4627),
        )
    }
)
ALGORITHM_OF_CURVE: Mapping[str, str] = MappingProxyType(
    {
        "P-256": "ES256",
        "P-384": "ES384",
        "P-521": "ES512",
        "secp256k1": "ES256K",
        "Ed25519": "Ed25519",
        "Ed448": "Ed448",
    }
)
KEY_TYPE: Mapping[type[Algorithm], str] = MappingProxyType(
    {Hmac: "oct", Rsa: "RSA", Ecdsa: "EC", Eddsa: "OKP", MlDsa: "AKP"}
)


def algorithm_named(name: object) -> Algorithm:
    """Look an algorithm up by its registered name, to the letter.

    Raises:
        KeyRefused: there is no such algorithm here.
    """
    algorithm = ALGORITHMS.get(name) if isinstance(name, str) else None
    if algorithm is None:
        raise KeyRefused(f"no such algorithm for a key; write one of {', '.join(ALGORITHMS)}")
    return algorithm
