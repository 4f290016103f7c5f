"""Requests refused before any flow sees them.

Refused
└── RequestRefused             the request breaks a rule of HTTP or of this API
    ├── JsonMalformed          the body is not strict JSON
    ├── BodyTooLarge           the body is longer than the limit
    ├── BodyTooSlow            the body did not arrive in time
    ├── ContentTypeUnsupported the body is not application/json
    ├── MethodNotAllowed       the path exists, the method does not
    ├── PathUnknown            there is no such path
    ├── CsrfRefused            another site made the browser send this
    ├── TokenMissing           no access token was sent
    ├── CredentialsTwice       a token came in two ways at once
    ├── ReaderRefused          the secret for reading the revocations is missing or wrong
    └── NotReady               the service is starting or stopping
"""

from __future__ import annotations

from collections.abc import Sequence

from mapae.errors import Refused


class RequestRefused(Refused):
    """The request breaks a rule of HTTP or of this API."""

    code = "request_refused"


class JsonMalformed(RequestRefused):
    """The body is not strict JSON in UTF-8 (RFC 8259)."""

    code = "json_malformed"


class BodyTooLarge(RequestRefused):
    """The body is longer than the limit."""

    code = "body_too_large"


class BodyTooSlow(RequestRefused):
    """The body did not arrive in time (RFC 9110 §15.5.9)."""

    code = "body_too_slow"


class ContentTypeUnsupported(RequestRefused):
    """The body is not `application/json`, or is compressed."""

    code = "content_type_unsupported"


class MethodNotAllowed(RequestRefused):
    """The path exists, but not with this method.

    Attributes:
        allowed: the methods the path has (RFC 9110 §10.2.1).
    """

    code = "method_not_allowed"

    def __init__(self, allowed: Sequence[str]) -> None:
        super().__init__(f"use {', '.join(allowed)}")
        self.allowed = tuple(allowed)


class PathUnknown(RequestRefused):
    """There is no such path."""

    code = "not_found"


class CsrfRefused(RequestRefused):
    """A page of another origin made the browser send this request."""

    code = "csrf_refused"


class TokenMissing(RequestRefused):
    """No access token was sent (RFC 6750 §3.1)."""

    code = "token_missing"


class CredentialsTwice(RequestRefused):
    """A token came in more than one way (RFC 6750 §2)."""

    code = "credentials_twice"


class ReaderRefused(RequestRefused):
    """The secret for reading the revocations is missing or wrong."""

    code = "reader_refused"


class NotReady(RequestRefused):
    """The service is starting or stopping."""

    code = "not_ready"
