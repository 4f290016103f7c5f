"""Signed octets in the compact serialization (RFC 7515 §3.1, §5, §7.1); `jwt` and `verifier` add what claims need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from mapae.errors import Malformed, TooLarge
from mapae.jose.base64url import decode, encode
from mapae.jose.header import Header, check_header, read_header
from mapae.jose.key import Key, SecretKey, SigningKey
from mapae.jose.strict_json import plain, write_object
from mapae.jose.unverified import as_text, has_scheme, wrong_shape

MAX_TOKEN = 16 * 1024


class KeySource(Protocol):
    """Where the key of a token is found: a `Key`, a `KeySet`, or what behaves like one."""

    def find(self, kid: str | None, alg: str) -> Key:
        """Return the one key for this kid and algorithm, or raise a `TokenError`."""


@dataclass(frozen=True, slots=True)
class Signed:
    """Octets whose signature was verified.

    Attributes:
        header: the protected header's parameters.
        payload: the octets.
    """

    header: Mapping[str, Any]
    payload: bytes = field(repr=False)


def find_key(segment: str, find: Callable[[str | None, str], Key]) -> tuple[Header, Key]:
    """Read a header segment and find the key that it names.

    Raises:
        TokenError: the header is malformed, or no key is for its `kid` and `alg`.
    """
    if has_scheme(segment):
        raise Malformed(wrong_shape(segment))
    header = check_header(read_header(segment))
    return header, find(header.kid, header.alg)


def verify_octets(token: str | bytes, keys: KeySource, *, max_length: int = MAX_TOKEN) -> Signed:
    """Return the octets of a compact JWS once its signature was verified.

    Raises:
        TokenError: the token was refused.
        TypeError: `token` is neither text nor bytes.
    """
    text = as_text(token)
    if len(text) > max_length:
        raise TooLarge(f"the token has more than {max_length} characters")
    if text.count(".") != 2 or not text.isascii():
        raise Malformed(wrong_shape(text))
    signing_input, _, signature = text.rpartition(".")
    segment, _, payload = signing_input.partition(".")
    _header, key = find_key(segment, keys.find)
    key.check_signature(signing_input.encode(), signature)
    return Signed(MappingProxyType(read_header(segment)), decode(payload, "payload"))


def sign_octets(payload: bytes, key: SecretKey | SigningKey, *, header: Mapping[str, Any] | None = None) -> str:
    """Sign octets and return the compact JWS.

    Args:
        payload: the octets.
        key: a secret or private key.
        header: further header parameters, beside `alg` and `kid`.

    Raises:
        Malformed: the header holds what `verify_octets` would refuse.
    """
    members: dict[str, Any] = {"alg": key.alg}
    if key.kid is not None:
        members["kid"] = key.kid
    for name, value in (header or {}).items():
        if members.setdefault(name, value) != value:
            raise Malformed("the key says another value", claim=name)
    check_header(members)
    signing_input = f"{encode(write_object(plain(members, 'header'), 'header'))}.{encode(payload)}"
    return f"{signing_input}.{key.make_signature(signing_input.encode())}"
