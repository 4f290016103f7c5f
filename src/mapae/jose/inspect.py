"""Look into a token without verifying it: its parts, what each claim means, how long it lives, what is odd about it.

Nothing here says that a token is good. Input is forgiven (quotes, `Bearer`, line breaks, a whole URL or header line),
and a broken token is shown as far as it can be read.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mapae.jose.lint import Finding, Sight, look
from mapae.jose.registered import CLAIMS, HEADER_PARAMETERS, OURS, Meaning

LIMIT = 1 << 20
"""The most characters that are looked at."""

Form = Literal["jws", "jwe", "sd-jwt", "unsigned", "broken"]
Naming = Literal["registered", "public", "private"]

# The first character of a JSON object is "{", so every header begins with "ey" or, before a line break, with "ew".
_CANDIDATE = re.compile(r"e[yw][A-Za-z0-9_+/=-]+(?:\.[A-Za-z0-9_+/=-]*){0,4}(?:~[^\s\"']*)?")
_UUID = re.compile(r"(?:urn:uuid:)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:[:/.].*)?", re.IGNORECASE)
_OID = re.compile(r"[012](?:\.\d+){2,}")
_TOP = r"(?:com|org|net|io|dev|app|kr|jp|uk|de|eu|cloud|example|test)"
_DOMAIN = re.compile(rf"(?:{_TOP}(?:\.[a-z0-9_-]+){{2,}}|(?:[a-z0-9-]+\.)+{_TOP}(?:/.*)?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """One of the parts between the dots.

    Attributes:
        text: as it stood in the token.
        members: the JSON object inside, where there is one.
        shown: what is inside as text, where it is text.
        octets: how many octets it holds, 0 where it cannot be decoded.
    """

    text: str
    members: Mapping[str, Any] | None
    shown: str
    octets: int


@dataclass(frozen=True, slots=True)
class Named:
    """A claim or header parameter with what its name means.

    Attributes:
        naming: registered (IANA), public (a name nobody else can have: URI, domain, UUID, OID) or private.
        meaning: what it means; None for names only issuer and audience know.
    """

    name: str
    value: object
    naming: Naming
    meaning: Meaning | None


@dataclass(frozen=True, slots=True)
class Lifetime:
    """When a token may be used, in seconds since 1970; None where the claim is missing or no number.

    Attributes:
        guessed: the times were read leniently (a string, or milliseconds); verifiers refuse such a token.
    """

    issued_at: float | None
    not_before: float | None
    expires_at: float | None
    guessed: bool


@dataclass(frozen=True, slots=True)
class Inspection:
    """What can be seen of a token. None of it was verified."""

    form: Form
    token: str
    scheme: str
    header: Part
    payload: Part
    signature: Part
    parameters: tuple[Named, ...]
    claims: tuple[Named, ...]
    lifetime: Lifetime
    findings: tuple[Finding, ...]


def inspect_token(text: str, *, now: int) -> Inspection:
    """Take `text` apart and look at it. Never raises for any text, and never verifies.

    Args:
        text: a token, or a text that holds one.
        now: seconds since 1970, to tell what has passed.
    """
    token, scheme = unwrap(text[:LIMIT])
    jws, tilde, _ = token.partition("~")
    texts = jws.split(".")
    header, payload, signature = (_part(texts[at] if at < len(texts) else "") for at in range(3))
    twice = _says_twice(header.shown) or _says_twice(payload.shown)
    form = _form(texts, header, sealed=bool(tilde))
    if form == "jwe":
        payload = signature = _part("")
    claims = dict(payload.members or {})
    sight = Sight(
        form=form,
        token=token,
        scheme=scheme,
        header=dict(header.members or {}),
        claims=claims,
        header_readable=header.members is not None,
        claims_readable=payload.members is not None,
        signing_input=".".join(texts[:2]).encode("utf-8", "replace"),
        signature=_octets(texts[2]) or b"" if len(texts) > 2 else b"",
        duplicate=twice,
    )
    return Inspection(
        form=form,
        token=token,
        scheme=scheme,
        header=header,
        payload=payload,
        signature=signature,
        parameters=tuple(_named(name, value, HEADER_PARAMETERS) for name, value in (header.members or {}).items()),
        claims=tuple(_named(name, value, CLAIMS) for name, value in claims.items()),
        lifetime=_lifetime(claims),
        findings=look(sight, now=now),
    )


def unwrap(text: str) -> tuple[str, str]:
    """Find the token in `text`, and the scheme ("Bearer" or "DPoP") in front of it, if any."""
    joined = "".join(line.strip(" \t\\") for line in text.lstrip("\ufeff").splitlines())
    found = max((_longest(joined), _longest(re.sub(r"[\s\u200b]", "", joined))), key=lambda token: token.count("."))
    scheme = re.search(r"\b(bearer|dpop)\b", joined.partition(found)[0] if found else joined, re.IGNORECASE)
    written = {"bearer": "Bearer", "dpop": "DPoP"}[scheme[1].lower()] if scheme else ""
    return found or re.sub(r"(?i)^(authorization\s*:)?\s*(bearer|dpop)?\s*|[\s\"'`]", "", joined), written


def _longest(text: str) -> str:
    found: list[str] = _CANDIDATE.findall(text)
    return max(found, key=lambda token: (token.count("."), len(token)), default="")


def naming_of(name: str, registered: Mapping[str, Meaning] = CLAIMS) -> Naming:
    """Say which of the three kinds of names of RFC 7519 §4 `name` is.

    Public names cannot collide: a URI, a domain name, a UUID or an object identifier. All others are private.
    """
    if name in registered:
        return "registered"
    if len(name) > 500:
        return "private"
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:.", name) or _UUID.fullmatch(name) or _OID.fullmatch(name):
        return "public"
    return "public" if _DOMAIN.fullmatch(name) else "private"


def _named(name: str, value: object, registered: Mapping[str, Meaning]) -> Named:
    return Named(name, value, naming_of(name, registered), registered.get(name) or OURS.get(name))


def _octets(text: str) -> bytes | None:
    cleaned = text.rstrip("=").replace("+", "-").replace("/", "_")
    if not re.fullmatch(r"[A-Za-z0-9_-]*", cleaned):
        return None
    try:
        return urlsafe_b64decode(cleaned + "=" * (-len(cleaned) % 4))
    except ValueError:
        return None


def _part(text: str) -> Part:
    raw = _octets(text)
    if raw is None:
        return Part(text, None, "", 0)
    try:
        shown = raw.decode()
    except UnicodeDecodeError:
        return Part(text, None, "", len(raw))
    try:
        value = json.loads(shown)
    except (ValueError, RecursionError):
        value = None
    return Part(text, value if isinstance(value, dict) else None, shown, len(raw))


class _Twice(Exception):
    pass


def _says_twice(shown: str) -> bool:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise _Twice
        return dict(pairs)

    try:
        json.loads(shown, object_pairs_hook=unique)
    except _Twice:
        return True
    except (ValueError, RecursionError):
        return False
    return False


def _form(texts: list[str], header: Part, *, sealed: bool) -> Form:
    if header.members is None:
        return "broken"
    if len(texts) == 5:
        return "jwe"
    if sealed and len(texts) == 3:
        return "sd-jwt"
    if len(texts) == 3 and texts[2]:
        return "jws"
    return "unsigned" if len(texts) in (2, 3) else "broken"


def _lifetime(claims: Mapping[str, Any]) -> Lifetime:
    read = {name: _moment(claims.get(name)) for name in ("iat", "nbf", "exp")}
    return Lifetime(
        read["iat"][0], read["nbf"][0], read["exp"][0], guessed=any(guessed for _, guessed in read.values())
    )


def _moment(value: object) -> tuple[float | None, bool]:
    """Read a time as its writer may have meant it; the second item says that it was not a plain NumericDate."""
    guessed = False
    if isinstance(value, str) and re.fullmatch(r"\d{1,15}(\.\d{1,9})?", value, re.ASCII):
        value, guessed = float(value), True
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e14:
        return None, False
    if value >= 1e11:
        return value / 1000, True
    return float(value), guessed
