"""A key for encryption, bound to exactly one `alg` (RFC 7517, RFC 7518 §4, RFC 8725 §3.1).

    EncryptionKey
    ├── EncryptKey   the public key of a recipient: encrypts only
    └── DecryptKey   a private key, or a shared secret: decrypts; a secret encrypts too

These are no `Key`: what verifies signatures never decrypts, and the other way round (RFC 8725 §3.3).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from mapae.errors import KeyRefused
from mapae.jose import jwk as members_of
from mapae.jose import key_files
from mapae.jose.agreement_keys import (
    crv_of,
    generate_agreement_key,
    octets_of,
    private_agreement_members,
    public_agreement_members,
    read_agreement_key,
    refuse_weak_x25519,
)
from mapae.jose.algorithms import ALGORITHMS
from mapae.jose.base64url import encode
from mapae.jose.encryption_algorithms import (
    CONTENT_ENCRYPTIONS,
    AesGcmKeyWrap,
    AesKeyWrap,
    ContentEncryption,
    Direct,
    EcdhEs,
    KeyManagement,
    RsaOaep,
    SecretManagement,
    content_encryption_named,
    key_management_named,
)
from mapae.jose.immutable_key import ImmutableKey

DEFAULT_ENC = "A256GCM"
_OPERATIONS = frozenset({"encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits"})


class EncryptionKey(ImmutableKey):
    """A key and the one `alg` it is for.

    Attributes:
        alg: the key management algorithm, by its registered name.
        enc: the only content encryption, or None where the sender may choose among the four.
        kid: the key's id: what the JWK said, or its RFC 7638 thumbprint; None for an imported secret without one.
    """

    __slots__ = ("_content", "_management", "_native", "_public", "alg", "enc", "kid")

    alg: str
    enc: str | None
    kid: str | None
    _management: KeyManagement
    _content: ContentEncryption | None
    _native: Any
    _public: Any

    def __init__(
        self, management: KeyManagement, content: ContentEncryption | None, native: Any, public: Any, *, kid: str | None
    ) -> None:
        self._become(
            alg=management.name,
            enc=None if content is None else content.name,
            _management=management,
            _content=content,
            _native=native,
            _public=public,
        )
        self._become(kid=self.thumbprint() if kid is None and not isinstance(public, bytes) else kid)

    def thumbprint(self, hash_name: str = "sha256") -> str:
        """Compute the RFC 7638 thumbprint, as base64url."""
        return members_of.thumbprint_of(_public_members(self._public), hash_name)

    def to_jwk(self, *, private: bool = False) -> dict[str, Any]:
        """Write the key as a JWK; only its public half unless `private` is written out.

        Raises:
            KeyRefused: a secret has no public half, or a public key no private one.
        """
        if private and self._native is None:
            raise KeyRefused("this is a public key; it has no private half")
        if not private and isinstance(self._public, bytes):
            raise KeyRefused("a shared secret has no public half; write to_jwk(private=True) to export it")
        # With "dir" the key is for the content itself, so its alg is the content encryption (RFC 7520 §5.6).
        jwk: dict[str, Any] = {"kty": "", "alg": self.enc if self.alg == "dir" else self.alg, "use": "enc"}
        if self.kid is not None:
            jwk["kid"] = self.kid
        jwk.update(_public_members(self._public))
        if private:
            jwk.update(_private_members(self._native))
        return jwk


class EncryptKey(EncryptionKey):
    """The public key of a recipient: it encrypts, and cannot decrypt."""

    __slots__ = ()

    @staticmethod
    def from_jwk(jwk: Mapping[str, Any], alg: str | None = None, *, enc: str | None = None) -> EncryptKey:
        """Read the public JSON Web Key of a recipient.

        Args:
            jwk: its members, as `json.loads` gives them.
            alg: the algorithm, where the JWK does not say it.
            enc: the content encryption; A256GCM when left out.

        Raises:
            TypeError: `jwk` is not a mapping.
            KeyRefused: it is private or secret, or must not be used; the message says why.
        """
        management, content, private, public, kid = _read_jwk(jwk, alg, enc)
        if private is not None:
            raise KeyRefused("this JWK is private or secret; write DecryptKey.from_jwk(jwk), and .public() of it")
        return EncryptKey(management, content, None, public, kid=kid)

    @staticmethod
    def from_pem(pem: bytes | str, alg: str, *, enc: str | None = None, kid: str | None = None) -> EncryptKey:
        """Read the public key of a recipient from PEM text.

        Raises:
            KeyRefused: it is not a public key, or must not be used for `alg`.
        """
        native = key_files.read_pem(pem)
        if hasattr(native, "public_key"):
            raise KeyRefused("this PEM is a private key; write DecryptKey.from_pem(pem, alg), and .public() of it")
        management, content = _bound(alg, enc)
        _refuse_other_native(native, management)
        return EncryptKey(management, content, None, native, kid=_checked(kid))


class DecryptKey(EncryptionKey):
    """A private key, or a secret that both sides share: it decrypts. Senders get `public()`."""

    __slots__ = ()

    @staticmethod
    def generate(
        alg: str, *, enc: str | None = None, crv: str = "X25519", kid: str | None = None, bits: int = 3072
    ) -> DecryptKey:
        """Make a new random key.

        Args:
            alg: the algorithm, for example "ECDH-ES+A256KW", "RSA-OAEP-256", "A256KW" or "dir".
            enc: the only content encryption, for example "A256GCM"; "dir" needs one, the others may leave it open.
            crv: the curve of an ECDH-ES key: X25519, P-256, P-384 or P-521.
            kid: the key's id; its thumbprint when left out.
            bits: the size of an RSA key.

        Raises:
            KeyRefused: there is no such algorithm or curve, or the RSA size is out of bounds.
        """
        management, content = _bound(alg, enc)
        native: Any
        match management:
            case EcdhEs():
                native = generate_agreement_key(crv)
            case RsaOaep():
                members_of.refuse_rsa_size(bits)
                native = rsa.generate_private_key(public_exponent=65537, key_size=bits)
            case Direct() | AesKeyWrap() | AesGcmKeyWrap():
                secret = secrets.token_bytes(_secret_size(management, content))
                made = DecryptKey(management, content, secret, secret, kid=_checked(kid))
                return made if kid else DecryptKey(management, content, secret, secret, kid=made.thumbprint())
        return DecryptKey(management, content, native, native.public_key(), kid=_checked(kid))

    @staticmethod
    def from_secret(secret: bytes, alg: str, *, enc: str | None = None, kid: str | None = None) -> DecryptKey:
        """Take random octets as a shared secret.

        Args:
            secret: exactly as many random octets as the algorithm has; never a password.
            alg: "A128KW", "A256KW", "A128GCMKW", "A256GCMKW" or "dir".
            enc: the only content encryption; "dir" needs one.
            kid: the key's id; None leaves it out of tokens.

        Raises:
            TypeError: `secret` is text, not octets.
            KeyRefused: it has another size, or the algorithm takes no secret.
        """
        if not isinstance(secret, bytes):
            raise TypeError(
                f"a secret is bytes, not {type(secret).__name__}; write DecryptKey.generate({alg!r}) for a new one"
            )
        management, content = _bound(alg, enc)
        if isinstance(management, EcdhEs | RsaOaep):
            raise KeyRefused(f"{alg} does not use a shared secret; write DecryptKey.from_pem(...) or .generate(...)")
        _refuse_other_size(secret, management, content)
        return DecryptKey(management, content, secret, secret, kid=_checked(kid))

    @staticmethod
    def from_jwk(jwk: Mapping[str, Any], alg: str | None = None, *, enc: str | None = None) -> DecryptKey:
        """Read a private or secret JSON Web Key.

        Args:
            jwk: its members, as `json.loads` gives them.
            alg: the algorithm, where the JWK does not say it.
            enc: the only content encryption to accept; all four when left out.

        Raises:
            TypeError: `jwk` is not a mapping.
            KeyRefused: it is public, or must not be used; the message says why.
        """
        management, content, private, public, kid = _read_jwk(jwk, alg, enc)
        if private is None:
            raise KeyRefused("this JWK is public and decrypts nothing; write EncryptKey.from_jwk(jwk)")
        return DecryptKey(management, content, private, public, kid=kid)

    @staticmethod
    def from_pem(
        pem: bytes | str, alg: str, *, enc: str | None = None, kid: str | None = None, password: bytes | None = None
    ) -> DecryptKey:
        """Read a private key from PEM text.

        Raises:
            KeyRefused: it is not a private key, or must not be used for `alg`.
        """
        native = key_files.read_pem(pem, password)
        if not hasattr(native, "public_key"):
            raise KeyRefused("this PEM is a public key and decrypts nothing; write EncryptKey.from_pem(pem, alg)")
        management, content = _bound(alg, enc)
        public = native.public_key()
        _refuse_other_native(public, management)
        return DecryptKey(management, content, native, public, kid=_checked(kid))

    @property
    def is_secret(self) -> bool:
        """Whether both sides share this key, so that it encrypts too."""
        return isinstance(self._native, bytes)

    def public(self) -> EncryptKey:
        """Return the half for senders, with the same kid.

        Raises:
            KeyRefused: a secret has no half that may be published.
        """
        if self.is_secret:
            raise KeyRefused("a shared secret has no public half")
        return EncryptKey(self._management, self._content, None, self._public, kid=self.kid)


def refuse_other_than_encryption_key(key: object) -> None:
    """Say which constructor to write when something else stands where a key for encryption belongs.

    Raises:
        TypeError: always, unless `key` is an `EncryptKey` or a `DecryptKey`.
    """
    if isinstance(key, EncryptionKey):
        return
    if isinstance(key, str | bytes | bytearray):
        hint = 'write DecryptKey.from_secret(secret, "A256KW"), or .from_pem(pem, "RSA-OAEP-256") for a PEM file'
    elif isinstance(key, Mapping):
        hint = "write EncryptKey.from_jwk(jwk) or DecryptKey.from_jwk(jwk)"
    else:
        hint = 'write DecryptKey.generate("ECDH-ES+A256KW"); a key for signatures never encrypts'
    raise TypeError(f"a key for encryption is an EncryptKey or a DecryptKey, not {type(key).__name__}; {hint}")


def _checked(kid: str | None) -> str | None:
    return None if kid is None else members_of.key_id({"kid": kid})


def _bound(alg: object, enc: str | None) -> tuple[KeyManagement, ContentEncryption | None]:
    management = key_management_named(alg)
    if enc is None and isinstance(management, Direct):
        raise KeyRefused('with "dir" the secret encrypts the content itself; say with what, for example enc="A256GCM"')
    return management, None if enc is None else content_encryption_named(enc)


def _read_jwk(
    jwk: Mapping[str, Any], alg: str | None, enc: str | None
) -> tuple[KeyManagement, ContentEncryption | None, Any, Any, str | None]:
    if not isinstance(jwk, Mapping):
        raise TypeError(f"a JWK is a dict, not {type(jwk).__name__}; write from_jwk(json.loads(text))")
    named = jwk.get("alg")
    if isinstance(named, str) and named in CONTENT_ENCRYPTIONS and alg in {None, "dir"} and enc in {None, named}:
        alg, enc, named = "dir", named, "dir"
    if alg is not None and named not in {None, alg}:
        raise KeyRefused("the key says another alg than the caller")
    if named is None and alg is None:
        raise KeyRefused('this key does not say its algorithm; add alg=, for example alg="ECDH-ES+A256KW"')
    management, content = _bound(alg if named is None else named, enc)
    _refuse_other_use(jwk)
    private, public = _native_keys(jwk, management, content)
    return management, content, private, public, members_of.key_id(jwk)


def _refuse_other_use(jwk: Mapping[str, Any]) -> None:
    if "use" in jwk and jwk["use"] != "enc":
        raise KeyRefused('use is not "enc"')
    if "key_ops" in jwk:
        operations = jwk["key_ops"]
        if not isinstance(operations, list | tuple) or not all(isinstance(operation, str) for operation in operations):
            raise KeyRefused("key_ops is not an array of strings")
        if len(set(operations)) != len(operations) or not operations or not _OPERATIONS.issuperset(operations):
            raise KeyRefused("key_ops allows something else than encryption, or names an operation twice")


def _native_keys(
    jwk: Mapping[str, Any], management: KeyManagement, content: ContentEncryption | None
) -> tuple[Any, Any]:
    kty = {EcdhEs: ("EC", "OKP"), RsaOaep: ("RSA",)}.get(type(management), ("oct",))
    if jwk.get("kty") not in kty:
        raise KeyRefused(f"{management.name} uses keys of the kty {' or '.join(kty)}")
    match management:
        case EcdhEs():
            return read_agreement_key(jwk)
        case RsaOaep():
            return members_of.native_keys(jwk, ALGORITHMS["RS256"])
        case Direct() | AesKeyWrap() | AesGcmKeyWrap():
            secret = octets_of(jwk, "k", _secret_size(management, content))
            return secret, secret


def _secret_size(management: SecretManagement, content: ContentEncryption | None) -> int:
    match management:
        case Direct():
            return 0 if content is None else content.cek_size
        case AesKeyWrap(size=size) | AesGcmKeyWrap(size=size):
            return size


def _refuse_other_size(secret: bytes, management: SecretManagement, content: ContentEncryption | None) -> None:
    size = _secret_size(management, content)
    if len(secret) != size:
        name = content.name if content and isinstance(management, Direct) else management.name
        raise KeyRefused(f"{name} needs a secret of exactly {size} random octets, this one has {len(secret)}")


def _refuse_other_native(public: Any, management: KeyManagement) -> None:
    match management:
        case RsaOaep() if isinstance(public, rsa.RSAPublicKey):
            members_of.refuse_weak_rsa(public)
        case EcdhEs() if not isinstance(public, rsa.RSAPublicKey):
            if crv_of(public) == "X25519":
                refuse_weak_x25519(public)
        case _:
            raise KeyRefused(f"{management.name} does not use such a key")


def _public_members(public: Any) -> dict[str, Any]:
    if isinstance(public, bytes):
        return {"k": encode(public), "kty": "oct"}
    if isinstance(public, rsa.RSAPublicKey):
        return members_of.public_members(public, ALGORITHMS["RS256"])
    return public_agreement_members(public)


def _private_members(native: Any) -> dict[str, Any]:
    if isinstance(native, bytes):
        return {}
    if isinstance(native, rsa.RSAPrivateKey):
        return members_of.private_members(native, ALGORITHMS["RS256"])
    return private_agreement_members(native)
