"""The claims of an access token (RFC 9068) and what Mapae adds so that it can be revoked."""

from __future__ import annotations

import msgspec

from mapae.errors import WrongKind

TYP = "at+jwt"
"""The `typ` of an access token (RFC 9068 §2.1)."""
OPAQUE_PREFIX = "mps_"
"""How the token of a server-side session begins; see `mapae.sessions.server_session`."""


class AccessClaims(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The claims of a verified access token; times are seconds since 1970. All are required.

    The members stand in the order in which they are signed: a verifier decodes a payload that reads so faster.

    Attributes:
        sub: the account id.
        client_id: the client it was issued to (RFC 8693 §4.3).
        scope: space-separated scopes (RFC 8693 §4.2).
        sid: the session.
        epo: the account's epoch; raising the epoch revokes every earlier token of the account.
        rsq: the position in the feed that the issuer had read, taken before the session row was read.
        iss: the issuer.
        aud: the audience, or several.
        iat: when it was issued; read from the clock before session and epoch were read, so that a token issued after a
            revocation has seen it.
        exp: when it expires.
        jti: this token's own id.
    """

    sub: str
    client_id: str
    scope: str
    sid: str
    epo: int
    rsq: int
    iss: str
    aud: str | tuple[str, ...]
    iat: int
    exp: int
    jti: str


def refuse_opaque(token: str | bytes) -> None:
    """Let a token pass unless it is that of a server-side session, of which only its own service knows anything.

    Raises:
        WrongKind: it begins like one.
    """
    begins = token[: len(OPAQUE_PREFIX)]
    if begins in (OPAQUE_PREFIX, OPAQUE_PREFIX.encode()):
        raise WrongKind(
            "an opaque session token, which only the service that issued it can check; "
            'for other servers to check its tokens, that service needs access_token = "jwt"'
        )
