"""Key files: PEM, DER, OpenSSH and X.509 (RFC 7468, RFC 5958, RFC 5280).

These read and write the objects of `cryptography`; `key` binds them to an algorithm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from mapae.errors import KeyRefused

_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521", "secp256k1": "secp256k1"}
_TEXT_BEGINS = (b"-----BEGIN", b"---- BEGIN", b"ssh-", b"ecdsa-sha2-", b"sk-ssh-")
_JSON_BEGINS = (b"{", b"[")


def _attempt(read: Callable[[], Any]) -> Any:
    """Read, or give None: what `cryptography` says about a file may quote it, so its words are not passed on."""
    try:
        return read()
    except (ValueError, TypeError, NotImplementedError, UnsupportedAlgorithm):
        return None


def _octets(text: bytes | str, what: str) -> bytes:
    if isinstance(text, str):
        return text.encode("utf-8", "replace")
    if isinstance(text, bytes):
        return text
    raise TypeError(f"{what} is bytes or text, not {type(text).__name__}")


def read_pem(pem: bytes | str, password: bytes | None = None) -> Any:
    """Read a private or public key.

    Raises:
        KeyRefused: the text is not a PEM key, or the password does not open it.
    """
    octets = _octets(pem, "PEM")
    if b"-----BEGIN CERTIFICATE" in octets:
        raise KeyRefused("this PEM is a certificate; write Key.from_x509(...)")
    if b"-----BEGIN OPENSSH" in octets:
        return read_ssh(octets, password)
    if b"PUBLIC KEY-----" in octets:
        key = _attempt(lambda: serialization.load_pem_public_key(octets))
    else:
        key = _attempt(lambda: serialization.load_pem_private_key(octets, password))
    if key is None:
        raise KeyRefused("not a PEM key that can be read, or its password is missing or wrong")
    return key


def read_der(der: bytes, password: bytes | None = None) -> Any:
    """Read a private or public key.

    Raises:
        KeyRefused: the octets are not a DER key, or the password does not open it.
    """
    octets = _octets(der, "DER")
    key = _attempt(lambda: serialization.load_der_public_key(octets))
    key = key or _attempt(lambda: serialization.load_der_private_key(octets, password))
    if key is None:
        raise KeyRefused("not a DER key that can be read, or its password is missing or wrong")
    return key


def read_ssh(text: bytes | str, password: bytes | None = None) -> Any:
    """Read a public key line or a private key file of OpenSSH.

    Raises:
        KeyRefused: it is not such a key, or the password does not open it.
    """
    octets = _octets(text, "an OpenSSH key")
    if b"-----BEGIN" in octets:
        key = _attempt(lambda: serialization.load_ssh_private_key(octets, password))
    else:
        key = _attempt(lambda: serialization.load_ssh_public_key(octets))
    if key is None:
        raise KeyRefused("not an OpenSSH key that can be read, or its password is missing or wrong")
    return key


def read_x509(certificate: bytes | str) -> Any:
    """Take the public key out of a certificate.

    Raises:
        KeyRefused: it is not a certificate.
    """
    from cryptography import x509  # noqa: PLC0415 (a third of the time that loading this package takes)

    octets = _octets(certificate, "a certificate")
    load = x509.load_pem_x509_certificate if b"-----BEGIN" in octets else x509.load_der_x509_certificate
    key = _attempt(lambda: load(octets).public_key())
    if key is None:
        raise KeyRefused("not an X.509 certificate that can be read")
    return key


def refuse_key_file(secret: bytes) -> None:
    """Refuse a key file where a random secret belongs: its octets may be public knowledge (RFC 8725 §2.1).

    Raises:
        KeyRefused: the octets are a PEM, OpenSSH, JWK or DER key, or a certificate.
    """
    begin = secret.lstrip(b" \t\r\n\x0b\x0c\xef\xbb\xbf\x00")
    # One random secret in 128 begins as JSON does; hardly one in a billion of those is text to its end.
    if begin.startswith(_TEXT_BEGINS) or (begin.startswith(_JSON_BEGINS) and _is_text(secret)):
        raise KeyRefused(
            "this is a key file, not a secret; write Key.from_pem(...), Key.from_ssh(...) or Key.from_jwk(...)"
        )
    if secret[:1] == b"\x30" and any(
        _attempt(lambda load=load: load(secret)) is not None  # type: ignore[misc]
        for load in (serialization.load_der_public_key, read_x509, _load_private)
    ):
        raise KeyRefused(
            "this is a DER key or certificate, not a secret; write Key.from_der(...) or Key.from_x509(...)"
        )


def _is_text(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True


def _load_private(der: bytes) -> Any:
    return serialization.load_der_private_key(der, None)


def curve_name(public: Any) -> str:
    """Give a curve its JOSE name.

    Raises:
        KeyRefused: JOSE does not use this curve for signatures.
    """
    name = _CURVES.get(public.curve.name)
    if name is None:
        raise KeyRefused("no signature algorithm uses this curve; use P-256, P-384, P-521 or secp256k1")
    return name


def mldsa_name(public: Any) -> str:
    """Give an ML-DSA key its algorithm's name.

    Raises:
        KeyRefused: it is a key of another kind.
    """
    kind = type(public).__name__
    for size in ("44", "65", "87"):
        if kind == f"MLDSA{size}PublicKey":
            return f"ML-DSA-{size}"
    raise KeyRefused("not a key for signatures; use RSA, EC, Ed25519, Ed448 or ML-DSA")


def write_pem(native: Any, *, private: bool) -> bytes:
    """Write PKCS #8 without encryption, or SPKI."""
    if private:
        octets = native.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    else:
        octets = native.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert isinstance(octets, bytes)  # noqa: S101 (narrows what cryptography leaves open here)
    return octets
