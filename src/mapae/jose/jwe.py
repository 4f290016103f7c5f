"""Encrypt octets and decrypt them, in the compact form of RFC 7516.

Decrypting says who *could* have read it, never who wrote it: the result is octets, and no claims. A signed token inside
an encrypted one is opened by `nested`, with both keys.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from mapae.errors import AlgorithmRefused, DecryptionRefused, KeyUnknown, Malformed, TooLarge, WrongKind
from mapae.jose.base64url import decode, encode
from mapae.jose.content_encryption import open_sealed, seal
from mapae.jose.encryption_algorithms import CONTENT_ENCRYPTIONS, ContentEncryption
from mapae.jose.encryption_key import DEFAULT_ENC, DecryptKey, EncryptKey, refuse_other_than_encryption_key
from mapae.jose.header import MAX_HEADER, Header, check_header, check_kind, media_type, read_header
from mapae.jose.key_management import deliver, recover
from mapae.jose.strict_json import write_object
from mapae.jose.unverified import as_text, dots_in, has_scheme

MAX_TOKEN = 256 * 1024
_REFUSED = "the token cannot be decrypted with this key"
NESTED = "JWT"


@dataclass(frozen=True, slots=True)
class Opened:
    """What an encrypted token held.

    Attributes:
        header: the header's parameters.
        plaintext: the octets inside.
    """

    header: Mapping[str, Any]
    plaintext: bytes = field(repr=False)


def encrypt(
    plaintext: bytes,
    key: EncryptKey | DecryptKey,
    *,
    typ: str | None = None,
    cty: str | None = None,
    apu: bytes = b"",
    apv: bytes = b"",
    max_length: int = MAX_TOKEN,
) -> str:
    """Encrypt octets for whoever holds the key, and return the compact token.

    Encryption is no signature: everybody who has the recipient's public key can write such a token.

    Example:
        token = mapae.encrypt(b"...", recipient)                # recipient: EncryptKey.from_jwk(their_jwk)

    Args:
        plaintext: what nobody else may read.
        key: the recipient's public key, or a shared secret.
        typ: the kind of token, for the header; the recipient has to name the same.
        cty: the media type of the plaintext, for the header.
        apu: who sends, at most 256 octets that anybody can read; with ECDH-ES they go into the key (RFC 7518 §4.6.1.2).
        apv: who receives, as `apu` (RFC 7518 §4.6.1.3).
        max_length: the greatest number of characters of the token.

    Raises:
        TypeError: the plaintext, `apu` or `apv` is not bytes, or the key is a private one or none at all.
        Malformed: `typ` or `cty` is no media type, or `cty` is "JWT": `nested.encrypt_token` encrypts tokens; `apu` or
            `apv` is too long, or the key is not for ECDH-ES.
        TooLarge: the token would be longer than `max_length`.
    """
    if is_nested({"cty": cty}):
        raise Malformed("a signed token is encrypted by nested.encrypt_token(token, key)", claim="cty")
    return write_jwe(plaintext, key, typ=typ, cty=cty, apu=apu, apv=apv, max_length=max_length)


def decrypt(
    token: str | bytes,
    key: DecryptKey | Sequence[DecryptKey],
    *,
    typ: str | None = None,
    max_length: int = MAX_TOKEN,
) -> bytes:
    """Decrypt a compact token and return the octets inside.

    They are as the sender wrote them, and the sender is unknown: do not take them for claims.

    Args:
        token: a compact JWE.
        key: the private or shared key, or several of which the token's `kid` names one.
        typ: the only accepted kind of token; None accepts only tokens that do not say, or say "JOSE".
        max_length: the greatest number of characters of the token.

    Raises:
        TypeError: the token is no text, or the key is no `DecryptKey`.
        TokenError: the token was refused. `DecryptionRefused` never says whether key, tag or padding failed.
    """
    opened = open_jwe(token, key, typ=typ, max_length=max_length)
    if is_nested(opened.header):
        raise Malformed("a token nested in a token is opened by a NestedVerifier, with both keys", claim="cty")
    return opened.plaintext


def write_jwe(
    plaintext: bytes,
    key: EncryptKey | DecryptKey,
    *,
    typ: str | None,
    cty: str | None,
    apu: bytes = b"",
    apv: bytes = b"",
    max_length: int = MAX_TOKEN,
) -> str:
    """Encrypt octets with the header that the arguments say; `encrypt` describes them."""
    refuse_other_than_encryption_key(key)
    if isinstance(key, DecryptKey) and not key.is_secret:
        raise TypeError("this is the private half, for the recipient; encrypt with key.public()")
    if not isinstance(plaintext, bytes):
        raise TypeError(f"a plaintext is bytes, not {type(plaintext).__name__}; write text.encode()")
    if len(plaintext) > max_length:
        raise TooLarge(f"the token would have more than {max_length} characters")
    content = CONTENT_ENCRYPTIONS[key.enc or DEFAULT_ENC]
    delivery = deliver(key._management, content, key._public, apu=apu, apv=apv)  # noqa: SLF001 (one room)
    header: dict[str, Any] = {"alg": key.alg, "enc": content.name}
    for name, value in (("kid", key.kid), ("typ", typ), ("cty", cty)):
        if value is not None:
            _refuse_odd_text(value, name)
            header[name] = value
    protected = encode(write_object(header | dict(delivery.parameters), "header"))
    iv = secrets.token_bytes(content.iv_size)
    ciphertext, tag = seal(content, delivery.cek, iv, plaintext, aad=protected.encode())
    token = ".".join((protected, *map(encode, (delivery.encrypted_key, iv, ciphertext, tag))))
    if len(token) > max_length or len(protected) > MAX_HEADER:
        raise TooLarge(f"the token would have more than {max_length} characters, or its header more than {MAX_HEADER}")
    return token


def open_jwe(
    token: str | bytes,
    key: DecryptKey | Sequence[DecryptKey],
    *,
    typ: str | None,
    nested: bool = False,
    max_length: int = MAX_TOKEN,
) -> Opened:
    """Decrypt a compact token and return its header and the octets inside; `decrypt` describes the arguments.

    With `nested`, a token whose kind nobody named may say that it is a JWT.
    """
    keys = decrypt_keys(key)
    text = as_text(token)
    if len(text) > max_length:
        raise TooLarge(f"the token has more than {max_length} characters")
    if text.count(".") != 4 or has_scheme(text) or text.startswith("{") or not text.isascii():
        raise Malformed(_wrong_shape(text))
    protected, *segments = text.split(".")
    members = read_header(protected)
    header, content = _check_header(members)
    _check_typ(header.typ, typ, "JWT" if nested else "JOSE")
    found = _key_for(header, keys)
    if found.enc not in {None, content.name}:
        raise AlgorithmRefused("the token does not name the content encryption of the key", claim="enc")
    encrypted_key, iv, ciphertext, tag = (
        decode(segment, name)
        for segment, name in zip(segments, ("encrypted key", "iv", "ciphertext", "tag"), strict=True)
    )
    cek = recover(found._management, content, found._native, encrypted_key=encrypted_key, header=members)  # noqa: SLF001
    plaintext = open_sealed(content, cek, iv, ciphertext, tag, aad=protected.encode())
    if plaintext is None:
        raise DecryptionRefused(_REFUSED)
    return Opened(MappingProxyType(members), plaintext)


def is_nested(header: Mapping[str, Any]) -> bool:
    """Say whether the header announces a token inside (RFC 7519 §5.2)."""
    return isinstance(header.get("cty"), str) and media_type(header["cty"]) == media_type(NESTED)


def decrypt_keys(key: DecryptKey | Sequence[DecryptKey]) -> Sequence[DecryptKey]:
    """Take one key or several, each of them able to decrypt.

    Raises:
        TypeError: one of them is not.
    """
    keys = key if isinstance(key, list | tuple) else (key,)
    for each in keys:
        refuse_other_than_encryption_key(each)
        if not isinstance(each, DecryptKey):
            raise TypeError("this is a public key: it encrypts, it cannot decrypt; use the private key")
    return keys


def _key_for(header: Header, keys: Sequence[DecryptKey]) -> DecryptKey:
    """Choose at most one key; nothing is tried (RFC 8725 §3.1)."""
    if len(keys) > 1:
        keys = [key for key in keys if key.kid is not None and key.kid == header.kid]
    if len(keys) != 1:
        raise KeyUnknown("the token's kid does not name exactly one of the keys", claim="kid")
    if keys[0].alg != header.alg:
        raise AlgorithmRefused("the token does not name the algorithm of the key", claim="alg")
    return keys[0]


def _check_header(members: Mapping[str, Any]) -> tuple[Header, ContentEncryption]:
    alg, enc = members.get("alg"), members.get("enc")
    if not isinstance(alg, str):
        raise AlgorithmRefused("the header must name its algorithm in a string (RFC 7516 section 4.1.1)", claim="alg")
    content = CONTENT_ENCRYPTIONS.get(enc) if isinstance(enc, str) else None
    if content is None:
        raise AlgorithmRefused(f"the content encryption is none of {', '.join(CONTENT_ENCRYPTIONS)}", claim="enc")
    if "crit" in members:
        raise Malformed("no extension is understood here, so none may be critical", claim="crit")
    if "zip" in members:
        raise Malformed("compressed content is not accepted (RFC 8725 section 3.6)", claim="zip")
    if "b64" in members:
        raise Malformed("this belongs to a signed token, and this one is encrypted", claim="b64")
    if not isinstance(members.get("cty", ""), str):
        raise Malformed("it must be a string that names a media type", claim="cty")
    return check_header({name: members[name] for name in ("alg", "kid", "typ") if name in members}), content


def _check_typ(typ: str | None, expected: str | None, plain: str) -> None:
    if expected is not None:
        check_kind(typ, expected)
    elif typ is not None and media_type(typ) != media_type(plain):
        raise WrongKind("a token of a special kind; name the kind with typ= to accept it", claim="typ")


def _wrong_shape(text: str) -> str:
    if text.lstrip().startswith("{"):
        return "the JSON serialization of a token is not accepted, only the compact one"
    if has_scheme(text):
        return 'the word "Bearer" belongs to the HTTP header, not to the token'
    if text.count(".") == 2:
        return "three segments: a signed token (JWS), where an encrypted one belongs"
    if text.count(".") == 4:
        return "the token holds a character outside base64url"
    return f"an encrypted token has five segments with four dots between them; this has {dots_in(text)}"


def _refuse_odd_text(value: object, name: str) -> None:
    if not isinstance(value, str) or not value or not value.isprintable() or (name != "kid" and not value.isascii()):
        raise Malformed("must be a media type, such as text/plain", claim=name)
