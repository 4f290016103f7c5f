"""HMAC-SHA-256 of short messages under many keys, from two hashes: a tenth of what setting up OpenSSL's takes."""

from __future__ import annotations

from hashlib import sha256

_BLOCK = 64
_INNER = bytes(octet ^ 0x36 for octet in range(256))
_OUTER = bytes(octet ^ 0x5C for octet in range(256))


def mac(key: bytes, message: bytes) -> bytes:
    """Return HMAC-SHA-256 of `message`.

    Raises:
        ValueError: the key is longer than a block of 64 bytes; ours have 32.

    Source: RFC 2104 §2.
    """
    if len(key) > _BLOCK:
        raise ValueError("the key is longer than a block")
    padded = key.ljust(_BLOCK, b"\0")
    return sha256(padded.translate(_OUTER) + sha256(padded.translate(_INNER) + message).digest()).digest()


def expand(key: bytes, info: bytes) -> tuple[bytes, bytes]:
    """Return two keys of 32 bytes from a `key` that is uniformly random already.

    Source: RFC 5869 §2.3 (HKDF-Expand with SHA-256, 64 bytes).
    """
    first = mac(key, info + b"\x01")
    return first, mac(key, first + info + b"\x02")
