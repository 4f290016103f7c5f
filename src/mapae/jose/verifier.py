"""Verify tokens: compiled once from keys and a policy, called often (RFC 7519 §7.2, RFC 8725 §3).

The order of one check: shape, header, key, signature, payload, dates, issuer, audience, revocation. No clock, no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypedDict, Unpack, cast

from mapae.errors import Malformed, TooLarge
from mapae.jose.base64url import decode as decode_strictly
from mapae.jose.base64url import encode
from mapae.jose.claims import Claims
from mapae.jose.explain import explain, explain_each
from mapae.jose.glance import Glance, Times, glance_for
from mapae.jose.header import check_kind
from mapae.jose.issuers import Issuer, choose
from mapae.jose.jwks import KeySet
from mapae.jose.jws import MAX_TOKEN, KeySource, find_key
from mapae.jose.key import Key, refuse_other_than_key
from mapae.jose.live_keys import Following, LiveKeys
from mapae.jose.memo import Memo, Verified
from mapae.jose.policy import ANY, Expected, Judge, Policy, judge_of
from mapae.jose.quirks import decode_padded, ends_of, find_by_older_name
from mapae.jose.signatures import Checker
from mapae.jose.typed_claims import Reader, reader_for
from mapae.jose.unverified import as_text, wrong_shape

__all__ = ["ANY", "Expected", "KeySource", "Options", "Verifier"]

MEMO_BYTES = 16 * 1024 * 1024
_MAX_HEADERS = 256

if TYPE_CHECKING:  # type checkers know a default; Python itself from 3.13 on, and it has no use for it
    from typing_extensions import TypeVar

    T = TypeVar("T", default=Claims)
    C = TypeVar("C", default=Claims)
else:
    from typing import TypeVar

    T, C = TypeVar("T"), TypeVar("C")


class Options(TypedDict, Generic[T], total=False):
    """The optional parts of a policy; `Verifier` describes them."""

    claims: type[T]
    typ: str | None
    leeway: int
    required: Collection[str]
    max_age: int | None
    max_length: int
    memo_bytes: int
    revocation: Callable[[T], None] | None
    quirks: Mapping[str, Any] | Collection[tuple[str, Any]]


class Verifier(Generic[T]):
    """A policy for tokens, ready to check them."""

    __slots__ = ("_check", "_each", "_explanation", "_following", "_states")
    _check: Callable[[str | bytes, float], T]
    _each: dict[str, Verifier[Any]]
    _explanation: str
    _following: Following | None
    _states: tuple[_State, ...]

    def __init__(
        self,
        keys: KeySource | LiveKeys,
        *,
        issuer: Expected,
        audience: Expected,
        claims: type[T] = Claims,  # type: ignore[assignment] # the default of T
        typ: str | None = None,
        leeway: int = 5,
        required: Collection[str] = (),
        max_age: int | None = None,
        max_length: int = MAX_TOKEN,
        memo_bytes: int = MEMO_BYTES,
        revocation: Callable[[T], None] | None = None,
        quirks: Mapping[str, Any] | Collection[tuple[str, Any]] = (),
    ) -> None:
        """Compile a policy.

        Args:
            keys: a `Key`, a `KeySet`, or a `RemoteKeySet`, whose keys of now are used at every check.
            issuer: the accepted `iss`, or several; None accepts only tokens without `iss`.
            audience: the accepted `aud`, or several of which a token must name one; None: only tokens without `aud`.
            claims: the type of the result: `Claims`, a frozen msgspec.Struct, dataclass, TypedDict or pydantic model.
            typ: the only accepted kind of token; None accepts "JWT" and tokens that do not say.
            leeway: seconds by which clocks may differ, for `exp`, `nbf` and `iat`.
            required: a claim that must be there, or several; `exp` always must.
            max_age: the greatest age in seconds since `iat`, which then must be there.
            max_length: the greatest number of characters of a token.
            memo_bytes: how much memory verified tokens may take, so that one seen before costs no signature; 0: none.
            revocation: called with the claims at every check; raises `Revoked` to refuse.
            quirks: named exceptions for old tokens, each with the moment of its end; `mapae.jose.quirks` lists them.

        Raises:
            TypeError: `keys` is no key, `claims` no type of claims, or a number is none.
            ValueError: a number is negative, or a quirk is unknown or has no end.
        """
        _refuse_other_than_counts(leeway, 0 if max_age is None else max_age, max_length, memo_bytes)
        policy = Policy(
            issuer,
            audience,
            frozenset({required} if isinstance(required, str) else required),
            leeway,
            max_age,
            typ=typ,
            max_length=max_length,
            memo_bytes=memo_bytes,
            quirks=ends_of(dict(quirks)),
            asks_revocation=revocation is not None,
        )
        live = isinstance(keys, LiveKeys)
        check, states = _compiled(policy, KeySet([]) if live else _key_source(keys), claims)
        self._take(check if revocation is None else _asking(check, revocation), states, explain(policy, keys))
        if isinstance(keys, LiveKeys):
            self._following = Following(keys, self._check, self.use_keys)
            self._check = self._following.check

    @classmethod
    def for_issuers(
        cls, issuers: Mapping[str, Issuer | KeySource | LiveKeys], *, audience: Expected, **options: Unpack[Options[C]]
    ) -> Verifier[C]:
        """Compile a policy for several issuers, each with keys of its own.

        A token's `iss` chooses the keys, and no others: a key of one issuer signs for no other (RFC 8725 §3.8).

        Args:
            issuers: each accepted `iss`, with its keys, or with an `Issuer` where more is different.
            audience: as in `Verifier`, for all issuers that do not say otherwise.
            **options: as in `Verifier`, for all issuers; the memo's bytes are shared out.

        Raises:
            TypeError: an issuer has no keys.
            ValueError: there is no issuer, or as in `Verifier`.
        """
        if not issuers:
            raise ValueError("name at least one issuer, with its keys")
        options["memo_bytes"] = options.get("memo_bytes", MEMO_BYTES) // len(issuers)
        each = {name: _for_issuer(name, issuer, audience, {**options}) for name, issuer in issuers.items()}
        made = cast("Verifier[C]", cls.__new__(cls))
        words = explain_each({name: one.explain() for name, one in each.items()})
        made._take(lambda token, now: choose(each, token)._check(token, now), (), words)  # noqa: SLF001 (its own kind)
        made._each = each  # noqa: SLF001
        return made

    def _take(self, check: Check, states: tuple[_State, ...], explanation: str) -> None:
        self._check, self._states, self._explanation = check, states, explanation
        self._following, self._each = None, {}

    async def check_async(self, token: str | bytes, *, now: float) -> T:
        """As `check`; where keys have to be fetched first, the event loop goes on meanwhile.

        Raises:
            TokenError: the token was refused; the subclass says why.
            KeySourceError: the keys of a `RemoteKeySet` cannot be had now.
            TypeError: `token` is neither text nor bytes.
        """
        if self._each:
            return cast("T", await choose(self._each, token).check_async(token, now=now))
        following = self._following
        if following is None:
            return self._check(token, now)
        claims: T = await following.check_async(token, now)
        return claims

    def check(self, token: str | bytes, *, now: float) -> T:
        """Return the claims of a token once everything about it has been checked.

        Args:
            token: a compact JWS whose payload is a claims set.
            now: seconds since 1970.

        Raises:
            TokenError: the token was refused; the subclass says why.
            KeySourceError: the keys of a `RemoteKeySet` cannot be had now.
            TypeError: `token` is neither text nor bytes.
        """
        return self._check(token, now)

    def use_keys(self, keys: KeySource) -> None:
        """Verify with other keys from now on, and forget every token verified with the former ones.

        Raises:
            TypeError: `keys` is no key, or this verifier is for several issuers, each with keys of its own.
        """
        if not self._states:
            raise TypeError("this verifier has keys for each issuer; make a new one instead")
        source = _key_source(keys)
        for state in self._states:
            state.replace(source)

    def explain(self) -> str:
        """Say in words what is accepted, one rule a line."""
        return self._explanation


def _refuse_other_than_counts(*counts: Any) -> None:
    if not all(isinstance(count, int | float) for count in counts):
        raise TypeError("leeway and max_age are seconds, as a number: write 3600, or delta.total_seconds()")
    if min(counts) < 0:
        raise ValueError("leeway, max_age, max_length and memo_bytes are not negative")


def _for_issuer(
    name: str, issuer: Issuer | KeySource | LiveKeys, audience: Expected, options: dict[str, Any]
) -> Verifier[Any]:
    own = issuer if isinstance(issuer, Issuer) else Issuer(issuer)
    chosen = audience if own.audience is None else own.audience
    return Verifier(own.keys, issuer=name, audience=chosen, **{**options, "quirks": own.quirks})


class _Current:
    """The keys of now and what was learnt under them.

    Attributes:
        keys: where the key of a header that is new is found.
        headers: for each header segment that was good before, a check of what follows it.
        latest: the newest of them with its dot, and its check: most tokens begin as the one before.
        memo: verified tokens.
    """

    __slots__ = ("headers", "keys", "latest", "memo")

    def __init__(self, keys: KeySource, memo: Memo) -> None:
        self.keys, self.memo = keys, memo
        self.headers: dict[str, Checker] = {}
        self.latest: tuple[str, Checker | None] = ("", None)


class _State:
    """What changes in a verifier: its keys, and what it remembers under them; replaced together."""

    __slots__ = ("current",)

    def __init__(self, keys: KeySource, memo: Memo) -> None:
        self.current = _Current(keys, memo)

    def replace(self, keys: KeySource) -> None:
        self.current = _Current(keys, self.current.memo.emptied())


Check = Callable[[str | bytes, float], Any]


def refuse_other_than_keys(keys: Any) -> None:
    """Say which constructor to write when something else stands where keys belong.

    Raises:
        TypeError: `keys` is neither a key nor a set of keys, nor anything that finds keys.
    """
    if isinstance(keys, str | bytes | bytearray) or not hasattr(keys, "find"):
        refuse_other_than_key(keys)


def _key_source(keys: Any) -> KeySource:
    refuse_other_than_keys(keys)
    return cast("KeySource", keys)


def _compiled(policy: Policy, keys: KeySource, kind: Any) -> tuple[Check, tuple[_State, ...]]:
    """Compile the rules; where there are quirks, once for each time between their ends, the strict rules last."""
    stages = len(policy.quirks) + 1
    states = tuple(_State(keys, Memo(policy.memo_bytes // stages)) for _stage in range(stages))
    names = [name for name, _end in policy.quirks]
    checks = [_compiled_once(policy, state, kind, frozenset(names[at:])) for at, state in enumerate(states)]
    if stages == 1:
        return checks[0], states
    strict, lenient = checks[-1], list(zip((end for _name, end in policy.quirks), checks[:-1], strict=True))

    def check(token: str | bytes, now: float) -> Any:
        for end, check_now in lenient:
            if now < end:
                return check_now(token, now)
        return strict(token, now)

    return check, states


def _compiled_once(policy: Policy, state: _State, kind: Any, quirks: frozenset[str]) -> Check:
    reader = reader_for(kind, policy.required, int_sub="int_sub" in quirks)
    walk = _walk(state, reader, glance_for(kind, policy), policy=policy, quirks=quirks)
    return _remembering(state, walk, reader) if policy.memo_bytes else walk


def _remembering(state: _State, walk: Check, reader: Reader) -> Check:
    """Check with the memo: the signature of a token seen before is not checked again, everything that can change is."""
    shareable, again = reader.shareable, reader.again

    def check(token: str | bytes, now: float) -> Any:
        if type(token) is not str:
            token = as_text(token)
        memo = state.current.memo
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


Begin = Callable[[str, _Current], tuple[str, Checker]]
"""A token to what follows its header segment, and the check of that."""


def _beginning(typ: str | None, quirks: frozenset[str]) -> Begin:
    def begin(token: str, current: _Current) -> tuple[str, Checker]:
        header, _, rest = token.partition(".")
        return rest, current.headers.get(header) or first_check(header, current)

    def first_check(header: str, current: _Current) -> Checker:
        """Check under a header that is new; remembered only with a good signature, so no stranger fills the memory."""

        def check(payload: bytes, signature: str) -> None:
            if not header.isascii():
                raise Malformed("the token holds a character outside base64url")
            key = _key_for(header, current.keys, typ, quirks)
            beginning = f"{header}."
            octets = beginning.encode()
            key.check_signature(octets + payload, signature)
            if len(current.headers) >= _MAX_HEADERS:
                current.headers.clear()
            current.headers[header] = known = key.checker_after(octets)
            current.latest = beginning, known

        return check

    return begin


def _studying(reader: Reader, judge: Judge, *, remembers: bool) -> Callable[[str, bytes, float, Memo], Any]:
    read, shareable = reader.read, reader.shareable

    def study(token: str, octets: bytes, now: float, memo: Memo) -> Any:
        """Read and judge rule by rule."""
        claims, valid_from, valid_until = judge(read(octets), now)
        if remembers:
            memo.add(token, Verified(claims if shareable else octets, valid_from, valid_until))
        return claims

    return study


def _walk(
    state: _State, reader: Reader, glances: tuple[Glance, Times], *, policy: Policy, quirks: frozenset[str]
) -> Check:
    """Prepare the straight walk from text to claims; a payload out of the ordinary is read and judged rule by rule."""
    shareable, remembers = reader.shareable, state.current.memo.remembers
    glance, times_of = glances
    max_length, padded = policy.max_length, "padded" in quirks
    decode = decode_padded if padded else decode_strictly
    begin, study = _beginning(policy.typ, quirks), _studying(reader, judge_of(policy), remembers=remembers)

    def walk(token: str | bytes, now: float) -> Any:
        if type(token) is not str:
            token = as_text(token)
        if len(token) > max_length:
            raise TooLarge(f"the token has more than {max_length} characters")
        current = state.current
        beginning, check_signature = current.latest
        rest = token.removeprefix(beginning)
        if check_signature is None or rest is token:
            rest, check_signature = begin(token, current)
        payload, _, signature = rest.rpartition(".")
        if not payload or "." in payload:
            raise Malformed(wrong_shape(token) if token.count(".") != 2 else "the token has an empty segment")
        if not payload.isascii():
            raise Malformed("the token holds a character outside base64url")
        if padded:
            signature = encode(decode_padded(signature, "signature"))
        check_signature(payload.encode(), signature)
        octets = decode(payload, "payload")
        claims = glance(octets, now)
        if claims is None:
            return study(token, octets, now, current.memo)
        if remembers:
            current.memo.add(token, Verified(claims if shareable else octets, *times_of(claims)))
        return claims

    return walk


def _key_for(segment: str, keys: KeySource, typ: str | None, quirks: frozenset[str]) -> Key:
    """Find the key of a header that is new to this verifier."""
    if "padded" in quirks:
        segment = encode(decode_padded(segment, "header"))
    find = find_by_older_name(keys.find) if "EdDSA" in quirks else keys.find
    header, key = find_key(segment, find)
    check_kind(header.typ, typ)
    return key
