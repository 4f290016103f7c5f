"""Seal and open content under a key that is used once (RFC 7518 §5)."""

from __future__ import annotations

import hmac
from hmac import compare_digest

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.padding import PKCS7

from mapae.jose.encryption_algorithms import AesCbcHmac, AesGcm, ContentEncryption


def seal(content: ContentEncryption, cek: bytes, iv: bytes, plaintext: bytes, *, aad: bytes) -> tuple[bytes, bytes]:
    """Encrypt, and return the ciphertext and the authentication tag.

    Args:
        content: the algorithm.
        cek: as many octets as the algorithm says, never used for another plaintext with the same `iv`.
        iv: as many octets as the algorithm says.
        plaintext: what nobody else may read.
        aad: what everybody may read and nobody may change.
    """
    match content:
        case AesGcm(tag_size=tag_size):
            sealed = AESGCM(cek).encrypt(iv, plaintext, aad)
            return sealed[:-tag_size], sealed[-tag_size:]
        case AesCbcHmac():
            padder = PKCS7(128).padder()
            cipher = _cbc(cek, iv).encryptor()
            ciphertext = cipher.update(padder.update(plaintext) + padder.finalize()) + cipher.finalize()
            return ciphertext, _mac(content, cek, iv, ciphertext, aad)


def open_sealed(
    content: ContentEncryption, cek: bytes, iv: bytes, ciphertext: bytes, tag: bytes, *, aad: bytes
) -> bytes | None:
    """Decrypt and return the plaintext, or None: for whatever reason, the caller learns no more than that.

    The tag must have its full length. With AES-CBC the padding is looked at only under a good tag.
    """
    if len(cek) != content.cek_size or len(iv) != content.iv_size or len(tag) != content.tag_size:
        return None
    match content:
        case AesGcm():
            try:
                return AESGCM(cek).decrypt(iv, ciphertext + tag, aad)
            except InvalidTag:
                return None
        case AesCbcHmac():
            if not compare_digest(_mac(content, cek, iv, ciphertext, aad), tag):
                return None
            return _unpadded(cek, iv, ciphertext)


def _unpadded(cek: bytes, iv: bytes, ciphertext: bytes) -> bytes | None:
    cipher = _cbc(cek, iv).decryptor()
    unpadder = PKCS7(128).unpadder()
    try:
        return unpadder.update(cipher.update(ciphertext) + cipher.finalize()) + unpadder.finalize()
    except ValueError:
        return None


def _cbc(cek: bytes, iv: bytes) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES(cek[len(cek) // 2 :]), modes.CBC(iv))


def _mac(content: AesCbcHmac, cek: bytes, iv: bytes, ciphertext: bytes, aad: bytes) -> bytes:
    half = content.cek_size // 2
    bits = (8 * len(aad)).to_bytes(8, "big")
    return hmac.digest(cek[:half], aad + iv + ciphertext + bits, content.hash_name)[:half]
