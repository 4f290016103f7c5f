"""Keys for Diffie-Hellman agreement: P-256, P-384, P-521 and X25519 (RFC 7518 §6.2, RFC 8037 §2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, x25519

from mapae.errors import KeyRefused, Malformed
from mapae.jose import jwk as members_of
from mapae.jose.algorithms import ALGORITHM_OF_CURVE, ALGORITHMS, Algorithm
from mapae.jose.base64url import decode, encode
from mapae.jose.key_files import curve_name

CURVES = ("P-256", "P-384", "P-521", "X25519")
_P25519 = 2**255 - 19


def generate_agreement_key(crv: str) -> Any:
    """Make a new random private key.

    Raises:
        KeyRefused: there is no such curve here.
    """
    refuse_other_curve(crv)
    if crv == "X25519":
        return x25519.X25519PrivateKey.generate()
    return ec.generate_private_key(members_of.EC_CURVES[crv]())


def refuse_other_curve(crv: object) -> None:
    """Check the name of a curve.

    Raises:
        KeyRefused: there is no such curve here.
    """
    if crv not in CURVES:
        raise KeyRefused(f"the curve of a key agreement is one of {', '.join(CURVES)}")


def crv_of(public: Any) -> str:
    """Name the curve of a public key of `cryptography`.

    Raises:
        KeyRefused: it is not a key for agreement.
    """
    if isinstance(public, x25519.X25519PublicKey):
        return "X25519"
    crv = curve_name(public) if isinstance(public, ec.EllipticCurvePublicKey) else None
    refuse_other_curve(crv)
    return str(crv)


def read_agreement_key(jwk: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the (private or None, public) key of a JWK.

    Raises:
        KeyRefused: it is not on a curve for agreement, is weak, or does not fit together.
    """
    crv = jwk.get("crv")
    refuse_other_curve(crv)
    if crv != "X25519":
        if jwk.get("kty") != "EC":
            raise KeyRefused(f"a key on {crv} has the kty EC")
        return members_of.native_keys(jwk, _twin(str(crv)))
    if jwk.get("kty") != "OKP":
        raise KeyRefused("a key on X25519 has the kty OKP")
    x = octets_of(jwk, "x", 32)
    public = x25519.X25519PublicKey.from_public_bytes(x)
    refuse_weak_x25519(public)
    if "d" not in jwk:
        return None, public
    private = x25519.X25519PrivateKey.from_private_bytes(octets_of(jwk, "d", 32))
    if private.public_key().public_bytes_raw() != x:
        raise KeyRefused("d is not the private key of x")
    return private, public


def read_public_agreement_key(jwk: Mapping[str, Any], crv: str) -> Any:
    """Return the public key of a JWK that a stranger sent, on the curve `crv` and on no other.

    Raises:
        KeyRefused: it is on another curve, off its curve, of small order, or holds a private part.
    """
    if members_of.is_secret(jwk):
        raise KeyRefused("holds a private part; only a public key may be sent")
    if jwk.get("crv") != crv:
        raise KeyRefused("is not on the curve of the recipient's key")
    return read_agreement_key(jwk)[1]


def refuse_weak_x25519(public: x25519.X25519PublicKey) -> None:
    """Refuse a public key with which everybody agrees on zero (RFC 7748 §6.1), or that has another spelling.

    Raises:
        KeyRefused: the key must not be used.
    """
    if int.from_bytes(public.public_bytes_raw(), "little") >= _P25519:
        raise KeyRefused("the X25519 public key is not in its canonical form")
    try:
        # Every private key is a multiple of eight, so any one of them shows a small order.
        weak = not any(x25519.X25519PrivateKey.from_private_bytes(bytes(32)).exchange(public))
    except ValueError:
        weak = True
    if weak:
        raise KeyRefused("the X25519 public key is a point of small order; every secret agreed with it is zero")


def public_agreement_members(public: Any) -> dict[str, Any]:
    """Write the members of a public key that RFC 7638 counts, in its order."""
    if isinstance(public, x25519.X25519PublicKey):
        return {"crv": "X25519", "kty": "OKP", "x": encode(public.public_bytes_raw())}
    return members_of.public_members(public, _twin(crv_of(public)))


def private_agreement_members(private: Any) -> dict[str, Any]:
    """Write the private member of a key."""
    if isinstance(private, x25519.X25519PrivateKey):
        return {"d": encode(private.private_bytes_raw())}
    return members_of.private_members(private, _twin(crv_of(private.public_key())))


def _twin(crv: str) -> Algorithm:
    """Give the signature algorithm of a curve: the members of a JWK are the same for both uses."""
    return ALGORITHMS[ALGORITHM_OF_CURVE[crv]]


def octets_of(jwk: Mapping[str, Any], name: str, size: int) -> bytes:
    """Read a member of exactly `size` octets.

    Raises:
        KeyRefused: it is something else.
    """
    text = jwk.get(name)
    octets = b""
    if isinstance(text, str):
        try:
            octets = decode(text)
        except Malformed:
            octets = b""
    if len(octets) != size:
        raise KeyRefused(f"{name} is not canonical base64url of {size} octets")
    return octets
