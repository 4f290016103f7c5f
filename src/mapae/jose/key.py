"""A key, bound to exactly one algorithm (RFC 7517, RFC 8725 §3.1).

    Key
    ├── PrivateKey
    │   ├── SecretKey    a shared secret: signs and verifies (HS256, HS384, HS512)
    │   └── SigningKey   a private key: signs; `public()` is its other half
    └── VerifyKey        a public key: verifies only

Keys are made by the named constructors of `Key`, are immutable, and never show secret material in `repr`.
"""

from __future__ import annotations

import secrets
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, NoReturn

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from mapae.errors import AlgorithmRefused, KeyRefused
from mapae.jose import jwk as members_of
from mapae.jose import key_files
from mapae.jose.algorithms import Algorithm, Ecdsa, Eddsa, Hmac, MlDsa, Rsa, algorithm_named
from mapae.jose.immutable_key import ImmutableKey
from mapae.jose.points import refuse_weak_point
from mapae.jose.signatures import Checker, MakeSignature, checker, signer


class Key(ImmutableKey):
    """A key and the one algorithm it is for.

    Attributes:
        alg: the algorithm, by its registered name.
        kid: the key's id: what the JWK said, or its RFC 7638 thumbprint; None for an imported secret without one.
        check_signature: raise `SignatureRefused` unless the segment is the signature of the octets.
    """

    __slots__ = ("_algorithm", "_native", "_public", "alg", "check_signature", "kid")

    alg: str
    kid: str | None
    check_signature: Checker
    _algorithm: Algorithm
    _native: Any
    _public: Any

    def __init__(self, algorithm: Algorithm, native: Any, public: Any, *, kid: str | None) -> None:
        self._become(
            alg=algorithm.name,
            check_signature=checker(algorithm, public),
            _algorithm=algorithm,
            _native=native,
            _public=public,
        )
        self._become(kid=self.thumbprint() if kid is None and not isinstance(algorithm, Hmac) else kid)

    def checker_after(self, beginning: bytes) -> Checker:
        """Return a `check_signature` for octets that all begin alike; it is called with the rest of them."""
        return checker(self._algorithm, self._public, beginning)

    @staticmethod
    def generate(alg: str, *, kid: str | None = None, bits: int = 3072) -> SecretKey | SigningKey:
        """Make a new random key.

        Args:
            alg: the algorithm, for example "Ed25519", "ES256" or "HS256".
            kid: the key's id; its thumbprint when left out.
            bits: the size of an RSA key; other keys have one size.

        Raises:
            KeyRefused: there is no such algorithm, or the RSA size is out of bounds.
        """
        algorithm = algorithm_named(alg)
        if isinstance(algorithm, Hmac):
            secret = secrets.token_bytes(algorithm.size)
            made = SecretKey(algorithm, secret, secret, kid=kid)
            return made if kid else SecretKey(algorithm, secret, secret, kid=made.thumbprint())
        private = _generate(algorithm, bits)
        return SigningKey(algorithm, private, private.public_key(), kid=_checked(kid))

    @staticmethod
    def from_secret(secret: bytes, alg: str, *, kid: str | None = None) -> SecretKey:
        """Take random octets as a shared secret.

        Args:
            secret: at least as many random octets as the hash has (32 for HS256).
            alg: "HS256", "HS384" or "HS512".
            kid: the key's id; None leaves it out of tokens.

        Raises:
            TypeError: `secret` is text, not octets.
            KeyRefused: it is too short, or is not a secret but a public or private key in some file format.
        """
        if not isinstance(secret, bytes):
            raise TypeError(
                f"a secret is bytes, not {type(secret).__name__}; write "
                'Key.generate("HS256") for a new one, or bytes.fromhex(...) / base64.b64decode(...) for one you have'
            )
        algorithm = algorithm_named(alg)
        if not isinstance(algorithm, Hmac):
            raise KeyRefused(f'{alg} does not use a shared secret; use Key.from_pem(...) or Key.generate("{alg}")')
        key_files.refuse_key_file(secret)
        members_of.refuse_short_secret(secret, algorithm)
        return SecretKey(algorithm, secret, secret, kid=_checked(kid))

    @staticmethod
    def from_jwk(jwk: Mapping[str, Any], alg: str | None = None) -> Key:
        """Read a JSON Web Key.

        Args:
            jwk: its members, as `json.loads` gives them.
            alg: the algorithm, where the JWK does not say it and its curve does not imply it.

        Raises:
            TypeError: `jwk` is not a mapping.
            KeyRefused: the key must not be used; the message says why.
        """
        if not isinstance(jwk, Mapping):
            raise TypeError(f"a JWK is a dict, not {type(jwk).__name__}; write Key.from_jwk(json.loads(text))")
        algorithm = members_of.algorithm_of_jwk(jwk, alg)
        kid = members_of.key_id(jwk)
        private, public = members_of.native_keys(jwk, algorithm)
        return _key(algorithm, private, public, kid=kid)

    @staticmethod
    def from_pem(
        pem: bytes | str, alg: str | None = None, *, kid: str | None = None, password: bytes | None = None
    ) -> Key:
        """Read a private or public key from PEM text (PKCS #8, SPKI, PKCS #1, SEC 1).

        Args:
            pem: the text, from "-----BEGIN" on.
            alg: the algorithm; needed for RSA keys, implied by the curve otherwise.
            kid: the key's id; its thumbprint when left out.
            password: the password of an encrypted private key.

        Raises:
            KeyRefused: it is not such a key, or one that must not be used.
        """
        return _from_native(key_files.read_pem(pem, password), alg, kid)

    @staticmethod
    def from_der(der: bytes, alg: str | None = None, *, kid: str | None = None, password: bytes | None = None) -> Key:
        """Read a private (PKCS #8) or public (SPKI) key from DER octets.

        Raises:
            KeyRefused: it is not such a key, or one that must not be used.
        """
        return _from_native(key_files.read_der(der, password), alg, kid)

    @staticmethod
    def from_ssh(
        text: bytes | str, alg: str | None = None, *, kid: str | None = None, password: bytes | None = None
    ) -> Key:
        """Read an OpenSSH public key line or private key file.

        Raises:
            KeyRefused: it is not such a key, or one that must not be used.
        """
        return _from_native(key_files.read_ssh(text, password), alg, kid)

    @staticmethod
    def from_x509(certificate: bytes | str, alg: str | None = None, *, kid: str | None = None) -> Key:
        """Take the public key out of an X.509 certificate, PEM or DER; who issued the certificate is not checked.

        Raises:
            KeyRefused: it is not a certificate, or its key must not be used.
        """
        return _from_native(key_files.read_x509(certificate), alg, kid)

    @property
    @abstractmethod
    def is_private(self) -> bool:
        """Whether the key can sign."""

    @abstractmethod
    def public(self) -> Key:
        """Return the half that may be published."""

    def find(self, kid: str | None, alg: str) -> Key:  # noqa: ARG002 (a single key needs no id; RFC 7515 §4.1.4 calls it a hint)
        """Return this key if it is for `alg`.

        Raises:
            AlgorithmRefused: the token names another algorithm.
        """
        if alg != self.alg:
            raise AlgorithmRefused("the token does not name the algorithm of the key", claim="alg")
        return self

    def thumbprint(self, hash_name: str = "sha256") -> str:
        """Compute the RFC 7638 thumbprint, as base64url."""
        return members_of.thumbprint_of(members_of.public_members(self._public, self._algorithm), hash_name)

    def thumbprint_uri(self) -> str:
        """Write the SHA-256 thumbprint as a URI (RFC 9278)."""
        return f"urn:ietf:params:oauth:jwk-thumbprint:sha-256:{self.thumbprint()}"

    def to_jwk(self, *, private: bool = False) -> dict[str, Any]:
        """Write the key as a JWK; only its public half unless `private` is written out.

        Raises:
            KeyRefused: a secret has no public half, or a public key no private one.
        """
        if private != self.is_private and (private or isinstance(self, SecretKey)):
            raise KeyRefused(_NO_PRIVATE if private else _NO_PUBLIC)
        jwk: dict[str, Any] = {"kty": "", "alg": self.alg, "use": "sig"}
        if self.kid is not None:
            jwk["kid"] = self.kid
        jwk.update(members_of.public_members(self._public, self._algorithm))
        if private:
            jwk.update(members_of.private_members(self._native, self._algorithm))
        return jwk

    def to_pem(self, *, private: bool = False) -> bytes:
        """Write the key as PEM; only its public half (SPKI) unless `private` (PKCS #8, unencrypted) is written out.

        Raises:
            KeyRefused: a secret has no PEM form, or a public key no private half.
        """
        if isinstance(self, SecretKey):
            raise KeyRefused("a shared secret has no PEM form; write to_jwk(private=True)")
        if private and not self.is_private:
            raise KeyRefused(_NO_PRIVATE)
        return key_files.write_pem(self._native if private else self._public, private=private)


_NO_PRIVATE = "this is a public key; it has no private half"
_NO_PUBLIC = "a shared secret has no public half; write to_jwk(private=True) if you really mean to export it"


class PrivateKey(Key):
    """A key that signs.

    Attributes:
        dotted_signature: octets to a dot and their signature segment, in ASCII octets.
        headers: the header segments written so far, each with its dot, by `typ`.
    """

    __slots__ = ("dotted_signature", "headers")

    dotted_signature: MakeSignature
    headers: dict[str | None, bytes]

    def __init__(self, algorithm: Algorithm, native: Any, public: Any, *, kid: str | None) -> None:
        super().__init__(algorithm, native, public, kid=kid)
        self._become(dotted_signature=signer(algorithm, native), headers={})

    @property
    def is_private(self) -> bool:
        """Always true."""
        return True

    def make_signature(self, message: bytes) -> str:
        """Return the signature segment of octets."""
        return self.dotted_signature(message)[1:].decode()

    def signer_after(self, beginning: bytes) -> MakeSignature:
        """Return a `dotted_signature` for octets that all begin alike; it is called with the rest of them."""
        return signer(self._algorithm, self._native, beginning)


class SecretKey(PrivateKey):
    """A secret that both sides share: it signs and it verifies."""

    __slots__ = ()

    def public(self) -> NoReturn:
        """Refuse: a secret has no half that may be published.

        Raises:
            KeyRefused: always.
        """
        raise KeyRefused(_NO_PUBLIC)


class SigningKey(PrivateKey):
    """A private key: it signs. Whoever only verifies gets `public()`."""

    __slots__ = ()

    def public(self) -> VerifyKey:
        """Return the public half, with the same kid."""
        return VerifyKey(self._algorithm, None, self._public, kid=self.kid)


class VerifyKey(Key):
    """A public key: it verifies, and cannot sign."""

    __slots__ = ()

    @property
    def is_private(self) -> bool:
        """Always false."""
        return False

    def public(self) -> VerifyKey:
        """Return this very key."""
        return self


def refuse_other_than_key(key: object) -> None:
    """Say which constructor to write when something else stands where a key belongs.

    Raises:
        TypeError: always, unless `key` is a `Key`.
    """
    if isinstance(key, Key):
        return
    if isinstance(key, bytes | bytearray):
        hint = 'write Key.from_secret(secret, alg="HS256"), or Key.from_pem(pem) for a PEM file'
    elif isinstance(key, str):
        hint = "write Key.from_pem(text) for PEM text, Key.from_jwk(json.loads(text)) for a JWK, or "
        hint += 'Key.from_secret(bytes, alg="HS256") for a secret of random octets'
    elif isinstance(key, Mapping):
        hint = 'write Key.from_jwk(jwk), or KeySet.from_jwks(jwks) when it has a member "keys"'
    elif isinstance(key, list | tuple | set | frozenset):
        hint = "write KeySet([...]) for several keys"
    else:
        hint = 'write Key.generate("Ed25519"), Key.from_pem(...), Key.from_jwk(...) or Key.from_secret(...)'
    raise TypeError(f"a key is a mapae.Key, not {type(key).__name__}; {hint}")


def _checked(kid: str | None) -> str | None:
    return None if kid is None else members_of.key_id({"kid": kid})


def _key(algorithm: Algorithm, private: Any, public: Any, *, kid: str | None) -> Key:
    if isinstance(algorithm, Hmac):
        return SecretKey(algorithm, private, public, kid=kid)
    if private is None:
        return VerifyKey(algorithm, None, public, kid=kid)
    return SigningKey(algorithm, private, public, kid=kid)


def _from_native(native: Any, alg: str | None, kid: str | None) -> Key:
    private = native if hasattr(native, "public_key") else None
    public = native if private is None else private.public_key()
    algorithm = _algorithm_of(public, alg)
    if isinstance(algorithm, Rsa):
        members_of.refuse_weak_rsa(public)
    if isinstance(algorithm, Eddsa):
        raw = public.public_bytes_raw()
        refuse_weak_point("Ed25519" if len(raw) == 32 else "Ed448", raw)
    return _key(algorithm, private, public, kid=_checked(kid))


def _algorithm_of(public: Any, alg: str | None) -> Algorithm:
    match public:
        case rsa.RSAPublicKey():
            jwk = {"kty": "RSA"}
        case ec.EllipticCurvePublicKey():
            jwk = {"kty": "EC", "crv": key_files.curve_name(public)}
        case ed25519.Ed25519PublicKey():
            jwk = {"kty": "OKP", "crv": "Ed25519"}
        case ed448.Ed448PublicKey():
            jwk = {"kty": "OKP", "crv": "Ed448"}
        case _:
            jwk = {"kty": "AKP", "alg": key_files.mldsa_name(public)}
    algorithm = members_of.algorithm_of_jwk(jwk, alg)
    if isinstance(algorithm, Ecdsa) and algorithm.crv != jwk["crv"]:
        raise KeyRefused(f"{algorithm.name} uses the curve {algorithm.crv}")
    if isinstance(algorithm, Eddsa) and jwk["crv"] not in algorithm.curves:
        raise KeyRefused(f"{algorithm.name} uses the curve {' or '.join(algorithm.curves)}")
    return algorithm


def _generate(algorithm: Rsa | Ecdsa | Eddsa | MlDsa, bits: int) -> Any:
    match algorithm:
        case Rsa():
            members_of.refuse_rsa_size(bits)
            return rsa.generate_private_key(public_exponent=65537, key_size=bits)
        case Ecdsa():
            return ec.generate_private_key(members_of.EC_CURVES[algorithm.crv]())
        case Eddsa(name="Ed448"):
            return ed448.Ed448PrivateKey.generate()
        case Eddsa():
            return ed25519.Ed25519PrivateKey.generate()
        case MlDsa(name=name):
            return members_of.mldsa_types(name)[0].generate()
