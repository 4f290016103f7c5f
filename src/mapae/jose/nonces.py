"""Nonces that a server hands out and recognises without remembering them (RFC 9449 §8)."""

from __future__ import annotations

import hmac
from hashlib import sha256
from hmac import compare_digest

from mapae.errors import NonceRequired
from mapae.jose.base64url import encode


class Nonces:
    """Nonces derived from a secret and the time: all servers with the secret accept each other's."""

    __slots__ = ("_lifetime", "_secret")

    def __init__(self, secret: bytes, *, lifetime: int = 60) -> None:
        """Bind a secret.

        Args:
            secret: at least 32 random octets, used for nothing else.
            lifetime: seconds for which a nonce is the current one; it is accepted for as long again.

        Raises:
            TypeError: `secret` is not bytes.
            ValueError: it is too short, or `lifetime` is not positive.
        """
        if not isinstance(secret, bytes):
            raise TypeError(f"a secret is bytes, not {type(secret).__name__}; write secrets.token_bytes(32)")
        if len(secret) < 32:
            raise ValueError("the secret of nonces has at least 32 random octets")
        if lifetime < 1:
            raise ValueError("lifetime is at least one second")
        self._secret = secret
        self._lifetime = lifetime

    def current(self, *, now: float) -> str:
        """Write the nonce to hand out, for the `DPoP-Nonce` header."""
        return self._nonce(int(now // self._lifetime))

    def check(self, nonce: object, *, now: float) -> None:
        """Accept the current nonce and the one before it.

        Raises:
            NonceRequired: it is another one, or none at all; answer with `current`.
        """
        if nonce is None:
            raise NonceRequired("is required here", claim="nonce")
        period = int(now // self._lifetime)
        given = nonce.encode("utf-8", "surrogatepass") if isinstance(nonce, str) else b""
        # Both are compared, so that the time does not tell which one came close.
        matches = [compare_digest(self._nonce(each).encode(), given) for each in (period, period - 1)]
        if not any(matches):
            raise NonceRequired("is not a nonce of this server, or an old one", claim="nonce")

    def _nonce(self, period: int) -> str:
        return encode(hmac.digest(self._secret, b"dpop-nonce:" + str(period).encode(), sha256)[:24])
