"""Sign tokens of one kind: prepared once from a key and what all tokens share, called often (RFC 7519 §7.1).

What tokens of the same second share is the beginning of all of them: header, issuer, audience and dates. It is written
and encoded once a second, and a MAC has read it already. Only the claims of the one token are left to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from mapae.jose.base64url import TO_URL, encode_octets, write_base64
from mapae.jose.claims import check_date, check_registered
from mapae.jose.jwks import KeySet
from mapae.jose.jws import MAX_TOKEN
from mapae.jose.jwt import audience_of, header_of, members_of, new_jti, seconds_of, sign_at, signing_key
from mapae.jose.key import Key, PrivateKey
from mapae.jose.signatures import MakeSignature
from mapae.jose.strict_json import PLAIN, STR, encode, write_object

_SHARED = frozenset({"iss", "aud", "iat", "exp", "nbf"})
_MAX_SHAPES = 256

Sign = Callable[[Any, float], str]

_Beginning = tuple[float, float, str, bytes, MakeSignature]
"""Its first second, and the one after it; the text; octets left over, which did not fill a group of base64, and which
stand where the brace of the other claims would; what signs the rest.
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
            shared["aud"] = audience_of(audience)
        check_registered(shared)

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
    return float(second), second + 1.0, beginning.decode(), payload[whole:], key.signer_after(beginning)


class _Ordinary:
    """What claims were signed in full before, by names and types without any value.

    Attributes:
        shapes: the names and the types of the values, side by side.
        texts: the names of the newest shape that is all text: comparing them is quicker than hashing.
    """

    __slots__ = ("shapes", "texts")

    def __init__(self) -> None:
        self.shapes: set[tuple[Any, ...]] = set()
        self.texts: list[Any] = []

    def learn(self, members: dict[str, Any]) -> None:
        types = (*map(type, members.values()),)
        if not (_SHARED.isdisjoint(members) and PLAIN.issuperset(types)):  # names other than text were refused in full
            return
        if len(self.shapes) >= _MAX_SHAPES:
            self.shapes.clear()
        self.shapes.add((*members, *types))
        if STR.issuperset(types):
            self.texts = [*members]


def _signing(in_full: Callable[[Any, int], str], begun: Callable[[int], _Beginning]) -> Sign:
    """Sign the short way what was signed in full before: the same names, with values of the same types."""
    ordinary = _Ordinary()
    beginning = begun(0)

    def first(members: dict[str, Any], now: float) -> str:
        token = in_full(members, int(now))
        ordinary.learn(members)
        return token

    def sign(claims: Any, now: float) -> str:
        nonlocal beginning
        members = claims if type(claims) is dict else members_of(claims)
        if "jti" not in members:
            members = {**members, "jti": new_jti()}
        known = [*members] == ordinary.texts
        for value in members.values():
            if type(value) is not str:
                known = False
                break
        if not known and (*members, *map(type, members.values())) not in ordinary.shapes:
            return first(members, now)
        since, until, begin, rest, make = beginning
        if not since <= now < until:
            since, until, begin, rest, make = beginning = begun(int(now))
        try:
            ending = write_base64(encode(members).replace(b"{", rest, 1)).strip(b'"=')
        except ValueError:  # a lone surrogate, or a number of too many digits
            return first(members, now)
        if 0x2B in ending or 0x2F in ending:
            ending = ending.translate(TO_URL)
        token = begin + (ending + make(ending)).decode()
        return token if len(token) <= MAX_TOKEN else first(members, now)

    return sign
