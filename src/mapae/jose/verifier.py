"""Verify tokens: compiled once from keys and a policy, called often (RFC 7519 §7.2, RFC 8725 §3).

The order of one check: shape, header, key, signature, payload, dates, issuer, audience, revocation. No clock, no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Generic, TypedDict, TypeVar, Unpack, cast, overload

from mapae.errors import Malformed, TooLarge
from mapae.jose.base64url import decode
from mapae.jose.claims import Claims
from mapae.jose.glance import Glance, glance_for
from mapae.jose.header import check_kind
from mapae.jose.jws import MAX_TOKEN, KeySource, find_checker
from mapae.jose.key import refuse_other_than_key
from mapae.jose.memo import Memo, Verified
from mapae.jose.policy import ANY, Expected, Judge, Policy, judge_of
from mapae.jose.signatures import Checker
from mapae.jose.typed_claims import Reader, reader_for
from mapae.jose.unverified import as_text, wrong_shape

__all__ = ["ANY", "Expected", "KeySource", "Options", "Verifier"]

MEMO_BYTES = 16 * 1024 * 1024
_MAX_HEADERS = 256

T = TypeVar("T")


class Options(TypedDict, Generic[T], total=False):
    """The optional parts of a policy; `Verifier` describes them."""

    typ: str | None
    leeway: int
    required: Collection[str]
    max_age: int | None
    max_length: int
    memo_bytes: int
    revocation: Callable[[T], None] | None


class Verifier(Generic[T]):
    """A policy for tokens, ready to check them."""

    __slots__ = ("_check", "_replace")
    _check: Callable[[str | bytes, float], T]

    @overload
    def __init__(
        self: Verifier[Claims],
        keys: KeySource,
        *,
        issuer: Expected,
        audience: Expected,
        **options: Unpack[Options[Claims]],
    ) -> None: ...

    @overload
    def __init__(
        self, keys: KeySource, *, issuer: Expected, audience: Expected, claims: type[T], **options: Unpack[Options[T]]
    ) -> None: ...

    def __init__(
        self,
        keys: KeySource,
        *,
        issuer: Expected,
        audience: Expected,
        claims: Any = Claims,
        typ: str | None = None,
        leeway: int = 5,
        required: Collection[str] = (),
        max_age: int | None = None,
        max_length: int = MAX_TOKEN,
        memo_bytes: int = MEMO_BYTES,
        revocation: Callable[[Any], None] | None = None,
    ) -> None:
        """Compile a policy.

        Args:
            keys: a `Key` or a `KeySet`.
            issuer: the accepted `iss`, or several; None accepts only tokens without `iss`.
            audience: the accepted `aud`, or several of which a token must name one; None: only tokens without `aud`.
            claims: the type of the result: `Claims`, a frozen msgspec.Struct, dataclass, TypedDict or pydantic model.
            typ: the only accepted kind of token; None accepts "JWT" and tokens that do not say.
            leeway: seconds by which clocks may differ, for `exp`, `nbf` and `iat`.
            required: claims that must be there; `exp` always must.
            max_age: the greatest age in seconds since `iat`, which then must be there.
            max_length: the greatest number of characters of a token.
            memo_bytes: how much memory verified tokens may take, so that one seen before costs no signature; 0: none.
            revocation: called with the claims at every check; raises `Revoked` to refuse.

        Raises:
            TypeError: `keys` is no key, or `claims` no type of claims.
            ValueError: a number is negative.
        """
        if min(leeway, max_age or 0, max_length, memo_bytes) < 0:
            raise ValueError("leeway, max_age, max_length and memo_bytes are not negative")
        policy = Policy(issuer, audience, frozenset(required), leeway, max_age)
        reader = reader_for(claims, policy.required)
        state = _State(_key_source(keys), Memo(memo_bytes))
        glance = glance_for(claims, policy)
        walk = _walk(state, reader, glance, judge_of(policy), typ=typ, max_length=max_length)
        check = _remembering(state, walk, reader) if memo_bytes else walk
        self._check = check if revocation is None else _asking(check, revocation)
        self._replace = state.replace

    def check(self, token: str | bytes, *, now: float) -> T:
        """Return the claims of a token once everything about it has been checked.

        Args:
            token: a compact JWS whose payload is a claims set.
            now: seconds since 1970.

        Raises:
            TokenError: the token was refused; the subclass says why.
            TypeError: `token` is neither text nor bytes.
        """
        return self._check(token, now)

    def use_keys(self, keys: KeySource) -> None:
        """Verify with other keys from now on, and forget every token verified with the former ones.

        Raises:
            TypeError: `keys` is no key.
        """
        self._replace(_key_source(keys))


class _State:
    """What changes in a verifier: its keys, and what it remembers under them; replaced together."""

    __slots__ = ("current",)

    def __init__(self, keys: KeySource, memo: Memo) -> None:
        self.current: tuple[KeySource, dict[str, Checker], Memo] = (keys, {}, memo)

    def replace(self, keys: KeySource) -> None:
        self.current = (keys, {}, self.current[2].emptied())


Check = Callable[[str | bytes, float], Any]


def _key_source(keys: Any) -> KeySource:
    if isinstance(keys, str | bytes | bytearray) or not hasattr(keys, "find"):
        refuse_other_than_key(keys)
    return cast("KeySource", keys)


def _remembering(state: _State, walk: Check, reader: Reader) -> Check:
    """Check with the memo: the signature of a token seen before is not checked again, everything that can change is."""
    shareable, again = reader.shareable, reader.again

    def check(token: str | bytes, now: float) -> Any:
        if type(token) is not str:
            token = as_text(token)
        memo = state.current[2]
        seen = memo.younger.get(token) or memo.older.get(token)
        if seen is not None:
            if seen[1] <= now < seen[2]:
                return seen[0] if shareable else again(seen[0])
            memo.drop(token)
        return walk(token, now)

    return check


def _asking(check: Check, revocation: Callable[[Any], None]) -> Check:
    def asking(token: str | bytes, now: float) -> Any:
        claims = check(token, now)
        revocation(claims)
        return claims

    return asking


def _walk(state: _State, reader: Reader, glance: Glance, judge: Judge, *, typ: str | None, max_length: int) -> Check:
    """Prepare the straight walk from text to claims; a payload out of the ordinary is read and judged rule by rule."""
    read, shareable, remembers = reader.read, reader.shareable, state.current[2].remembers

    def walk(token: str | bytes, now: float) -> Any:
        if type(token) is not str:
            token = as_text(token)
        if len(token) > max_length:
            raise TooLarge(f"the token has more than {max_length} characters")
        signing_input, _, signature = token.rpartition(".")
        header, _, payload = signing_input.partition(".")
        if not payload or "." in payload:
            raise Malformed(wrong_shape(token) if token.count(".") != 2 else "the token has an empty segment")
        if not signing_input.isascii():
            raise Malformed("the token holds a character outside base64url")
        keys, headers, memo = state.current
        check_signature = headers.get(header)
        if check_signature is not None:
            check_signature(signing_input.encode(), signature)
        else:
            check_signature = _checker_for(header, keys, typ)
            check_signature(signing_input.encode(), signature)
            # Only a header under a good signature is remembered, so a stranger cannot fill the memo.
            if len(headers) >= _MAX_HEADERS:
                headers.clear()
            headers[header] = check_signature
        octets = decode(payload, "payload")
        claims, valid_from, valid_until = glance(octets, now) or judge(read(octets), now)
        if remembers:
            memo.add(token, Verified(claims if shareable else octets, valid_from, valid_until))
        return claims

    return walk


def _checker_for(segment: str, keys: KeySource, typ: str | None) -> Checker:
    """Find the key of a header that is new to this verifier."""
    header, check_signature = find_checker(segment, keys)
    check_kind(header.typ, typ)
    return check_signature
