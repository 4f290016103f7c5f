"""Proofs that whoever sends a token holds its key (DPoP, RFC 9449).

Clients call `make_proof`; servers keep a `ProofVerifier`.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from typing import Any

from mapae.errors import (
    AlgorithmRefused,
    ClaimRefused,
    KeyRefused,
    Malformed,
    TooLarge,
)
from mapae.jose.algorithms import ALGORITHMS, Hmac
from mapae.jose.base64url import encode
from mapae.jose.claims import check_date, check_registered, check_text
from mapae.jose.freshness import check_fresh
from mapae.jose.header import check_kind
from mapae.jose.http_uri import normal_uri
from mapae.jose.jwk import is_secret, public_members
from mapae.jose.jws import sign_octets, verify_octets
from mapae.jose.key import Key, SigningKey, VerifyKey, refuse_other_than_key
from mapae.jose.nonces import Nonces
from mapae.jose.replays import Replays
from mapae.jose.strict_json import read_object, write_object
from mapae.jose.unverified import as_text, read_unverified

__all__ = ["TYP", "Nonces", "Proof", "ProofVerifier", "Replays", "bound_key", "make_proof"]

TYP = "dpop+jwt"
MAX_PROOF = 8 * 1024
MAX_TEXT = 256
ALGS = frozenset(name for name, algorithm in ALGORITHMS.items() if not isinstance(algorithm, Hmac))


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that was verified.

    Attributes:
        key: the public key of the sender; whose it is, only a token that is bound to it says.
        jkt: its RFC 7638 thumbprint, for the `cnf` claim of a token.
        jti: the proof's own id.
        iat: when it was made, in seconds since 1970.
        nonce: the server's nonce in it, if any.
    """

    key: VerifyKey
    jkt: str
    jti: str
    iat: float
    nonce: str | None


def make_proof(
    key: Key,
    *,
    htm: str,
    htu: str,
    now: int,
    access_token: str | None = None,
    nonce: str | None = None,
    jti: str | None = None,
) -> str:
    """Make the proof for one request, for its `DPoP` header.

    Example:
        proof = make_proof(key, htm="POST", htu="https://id.example/token", now=int(time.time()))

    Args:
        key: the client's private key.
        htm: the HTTP method of the request.
        htu: its URI; query and fragment are left out of the proof.
        now: seconds since 1970.
        access_token: the token that the request carries, if any.
        nonce: what the server last sent in `DPoP-Nonce`, if anything.
        jti: the proof's own id; 128 random bits when left out.

    Raises:
        TypeError: the key is not a private key.
        ClaimRefused: the URI, the method, the nonce or the token is none.
    """
    if not isinstance(key, SigningKey):
        refuse_other_than_key(key)
        raise TypeError('a proof is made with a private key; write Key.generate("ES256")')
    claims: dict[str, Any] = {
        "jti": _short(secrets.token_urlsafe(16) if jti is None else jti, "jti"),
        "htm": _short(htm, "htm"),
        "htu": normal_uri(htu),
        "iat": check_date(now, "iat"),
    }
    if access_token is not None:
        claims["ath"] = _hash(access_token)
    if nonce is not None:
        claims["nonce"] = _short(nonce, "nonce")
    jwk = public_members(key._public, key._algorithm)  # noqa: SLF001 (one room)
    return sign_octets(write_object(claims, "proof"), key, header={"typ": TYP, "jwk": jwk})


class ProofVerifier:
    """A policy for proofs, ready to check them."""

    __slots__ = ("_algs", "_leeway", "_max_age", "_nonces", "_replays")

    def __init__(
        self,
        *,
        replays: Replays | None,
        nonces: Nonces | None = None,
        algs: Collection[str] = ALGS,
        max_age: int = 60,
        leeway: int = 5,
    ) -> None:
        """Set up a policy.

        Args:
            replays: the memory of proofs that were used; None where something else refuses a second use.
            nonces: the nonces of this server, of which each proof then needs one; None asks for none.
            algs: the accepted algorithms.
            max_age: the greatest age of a proof in seconds.
            leeway: seconds by which clocks may differ.

        Raises:
            ValueError: an algorithm is not one for proofs, or a number is negative.
        """
        self._algs = frozenset(algs)
        if not self._algs or not self._algs <= ALGS:
            raise ValueError("algs names one or more algorithms with a public key, such as ES256 and Ed25519")
        if min(max_age, leeway) < 0:
            raise ValueError("max_age and leeway are not negative")
        self._replays = replays
        self._nonces = nonces
        self._max_age = max_age
        self._leeway = leeway

    def check(
        self,
        proof: str | bytes,
        *,
        htm: str,
        htu: str,
        now: float,
        access_token: str | None = None,
        jkt: str | None = None,
    ) -> Proof:
        """Return a proof once everything about it has been checked (RFC 9449 §4.3).

        Args:
            proof: the one value of the request's `DPoP` header.
            htm: the method of the request.
            htu: the URI of the request, as the client wrote it.
            now: seconds since 1970.
            access_token: the token of the request; the proof must then be made for it.
            jkt: the thumbprint of the key that the token is bound to: `bound_key(claims)`.

        Raises:
            TypeError: `proof` is neither text nor bytes.
            TokenError: the proof was refused; after `NonceRequired` the client tries again with the current nonce,
                after `Replayed` it has to make a new one.
            Busy: the memory of proofs is full.
        """
        text = as_text(proof)
        if len(text) > MAX_PROOF:
            raise TooLarge(f"the proof has more than {MAX_PROOF} characters")
        key = self._key_of(text)
        signed = verify_octets(text, key, max_length=MAX_PROOF)
        claims = read_object(signed.payload, "proof")
        check_registered(claims)
        jti = _short(claims.get("jti"), "jti")
        iat = check_fresh(claims, now=now, max_age=self._max_age, leeway=self._leeway)
        if _short(claims.get("htm"), "htm") != htm:
            raise ClaimRefused("is not the method of the request", claim="htm")
        if normal_uri(claims.get("htu")) != normal_uri(htu):
            raise ClaimRefused("is not the URI of the request", claim="htu")
        if access_token is not None:
            given = check_text(claims.get("ath"), "ath")
            if not compare_digest(given.encode("utf-8", "surrogatepass"), _hash(access_token).encode()):
                raise ClaimRefused("is not the hash of the token in the request", claim="ath")
        thumbprint = key.thumbprint()
        if jkt is not None and not compare_digest(jkt.encode("utf-8", "surrogatepass"), thumbprint.encode()):
            raise ClaimRefused("the token is bound to another key", claim="jwk")
        if self._nonces is not None:
            self._nonces.check(claims.get("nonce"), now=now)
        if self._replays is not None:
            self._replays.use(thumbprint, jti, until=iat + self._max_age + self._leeway, now=now)
        nonce = claims.get("nonce")
        return Proof(key, thumbprint, jti, iat, None if nonce is None else _short(nonce, "nonce"))

    def _key_of(self, proof: str) -> VerifyKey:
        """Take the public key out of the header; the only place where a key in a token is used at all."""
        header = read_unverified(proof).header
        typ = header.get("typ")
        check_kind(typ if isinstance(typ, str) else None, TYP)
        alg, jwk = header.get("alg"), header.get("jwk")
        if not isinstance(alg, str) or alg not in self._algs:
            raise AlgorithmRefused("not an algorithm for proofs", claim="alg")
        return public_key_of(jwk, alg)


def public_key_of(jwk: object, alg: str | None = None) -> VerifyKey:
    """Read the public key that a token carries with it.

    Raises:
        Malformed: it is no JWK, holds a private or secret part, or must not be used.
    """
    if not isinstance(jwk, Mapping):
        raise Malformed("is required and must be a JWK", claim="jwk")
    if is_secret(jwk) or jwk.get("kty") == "oct":
        raise Malformed("holds a private or secret part; only a public key may be sent", claim="jwk")
    reason = "not a public key"
    try:
        key = Key.from_jwk(jwk, alg)
        if isinstance(key, VerifyKey):
            return key
    except KeyRefused as refused:
        reason = str(refused)
    raise Malformed(reason, claim="jwk")


def bound_key(claims: Mapping[str, Any]) -> str:
    """Return the thumbprint of the key that a token is bound to (RFC 9449 §6.1).

    Args:
        claims: the claims of a verified token.

    Raises:
        ClaimRefused: it is bound to none.
    """
    cnf = claims.get("cnf")
    jkt = cnf.get("jkt") if isinstance(cnf, Mapping) else None
    if not isinstance(jkt, str) or not jkt:
        raise ClaimRefused("the token is not bound to a key", claim="cnf")
    return jkt


def _hash(access_token: object) -> str:
    if not isinstance(access_token, str) or not access_token.isascii():
        raise ClaimRefused("an access token is ASCII text", claim="ath")
    return encode(sha256(access_token.encode()).digest())


def _short(value: object, claim: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT or not value.isprintable():
        raise ClaimRefused(f"must be a string of 1 to {MAX_TEXT} printable characters", claim=claim)
    return value
