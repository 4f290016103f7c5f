"""Signatures over octets that travel on their own, or unencoded (RFC 7515 appendix F, RFC 7797).

For documents and messages, never for claims: a JWT always has an encoded payload of its own (RFC 7797 §7), and the
kind "JOSE" in the header keeps these signatures and those of tokens apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mapae.errors import Malformed, TooLarge, WrongKind
from mapae.jose.base64url import encode
from mapae.jose.header import MAX_HEADER, Header, check_header, media_type, read_header
from mapae.jose.jws import KeySource
from mapae.jose.key import Key, SecretKey, SigningKey, refuse_other_than_key
from mapae.jose.strict_json import write_object
from mapae.jose.unverified import as_text, wrong_shape

TYP = "JOSE"
MAX_UNENCODED = 64 * 1024
_MAX_SIGNATURE = 8192
# RFC 7797 §5.2: what may stand in the compact form as it is: printable ASCII without the dot.
_PRINTABLE = re.compile(rb"[ -\-/-~]*")


def sign_detached(payload: bytes, key: Key, *, encoded: bool = False, typ: str = TYP) -> str:
    """Sign octets that are sent apart from their signature.

    Example:
        signature = sign_detached(body, key)                    # "header..signature"

    Args:
        payload: the octets.
        key: a private or secret key.
        encoded: sign their base64url instead of the octets themselves, for readers that do not know RFC 7797.
        typ: the kind of what is signed; "JWT" is none.

    Raises:
        TypeError: the payload is not bytes, or the key cannot sign.
        Malformed: `typ` is no media type, or that of a token.
    """
    header, signature = _signed(payload, key, encoded=encoded, typ=typ)
    return f"{header}..{signature}"


def verify_detached(token: str | bytes, payload: bytes, keys: KeySource, *, typ: str | None = None) -> Header:
    """Check the signature over octets that came apart from it, and return its header.

    Args:
        token: "header..signature".
        payload: the octets that came with it.
        keys: a `Key` or a `KeySet`.
        typ: the only accepted kind; None accepts "JOSE" and signatures that do not say.

    Raises:
        TypeError: the token is no text, or the payload is not bytes.
        TokenError: the signature was refused.
    """
    segment, inside, signature = _segments(token, MAX_HEADER + _MAX_SIGNATURE)
    if inside:
        raise Malformed("a detached signature has nothing between its two dots")
    return _verified(segment, _octets(payload), signature, keys, typ=typ)


def sign_unencoded(payload: bytes, key: Key, *, typ: str = TYP) -> str:
    """Sign printable text that then stands in the token as it is (RFC 7797 §5.2).

    Args:
        payload: printable ASCII without a dot, at most 65536 octets.
        key: a private or secret key.
        typ: the kind of what is signed; "JWT" is none.

    Raises:
        TypeError: the payload is not bytes, or the key cannot sign.
        TokenError: the payload has a character that cannot stand there, or is too long.
    """
    if len(_octets(payload)) > MAX_UNENCODED:
        raise TooLarge(f"an unencoded payload has at most {MAX_UNENCODED} octets; use sign_detached")
    if not payload or not _PRINTABLE.fullmatch(payload):
        raise Malformed("an unencoded payload is printable ASCII without a dot; use sign_detached")
    header, signature = _signed(payload, key, encoded=False, typ=typ)
    return f"{header}.{payload.decode()}.{signature}"


def verify_unencoded(token: str | bytes, keys: KeySource, *, typ: str | None = None) -> bytes:
    """Check a token whose payload stands in it as it is, and return the payload.

    Args:
        token: "header.payload.signature".
        keys: a `Key` or a `KeySet`.
        typ: the only accepted kind; None accepts "JOSE" and tokens that do not say.

    Raises:
        TypeError: the token is no text.
        TokenError: the token was refused, for example because its payload is encoded.
    """
    segment, inside, signature = _segments(token, MAX_HEADER + _MAX_SIGNATURE + MAX_UNENCODED)
    payload = inside.encode()
    if not payload or not _PRINTABLE.fullmatch(payload):
        raise Malformed("an unencoded payload is printable ASCII without a dot")
    if _is_encoded(read_header(segment)):
        raise Malformed("the payload is encoded; verify_octets of jws reads it", claim="b64")
    _verified(segment, payload, signature, keys, typ=typ)
    return payload


def _signed(payload: bytes, key: Key, *, encoded: bool, typ: str) -> tuple[str, str]:
    if not isinstance(key, SecretKey | SigningKey):
        refuse_other_than_key(key)
        raise TypeError("this is a public key: it verifies, it cannot sign; use the private key")
    _refuse_odd_kind(typ)
    header: dict[str, Any] = {"alg": key.alg, "typ": typ}
    if key.kid is not None:
        header["kid"] = key.kid
    if not encoded:
        header |= {"b64": False, "crit": ["b64"]}
    segment = encode(write_object(header, "header"))
    return segment, key.make_signature(_signing_input(segment, _octets(payload), encoded=encoded))


def _verified(segment: str, payload: bytes, signature: str, keys: KeySource, *, typ: str | None) -> Header:
    members = read_header(segment)
    encoded = _is_encoded(members)
    header = check_header({name: value for name, value in members.items() if name not in {"b64", "crit"}})
    if typ is not None:
        if header.typ is None or media_type(header.typ) != media_type(typ):
            raise WrongKind(f"the expected kind is {typ}", claim="typ")
    elif header.typ is not None and media_type(header.typ) != media_type(TYP):
        raise WrongKind("a signature of a special kind; name the kind with typ= to accept it", claim="typ")
    key = keys.find(header.kid, header.alg)
    key.check_signature(_signing_input(segment, payload, encoded=encoded), signature)
    return header


def _is_encoded(members: Mapping[str, Any]) -> bool:
    """Read `b64`; where it is there it must be critical, and nothing else may be (RFC 7797 §6)."""
    if "b64" not in members:
        if "crit" in members:
            raise Malformed("no extension but b64 is understood here", claim="crit")
        return True
    if members.get("crit") != ["b64"]:
        raise Malformed('must be ["b64"] where b64 is used', claim="crit")
    if members["b64"] is not True and members["b64"] is not False:
        raise Malformed("must be true or false", claim="b64")
    return members["b64"] is True


def _signing_input(segment: str, payload: bytes, *, encoded: bool) -> bytes:
    return segment.encode() + b"." + (encode(payload).encode() if encoded else payload)


def _segments(token: str | bytes, max_length: int) -> tuple[str, str, str]:
    text = as_text(token)
    if len(text) > max_length:
        raise TooLarge(f"the token has more than {max_length} characters")
    if text.count(".") != 2 or not text.isascii():
        raise Malformed(wrong_shape(text))
    segment, inside, signature = text.split(".")
    return segment, inside, signature


def _octets(payload: object) -> bytes:
    if not isinstance(payload, bytes):
        raise TypeError(f"a payload is bytes, not {type(payload).__name__}; write text.encode()")
    return payload


def _refuse_odd_kind(typ: object) -> None:
    odd = not isinstance(typ, str) or not typ or not typ.isascii() or not typ.isprintable()
    if odd or media_type(str(typ)) == "application/jwt" or str(typ).lower().endswith("+jwt"):
        raise Malformed("must be a media type, and not that of a token", claim="typ")
