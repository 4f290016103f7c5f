"""Authentication for Python backends.

    key = mapae.Key.generate("Ed25519")
    token = mapae.sign({"sub": "user-42"}, key, issuer="https://id.example", audience="api", lifetime=900)
    claims = mapae.verify(token, key, issuer="https://id.example", audience="api")

Names are loaded when first used, so that `import mapae` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mapae.errors import KeySourceError, TokenError

if TYPE_CHECKING:
    from mapae import jose as jose
    from mapae.jose.claims import Claims
    from mapae.jose.encryption_key import DecryptKey, EncryptKey
    from mapae.jose.issuers import Issuer
    from mapae.jose.jwe import decrypt, encrypt
    from mapae.jose.jwks import KeySet
    from mapae.jose.key import Key, SecretKey, SigningKey, VerifyKey
    from mapae.jose.nested import encrypt_token
    from mapae.jose.policy import ANY
    from mapae.jose.unverified import Unverified, read_unverified
    from mapae.remote import RemoteKeySet
    from mapae.tokens import NestedVerifier, Signer, Verifier, sign, verify

__version__ = "0.1.0.dev0"

__all__ = [
    "ANY",
    "Claims",
    "DecryptKey",
    "EncryptKey",
    "Issuer",
    "Key",
    "KeySet",
    "KeySourceError",
    "NestedVerifier",
    "RemoteKeySet",
    "SecretKey",
    "Signer",
    "SigningKey",
    "TokenError",
    "Unverified",
    "Verifier",
    "VerifyKey",
    "decrypt",
    "encrypt",
    "encrypt_token",
    "read_unverified",
    "sign",
    "verify",
]

_HOMES = {
    "ANY": "mapae.jose.policy",
    "Claims": "mapae.jose.claims",
    "DecryptKey": "mapae.jose.encryption_key",
    "EncryptKey": "mapae.jose.encryption_key",
    "Issuer": "mapae.jose.issuers",
    "Key": "mapae.jose.key",
    "KeySet": "mapae.jose.jwks",
    "NestedVerifier": "mapae.tokens",
    "RemoteKeySet": "mapae.remote.key_set",
    "SecretKey": "mapae.jose.key",
    "Signer": "mapae.tokens",
    "SigningKey": "mapae.jose.key",
    "Unverified": "mapae.jose.unverified",
    "Verifier": "mapae.tokens",
    "VerifyKey": "mapae.jose.key",
    "decrypt": "mapae.jose.jwe",
    "encrypt": "mapae.jose.jwe",
    "encrypt_token": "mapae.jose.nested",
    "read_unverified": "mapae.jose.unverified",
    "sign": "mapae.tokens",
    "verify": "mapae.tokens",
}


def __getattr__(name: str) -> Any:
    if name == "jose":  # so that mapae.jose.dpop and its neighbours need no import of their own
        return import_module("mapae.jose")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
