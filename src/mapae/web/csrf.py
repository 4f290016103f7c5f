"""Refuse requests that another site made a browser send with our cookies.

No hidden tokens: browsers say where a request comes from. The rule is that of Go's `CrossOriginProtection`.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from mapae.web.answers import Scope
from mapae.web.refusals import CsrfRefused
from mapae.web.requests import header

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that change nothing (RFC 9110 §9.2.1)."""


def check(scope: Scope, *, issuer: str) -> None:
    """Accept a request only when its own origin, the person, or no browser at all sent it.

    Safe methods pass; the handshake of a WebSocket does not count as one. `Sec-Fetch-Site` decides where the browser
    sends it; otherwise `Origin` must be this host or the issuer's origin, which also covers a proxy that rewrites
    `Host`. A request with neither comes from a program, which cannot be made to carry somebody's cookies.

    Raises:
        CsrfRefused: another origin sent it.
    """
    if scope["type"] == "http" and scope["method"] in SAFE_METHODS:
        return
    site = header(scope, b"sec-fetch-site")
    if site is not None:
        if site in {b"same-origin", b"none"}:
            return
        raise CsrfRefused
    origin = header(scope, b"origin")
    if origin is None or _is_ours(origin, header(scope, b"host") or b"", issuer):
        return
    raise CsrfRefused


def _is_ours(origin: bytes, host: bytes, issuer: str) -> bool:
    ours = urlsplit(issuer)
    if origin == f"{ours.scheme}://{ours.netloc}".encode():
        return True
    scheme, separator, netloc = origin.partition(b"://")
    return bool(separator) and scheme in {b"https", b"http"} and netloc == host != b""
