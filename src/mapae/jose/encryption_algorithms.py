"""The one table of encryption algorithms (RFC 7518 §4 and §5, RFC 8037 §3).

There is no `RSA1_5`, no `RSA-OAEP` with SHA-1, no password-based encryption, no compression and no default list: a key
has exactly one `alg` (RFC 8725 §3.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mapae.errors import KeyRefused


@dataclass(frozen=True, slots=True)
class AesGcm:
    """AES in Galois/Counter Mode (RFC 7518 §5.3); sizes in octets."""

    name: str
    cek_size: int
    iv_size: int = 12
    tag_size: int = 16


@dataclass(frozen=True, slots=True)
class AesCbcHmac:
    """AES-CBC, then HMAC over all of it (RFC 7518 §5.2); the first half of the key is for the HMAC."""

    name: str
    cek_size: int
    hash_name: str
    iv_size: int = 16

    @property
    def tag_size(self) -> int:
        """Half of the hash."""
        return self.cek_size // 2


@dataclass(frozen=True, slots=True)
class Direct:
    """The shared secret encrypts the content itself (RFC 7518 §4.5)."""

    name: str = "dir"


@dataclass(frozen=True, slots=True)
class AesKeyWrap:
    """AES Key Wrap (RFC 7518 §4.4) with a secret of `size` octets."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class AesGcmKeyWrap:
    """AES-GCM around the content key (RFC 7518 §4.7) with a secret of `size` octets."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class EcdhEs:
    """A fresh Diffie-Hellman agreement (RFC 7518 §4.6); `wrap_size` octets of wrapping key, or None for direct use."""

    name: str
    wrap_size: int | None


@dataclass(frozen=True, slots=True)
class RsaOaep:
    """RSAES-OAEP with SHA-256 (RFC 7518 §4.3)."""

    name: str = "RSA-OAEP-256"


ContentEncryption = AesGcm | AesCbcHmac
KeyManagement = Direct | AesKeyWrap | AesGcmKeyWrap | EcdhEs | RsaOaep
SecretManagement = Direct | AesKeyWrap | AesGcmKeyWrap

CONTENT_ENCRYPTIONS: Mapping[str, ContentEncryption] = MappingProxyType(
    {
        content.name: content
        for content in (
            AesGcm("A128GCM", 16),
            AesGcm("A256GCM", 32),
            AesCbcHmac("A128CBC-HS256", 32, "sha256"),
            AesCbcHmac("A256CBC-HS512", 64, "sha512"),
        )
    }
)
KEY_MANAGEMENTS: Mapping[str, KeyManagement] = MappingProxyType(
    {
        management.name: management
        for management in (
            Direct(),
            AesKeyWrap("A128KW", 16),
            AesKeyWrap("A256KW", 32),
            AesGcmKeyWrap("A128GCMKW", 16),
            AesGcmKeyWrap("A256GCMKW", 32),
            EcdhEs("ECDH-ES", None),
            EcdhEs("ECDH-ES+A128KW", 16),
            EcdhEs("ECDH-ES+A256KW", 32),
            RsaOaep(),
        )
    }
)


def key_management_named(name: object) -> KeyManagement:
    """Look a key management algorithm up by its registered name, to the letter.

    Raises:
        KeyRefused: there is no such algorithm here.
    """
    management = KEY_MANAGEMENTS.get(name) if isinstance(name, str) else None
    if management is None:
        raise KeyRefused(f"no such algorithm for encryption; write one of {', '.join(KEY_MANAGEMENTS)}")
    return management


def content_encryption_named(name: object) -> ContentEncryption:
    """Look a content encryption algorithm up by its registered name, to the letter.

    Raises:
        KeyRefused: there is no such algorithm here.
    """
    content = CONTENT_ENCRYPTIONS.get(name) if isinstance(name, str) else None
    if content is None:
        raise KeyRefused(f"no such content encryption; write one of {', '.join(CONTENT_ENCRYPTIONS)}")
    return content
