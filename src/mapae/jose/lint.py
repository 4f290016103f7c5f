"""What is odd about a token that was only looked at, never verified: a closed list of findings with advice."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mapae.jose.lint_words import FINDINGS
from mapae.jose.registered import CLAIMS

Severity = Literal["danger", "warning", "note"]

ORDER: tuple[Severity, ...] = ("danger", "warning", "note")

DAY = 86_400
LARGE = 4096
_WORDS = """
secret password key private jwt token changeme your-256-bit-secret your-384-bit-secret your-512-bit-secret
your-secret-key your_secret_key your-very-secure-secret a-string-secret-at-least-256-bits-long supersecret
super-secret secretkey secret-key secret_key mysecret mysecretkey jwtsecret jwt_secret jwt-secret test testing
example default admin dev 1234 12345678 123456 qwerty
"""
GUESSES = ("", *_WORDS.split())
"""Secrets that programs were found to sign with; a token signed with one of them can be forged by anybody."""

_HASHES = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
_KEY_TYPES = {"HS": "oct", "RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP", "ML": "AKP"}
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_PHONE = re.compile(r"(?:\+?82-?)?0?1[016789]-?\d{3,4}-?\d{4}|\+[1-9]\d{7,14}")
_RESIDENT = re.compile(r"\d{6}-?[1-8]\d{6}")
_PERSONAL_NAMES = frozenset({"email", "phone", "phone_number", "mobile", "address", "birthdate", "rrn", "ssn"})
_SECRET_NAMES = re.compile(
    r"pass(word|wd|phrase)?|pwd|secret|api_?key|private_?key|(access|refresh)_?token|pin|cvv|cvc", re.IGNORECASE
)
_SECRET_VALUES = re.compile(
    r"-----BEGIN |AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20}|sk_live_|xox[abp]-|\$2[aby]\$|\$argon2"
)
_INJECTION = re.compile(r"\.\./|^[/\\]|^[A-Za-z]:\\|['\";`|\x00-\x1f]|--|\bunion\b|\bselect\b|\$\(|://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know about a token.

    Attributes:
        code: the stable name.
        severity: `danger` where a strict verifier refuses it or an attacker gains by it; `warning`; or `note`.
        name: the claim or header parameter, or "" for the whole token.
        en: what it means and what to do, in English.
        ko: the same in Korean.
    """

    code: str
    severity: Severity
    name: str
    en: str
    ko: str

    def text(self, language: str) -> str:
        """Return the words in `language`; English where that is not spoken here."""
        return self.ko if language == "ko" else self.en


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen of a token, as the checks need it."""

    form: str
    token: str
    scheme: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    header_readable: bool
    claims_readable: bool
    signing_input: bytes
    signature: bytes
    duplicate: bool


Found = Iterator[tuple[str, str]]


def look(sight: Sight, *, now: int) -> tuple[Finding, ...]:
    """Return what there is to say about a token, the worst first."""
    found: dict[tuple[str, str], Finding] = {}
    for check in _CHECKS:
        for code, name in check(sight, now):
            severity, en, ko = FINDINGS[code]
            found[code, name] = Finding(code, severity, name, en.replace("{name}", name), ko.replace("{name}", name))
    return tuple(sorted(found.values(), key=lambda finding: ORDER.index(finding.severity)))


def _shape(sight: Sight, _now: int) -> Found:
    if not sight.token:
        yield "empty", ""
        return
    if not sight.header_readable:
        yield "header-unreadable", ""
    if sight.form == "jwe":
        yield "encrypted", ""
        return
    if not sight.claims_readable:
        yield "payload-unreadable", ""
    if sight.form == "unsigned":
        yield "signature-missing", ""
    if "=" in sight.token or "+" in sight.token or "/" in sight.token.partition("~")[0]:
        yield "not-base64url", ""
    if sight.duplicate:
        yield "dup-json-keys", ""
    if len(sight.token) > LARGE:
        yield "too-big", ""


def _algorithm(sight: Sight, _now: int) -> Found:
    if not sight.header_readable:
        return
    alg = sight.header.get("alg")
    if not isinstance(alg, str) or not alg:
        yield "alg-missing", "alg"
    elif alg.lower() == "none":
        yield "alg-none", "alg"
    elif alg == "EdDSA":
        yield "alg-deprecated-EdDSA-name", "alg"
    if isinstance(alg, str) and sight.form != "jwe":
        yield from _key_in_header(alg, sight.header)
        if alg in _HASHES and _is_guessable(_HASHES[alg], sight):
            yield "hs256-secret-weak", ""


def _key_in_header(alg: str, header: Mapping[str, Any]) -> Found:
    jwk = header.get("jwk")
    if alg.startswith("HS") and (jwk is not None or "x5c" in header):
        yield "alg-hs-with-public-key", "alg"
    elif isinstance(jwk, dict) and _KEY_TYPES.get(alg[:2]) not in (None, jwk.get("kty")):
        yield "alg-mismatch-key", "jwk"
    elif jwk is not None and header.get("typ") != "dpop+jwt":
        yield "jwk-embedded", "jwk"


def _is_guessable(digest: str, sight: Sight) -> bool:
    import hmac  # noqa: PLC0415  it loads OpenSSL, which no other check needs

    return any(
        hmac.compare_digest(hmac.digest(guess.encode(), sight.signing_input, digest), sight.signature)
        for guess in GUESSES
    )


def _header(sight: Sight, _now: int) -> Found:
    header = sight.header
    if not sight.header_readable:
        return
    if "crit" in header:
        yield "crit-unknown", "crit"
    for name in ("jku", "x5u"):
        if name in header:
            yield "jku-x5u-present", name
    kid = header.get("kid")
    if kid is None:
        yield "kid-missing", "kid"
    elif not isinstance(kid, str) or len(kid) > 256 or _INJECTION.search(kid):
        yield "kid-looks-like-path-or-sql", "kid"
    if "typ" not in header:
        yield "typ-missing", "typ"


def _times(sight: Sight, now: int) -> Found:
    if not sight.claims_readable:
        return
    moments: dict[str, float] = {}
    for name in ("exp", "nbf", "iat"):
        if name not in sight.claims:
            continue
        code = _number_code(sight.claims[name])
        if code:
            yield f"{name}-{code}" if name == "exp" else f"time-{code}", name
        if code in ("", "fractional"):
            moments[name] = sight.claims[name]
    if "exp" not in sight.claims:
        yield "exp-missing", "exp"
    if "iat" not in sight.claims:
        yield "iat-missing", "iat"
    yield from _order(moments, now)


def _number_code(value: object) -> str:
    if isinstance(value, str):
        return "string"
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e17:
        return "not-a-number"
    if value >= 1e11:
        return "milliseconds"
    return "fractional" if isinstance(value, float) and not value.is_integer() else ""


def _order(moments: Mapping[str, float], now: int) -> Found:
    exp, nbf, iat = (moments.get(name) for name in ("exp", "nbf", "iat"))
    if exp is not None and exp <= now:
        yield "exp-past", "exp"
    if exp is not None and exp - (iat if iat is not None else now) > DAY:
        yield "exp-too-far", "exp"
    if iat is not None and iat > now:
        yield "iat-future", "iat"
    if nbf is not None and nbf > now:
        yield "nbf-future", "nbf"
    if nbf is not None and exp is not None and nbf >= exp:
        yield "nbf-after-exp", "nbf"


def _parties(sight: Sight, _now: int) -> Found:
    claims = sight.claims
    if not sight.claims_readable:
        return
    for name in ("iss", "aud", "sub", "jti"):
        if name not in claims:
            yield f"{name}-missing", name
    if "iss" in claims and not re.match(r"https?://.", str(claims["iss"])):
        yield "iss-not-url", "iss"
    audiences = claims.get("aud")
    if "*" in (audiences if isinstance(audiences, list) else [audiences]):
        yield "aud-wildcard", "aud"
    if isinstance(claims.get("sub"), str) and _EMAIL.fullmatch(claims["sub"]):
        yield "sub-is-email", "sub"
    bound = isinstance(claims.get("cnf"), dict) and "jkt" in claims["cnf"]
    if sight.scheme == "DPoP" and sight.header.get("typ") != "dpop+jwt" and not bound:
        yield "cnf-unbound", "cnf"


def _contents(sight: Sight, _now: int) -> Found:
    for name, value in sight.claims.items():
        if _SECRET_NAMES.fullmatch(name) or (isinstance(value, str) and _SECRET_VALUES.search(value)):
            yield "secret-looking-value", name
        elif name != "sub" and (name.lower() in _PERSONAL_NAMES or (isinstance(value, str) and _is_personal(value))):
            yield "pii-in-payload", name
        if name not in CLAIMS and len(name) <= 4 and name.isalnum() and name not in ("epo", "rsq"):
            yield "unregistered-shortname", name


def _is_personal(value: str) -> bool:
    return any(pattern.fullmatch(value) for pattern in (_EMAIL, _PHONE, _RESIDENT))


_CHECKS: tuple[Callable[[Sight, int], Found], ...] = (_shape, _algorithm, _header, _times, _parties, _contents)
