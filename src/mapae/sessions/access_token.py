"""The claims of an access token (RFC 9068) and what Mapae adds so that it can be revoked."""

from __future__ import annotations

import msgspec

TYP = "at+jwt"
"""The `typ` of an access token (RFC 9068 §2.1)."""


class AccessClaims(msgspec.Struct, frozen=True, gc=False):
    """The claims of a verified access token; times are seconds since 1970.

    Attributes:
        iss: the issuer.
        sub: the account id.
        aud: the audience, or several.
        exp: when it expires.
        iat: when it was issued; read from the clock before the session row and the epoch were read, so that a
            token issued after a revocation has seen it.
        jti: this token's own id.
        client_id: the client it was issued to (RFC 8693 §4.3).
        scope: space-separated scopes (RFC 8693 §4.2).
        sid: the session.
        epo: the account's epoch; raising the epoch revokes every earlier token of the account.
        rsq: the last revocation in the feed that the issuer had seen, read before the row like `iat`.
    """

    iss: str
    sub: str
    aud: str | tuple[str, ...]
    exp: int
    iat: int
    jti: str
    client_id: str
    scope: str
    sid: str
    epo: int
    rsq: int
