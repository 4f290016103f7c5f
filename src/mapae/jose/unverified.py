"""Read a token without verifying it: for people who look into tokens, never for deciding anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from mapae.errors import Malformed, TooLarge
from mapae.jose.base64url import decode
from mapae.jose.header import read_header
from mapae.jose.strict_json import read_object

MAX_UNVERIFIED = 64 * 1024


@dataclass(frozen=True, slots=True)
class Unverified:
    """What a token says about itself; anybody may have written it.

    Attributes:
        header: the header's parameters.
        payload: the claims.
        signature: the octets of the signature, unchecked.
    """

    header: Mapping[str, Any] = field(repr=False)
    payload: Mapping[str, Any] = field(repr=False)
    signature: bytes = field(repr=False)


def read_unverified(token: str | bytes) -> Unverified:
    """Read header, payload and signature of a compact JWS without checking the signature or any claim.

    Raises:
        TypeError: `token` is neither text nor bytes.
        TooLarge: the token has more than 65536 characters.
        Malformed: it is not a compact JWS of JSON objects, or its JSON breaks a rule.
    """
    text = as_text(token)
    if len(text) > MAX_UNVERIFIED:
        raise TooLarge(f"the token has more than {MAX_UNVERIFIED} characters")
    if text.count(".") != 2 or has_scheme(text):
        raise Malformed(wrong_shape(text))
    header, payload, signature = text.split(".")
    return Unverified(
        MappingProxyType(read_header(header)),
        MappingProxyType(read_object(decode(payload, "payload"), "payload")),
        decode(signature, "signature"),
    )


def as_text(token: object) -> str:
    """Take a token as exactly `str`.

    Raises:
        TypeError: it is neither text nor bytes.
        Malformed: the bytes are not ASCII.
    """
    if isinstance(token, str):
        return str.__str__(token)
    if not isinstance(token, bytes):
        raise TypeError(f"a token is str or bytes, not {type(token).__name__}")
    if not token.isascii():
        raise Malformed("the token holds a character outside base64url")
    return token.decode("ascii")


def has_scheme(text: str) -> bool:
    """Say whether the word of the HTTP header is still in front of a token."""
    return text[:7].lower() == "bearer "


def wrong_shape(text: str) -> str:
    """Say in words why a text is not three segments."""
    dots = text.count(".")
    if dots == 4:
        return "five segments: an encrypted token (JWE), where a signed one belongs"
    if text.lstrip().startswith("{"):
        return "the JSON serialization of a token is not accepted, only the compact one"
    if has_scheme(text):
        return 'the word "Bearer" belongs to the HTTP header, not to the token'
    if dots == 2:
        return "the token holds a character outside base64url"
    return f"a token has three segments with two dots between them; this has {dots_in(text)}"


def dots_in(text: str) -> str:
    """Count the dots of a text in words: no dot, 1 dot, 2 dots."""
    dots = text.count(".")
    return f"{dots or 'no'} {'dot' if dots < 2 else 'dots'}"
