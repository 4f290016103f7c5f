"""Bring the content key to the recipient, and find it again (RFC 7518 §4, RFC 8037 §3.2).

`deliver` makes a content key and says what the header and the second segment need; `recover` finds it again. A key that
cannot be recovered is replaced by a random one, so that the work goes on and only the tag fails (RFC 7516 §11.5).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from mapae.errors import KeyRefused, Malformed
from mapae.jose.agreement_keys import crv_of, public_agreement_members, read_public_agreement_key
from mapae.jose.base64url import decode, encode
from mapae.jose.encryption_algorithms import (
    AesGcmKeyWrap,
    AesKeyWrap,
    ContentEncryption,
    Direct,
    EcdhEs,
    KeyManagement,
    RsaOaep,
)

_MAX_PARTY = 256
_GCM_IV = 12
_GCM_TAG = 16


@dataclass(frozen=True, slots=True)
class Delivery:
    """A content key on its way.

    Attributes:
        cek: the content encryption key.
        encrypted_key: the second segment; empty where both sides derive the key.
        parameters: what the header must say beside `alg` and `enc`.
    """

    cek: bytes = field(repr=False)
    encrypted_key: bytes
    parameters: Mapping[str, Any]


def deliver(
    management: KeyManagement, content: ContentEncryption, key: Any, *, apu: bytes = b"", apv: bytes = b""
) -> Delivery:
    """Make a content key and wrap it for the recipient.

    Args:
        management: the algorithm of the key.
        content: what the content key is for.
        key: the shared secret (octets) or the recipient's public key of `cryptography`.
        apu: who sends, for a key agreement (RFC 7518 §4.6.1.2).
        apv: who receives, for a key agreement (RFC 7518 §4.6.1.3).

    Raises:
        TypeError: `apu` or `apv` is not bytes.
        Malformed: `apu` or `apv` is longer than 256 octets, or the algorithm agrees on no key.
    """
    parties = {"apu": apu, "apv": apv}
    for name, octets in parties.items():
        _check_party(management, name, octets)
    match management:
        case Direct():
            return Delivery(key, b"", {})
        case EcdhEs(wrap_size=wrap_size):
            ephemeral = _ephemeral_for(key)
            parameters: dict[str, Any] = {"epk": public_agreement_members(ephemeral.public_key())}
            parameters |= {name: encode(octets) for name, octets in parties.items() if octets}
            derived = derive(management, content, _agree(ephemeral, key), apu=apu, apv=apv)
            if wrap_size is None:
                return Delivery(derived, b"", parameters)
            cek = secrets.token_bytes(content.cek_size)
            return Delivery(cek, aes_key_wrap(derived, cek), parameters)
        case AesKeyWrap() | AesGcmKeyWrap() | RsaOaep():
            return _wrap(management, secrets.token_bytes(content.cek_size), key)


def _check_party(management: KeyManagement, name: str, octets: object) -> None:
    if not isinstance(octets, bytes):
        raise TypeError(f'{name} is bytes, not {type(octets).__name__}; write {name}=b"..."')
    if octets and not isinstance(management, EcdhEs):
        raise Malformed("only ECDH-ES says who the parties are (RFC 7518 section 4.6.1)", claim=name)
    if len(octets) > _MAX_PARTY:
        raise Malformed(f"must have at most {_MAX_PARTY} octets", claim=name)


def _wrap(management: AesKeyWrap | AesGcmKeyWrap | RsaOaep, cek: bytes, key: Any) -> Delivery:
    match management:
        case AesKeyWrap():
            return Delivery(cek, aes_key_wrap(key, cek), {})
        case AesGcmKeyWrap():
            iv = secrets.token_bytes(_GCM_IV)
            sealed = AESGCM(key).encrypt(iv, cek, None)
            return Delivery(cek, sealed[:-_GCM_TAG], {"iv": encode(iv), "tag": encode(sealed[-_GCM_TAG:])})
        case RsaOaep():
            return Delivery(cek, key.encrypt(cek, _OAEP), {})


def recover(
    management: KeyManagement, content: ContentEncryption, key: Any, *, encrypted_key: bytes, header: Mapping[str, Any]
) -> bytes:
    """Return the content key, or as many random octets where it cannot be recovered.

    Args:
        management: the algorithm of the key.
        content: what the content key is for.
        key: the shared secret (octets) or the private key of `cryptography`.
        encrypted_key: the second segment.
        header: the header's parameters, already known to be unique.

    Raises:
        Malformed: a parameter that everybody can read (`epk`, `apu`, `apv`, `iv`, `tag`) is missing or not valid.
    """
    stand_in = secrets.token_bytes(content.cek_size)
    found = _found(management, content, key, encrypted_key, header)
    return found if found is not None and len(found) == content.cek_size else stand_in


def _found(
    management: KeyManagement, content: ContentEncryption, key: Any, encrypted_key: bytes, header: Mapping[str, Any]
) -> bytes | None:
    match management:
        case Direct():
            return None if encrypted_key else key
        case EcdhEs(wrap_size=None):
            derived = _derived(management, content, key, header)
            return None if encrypted_key else derived
        case EcdhEs():
            return _unwrapped(_derived(management, content, key, header), encrypted_key)
        case AesKeyWrap():
            return _unwrapped(key, encrypted_key)
        case AesGcmKeyWrap():
            iv, tag = _octets(header, "iv", _GCM_IV), _octets(header, "tag", _GCM_TAG)
            return _opened(key, iv, encrypted_key + tag)
        case RsaOaep():
            return _decrypted(key, encrypted_key)


_OAEP = padding.OAEP(padding.MGF1(SHA256()), SHA256(), None)


def _unwrapped(key: bytes, encrypted_key: bytes) -> bytes | None:
    try:
        return aes_key_unwrap(key, encrypted_key)
    except (InvalidUnwrap, ValueError):
        return None


def _opened(key: bytes, iv: bytes, sealed: bytes) -> bytes | None:
    try:
        return AESGCM(key).decrypt(iv, sealed, None)
    except InvalidTag:
        return None


def _decrypted(key: rsa.RSAPrivateKey, encrypted_key: bytes) -> bytes | None:
    try:
        return key.decrypt(encrypted_key, _OAEP)
    except ValueError:
        return None


def derive(management: EcdhEs, content: ContentEncryption, shared: bytes, *, apu: bytes, apv: bytes) -> bytes:
    """Derive a key from an agreed secret with the Concat KDF (RFC 7518 §4.6.2)."""
    if management.wrap_size is None:
        name, size = content.name, content.cek_size
    else:
        name, size = management.name, management.wrap_size
    other = b"".join(len(part).to_bytes(4, "big") + part for part in (name.encode(), apu, apv))
    return ConcatKDFHash(SHA256(), size, other + (8 * size).to_bytes(4, "big")).derive(shared)


def _derived(management: EcdhEs, content: ContentEncryption, key: Any, header: Mapping[str, Any]) -> bytes:
    epk = header.get("epk")
    apu, apv = (_octets(header, name) if name in header else b"" for name in ("apu", "apv"))
    if not isinstance(epk, Mapping):
        raise Malformed("is required and must be a JWK (RFC 7518 section 4.6.1.1)", claim="epk")
    reason = None
    try:
        public = read_public_agreement_key(epk, crv_of(key.public_key()))
        return derive(management, content, _agree(key, public), apu=apu, apv=apv)
    except KeyRefused as refused:
        reason = str(refused)
    raise Malformed(reason, claim="epk")


def _ephemeral_for(public: Any) -> Any:
    if isinstance(public, x25519.X25519PublicKey):
        return x25519.X25519PrivateKey.generate()
    return ec.generate_private_key(public.curve)


def _agree(private: Any, public: Any) -> bytes:
    if isinstance(private, x25519.X25519PrivateKey):
        return private.exchange(public)
    shared: bytes = private.exchange(ec.ECDH(), public)
    return shared


def _octets(header: Mapping[str, Any], name: str, size: int | None = None) -> bytes:
    text = header.get(name)
    if not isinstance(text, str):
        raise Malformed("must be a string of base64url", claim=name)
    octets = decode(text, name)
    if len(octets) > _MAX_PARTY or (size is not None and len(octets) != size):
        wanted = f"at most {_MAX_PARTY}" if size is None else str(size)
        raise Malformed(f"must have {wanted} octets", claim=name)
    return octets
