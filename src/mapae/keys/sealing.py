"""Private keys at rest: sealed under keys that are derived from the master secret.

A sealed text is: one byte for the format (1), 12 random bytes, and AES-256-GCM's ciphertext with its 16-byte tag. The
key is HKDF-SHA256 of the master secret for the purpose, and the purpose is authenticated too, so that what was sealed
for one thing opens for nothing else.
"""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mapae.errors import KeyRefused

MASTER_LENGTH = 32
"""Bytes of a master secret."""
_FORMAT = b"\x01"
_NONCE = 12
_TAG = 16
_SALT = b"mapae master secret v1"


def derive(master: bytes, purpose: str, length: int = 32) -> bytes:
    """Return `length` bytes that only holders of `master` can know, different for each purpose.

    Raises:
        KeyRefused: the master secret is too short.

    Source: RFC 5869.
    """
    if len(master) < MASTER_LENGTH:
        raise KeyRefused(f"the master secret has {len(master)} bytes; it needs at least {MASTER_LENGTH}")
    return HKDF(algorithm=SHA256(), length=length, salt=_SALT, info=purpose.encode()).derive(master)


def seal(master: bytes, plaintext: bytes, *, purpose: str) -> bytes:
    """Return `plaintext` so that only `unseal` with the same master secret and purpose opens it.

    Source: NIST SP 800-38D (random 96-bit nonces: fewer than 2**32 texts for one purpose).
    """
    nonce = secrets.token_bytes(_NONCE)
    cipher = AESGCM(derive(master, f"seal {purpose}"))
    return _FORMAT + nonce + cipher.encrypt(nonce, plaintext, _FORMAT + purpose.encode())


def unseal(master: bytes, sealed: bytes, *, purpose: str) -> bytes:
    """Return what was sealed.

    Raises:
        KeyRefused: it was sealed under another master secret or for another purpose, or it was altered.
    """
    if len(sealed) < len(_FORMAT) + _NONCE + _TAG or not sealed.startswith(_FORMAT):
        raise KeyRefused("this is not a sealed key of a format this program knows")
    nonce, ciphertext = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
    cipher = AESGCM(derive(master, f"seal {purpose}"))
    try:
        return cipher.decrypt(nonce, ciphertext, _FORMAT + purpose.encode())
    except InvalidTag:
        raise KeyRefused(
            "the key was sealed under another master secret, or it was altered; "
            "put back the secret that belongs to this database, which all its nodes share (secret_file)"
        ) from None
