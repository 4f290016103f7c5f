"""Sign tokens of one kind: prepared once from a key and what all tokens share, called often (RFC 7519 §7.1).

What tokens of the same second share is the beginning of all of them: header, issuer, audience and dates. It is written
and encoded once a second, and a MAC has read it already. Only the claims of the one token are left to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from mapae.jose.base64url import encode_octets
from mapae.jose.claims import check_date, check_registered
from mapae.jose.jwks import KeySet
from mapae.jose.jws import MAX_TOKEN
from mapae.jose.jwt import header_of, members_of, new_jti, seconds_of, sign_at, signing_key
from mapae.jose.key import Key, PrivateKey
from mapae.jose.signatures import MakeSignature
from mapae.jose.strict_json import PLAIN, STR, write_object

_SHARED = frozenset({"iss", "aud", "iat", "exp", "nbf"})
_MAX_SHAPES = 256

Sign = Callable[[Any, float], str]

_Beginning = tuple[int, int, str, bytes, MakeSignature]
"""Its first second, and the one after it; the text; octets left over, which did not fill a group of base64; what signs
the rest.
"""


class Signer:
    """A kind of token, ready to be signed."""

    __slots__ = ("_sign",)
    _sign: Sign

    def __init__(
        self,
        key: Key | KeySet,
        *,
        issuer: str | None,
        audience: str | Sequence[str] | None,
        lifetime: int | timedelta,
        typ: str | None = "JWT",
    ) -> None:
        """Prepare what all tokens share.

        Args:
            key: a private or secret key, or a set that has a signing key.
            issuer: becomes `iss`; None leaves it out.
            audience: becomes `aud`, one or several; None leaves it out.
            lifetime: seconds (or a timedelta) until `exp`.
            typ: the kind of token in the header; None leaves it out.

        Raises:
            TokenError: no token could be signed so; the message says what to write instead.
            TypeError: the key is not a key, or cannot sign.
        """
        signing, seconds = signing_key(key), seconds_of(lifetime)
        shared: dict[str, Any] = {} if issuer is None else {"iss": issuer}
        if audience is not None:
            shared["aud"] = audience if isinstance(audience, str) else list(audience)
        check_registered(shared)
        header_of(signing, typ)

        def in_full(claims: Any, now: int) -> str:
            return sign_at(claims, signing, now, None, issuer, audience, seconds, typ)

        def begun(second: int) -> _Beginning:
            return _begun(signing, header_of(signing, typ), shared, second, seconds)

        self._sign = _signing(in_full, begun)

    def sign_at(self, claims: Any, *, now: float) -> str:
        """Sign claims and return the compact token; `jwt.sign` says what is added and what is refused.

        Args:
            claims: a mapping, a msgspec.Struct or a dataclass; it is not changed.
            now: seconds since 1970.

        Raises:
            TokenError: a verifier would refuse this token; the message says what to write instead.
            TypeError: the claims are none of these.
        """
        return self._sign(claims, now)


def _begun(key: PrivateKey, header: bytes, shared: dict[str, Any], second: int, lifetime: int) -> _Beginning:
    """Write what all tokens of a second begin with."""
    members = shared | {"iat": second, "exp": check_date(second + lifetime, "exp")}
    payload = write_object(members, "payload")[:-1] + b","
    whole = len(payload) // 3 * 3
    beginning = header + encode_octets(payload[:whole])
    return second, second + 1, beginning.decode(), payload[whole:], key.signer_after(beginning)


def _signing(in_full: Callable[[Any, int], str], begun: Callable[[int], _Beginning]) -> Sign:
    """Sign the short way what was signed in full before: the same names, all of them text, or of the same types."""
    ordinary: set[tuple[Any, ...]] = set()
    beginning = begun(0)

    def first(members: dict[str, Any], now: float) -> str:
        token = in_full(members, int(now))
        types = (*map(type, members.values()),)
        if _SHARED.isdisjoint(members) and STR.issuperset(map(type, members)) and PLAIN.issuperset(types):
            if len(ordinary) >= _MAX_SHAPES:
                ordinary.clear()
            ordinary.add((*members,) if STR.issuperset(types) else (*members, *types))
        return token

    def sign(claims: Any, now: float) -> str:
        nonlocal beginning
        members = {**claims} if type(claims) is dict else members_of(claims)
        if "jti" not in members:
            members["jti"] = new_jti()
        shape: tuple[Any, ...] = (*members,)
        for value in members.values():
            if type(value) is not str:
                shape = (*members, *map(type, members.values()))
                break
        if shape not in ordinary:
            return first(members, now)
        since, until, begin, rest, make = beginning
        if not since <= now < until:
            since, until, begin, rest, make = beginning = begun(int(now))
        ending = encode_octets(rest + write_object(members, "payload")[1:])
        token = f"{begin}{ending.decode()}.{make(ending)}"
        return token if len(token) <= MAX_TOKEN else first(members, now)

    return sign
