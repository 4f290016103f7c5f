"""Verify tokens: compiled once from keys and a policy, called often (RFC 7519 §7.2, RFC 8725 §3).

The order of one check: shape, header, key, signature, payload, dates, issuer, audience, revocation. No clock, no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import Enum
from typing import Any, Final, Generic, Literal, Protocol, TypedDict, TypeVar, Unpack, cast, overload

from mapae.errors import ClaimRefused, Expired, Malformed, NotYetValid, TooLarge, WrongAudience, WrongIssuer
from mapae.jose.base64url import decode
from mapae.jose.claims import ABSENT, MAX_DATE, Claims, check_audience, check_date, check_text
from mapae.jose.header import check_header, check_kind, read_header
from mapae.jose.key import Key, refuse_other_than_key
from mapae.jose.memo import Memo, Verified
from mapae.jose.signatures import Checker
from mapae.jose.typed_claims import Reader, reader_for
from mapae.jose.unverified import as_text, has_scheme, wrong_shape

MAX_TOKEN = 16 * 1024
MEMO_BYTES = 16 * 1024 * 1024
_MAX_HEADERS = 256

T = TypeVar("T")


class Anything(Enum):
    """The type of `ANY`."""

    ANY = "any"


ANY: Final = Anything.ANY
"""Accept any issuer or audience. Write it out only where another check takes its place."""

Expected = str | Collection[str] | Literal[Anything.ANY] | None


class KeySource(Protocol):
    """Where a verifier finds the key of a token: a `Key`, a `KeySet`, or what behaves like one."""

    def find(self, kid: str | None, alg: str) -> Key:
        """Return the one key for this kid and algorithm, or raise a `TokenError`."""


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
        reader = reader_for(claims, required)
        state = _State(_key_source(keys), Memo(memo_bytes))
        judge = _judge(_issuer_check(issuer), _audience_check(audience), leeway=leeway, max_age=max_age)
        walk = _walk(state, reader, judge, typ=typ, max_length=max_length)
        self._check = _remembering(state, walk, reader, revocation) if memo_bytes else _plain(walk, revocation)
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
        return cast("T", self._check(token, now))

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


Walk = Callable[[str, float], tuple[bytes, Any, float, float]]
Judge = Callable[[Any, Any, Any, Any, Any, float], tuple[float, float]]
CheckOne = Callable[[Any], None]


def _key_source(keys: Any) -> KeySource:
    if isinstance(keys, str | bytes | bytearray) or not hasattr(keys, "find"):
        refuse_other_than_key(keys)
    return cast("KeySource", keys)


def _remembering(
    state: _State, walk: Walk, reader: Reader, revocation: Callable[[Any], None] | None
) -> Callable[[str | bytes, float], Any]:
    """Check with the memo: the signature of a token seen before is not checked again, everything that can change is."""
    shareable, again = reader.shareable, reader.again

    def check(token: str | bytes, now: float) -> Any:
        if type(token) is not str:
            token = as_text(token)
        memo = state.current[2]
        seen = memo.younger.get(token) or memo.older.get(token)
        if seen is not None and seen[1] <= now < seen[2]:
            claims = seen[0] if shareable else again(seen[0])
        else:
            if seen is not None:
                memo.drop(token)
            payload, claims, valid_from, valid_until = walk(token, now)
            memo.add(token, Verified(claims if shareable else payload, valid_from, valid_until))
        if revocation is not None:
            revocation(claims)
        return claims

    return check


def _plain(walk: Walk, revocation: Callable[[Any], None] | None) -> Callable[[str | bytes, float], Any]:
    def check(token: str | bytes, now: float) -> Any:
        if type(token) is not str:
            token = as_text(token)
        claims = walk(token, now)[1]
        if revocation is not None:
            revocation(claims)
        return claims

    return check


def _walk(state: _State, reader: Reader, judge: Judge, *, typ: str | None, max_length: int) -> Walk:
    read = reader.read

    def walk(token: str, now: float) -> tuple[bytes, Any, float, float]:
        if len(token) > max_length:
            raise TooLarge(f"the token has more than {max_length} characters")
        signing_input, _, signature = token.rpartition(".")
        header, _, payload = signing_input.partition(".")
        if not payload or "." in payload:
            raise Malformed(wrong_shape(token) if token.count(".") != 2 else "the token has an empty segment")
        keys, headers, _ = state.current
        check_signature = headers.get(header)
        if check_signature is None:
            check_signature = _checker_for(header, keys, typ)
        check_signature(_ascii(signing_input), signature)
        if header not in headers:
            # Only a header under a good signature is remembered, so a stranger cannot fill the memo.
            if len(headers) >= _MAX_HEADERS:
                headers.clear()
            headers[header] = check_signature
        octets = decode(payload, "payload")
        iss, aud, exp, nbf, iat, claims = read(octets)
        valid_from, valid_until = judge(iss, aud, exp, nbf, iat, now)
        return octets, claims, valid_from, valid_until

    return walk


def _ascii(signing_input: str) -> bytes:
    if not signing_input.isascii():
        raise Malformed("the token holds a character outside base64url")
    return signing_input.encode()


def _checker_for(segment: str, keys: KeySource, typ: str | None) -> Checker:
    """Read a header that is new to this verifier, and find the key it names."""
    if has_scheme(segment):
        raise Malformed(wrong_shape(segment))
    header = check_header(read_header(segment))
    check_kind(header.typ, typ)
    return keys.find(header.kid, header.alg).check_signature


def _judge(check_issuer: CheckOne, check_aud: CheckOne, *, leeway: int, max_age: int | None) -> Judge:
    """Judge dates, issuer and audience, and say from when until when the dates allow the token."""

    def judge(  # noqa: PLR0917 (called once a token; names would cost more than the check)
        iss: Any, aud: Any, exp: Any, nbf: Any, iat: Any, now: float
    ) -> tuple[float, float]:
        if type(exp) is not int or not 0 <= exp <= MAX_DATE:
            exp = _required_date(exp, "exp")
        valid_until = exp + leeway
        # "not now <" and not ">=": a now that is no number must not pass.
        if not now < valid_until:
            raise Expired("the token has expired (RFC 7519 section 4.1.4)", claim="exp")
        valid_from: float = -MAX_DATE
        if iat is not ABSENT or max_age is not None:
            iat = _required_date(iat, "iat")
            valid_from = iat - leeway
            if max_age is not None:
                valid_until = min(valid_until, iat + max_age + leeway)
                if not now < valid_until:
                    raise Expired(f"the token is older than {max_age} seconds", claim="iat")
        if nbf is not ABSENT:
            valid_from = max(valid_from, _required_date(nbf, "nbf") - leeway)
        if not now >= valid_from:
            raise NotYetValid("the token is not valid yet (RFC 7519 sections 4.1.5 and 4.1.6)")
        check_issuer(iss)
        check_aud(aud)
        return valid_from, valid_until

    return judge


def _required_date(value: Any, claim: str) -> float:
    if type(value) is int and 0 <= value <= MAX_DATE:
        return value
    if value is ABSENT:
        raise ClaimRefused("is required and missing", claim=claim)
    return check_date(value, claim)


def _accepted(expected: str | Collection[str], what: str) -> frozenset[str]:
    names: frozenset[Any] = frozenset({expected} if isinstance(expected, str) else expected)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"{what}= is a string or several, None for tokens without one, or ANY")
    return names


def _issuer_check(expected: Expected) -> CheckOne:
    accepted = frozenset[str]() if expected is None or expected is ANY else _accepted(expected, "issuer")

    def check(iss: Any) -> None:
        if type(iss) is str and iss in accepted:
            return
        if iss is not ABSENT:
            check_text(iss, "iss")
        if expected is ANY or (expected is None and iss is ABSENT):
            return
        if expected is None:
            raise WrongIssuer("no issuer is expected; name it with issuer= to accept it", claim="iss")
        raise WrongIssuer("missing" if iss is ABSENT else "not the expected issuer", claim="iss")

    return check


def _audience_check(expected: Expected) -> CheckOne:
    accepted = frozenset[str]() if expected is None or expected is ANY else _accepted(expected, "audience")

    def check(aud: Any) -> None:
        if type(aud) is str and aud in accepted:
            return
        named = () if aud is ABSENT else check_audience(aud)
        if expected is ANY or (expected is None and aud is ABSENT) or not accepted.isdisjoint(named):
            return
        if expected is None:
            raise WrongAudience("no audience is expected; name it with audience= to accept it", claim="aud")
        raise WrongAudience("missing" if aud is ABSENT else "does not name this audience", claim="aud")

    return check
