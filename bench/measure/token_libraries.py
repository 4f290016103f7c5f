"""Who takes part in `bench/tokens.py`: each verifies and signs the same claims, its key prepared beforehand."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding

import mapae
from mapae.jose.algorithms import Ecdsa, Hmac, Rsa

ISSUER, AUDIENCE, LIFETIME = "https://id.example", "https://api.example", 3600
Call = Callable[[object], object]


class Access(msgspec.Struct, frozen=True, gc=False):
    """The claims of the tokens, as a type."""

    iss: str
    sub: str
    aud: str
    exp: int
    iat: int
    jti: str
    client_id: str
    scope: str


class Mapae:
    """A policy for verifying and one for signing, both prepared."""

    package = "mapae"
    title = "Mapae"

    def __init__(self, key: mapae.Key) -> None:
        self.key = key
        public = key.public() if key.alg != "HS256" else key
        self.verifier = mapae.Verifier(public, issuer=ISSUER, audience=AUDIENCE, memo_bytes=0)
        self.remembering = mapae.Verifier(public, issuer=ISSUER, audience=AUDIENCE)

    def verify(self) -> Call:
        return self.verifier.verify

    def sign(self) -> Call:
        return mapae.Signer(self.key, issuer=ISSUER, audience=AUDIENCE, lifetime=LIFETIME).sign

    def again(self) -> Call:
        return self.remembering.verify


class MapaeTyped(Mapae):
    """Claims verified into a type, and signed by `mapae.sign`, for which nothing but the key is prepared."""

    title = "Mapae, typed claims"
    sign_title = "mapae.sign"

    def __init__(self, key: mapae.Key) -> None:
        super().__init__(key)
        public = key.public() if key.alg != "HS256" else key
        self.verifier = mapae.Verifier(public, issuer=ISSUER, audience=AUDIENCE, claims=Access, memo_bytes=0)
        self.remembering = mapae.Verifier(public, issuer=ISSUER, audience=AUDIENCE, claims=Access)

    def sign(self) -> Call:
        key = self.key
        return lambda claims: mapae.sign(claims, key)


class Idle:
    """A key whose primitive does nothing, to time what Mapae itself takes; every signature is the same."""

    def __init__(self, native: Any, public: Any, how: tuple) -> None:
        self._public = public
        self._signature = native.sign(b"", *how)
        self.key_size = getattr(public, "key_size", None)

    def public_bytes_raw(self) -> bytes:
        return self._public.public_bytes_raw()

    def sign(self, *_arguments: object) -> bytes:
        return self._signature

    def verify(self, *_arguments: object) -> None:
        pass


def idle(key: mapae.Key) -> mapae.SigningKey:
    """Return the key with a primitive that does nothing."""
    native = Idle(key._native, key._public, Primitive(key).how)
    return mapae.SigningKey(key._algorithm, native, native, kid=key.kid)


def bare_hmac(secret: bytes) -> Callable[[bytes], bytes]:
    """Prepare HMAC with SHA-256 in the quickest way that the standard library has."""
    prepared = hmac.new(secret, digestmod="sha256")
    padded = secret.ljust(64, b"\0")
    inner_copy, outer_copy = (hashlib.sha256(bytes(octet ^ pad for octet in padded)).copy for pad in (0x36, 0x5C))

    def mac(message: bytes) -> bytes:
        inner = inner_copy()
        inner.update(message)
        outer = outer_copy()
        outer.update(inner.digest())
        return outer.digest()

    if mac(b"") != prepared.digest():
        raise AssertionError("not HMAC")
    return mac


class Primitive:
    """The signature alone, by `cryptography` (by `hashlib` for HS256), on octets that are ready."""

    package = "cryptography"
    title = "primitive alone"

    def __init__(self, key: mapae.Key) -> None:
        self.algorithm, self.key, self.public = key._algorithm, key._native, key._public
        match self.algorithm:
            case Rsa(pss=True):
                self.how = (padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
            case Rsa():
                self.how = (padding.PKCS1v15(), hashes.SHA256())
            case Ecdsa():
                self.how = (ec.ECDSA(hashes.SHA256(), deterministic_signing=True),)
            case _:
                self.how = ()

    def sign(self) -> Call:
        if isinstance(self.algorithm, Hmac):
            return bare_hmac(self.key)
        sign, how = self.key.sign, self.how
        return lambda message: sign(message, *how)

    def verify(self) -> Call:
        if isinstance(self.algorithm, Hmac):
            mac = bare_hmac(self.key)
            return lambda parts: hmac.compare_digest(mac(parts[0]), parts[1])
        verify, how = self.public.verify, self.how
        return lambda parts: verify(parts[1], parts[0], *how)


class PyJwt:
    package = "pyjwt"
    title = "PyJWT"

    def __init__(self, key: mapae.Key) -> None:
        import jwt

        self.alg = "EdDSA" if key.alg == "Ed25519" else key.alg
        if self.alg.startswith("ML"):
            raise NotImplementedError
        self.jwt = jwt
        self.key, self.public = key._native, key._public

    def verify(self) -> Call:
        decode, public, algorithms = self.jwt.decode, self.public, [self.alg]
        return lambda token: decode(token, public, algorithms=algorithms, issuer=ISSUER, audience=AUDIENCE)

    def sign(self) -> Call:
        encode, key, alg = self.jwt.encode, self.key, self.alg
        return lambda claims: encode(claims, key, algorithm=alg)

    again = verify


class JoseRfc:
    package = "joserfc"
    title = "joserfc"

    def __init__(self, key: mapae.Key) -> None:
        from joserfc import jwk, jwt

        if key.alg.startswith("ML"):
            raise NotImplementedError
        self.alg = key.alg
        self.jwt = jwt
        self.key = jwk.import_key(plain_jwk(key, private=True))
        self.public = jwk.import_key(plain_jwk(key, private=key.alg == "HS256"))
        self.registry = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": AUDIENCE},
            exp={"essential": True},
        )

    def verify(self) -> Call:
        decode, key, algorithms, validate = self.jwt.decode, self.public, [self.alg], self.registry.validate

        def call(token: object) -> None:
            validate(decode(token, key, algorithms=algorithms).claims)

        return call

    def sign(self) -> Call:
        encode, key, header, algorithms = self.jwt.encode, self.key, {"alg": self.alg}, [self.alg]
        return lambda claims: encode(header, claims, key, algorithms=algorithms)

    again = verify


class PythonJose(PyJwt):
    """It has the calls of PyJWT and keys of its own."""

    package = "python-jose"
    title = "python-jose"

    def __init__(self, key: mapae.Key) -> None:
        from jose import jwk, jwt

        if key.alg not in {"HS256", "RS256", "ES256"}:
            raise NotImplementedError
        self.alg, self.jwt = key.alg, jwt
        self.key = jwk.construct(plain_jwk(key, private=True), key.alg)
        self.public = jwk.construct(plain_jwk(key, private=key.alg == "HS256"), key.alg)


class JwCrypto:
    package = "jwcrypto"
    title = "jwcrypto"

    def __init__(self, key: mapae.Key) -> None:
        from jwcrypto import jwk, jwt

        if key.alg.startswith("ML"):
            raise NotImplementedError
        self.alg = "EdDSA" if key.alg == "Ed25519" else key.alg
        self.jwt = jwt
        self.key = jwk.JWK(**plain_jwk(key, private=True))
        self.public = jwk.JWK(**plain_jwk(key, private=key.alg == "HS256"))

    def verify(self) -> Call:
        token_of, key, algs, checks = self.jwt.JWT, self.public, [self.alg], {"iss": ISSUER, "aud": AUDIENCE}
        return lambda token: token_of(jwt=token, key=key, algs=algs, check_claims=checks)

    def sign(self) -> Call:
        token_of, key, header = self.jwt.JWT, self.key, {"alg": self.alg}

        def call(claims: object) -> str:
            token = token_of(header=header, claims=claims)
            token.make_signed_token(key)
            return token.serialize()

        return call

    again = verify


CONTESTANTS = (Mapae, MapaeTyped, Primitive, PyJwt, JoseRfc, PythonJose, JwCrypto)


def plain_jwk(key: mapae.Key, *, private: bool) -> dict:
    return {name: value for name, value in key.to_jwk(private=private).items() if name not in {"alg", "use", "kid"}}
