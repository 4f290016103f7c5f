"""Selective disclosure: a signed token whose holder chooses which claims to show (SD-JWT, RFC 9901).

The issuer calls `issue`, the holder `read_held` and `present`, and whoever wants to know keeps an `SdJwtVerifier`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from hmac import compare_digest
from typing import Any

from mapae.errors import AlgorithmRefused, ClaimRefused, Malformed, TooLarge
from mapae.jose.base64url import decode
from mapae.jose.claims import Claims, check_date, check_registered, check_text, frozen
from mapae.jose.disclosures import (
    ALWAYS_OPEN,
    HASHES,
    MAX_DISCLOSURES,
    Concealer,
    Disclosure,
    Selective,
    Unfolded,
    digest_of,
    read_disclosure,
    sd_alg_of,
    unfold,
)
from mapae.jose.dpop import ALGS, public_key_of
from mapae.jose.freshness import check_fresh
from mapae.jose.header import check_kind
from mapae.jose.jws import sign_octets, verify_octets
from mapae.jose.jwt import sign
from mapae.jose.key import Key, SigningKey, VerifyKey, refuse_other_than_key
from mapae.jose.strict_json import read_object, write_object
from mapae.jose.unverified import as_text, read_unverified
from mapae.jose.verifier import Verifier

__all__ = ["KEY_BINDING", "TYP", "Held", "Presented", "SdJwtVerifier", "Selective", "issue", "present", "read_held"]

TYP = "sd-jwt"
KEY_BINDING = "kb+jwt"
MAX_LENGTH = 256 * 1024


@dataclass(frozen=True, slots=True)
class Held:
    """An SD-JWT as its holder sees it; nothing in it is verified.

    Attributes:
        claims: all claims, those that may be left out among them.
        selectable: the places of those that may be left out, as JSON Pointers (RFC 6901).
    """

    claims: Mapping[str, Any] = field(repr=False)
    selectable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Presented:
    """What a holder showed, verified.

    Attributes:
        claims: the claims that everybody sees, and those that the holder disclosed.
        disclosed: the places of the latter, as JSON Pointers (RFC 6901).
        holder: the key that the holder proved to have; None where no proof was asked for.
    """

    claims: Claims
    disclosed: tuple[str, ...]
    holder: VerifyKey | None


def issue(
    claims: Mapping[str, Any],
    key: Key,
    *,
    now: int,
    issuer: str | None = None,
    audience: str | None = None,
    lifetime: int | timedelta | None = None,
    holder: Key | None = None,
    typ: str = TYP,
    sd_alg: str = "sha-256",
    decoys: int = 0,
) -> str:
    """Sign claims of which the holder may keep some to herself.

    Example:
        sd_jwt = issue({"sub": "user-42", "birthdate": Selective("2000-01-01")}, key, now=now, lifetime=86400)

    Args:
        claims: the claims; what is wrapped in `Selective`, at any depth, may be left out later.
        key: the issuer's private key.
        now: seconds since 1970.
        issuer: becomes `iss`.
        audience: becomes `aud`.
        lifetime: seconds (or a timedelta) until `exp`; needed unless the claims have `exp`.
        holder: the holder's public key, with which each presentation is then proved.
        typ: the kind of token.
        sd_alg: the hash, "sha-256", "sha-384" or "sha-512".
        decoys: how many digests of nothing to add wherever something is hidden.

    Raises:
        TypeError: a key is no key for this.
        ValueError: `sd_alg` is not a known hash, or `decoys` is out of bounds.
        TokenError: the verifier would refuse it.
    """
    if sd_alg not in HASHES or not 0 <= decoys <= 100:
        raise ValueError(f"sd_alg is one of {', '.join(HASHES)}, and decoys 0 to 100")
    if not isinstance(key, SigningKey):
        refuse_other_than_key(key)
        raise TypeError("an SD-JWT is signed with a private key, so that everybody can verify it with the public one")
    for name in ALWAYS_OPEN.intersection(claims):
        if isinstance(claims[name], Selective):
            raise ClaimRefused("decides about the whole, so it must not be selective", claim=name)
    concealer = Concealer(sd_alg, decoys)
    payload = concealer.conceal(claims)
    if concealer.disclosures:
        payload["_sd_alg"] = sd_alg
    if holder is not None:
        payload["cnf"] = _confirmation(holder, payload)
    signed = sign(payload, key, now=now, issuer=issuer, audience=audience, lifetime=lifetime, typ=typ)
    sd_jwt = "~".join([signed, *(disclosure.text for disclosure in concealer.disclosures), ""])
    _unfolded(_split(sd_jwt))
    return sd_jwt


def read_held(sd_jwt: str) -> Held:
    """Read an SD-JWT as its holder, without verifying it: `SdJwtVerifier` does that.

    Raises:
        TokenError: it is not an SD-JWT.
    """
    unfolded = _unfolded(_split(sd_jwt))
    return Held(unfolded.claims, tuple(unfolded.disclosed))


def present(
    sd_jwt: str,
    reveal: Collection[str],
    *,
    key: Key | None = None,
    audience: str | None = None,
    nonce: str | None = None,
    now: int | None = None,
) -> str:
    """Choose what to show, and prove the key where the verifier asks for it.

    Example:
        presentation = present(sd_jwt, ["/birthdate"], key=key, audience="https://shop.example", nonce=nonce, now=now)

    Args:
        sd_jwt: what the issuer sent.
        reveal: places out of `Held.selectable`; what encloses them is shown with them, what lies inside is not.
        key: the holder's private key; None adds no proof.
        audience: the verifier, for the proof.
        nonce: what the verifier gave for this presentation, for the proof.
        now: seconds since 1970, for the proof.

    Raises:
        ValueError: a place is not selectable, or the proof lacks a part.
        TypeError: the key is not a private key.
        TokenError: it is not an SD-JWT, or has a proof already.
    """
    parts = _split(sd_jwt)
    if parts.key_binding:
        raise Malformed("this was presented before: it has a key binding")
    unfolded = _unfolded(parts)
    if isinstance(reveal, str) or not unfolded.disclosed.keys() >= set(reveal):
        raise ValueError("reveal names a place that is not selectable; read_held(sd_jwt).selectable lists them")
    wanted = {disclosure.text for place in reveal for disclosure in unfolded.disclosed[place]}
    shown = "~".join([parts.signed, *(each.text for each in parts.disclosures if each.text in wanted), ""])
    if key is None:
        return shown
    if not isinstance(key, SigningKey):
        refuse_other_than_key(key)
        raise TypeError("a key binding is made with the holder's private key")
    if audience is None or nonce is None or now is None:
        raise ValueError("a key binding needs audience=, nonce= and now=")
    claims: dict[str, Any] = {"iat": check_date(now, "iat")}
    claims |= {"aud": check_text(audience, "aud"), "nonce": check_text(nonce, "nonce")}
    claims["sd_hash"] = digest_of(shown, sd_alg_of(parts.payload))
    return shown + sign_octets(write_object(claims, "key binding"), key, header={"typ": KEY_BINDING})


class SdJwtVerifier:
    """A policy for presentations, ready to check them."""

    __slots__ = ("_key_binding", "_leeway", "_max_age", "_verifier")

    def __init__(
        self, verifier: Verifier[Any], *, key_binding: str | None, max_age: int = 300, leeway: int = 5
    ) -> None:
        """Set up a policy.

        Example:
            SdJwtVerifier(Verifier(keys, issuer="https://id.example", audience=None, typ="sd-jwt"), key_binding="shop")

        Args:
            verifier: verifies what the issuer signed.
            key_binding: the audience that the holder's proof must name; None where none is asked for or accepted.
            max_age: the greatest age of the proof in seconds.
            leeway: seconds by which clocks may differ.

        Raises:
            TypeError: `verifier` is no verifier.
            ValueError: a number is negative.
        """
        if not isinstance(verifier, Verifier):
            raise TypeError(
                f"what the issuer signed is verified by a mapae.Verifier, not {type(verifier).__name__}; write "
                'SdJwtVerifier(Verifier(keys, issuer=..., audience=None, typ="sd-jwt"), key_binding=...)'
            )
        if min(max_age, leeway) < 0:
            raise ValueError("max_age and leeway are not negative")
        self._verifier = verifier
        self._key_binding = key_binding
        self._max_age = max_age
        self._leeway = leeway

    def check(self, presentation: str | bytes, *, now: float, nonce: str | None = None) -> Presented:
        """Return what the holder showed once everything about it has been checked (RFC 9901 §7.3).

        Args:
            presentation: an SD-JWT, with or without a key binding as the policy says.
            now: seconds since 1970.
            nonce: what was given to this holder for this presentation; needed where a key binding is asked for.

        Raises:
            TypeError: the presentation is no text.
            ValueError: the policy asks for a key binding, and no nonce is given.
            TokenError: it was refused; the subclass says why.
        """
        if self._key_binding is not None and not nonce:
            raise ValueError("a key binding is checked against nonce=, which was given to the holder before")
        parts = _split(presentation)
        self._verifier.check(parts.signed, now=now)
        unfolded = _unfolded(parts)
        check_registered(unfolded.claims)
        holder = None
        if self._key_binding is not None:
            holder = self._check_key_binding(parts, self._key_binding, str(nonce), now)
        elif parts.key_binding:
            raise Malformed("a key binding is there, and none was asked for")
        return Presented(Claims(frozen(unfolded.claims)), tuple(unfolded.disclosed), holder)

    def _check_key_binding(self, parts: _Parts, audience: str, nonce: str, now: float) -> VerifyKey:
        if not parts.key_binding:
            raise Malformed("the key binding is missing")
        header = read_unverified(parts.key_binding).header
        typ, alg = header.get("typ"), header.get("alg")
        check_kind(typ if isinstance(typ, str) else None, KEY_BINDING)
        if not isinstance(alg, str) or alg not in ALGS:
            raise AlgorithmRefused("not an algorithm for key bindings", claim="alg")
        cnf = parts.payload.get("cnf")
        if not isinstance(cnf, Mapping):
            raise ClaimRefused("the issuer bound this to no key", claim="cnf")
        holder = public_key_of(cnf.get("jwk"), alg)
        claims = read_object(verify_octets(parts.key_binding, holder).payload, "key binding")
        check_fresh(claims, now=now, max_age=self._max_age, leeway=self._leeway)
        expected = {"aud": audience, "nonce": nonce, "sd_hash": digest_of(parts.shown, sd_alg_of(parts.payload))}
        for name, value in expected.items():
            given = check_text(claims.get(name), name)
            if not compare_digest(given.encode("utf-8", "surrogatepass"), value.encode("utf-8", "surrogatepass")):
                raise ClaimRefused("does not fit this presentation", claim=name)
        return holder


@dataclass(frozen=True, slots=True)
class _Parts:
    """An SD-JWT taken apart: signed token, its payload, disclosures, what the key binding covers, the key binding."""

    signed: str
    payload: dict[str, Any]
    disclosures: tuple[Disclosure, ...]
    shown: str
    key_binding: str


def _split(sd_jwt: str | bytes) -> _Parts:
    text = as_text(sd_jwt)
    if len(text) > MAX_LENGTH:
        raise TooLarge(f"the SD-JWT has more than {MAX_LENGTH} characters")
    signed, *disclosures = text.split("~")
    if not disclosures or not text.isascii():
        raise Malformed('an SD-JWT has a "~" after each of its parts (RFC 9901 section 4)')
    if len(disclosures) > MAX_DISCLOSURES + 1:
        raise TooLarge(f"the SD-JWT has more than {MAX_DISCLOSURES} disclosures")
    key_binding = disclosures.pop()
    if signed.count(".") != 2:
        raise Malformed("an SD-JWT begins with a signed token")
    payload = read_object(decode(signed.split(".")[1], "payload"), "payload")
    shown = text[: len(text) - len(key_binding)]
    return _Parts(signed, payload, tuple(map(read_disclosure, disclosures)), shown, key_binding)


def _unfolded(parts: _Parts) -> Unfolded:
    return unfold(parts.payload, parts.disclosures)


def _confirmation(holder: Key, payload: Mapping[str, Any]) -> dict[str, Any]:
    refuse_other_than_key(holder)
    if "cnf" in payload:
        raise ClaimRefused("the claims have cnf already; leave holder= out", claim="cnf")
    jwk = holder.public().to_jwk()
    return {"jwk": {name: value for name, value in jwk.items() if name not in {"use", "kid"}}}
