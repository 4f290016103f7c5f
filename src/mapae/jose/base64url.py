"""Strict base64url without padding, both ways (RFC 7515 §2, RFC 4648 §3.5 and §5)."""

from __future__ import annotations

import msgspec

from mapae.errors import Malformed

# A last group of two characters has 4 unused bits, one of three has 2: only these last characters leave them zero.
_LAST_OF_TWO = frozenset("AQgw")
_LAST_OF_THREE = frozenset("AEIMQUYcgkosw048")
_PADDING = ("", "", "==", "=")
_LONG = 1024  # from here on `convert` is quicker: it has no end of a string to look for
TO_URL = bytes.maketrans(b"+/", b"-_")
# msgspec keeps octets in JSON as a string of base64: it refuses foreign characters, and is twice as fast as binascii.
write_base64 = msgspec.json.Encoder().encode
_read_base64 = msgspec.json.Decoder(bytes).decode


def encode(raw: bytes) -> str:
    """Write `raw` as base64url without padding."""
    return encode_octets(raw).decode()


def encode_octets(raw: bytes) -> bytes:
    """Write `raw` as base64url without padding, in ASCII octets."""
    text = write_base64(raw).strip(b'"=')
    if 0x2B in text:
        text = text.replace(b"+", b"-")
    if 0x2F in text:
        text = text.replace(b"/", b"_")
    return text


def decode(text: str, name: str = "token") -> bytes:
    """Read canonical base64url: no padding, no foreign character, unused bits zero.

    Each accepted text is the only text for its bytes, so `encode(decode(text)) == text`.

    Args:
        text: the encoded octets.
        name: what the text is, for the message.

    Raises:
        Malformed: the text is not canonical base64url.
    """
    length = len(text)
    group = length & 3
    if group:
        last = text[-1]
        if group == 1 or last not in (_LAST_OF_TWO if group == 2 else _LAST_OF_THREE):
            raise Malformed(f"the {name} is not canonical base64url (RFC 7515 section 2)")
    if "+" in text or "/" in text:
        raise Malformed(f"the {name} holds a character outside base64url")
    if "-" in text or "_" in text:
        text = text.replace("-", "+").replace("_", "/")
    try:
        if length < _LONG:
            raw = _read_base64(f'"{text}{_PADDING[group]}"')
        else:
            raw = msgspec.convert(text + _PADDING[group], bytes)
    except (msgspec.MsgspecError, UnicodeError):
        raw = None
    # An "=" inside ends the text early and an escape shortens it; either way too few octets come out.
    if raw is None or len(raw) != length * 3 >> 2:
        raise Malformed(f"the {name} holds a character outside base64url")
    return raw
