"""Security headers of each surface."""

from __future__ import annotations

from mapae.web.head_lines import Header

HSTS: Header = (b"strict-transport-security", b"max-age=63072000")
"""Two years (RFC 6797), for this host alone: its siblings are not ours. Sent only where the issuer is https."""

API_HEADERS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)
"""JSON that a browser must never run, frame or leak the address of."""

PAGE_HEADERS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (
        b"content-security-policy",
        (
            b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
            b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
        ),
    ),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"cache-control", b"no-store"),
)
"""Pages for people: nothing from elsewhere, no framing, nothing kept by caches."""


def headers_for(surface: tuple[Header, ...], *, issuer: str) -> tuple[Header, ...]:
    """Return the headers of `surface`, with HSTS where `issuer` is https."""
    return (*surface, HSTS) if issuer.startswith("https://") else surface
