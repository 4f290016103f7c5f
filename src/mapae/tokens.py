"""Sign and verify tokens by this machine's clock: the front door of `mapae.jose`, which itself reads no clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from time import time
from typing import Any, Unpack, cast

from mapae.jose import jwt, nested, signer
from mapae.jose import verifier as rules
from mapae.jose.issuers import Issuer
from mapae.jose.jwks import KeySet
from mapae.jose.jws import KeySource
from mapae.jose.key import Key
from mapae.jose.live_keys import LiveKeys
from mapae.jose.policy import Expected
from mapae.jose.verifier import C, Options, T, refuse_other_than_keys


def sign(
    claims: Any,
    key: Key | KeySet,
    *,
    issuer: str | None = None,
    audience: str | Sequence[str] | None = None,
    lifetime: int | timedelta | None = None,
    typ: str | None = "JWT",
) -> str:
    """Sign claims and return the compact token.

    Example:
        token = mapae.sign({"sub": "user-42"}, key, issuer="https://id.example", audience="api", lifetime=900)

    Args:
        claims: a mapping, a msgspec.Struct or a dataclass; it is not changed. `iat` and `jti` are added.
        key: a private or secret key, or a set that has a signing key.
        issuer: becomes `iss`.
        audience: becomes `aud`, one or several.
        lifetime: seconds (or a timedelta) until `exp`; needed unless the claims have `exp`.
        typ: the kind of token in the header; None leaves it out.

    Raises:
        TokenError: `verify` would refuse this token; the message says what to write instead.
        TypeError: the key is not a key, or cannot sign.
    """
    return jwt.sign_at(claims, key, int(time()), None, issuer, audience, lifetime, typ)


class Signer(signer.Signer):
    """A kind of token, prepared once and signed often.

    Example:
        signer = mapae.Signer(key, issuer="https://id.example", audience="api", lifetime=900)
        token = signer.sign({"sub": "user-42"})
    """

    __slots__ = ()

    def sign(self, claims: Any) -> str:
        """Sign claims and return the compact token, as `sign` does with the same options.

        Args:
            claims: a mapping, a msgspec.Struct or a dataclass; it is not changed. `iat`, `exp` and `jti` are added.

        Raises:
            TokenError: a verifier would refuse this token; the message says what to write instead.
            TypeError: the claims are none of these.
        """
        return self._sign(claims, time())


def verify(
    token: str | bytes,
    key: KeySource | LiveKeys,
    *,
    issuer: Expected,
    audience: Expected,
    **options: Unpack[Options[T]],
) -> T:
    """Return the claims of a token once its signature and its claims have been checked.

    Example:
        claims = mapae.verify(token, key, issuer="https://id.example", audience="api")

    The policy is compiled at the first call and found again at the next; `Verifier` says what it can hold. One of
    your own also remembers the tokens that it has verified.

    Args:
        token: a compact JWS.
        key: the key of the issuer, its `KeySet` or its `RemoteKeySet`.
        issuer: as in `Verifier`.
        audience: as in `Verifier`.
        **options: as in `Verifier`.

    Raises:
        TokenError: the token was refused; the subclass says why.
        KeySourceError: the keys of a `RemoteKeySet` cannot be had now.
        TypeError: the token is no text, or the key is no key.
    """
    source: Any = key
    policy: dict[str, Any] = {"memo_bytes": 0, "issuer": issuer, "audience": audience, **options}
    try:
        check = _compiled(source, **policy)
    except TypeError:  # a list or a dict cannot be found again, as a tuple it can; a real mistake is raised again
        refuse_other_than_keys(key)
        if "algorithms" in options:
            raise TypeError("there is no algorithms=: a key is for exactly one algorithm, so leave it out") from None
        check = _compiled(source, **{name: _hashable(value) for name, value in policy.items()})
    claims: T = check(token, time())
    return claims


def _hashable(value: Any) -> Any:
    match value:
        case dict():
            return tuple(value.items())
        case list() | set():
            return tuple(value)
        case _:
            return value


def _check_of(key: Any, **policy: Any) -> Callable[[str | bytes, float], Any]:
    return Verifier(key, **policy)._check  # noqa: SLF001 (one package; spares a call per token)


_compiled = lru_cache(maxsize=128)(_check_of)


class Verifier(rules.Verifier[T]):
    """A policy for tokens, compiled once and called often.

    Example:
        verifier = mapae.Verifier(keys, issuer="https://id.example", audience="api")
        claims = verifier.verify(token)
    """

    __slots__ = ()

    @classmethod
    def for_issuers(
        cls, issuers: Mapping[str, Issuer | KeySource | LiveKeys], *, audience: Expected, **options: Unpack[Options[C]]
    ) -> Verifier[C]:
        """Compile a policy for several issuers, each with keys of its own; a token's `iss` chooses the keys.

        Args:
            issuers: each accepted `iss`, with its keys, or with an `Issuer` where more is different.
            audience: as in `Verifier`, for all issuers that do not say otherwise.
            **options: as in `Verifier`, for all issuers; the memo's bytes are shared out.

        Raises:
            TypeError: an issuer has no keys.
            ValueError: there is no issuer, or as in `Verifier`.
        """
        return cast("Verifier[C]", super().for_issuers(issuers, audience=audience, **options))

    def verify(self, token: str | bytes) -> T:
        """Return the claims of a token once everything about it has been checked.

        Raises:
            TokenError: the token was refused; the subclass says why.
            KeySourceError: the keys of a `RemoteKeySet` cannot be had now.
            TypeError: `token` is neither text nor bytes.
        """
        return self._check(token, time())

    async def verify_async(self, token: str | bytes) -> T:
        """As `verify`; where keys have to be fetched first, the event loop goes on meanwhile.

        Raises:
            TokenError: the token was refused; the subclass says why.
            KeySourceError: the keys of a `RemoteKeySet` cannot be had now.
            TypeError: `token` is neither text nor bytes.
        """
        return await self.check_async(token, now=time())


class NestedVerifier(nested.NestedVerifier[T]):
    """A policy for signed tokens inside encrypted ones; it names the keys of both.

    Example:
        verifier = mapae.NestedVerifier(decrypt_key, mapae.Verifier(keys, issuer="https://id.example", audience="api"))
        claims = verifier.verify(token)
    """

    __slots__ = ()

    def verify(self, token: str | bytes) -> T:
        """Return the claims once the token is decrypted and the token inside is verified.

        Raises:
            TokenError: the token was refused; the subclass says why.
            TypeError: `token` is neither text nor bytes.
        """
        return self.check(token, now=time())
