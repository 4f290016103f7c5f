"""Make and check signatures: one closure per key, bound once, called often (RFC 7515 §5).

A `MakeSignature` turns the signing input into what is written after it: a dot and the signature segment, in ASCII
octets. A `Checker` takes the signing input and the segment, and raises when they do not match.
The key objects, paddings and hashes are prepared here, so that a call does nothing but the primitive. Where all signing
inputs begin alike (the header segment and its dot), a closure can be bound to that `beginning`, and is called with the
rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from hmac import compare_digest
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding

from mapae.errors import Malformed, SignatureRefused
from mapae.jose.algorithms import Ecdsa, Eddsa, Hmac, MlDsa, Rsa
from mapae.jose.base64url import TO_URL, decode, encode_octets, write_base64
from mapae.jose.dss_signature import from_der, to_der

MakeSignature = Callable[[bytes], bytes]
Checker = Callable[[bytes, str], None]

# The quotation mark in front of what msgspec writes becomes the dot.
_TO_DOT_AND_URL = bytes.maketrans(b'"+/', b".-_")
_REFUSED = "the signature does not match"
_HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


def signer(algorithm: Hmac | Rsa | Ecdsa | Eddsa | MlDsa, key: Any, beginning: bytes = b"") -> MakeSignature:
    """Bind a secret (octets) or a private key of `cryptography` to its algorithm, and to how all messages begin."""
    match algorithm:
        case Hmac():
            return _mac(algorithm, key, beginning)
        case Rsa():
            return _rsa_signer(algorithm, key, beginning)
        case Ecdsa():
            return _ecdsa_signer(algorithm, key, beginning)
        case Eddsa():
            sign = key.sign
            return lambda message: _dotted(sign(beginning + message))
        case MlDsa():  # so long a signature has many characters to exchange, and few places where they stand
            sign = key.sign
            return lambda message: b"." + encode_octets(sign(beginning + message))


def checker(algorithm: Hmac | Rsa | Ecdsa | Eddsa | MlDsa, key: Any, beginning: bytes = b"") -> Checker:
    """Bind a secret (octets) or a public key of `cryptography` to its algorithm, and to how all messages begin."""
    match algorithm:
        case Hmac():
            return _mac_checker(algorithm, key, beginning)
        case Rsa():
            return _rsa_checker(algorithm, key, beginning)
        case Ecdsa():
            return _ecdsa_checker(algorithm, key, beginning)
        case Eddsa() | MlDsa():
            return _plain_checker(algorithm, key, beginning)


def _hmac_states(algorithm: Hmac, secret: bytes, beginning: bytes) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Prepare the two hash states of HMAC (RFC 2104); copying them is less than half the work of a new HMAC."""
    new = getattr(hashlib, algorithm.hash_name)
    block = new().block_size
    padded = (new(secret).digest() if len(secret) > block else secret).ljust(block, b"\x00")
    inner, outer = (new(bytes(octet ^ pad for octet in padded)) for pad in (0x36, 0x5C))
    inner.update(beginning)
    return inner.copy, outer.copy


def _mac(algorithm: Hmac, secret: bytes, beginning: bytes) -> MakeSignature:
    inner_copy, outer_copy = _hmac_states(algorithm, secret, beginning)

    def make(message: bytes) -> bytes:
        inner = inner_copy()
        inner.update(message)
        outer = outer_copy()
        outer.update(inner.digest())
        return write_base64(outer.digest()).rstrip(b'"=').translate(_TO_DOT_AND_URL)

    return make


def _mac_checker(algorithm: Hmac, secret: bytes, beginning: bytes) -> Checker:
    inner_copy, outer_copy = _hmac_states(algorithm, secret, beginning)

    def check(message: bytes, signature: str) -> None:
        inner = inner_copy()
        inner.update(message)
        outer = outer_copy()
        outer.update(inner.digest())
        # Compared as text: only the canonical base64url of the right octets is equal.
        expected = write_base64(outer.digest()).strip(b'"=').translate(TO_URL)
        if not (signature.isascii() and compare_digest(expected, signature.encode())):
            raise SignatureRefused(_REFUSED)

    return check


def _rsa_padding(algorithm: Rsa, hash_: hashes.HashAlgorithm) -> padding.AsymmetricPadding:
    if algorithm.pss:  # RFC 7518 §3.5: MGF1 with the same hash, a salt as long as the hash
        return padding.PSS(padding.MGF1(hash_), hash_.digest_size)
    return padding.PKCS1v15()


def _rsa_signer(algorithm: Rsa, key: Any, beginning: bytes) -> MakeSignature:
    hash_ = _HASHES[algorithm.hash_name]()
    pad = _rsa_padding(algorithm, hash_)
    sign = key.sign
    return lambda message: _dotted(sign(beginning + message, pad, hash_))


def _rsa_checker(algorithm: Rsa, key: Any, beginning: bytes) -> Checker:
    hash_ = _HASHES[algorithm.hash_name]()
    pad = _rsa_padding(algorithm, hash_)
    verify = key.verify
    size = (key.key_size + 7) // 8

    def check(message: bytes, signature: str) -> None:
        octets = _octets(signature, size)
        matches = True
        try:
            verify(octets, beginning + message, pad, hash_)
        except (InvalidSignature, ValueError):
            matches = False
        if not matches:
            raise SignatureRefused(_REFUSED)

    return check


def _ecdsa_signer(algorithm: Ecdsa, key: Any, beginning: bytes) -> MakeSignature:
    # Deterministic (RFC 6979): no signature depends on the machine's random numbers (RFC 8725bis §3.2).
    ecdsa = ec.ECDSA(_HASHES[algorithm.hash_name](), deterministic_signing=True)
    sign = key.sign
    size = algorithm.size

    return lambda message: _dotted(from_der(sign(beginning + message, ecdsa), size))


def _ecdsa_checker(algorithm: Ecdsa, key: Any, beginning: bytes) -> Checker:
    ecdsa = ec.ECDSA(_HASHES[algorithm.hash_name]())
    verify = key.verify
    size = 2 * algorithm.size

    def check(message: bytes, signature: str) -> None:
        octets = _octets(signature, size)
        matches = True
        try:
            verify(to_der(octets), beginning + message, ecdsa)
        except (InvalidSignature, ValueError):
            matches = False
        if not matches:
            raise SignatureRefused(_REFUSED)

    return check


def _plain_checker(algorithm: Eddsa | MlDsa, key: Any, beginning: bytes) -> Checker:
    verify = key.verify
    size = algorithm.signature_size if isinstance(algorithm, MlDsa) else 2 * len(key.public_bytes_raw())

    def check(message: bytes, signature: str) -> None:
        octets = _octets(signature, size)
        matches = True
        try:
            verify(octets, beginning + message)
        except (InvalidSignature, ValueError):
            matches = False
        if not matches:
            raise SignatureRefused(_REFUSED)

    return check


def _dotted(signature: bytes) -> bytes:
    return write_base64(signature).rstrip(b'"=').translate(_TO_DOT_AND_URL)


def _octets(signature: str, size: int) -> bytes:
    try:
        octets = decode(signature, "signature")
    except Malformed:
        octets = b""
    if len(octets) != size:
        raise SignatureRefused("the signature is not the base64url of as many octets as its algorithm has")
    return octets
