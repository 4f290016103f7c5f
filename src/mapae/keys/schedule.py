"""What each signing key does at a given moment: announced, signing, retiring, destroyed.

    made ──announced──► sign_from ──signing──► sign_until ──retiring──► destroy
                                               = sign_from of the next key

The promise: **no valid token is refused during a rotation.** Let V be the policy's `announced_for_ms`. A token that
some node signs with the key its view of the keys shows, at a moment when that view is at most V old, verifies at every
other node whose view is at most V old, from that moment until the token expires. It holds because
1. a key is published for V before it signs, so every view that matters contains it;
2. a key never stops before the next one starts, however late anybody looks;
3. a key stays published for V (a node that has not heard that it should stop) and one token's life after it stops.
The first key of all, a forced rotation and the retirement of a leaked key are outside the promise, and say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from mapae.errors import KeyRefused, NotFound

Phase = Literal["announced", "signing", "retiring", "destroyed"]


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One signing key; times are milliseconds since 1970.

    Attributes:
        kid: names the key in token headers.
        follows: the kid of the key before it; empty for the first. No two keys follow the same one.
        alg: its one algorithm.
        public: its public JWK.
        sealed: its private JWK, sealed; empty once it is destroyed.
        created_ms: when it was made, and published.
        sign_from_ms: when it begins to sign.
        sign_until_ms: when the next key takes over; None while there is no next key.
        destroy_ms: when nothing it signed can be valid any more; None while there is no next key.
    """

    kid: str
    follows: str
    alg: str
    public: dict[str, Any]
    sealed: bytes
    created_ms: int
    sign_from_ms: int
    sign_until_ms: int | None = None
    destroy_ms: int | None = None


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """How long the parts of a key's life are, in milliseconds.

    Attributes:
        alg: the algorithm of the next key.
        token_ms: the longest time from signing a token to the last moment at which anybody accepts it, leeway included.
        signs_for_ms: how long a key signs.
        announced_for_ms: how long it is published before it signs: as old as anybody's view of the keys may be.
    """

    alg: str
    token_ms: int
    signs_for_ms: int = 90 * 86_400_000
    announced_for_ms: int = 86_400_000

    def __post_init__(self) -> None:
        if self.token_ms <= 0 or self.announced_for_ms < 0 or self.signs_for_ms <= 0:
            raise ValueError("token_ms and signs_for_ms must be positive, announced_for_ms not negative")


@dataclass(frozen=True, slots=True)
class Make:
    """Make a key with algorithm `alg` that follows the key `follows` and signs from `sign_from_ms`."""

    follows: str
    alg: str
    sign_from_ms: int


@dataclass(frozen=True, slots=True)
class Move:
    """Save `after`, which has other dates, where `before` is."""

    before: SigningKey
    after: SigningKey


@dataclass(frozen=True, slots=True)
class Destroy:
    """Save `after`, which has no private part any more, where `before` is."""

    before: SigningKey
    after: SigningKey


Action = Make | Move | Destroy


def phase(key: SigningKey, now_ms: int) -> Phase:
    """Return what `key` does at `now_ms`."""
    if not key.sealed or (key.destroy_ms is not None and now_ms >= key.destroy_ms):
        return "destroyed"
    if key.sign_until_ms is not None and now_ms >= key.sign_until_ms:
        return "retiring"
    return "signing" if now_ms >= key.sign_from_ms else "announced"


def published(keys: Sequence[SigningKey], now_ms: int) -> list[SigningKey]:
    """Return the keys that verify tokens at `now_ms`: all that are not destroyed."""
    return [key for key in keys if phase(key, now_ms) != "destroyed"]


def signing_key(keys: Sequence[SigningKey], now_ms: int) -> SigningKey:
    """Return the key that signs at `now_ms`.

    A node whose clock runs behind the node that made the first key signs with the announced one.

    Raises:
        KeyRefused: there is no key that may sign.
    """
    for wanted, order in (("signing", -1), ("announced", 1)):
        found = [key for key in keys if phase(key, now_ms) == wanted]
        if found:
            return min(found, key=lambda key: order * key.sign_from_ms)
    raise KeyRefused("no key may sign now; make one with `mapae key new`")


def plan(keys: Sequence[SigningKey], now_ms: int, policy: KeyPolicy) -> list[Action]:
    """Return what the schedule asks for at `now_ms`; all of it belongs into one transaction.

    Call it often: once an hour is enough, and late calls break nothing. Two nodes may do so at once: both want to make
    the key that follows the same one, and storage lets only one of them.
    """
    actions: list[Action] = [
        Destroy(key, replace(key, sealed=b"")) for key in keys if key.sealed and phase(key, now_ms) == "destroyed"
    ]
    newest = _newest(keys)
    if newest is None:
        return [*actions, Make("", policy.alg, now_ms)]
    match phase(newest, now_ms):
        case "announced":
            pass
        case "signing":
            end_ms = newest.sign_from_ms + policy.signs_for_ms
            if newest.alg != policy.alg:
                end_ms = now_ms
            if now_ms >= end_ms - policy.announced_for_ms:
                actions += _succeeded(newest, max(end_ms, now_ms + policy.announced_for_ms), policy)
        case "retiring" | "destroyed":  # it was retired, and whoever did that could not make the next one
            actions.append(Make(newest.kid, policy.alg, now_ms))
    return actions


def rotate(keys: Sequence[SigningKey], now_ms: int, policy: KeyPolicy, *, forced: bool = False) -> list[Action]:
    """Return what makes the next key sign as soon as everybody can know it.

    An announced key is brought forward, but not before it was announced for `announced_for_ms`; without one, a key is
    made. Empty when that would not be sooner than planned.

    Args:
        forced: let it sign at once: nodes and resource servers that have not heard of it refuse its tokens until they
            look again.
    """
    newest = _newest(keys)
    if newest is None or phase(newest, now_ms) in {"retiring", "destroyed"}:
        return plan(keys, now_ms, policy)
    if phase(newest, now_ms) == "signing":
        return _succeeded(newest, now_ms if forced else now_ms + policy.announced_for_ms, policy)
    start_ms = now_ms if forced else max(now_ms, newest.created_ms + policy.announced_for_ms)
    if start_ms >= newest.sign_from_ms:
        return []
    actions: list[Action] = [Move(newest, replace(newest, sign_from_ms=start_ms))]
    return actions + _ended_before(keys, newest, start_ms, now_ms=now_ms, policy=policy)


def retire(keys: Sequence[SigningKey], kid: str, now_ms: int, policy: KeyPolicy) -> list[Action]:
    """Return what withdraws a key at once, because it may have leaked: all tokens it signed are refused from now on.

    If it was signing, the next key signs at once. If it was only announced, another one is announced instead.

    Raises:
        NotFound: there is no such key, or it is destroyed already.
    """
    key = next((key for key in keys if key.kid == kid and phase(key, now_ms) != "destroyed"), None)
    if key is None:
        raise NotFound("there is no such key, or it is destroyed already")
    until_ms = now_ms if key.sign_until_ms is None else min(key.sign_until_ms, now_ms)
    actions: list[Action] = [Destroy(key, replace(key, sealed=b"", sign_until_ms=until_ms, destroy_ms=now_ms))]
    following = next((other for other in keys if other.follows == kid), None)
    if phase(key, now_ms) == "announced":
        start_ms = now_ms + policy.announced_for_ms
        actions.append(Make(kid, policy.alg, start_ms))
        actions += _ended_before(keys, key, start_ms, now_ms=now_ms, policy=policy)
    elif following is None:
        actions.append(Make(kid, policy.alg, now_ms))
    elif phase(key, now_ms) == "signing" and phase(following, now_ms) == "announced":
        actions.append(Move(following, replace(following, sign_from_ms=now_ms)))
    return actions


def _succeeded(key: SigningKey, start_ms: int, policy: KeyPolicy) -> list[Action]:
    return [Make(key.kid, policy.alg, start_ms), Move(key, _ended(key, start_ms, policy))]


def _ended(key: SigningKey, until_ms: int, policy: KeyPolicy) -> SigningKey:
    destroy_ms = until_ms + policy.announced_for_ms + policy.token_ms
    return replace(key, sign_until_ms=until_ms, destroy_ms=destroy_ms)


def _ended_before(
    keys: Sequence[SigningKey], key: SigningKey, start_ms: int, *, now_ms: int, policy: KeyPolicy
) -> list[Action]:
    """Let the key that signs until `key` takes over stop at `start_ms`; keys retired in between are passed over."""
    by_kid = {other.kid: other for other in keys}
    before = by_kid.get(key.follows)
    while before is not None and phase(before, now_ms) == "destroyed":
        before = by_kid.get(before.follows)
    if before is None or phase(before, now_ms) != "signing":
        return []
    return [Move(before, _ended(before, start_ms, policy))]


def _newest(keys: Sequence[SigningKey]) -> SigningKey | None:
    followed = {key.follows for key in keys}
    return next((key for key in keys if key.kid not in followed), None)
