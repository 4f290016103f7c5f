"""How a password becomes bytes, and how much of one is looked at at all."""

from __future__ import annotations

import unicodedata

CHARACTER_LIMIT = 1_024
"""Code points of a password; more are refused before any hash (a long password must not buy long work)."""
BYTE_LIMIT = 4_096
"""The same in bytes of UTF-8."""


def hashable(password: str) -> bool:
    """Say whether `password` is short enough to be hashed and can be written as UTF-8 at all."""
    if len(password) > CHARACTER_LIMIT:
        return False
    try:
        return len(raw_bytes(password)) <= BYTE_LIMIT
    except UnicodeEncodeError:
        return False


def normal_bytes(password: str) -> bytes:
    """Return the bytes our own hashes are made of, the same whichever keyboard typed it: NFC, any space is U+0020.

    Nothing else is changed: no case, no width, no trimming.

    Source: RFC 8265 §4.2.2 (OpaqueString), rules 2 and 4.
    """
    spaced = "".join(" " if unicodedata.category(character) == "Zs" else character for character in password)
    return unicodedata.normalize("NFC", spaced).encode()


def raw_bytes(password: str) -> bytes:
    """Return the bytes other systems hashed: UTF-8 of what was typed."""
    return password.encode()
