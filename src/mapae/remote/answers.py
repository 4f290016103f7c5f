"""What the answers of a key set's server mean: keys, nothing new, or a failure (RFC 9110, RFC 9111, RFC 8414)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from mapae.errors import KeyRefused, KeySourceError, Malformed
from mapae.jose.jwks import KeySet
from mapae.jose.strict_json import read_object
from mapae.remote.addresses import read_url
from mapae.remote.exchange import Answer

_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,9})\"?(?:[,\s]|$)", re.IGNORECASE)
_NOT_KEPT = re.compile(r"(?:^|[,\s])no-(?:store|cache)(?:[,\s]|$)", re.IGNORECASE)
_ETAG = re.compile(r"(?:W/)?\"[\x21\x23-\x7e]{0,200}\"")


@dataclass(frozen=True, slots=True)
class Learnt:
    """What an answer says.

    Attributes:
        keys: the keys; None when they have not changed.
        lifetime: for how many seconds it is fresh, if it says.
        etag: its validator, if it has one.
    """

    keys: KeySet | None
    lifetime: float | None
    etag: str | None


def read_key_set(answer: Answer, *, etag: str | None, rsa_alg: str | None) -> Learnt:
    """Read the answer to a request for a key set.

    Args:
        answer: the answer.
        etag: the validator that the request carried.
        rsa_alg: the algorithm of RSA keys that do not say theirs.

    Raises:
        KeySourceError: it brings no key set that may be used.
    """
    lifetime = lifetime_of(answer.headers)
    if answer.status == 304 and etag is not None:
        return Learnt(None, lifetime, etag)
    _refuse_status(answer, "key set")
    try:
        keys = KeySet.from_jwks(answer.body, rsa_alg=rsa_alg)
    except KeyRefused as refused:
        page = "html" in answer.headers.get("content-type", "").lower()
        why = "the answer is a web page, not a key set" if page else f"the key set is refused: {refused}"
        raise KeySourceError(why) from None
    given = answer.headers.get("etag", "").strip()
    return Learnt(keys, lifetime, given if _ETAG.fullmatch(given) else None)


def lifetime_of(headers: Mapping[str, str]) -> float | None:
    """Read for how many seconds an answer is fresh (RFC 9111 §4.2); None when it does not say."""
    control = headers.get("cache-control", "")
    if _NOT_KEPT.search(control):
        return 0
    found = _MAX_AGE.search(control)
    if found is None:
        return None
    age = headers.get("age", "").strip()
    return max(float(found[1]) - (float(age) if re.fullmatch(r"[0-9]{1,9}", age) else 0), 0)


def retry_after_of(headers: Mapping[str, str]) -> float | None:
    """Read for how many seconds a server asks to be left alone; None when it does not say so in seconds."""
    said = headers.get("retry-after", "").strip()
    return float(said) if re.fullmatch(r"[0-9]{1,9}", said) else None


def metadata_urls(issuer: str) -> tuple[str, str]:
    """Return where an issuer describes itself: OpenID Connect Discovery §4, and RFC 8414 §3.1.

    Raises:
        ValueError: the issuer is no https URL (http for this very machine), or has a query.
    """
    read_url(issuer)
    parts = urlsplit(issuer)
    if "?" in issuer:
        raise ValueError("an issuer has no query (RFC 8414 section 2)")
    path = parts.path.rstrip("/")
    origin = f"{parts.scheme}://{parts.netloc}"
    return (
        f"{origin}{path}/.well-known/openid-configuration",
        f"{origin}/.well-known/oauth-authorization-server{path}",
    )


def read_metadata(answer: Answer, issuer: str) -> str:
    """Return the address of the key set of an issuer, as its description says.

    Raises:
        KeySourceError: the description is none, is another issuer's, or names no key set.
    """
    _refuse_status(answer, "issuer's description")
    members: dict[str, Any] = {}
    why = None
    try:
        members = read_object(answer.body, "issuer's description")
    except Malformed as malformed:
        why = malformed.reason
    url = members.get("jwks_uri")
    if why is None and members.get("issuer") != issuer:
        why = "the description names another issuer (RFC 8414 section 3.3); compare them letter by letter"
    if why is None and not isinstance(url, str):
        why = "the issuer's description names no key set (jwks_uri)"
    if why is None:
        try:
            read_url(str(url))
        except ValueError as error:
            why = str(error)
    if why:
        raise KeySourceError(why)
    return str(url)


def _refuse_status(answer: Answer, what: str) -> None:
    if answer.status == 200:
        return
    if 300 <= answer.status < 400:
        raise KeySourceError(f"the server of the {what} redirects, which is not followed; give the final address")
    raise KeySourceError(
        f"the server of the {what} answers with status {answer.status}", retry_after=retry_after_of(answer.headers)
    )
