"""JWK members to key objects of `cryptography` and back (RFC 7517, RFC 7518 §6, RFC 8037, RFC 9964)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import new as new_hash
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from mapae.errors import KeyRefused, Malformed
from mapae.jose.algorithms import (
    ALGORITHM_OF_CURVE,
    KEY_TYPE,
    Algorithm,
    Ecdsa,
    Eddsa,
    Hmac,
    MlDsa,
    Rsa,
    algorithm_named,
)
from mapae.jose.base64url import decode, encode
from mapae.jose.guessable_primes import refuse_guessable_primes
from mapae.jose.points import refuse_weak_point

RSA_MIN_BITS, RSA_MAX_BITS = 2048, 8192
MAX_KID = 256
EC_CURVES: Mapping[str, type[ec.EllipticCurve]] = {
    "P-256": ec.SECP256R1,
    "P-384": ec.SECP384R1,
    "P-521": ec.SECP521R1,
    "secp256k1": ec.SECP256K1,
}
_RSA_PRIVATE = ("d", "p", "q", "dp", "dq", "qi")
_THUMBPRINT_MEMBERS = {
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
    "RSA": ("e", "kty", "n"),
    "oct": ("k", "kty"),
    "AKP": ("alg", "kty", "pub"),
}


def is_secret(jwk: Mapping[str, Any]) -> bool:
    """Say whether a JWK holds a secret or private part."""
    return any(name in jwk for name in ("d", "k", "priv", "p", "q", "dp", "dq", "qi", "oth"))


def algorithm_of_jwk(jwk: Mapping[str, Any], alg: str | None) -> Algorithm:
    """Find the one algorithm of a JWK: its `alg`, what its curve implies, or what the caller names.

    Raises:
        KeyRefused: none of them says it, they disagree, or the key is not for signatures.
    """
    kty = jwk.get("kty")
    if not isinstance(kty, str) or kty not in _THUMBPRINT_MEMBERS:
        raise KeyRefused("kty is none of EC, OKP, RSA, oct and AKP")
    named = jwk.get("alg", alg)
    if named is None and "alg" not in jwk:
        named = ALGORITHM_OF_CURVE.get(jwk["crv"]) if isinstance(jwk.get("crv"), str) and kty != "RSA" else None
    if named is None and "alg" not in jwk:
        raise KeyRefused(f'this {kty} key does not say its algorithm; add alg=, for example alg="{_example(kty)}"')
    algorithm = algorithm_named(named)
    if alg not in {None, algorithm.name}:
        raise KeyRefused("the key says another alg than the caller")
    if KEY_TYPE[type(algorithm)] != kty:
        raise KeyRefused(f"{algorithm.name} does not use {kty} keys")
    _refuse_other_use(jwk)
    return algorithm


def _example(kty: object) -> str:
    return {"RSA": "RS256", "oct": "HS256", "AKP": "ML-DSA-65", "OKP": "Ed25519"}.get(str(kty), "ES256")


def _refuse_other_use(jwk: Mapping[str, Any]) -> None:
    if "use" in jwk and jwk["use"] != "sig":
        raise KeyRefused('use is not "sig"')
    if "key_ops" in jwk:
        operations = jwk["key_ops"]
        if not isinstance(operations, list | tuple) or not all(isinstance(operation, str) for operation in operations):
            raise KeyRefused("key_ops is not an array of strings")
        if len(set(operations)) != len(operations) or not {"sign", "verify"} & set(operations):
            raise KeyRefused("key_ops does not allow signatures, or names an operation twice")


def key_id(jwk: Mapping[str, Any]) -> str | None:
    """Read `kid`.

    Raises:
        KeyRefused: it is not a string of 1 to 256 printable characters.
    """
    if "kid" not in jwk:
        return None
    kid = jwk["kid"]
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID or not kid.isprintable():
        raise KeyRefused(f"kid is not a string of 1 to {MAX_KID} printable characters")
    return kid


def native_keys(jwk: Mapping[str, Any], algorithm: Algorithm) -> tuple[Any, Any]:
    """Return (private or None, public) key objects; for a secret both are its octets.

    Raises:
        KeyRefused: a member is missing or malformed, or the key is too weak, off its curve, or does not fit together.
    """
    try:
        match algorithm:
            case Hmac():
                secret = _octets(jwk, "k")
                refuse_short_secret(secret, algorithm)
                return secret, secret
            case Rsa():
                return _rsa(jwk)
            case Ecdsa():
                return _ec(jwk, algorithm)
            case Eddsa():
                return _okp(jwk, algorithm)
            case MlDsa():
                return _akp(jwk, algorithm)
    except KeyRefused:
        raise
    except (ValueError, UnsupportedAlgorithm):
        pass
    raise KeyRefused("the members do not make a valid key")


def refuse_short_secret(secret: bytes, algorithm: Hmac) -> None:
    """Refuse a secret shorter than its hash (RFC 7518 §3.2).

    Raises:
        KeyRefused: it is too short.
    """
    if len(secret) < algorithm.size:
        raise KeyRefused(
            f"{algorithm.name} needs a secret of at least {algorithm.size} random octets, this one has {len(secret)}"
            f' (RFC 7518 section 3.2); Key.generate("{algorithm.name}") makes one'
        )


def refuse_rsa_size(bits: int) -> None:
    """Refuse a number of bits that no RSA key may have here.

    Raises:
        KeyRefused: it is not 2048 to 8192.
    """
    if not RSA_MIN_BITS <= bits <= RSA_MAX_BITS:
        raise KeyRefused(f"an RSA key has {RSA_MIN_BITS} to {RSA_MAX_BITS} bits, not {bits}")


def refuse_weak_rsa(public: rsa.RSAPublicKey) -> None:
    """Refuse an RSA key outside 2048 to 8192 bits or with an exponent other than 65537 and its likes.

    Raises:
        KeyRefused: the key must not be used.
    """
    numbers = public.public_numbers()
    refuse_rsa_size(numbers.n.bit_length())
    if numbers.n % 2 == 0 or numbers.e % 2 == 0 or not 65537 <= numbers.e < 2**33:
        raise KeyRefused(
            "the RSA modulus is even, or its exponent is not an odd number of at least 65537 and below 2^33"
        )
    refuse_guessable_primes(numbers.n)


def _octets(jwk: Mapping[str, Any], name: str, size: int | None = None) -> bytes:
    text = jwk.get(name)
    octets = None
    if isinstance(text, str):
        try:
            octets = decode(text)
        except Malformed:
            octets = None
    if octets is None or (size is not None and len(octets) != size):
        width = "" if size is None else f" of {size} octets"
        raise KeyRefused(f"{name} is not canonical base64url{width}")
    return octets


def _number(jwk: Mapping[str, Any], name: str) -> int:
    octets = _octets(jwk, name)
    if not octets or octets[0] == 0 or len(octets) > RSA_MAX_BITS // 8:
        raise KeyRefused(f"{name} is not a positive number in its shortest form (RFC 7518 section 2)")
    return int.from_bytes(octets, "big")


def _rsa(jwk: Mapping[str, Any]) -> tuple[rsa.RSAPrivateKey | None, rsa.RSAPublicKey]:
    public = rsa.RSAPublicNumbers(_number(jwk, "e"), _number(jwk, "n")).public_key()
    refuse_weak_rsa(public)
    if not any(name in jwk for name in (*_RSA_PRIVATE, "oth")):
        return None, public
    if "oth" in jwk:
        raise KeyRefused("an RSA key of more than two primes is not accepted")
    d, p, q, dp, dq, qi = (_number(jwk, name) for name in _RSA_PRIVATE)
    private = rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, public.public_numbers()).private_key()
    return private, private.public_key()


def _ec(
    jwk: Mapping[str, Any], algorithm: Ecdsa
) -> tuple[ec.EllipticCurvePrivateKey | None, ec.EllipticCurvePublicKey]:
    if jwk.get("crv") != algorithm.crv:
        raise KeyRefused(f"{algorithm.name} uses the curve {algorithm.crv}")
    curve = EC_CURVES[algorithm.crv]()
    x, y = (int.from_bytes(_octets(jwk, name, algorithm.size), "big") for name in ("x", "y"))
    numbers = ec.EllipticCurvePublicNumbers(x, y, curve)
    public = numbers.public_key()
    if "d" not in jwk:
        return None, public
    private = ec.derive_private_key(int.from_bytes(_octets(jwk, "d", algorithm.size), "big"), curve)
    if private.public_key().public_numbers() != numbers:
        raise KeyRefused("d is not the private key of x and y")
    return private, public


def _okp(jwk: Mapping[str, Any], algorithm: Eddsa) -> tuple[Any, Any]:
    crv = jwk.get("crv")
    if crv not in algorithm.curves:
        raise KeyRefused(f"{algorithm.name} uses the curve {' or '.join(algorithm.curves)}")
    size = 32 if crv == "Ed25519" else 57
    x = _octets(jwk, "x", size)
    refuse_weak_point(str(crv), x)
    if "d" not in jwk:
        return None, _okp_public(str(crv), x)
    d = _octets(jwk, "d", size)
    private: Any = (
        ed25519.Ed25519PrivateKey.from_private_bytes(d) if size == 32 else ed448.Ed448PrivateKey.from_private_bytes(d)
    )
    if private.public_key().public_bytes_raw() != x:
        raise KeyRefused("d is not the private key of x")
    return private, private.public_key()


def _okp_public(crv: str, x: bytes) -> Any:
    if crv == "Ed25519":
        return ed25519.Ed25519PublicKey.from_public_bytes(x)
    return ed448.Ed448PublicKey.from_public_bytes(x)


def _akp(jwk: Mapping[str, Any], algorithm: MlDsa) -> tuple[Any, Any]:
    if jwk.get("alg") != algorithm.name:
        raise KeyRefused("an AKP key must say its alg (RFC 9964)")
    private_type, public_type = mldsa_types(algorithm.name)
    pub = _octets(jwk, "pub", algorithm.public_size)
    public = public_type.from_public_bytes(pub)
    if "priv" not in jwk:
        return None, public
    private = private_type.from_seed_bytes(_octets(jwk, "priv", 32))
    if private.public_key().public_bytes_raw() != pub:
        raise KeyRefused("priv is not the private key of pub")
    return private, public


def mldsa_types(name: str) -> tuple[Any, Any]:
    """Find the private and public key classes of an ML-DSA algorithm in `cryptography`.

    Raises:
        KeyRefused: the installed `cryptography` has none.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric import mldsa  # noqa: PLC0415 (older releases lack it)
    except ImportError:
        raise KeyRefused("ML-DSA needs a newer release of cryptography") from None
    short = name.replace("-", "")
    return getattr(mldsa, f"{short}PrivateKey"), getattr(mldsa, f"{short}PublicKey")


def public_members(public: Any, algorithm: Algorithm) -> dict[str, Any]:
    """Write the members of a public key that RFC 7638 counts, in its order; for a secret, its `k`."""
    match algorithm:
        case Hmac():
            return {"k": encode(public), "kty": "oct"}
        case Rsa():
            numbers = public.public_numbers()
            return {"e": _uint(numbers.e), "kty": "RSA", "n": _uint(numbers.n)}
        case Ecdsa(crv=crv, size=size):
            numbers = public.public_numbers()
            x, y = (encode(number.to_bytes(size, "big")) for number in (numbers.x, numbers.y))
            return {"crv": crv, "kty": "EC", "x": x, "y": y}
        case Eddsa():
            raw = public.public_bytes_raw()
            return {"crv": "Ed25519" if len(raw) == 32 else "Ed448", "kty": "OKP", "x": encode(raw)}
        case MlDsa(name=name):
            return {"alg": name, "kty": "AKP", "pub": encode(public.public_bytes_raw())}


def private_members(private: Any, algorithm: Algorithm) -> dict[str, Any]:
    """Write the private members of a key; none for a secret, whose `k` is all it has."""
    match algorithm:
        case Hmac():
            return {}
        case Rsa():
            numbers = private.private_numbers()
            values = (numbers.d, numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp)
            return dict(zip(_RSA_PRIVATE, map(_uint, values), strict=True))
        case Ecdsa(size=size):
            return {"d": encode(private.private_numbers().private_value.to_bytes(size, "big"))}
        case Eddsa():
            return {"d": encode(private.private_bytes_raw())}
        case MlDsa():
            return {"priv": encode(private.private_bytes_raw())}


def _uint(number: int) -> str:
    return encode(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def thumbprint_of(members: Mapping[str, Any], hash_name: str = "sha256") -> str:
    """Compute the thumbprint of a JWK (RFC 7638 §3) as base64url."""
    required = {name: members[name] for name in _THUMBPRINT_MEMBERS[members["kty"]]}
    text = json.dumps(required, separators=(",", ":"), sort_keys=True)
    return encode(new_hash(hash_name, text.encode()).digest())
