"""The memo of verified tokens: every known way in which a cache of tokens went wrong (A37)."""

import sys

import pytest

from mapae.errors import Expired, NotYetValid, Revoked, SignatureRefused, TokenError, WrongAudience
from mapae.jose.jwt import sign
from mapae.jose.key import Key
from mapae.jose.memo import Memo, Verified, cost_of
from mapae.jose.policy import ANY
from mapae.jose.verifier import Verifier

NOW = 1_800_000_000


def remembered(verifier):
    return sum(len(state.current.memo) for state in verifier._states)


def test_a_token_seen_before_costs_no_signature(key, forge):
    verifier = Verifier(key, issuer=ANY, audience=ANY)
    first = verifier.check(forge(), now=NOW)
    assert verifier.check(forge(), now=NOW) is first
    assert remembered(verifier) == 1


def test_the_memo_can_be_switched_off(key, forge):
    verifier = Verifier(key, issuer=ANY, audience=ANY, memo_bytes=0)
    assert verifier.check(forge(), now=NOW) is not verifier.check(forge(), now=NOW)
    assert remembered(verifier) == 0


def test_a37_only_the_whole_token_is_the_key(key, forge):
    verifier = Verifier(key, issuer=ANY, audience=ANY)
    token = forge()
    verifier.check(token, now=NOW)
    head, body, signature = token.split(".")
    for other in (
        f"{head}.{body}.{'A' * len(signature)}",
        f"{head}.{body}.",
        f"{head}.{body}.{signature}=",
        f"{head}.{body}.{signature}A",
        f"{head}.{body}A.{signature}",
        token.swapcase(),
        token + " ",
        " " + token,
    ):
        with pytest.raises(TokenError):
            verifier.check(other, now=NOW)
    assert remembered(verifier) == 1


class Lying(str):
    """Text that claims to be equal to every other."""

    __slots__ = ()

    def __eq__(self, other):
        return True

    def __hash__(self):
        return hash(TOKEN)


KEY = Key.generate("HS256")
TOKEN = sign({"sub": "u"}, KEY, now=NOW, lifetime=900)


def test_a37_text_that_lies_about_equality_finds_nothing():
    verifier = Verifier(KEY, issuer=ANY, audience=ANY)
    verifier.check(TOKEN, now=NOW)
    with pytest.raises(TokenError):
        verifier.check(Lying("a.b.c"), now=NOW)
    with pytest.raises(TokenError):
        verifier.check(Lying(TOKEN[:-1]), now=NOW)


def test_a37_a_refused_token_is_never_remembered(key, forge, good):
    verifier = Verifier(key, issuer="https://id.example", audience="api")
    for token in (
        forge(None, None, bytes(32)),
        forge(None, {**good, "aud": "other"}),
        forge(None, {**good, "exp": NOW - 100}),
        forge(None, {**good, "nbf": NOW + 100}),
        forge({"alg": "HS256", "typ": "at+jwt"}),
        "x",
    ):
        for _ in range(2):
            with pytest.raises(TokenError):
                verifier.check(token, now=NOW)
    assert remembered(verifier) == 0


def test_a37_expiry_within_the_life_of_an_entry_is_seen(key, forge, good):
    verifier = Verifier(key, issuer=ANY, audience=ANY, leeway=0)
    token = forge(None, {**good, "nbf": NOW})
    verifier.check(token, now=NOW)
    with pytest.raises(NotYetValid):
        verifier.check(token, now=NOW - 1)
    verifier.check(token, now=good["exp"] - 0.001)
    for late in (good["exp"], float("nan")):
        with pytest.raises(Expired):
            verifier.check(token, now=late)


def test_a37_a_token_without_iat_still_expires(key, forge):
    verifier = Verifier(key, issuer=ANY, audience=ANY, leeway=0)
    token = forge(None, {"exp": NOW + 10})
    for _ in range(2):
        verifier.check(token, now=NOW)
    with pytest.raises(Expired):
        verifier.check(token, now=NOW + 10)


def test_a37_one_policy_never_uses_the_memo_of_another(key, forge):
    open_policy = Verifier(key, issuer=ANY, audience=ANY)
    open_policy.check(forge(), now=NOW)
    with pytest.raises(WrongAudience):
        Verifier(key, issuer=ANY, audience="other").check(forge(), now=NOW)
    with pytest.raises(SignatureRefused):
        Verifier(Key.generate("HS256"), issuer=ANY, audience=ANY).check(forge(), now=NOW)


def test_a37_revoked_after_caching_is_refused(key, forge):
    revoked = False

    def hook(_claims):
        if revoked:
            raise Revoked("revoked")

    verifier = Verifier(key, issuer=ANY, audience=ANY, revocation=hook)
    verifier.check(forge(), now=NOW)
    revoked = True
    with pytest.raises(Revoked):
        verifier.check(forge(), now=NOW)


def test_a37_a_removed_key_ends_its_remembered_tokens(key, forge):
    verifier = Verifier(key, issuer=ANY, audience=ANY)
    verifier.check(forge(), now=NOW)
    verifier.use_keys(Key.generate("HS256"))
    with pytest.raises(SignatureRefused):
        verifier.check(forge(), now=NOW)


def test_an_expired_token_leaves_the_memo(key, forge):
    verifier = Verifier(key, issuer=ANY, audience=ANY)
    verifier.check(forge(), now=NOW)
    with pytest.raises(Expired):
        verifier.check(forge(), now=NOW + 10_000)
    assert remembered(verifier) == 0


def test_memory_is_bounded_and_the_newest_stay():
    bound = 200 * cost_of(TOKEN)
    verifier = Verifier(KEY, issuer=ANY, audience=ANY, memo_bytes=bound)
    tokens = [sign({"sub": str(number)}, KEY, now=NOW, lifetime=900) for number in range(1000)]
    for token in tokens:
        verifier.check(token, now=NOW)
        assert remembered(verifier) <= 210
    newest = verifier.check(tokens[-1], now=NOW)
    assert verifier.check(tokens[-1], now=NOW) is newest


def test_the_estimate_of_memory_is_not_below_the_truth(key):
    claims = {"sub": "u" * 36, "scope": "read write", "roles": ["a", "b"], "cnf": {"jkt": "x" * 43}, "n": 1.5}
    token = sign(claims, KEY, now=NOW, lifetime=900, issuer="https://id.example", audience="api")
    verifier = Verifier(KEY, issuer=ANY, audience=ANY)

    def size(value):
        own = sys.getsizeof(value)
        if hasattr(value, "items"):
            return own + sum(size(member) for member in value.values())
        if isinstance(value, tuple):
            return own + sum(map(size, value))
        return own

    read = verifier.check(token, now=NOW)
    truth = size(token) + size(read) + sys.getsizeof(read._members) + sys.getsizeof(Verified(read, 1.0, 2.0)) + 100
    assert truth < cost_of(token)


def test_a_token_larger_than_the_bound_is_not_kept():
    memo = Memo(1000)
    memo.add(TOKEN, Verified(None, 0, 1))
    assert len(memo) == 0


def test_the_bound_of_a_memo_is_exact_and_the_older_half_goes_first():
    one, entry = cost_of("0000"), Verified(None, 0, 1)
    assert (one, cost_of("x" * 100)) == (1024 + 16, 1024 + 400)
    for half, room in ((one, 1), (3 * one, 3), (3 * one - 1, 2), (3 * one + 1, 3)):
        memo = Memo(2 * half + 1)
        for number in range(20):
            memo.add(f"{number:04}", entry)
            younger = number % room + 1
            assert list(memo.younger) == [f"{at:04}" for at in range(number - younger + 1, number + 1)]
            assert len(memo) == len(memo.younger) + (room if number >= room else 0)
        assert memo.emptied()._half == half
        assert (len(memo.emptied()), memo.remembers) == (0, True)
    memo = Memo(2 * one - 1)
    memo.add("0000", entry)
    assert len(memo) == 0
    assert [Memo(size).remembers for size in (0, 1, 2)] == [False, False, True]


def test_what_is_dropped_makes_room():
    entry = Verified(None, 0, 1)
    memo = Memo(6 * cost_of("a"))
    for name in "abc":
        memo.add(name, entry)
    memo.drop("x")
    memo.drop("b")
    memo.add("d", entry)
    assert (list(memo.younger), list(memo.older)) == (["a", "c", "d"], [])
    memo.add("e", entry)
    memo.drop("c")
    assert (list(memo.younger), list(memo.older)) == (["e"], ["a", "d"])
    memo.add("f", entry)
    memo.add("g", entry)
    assert list(memo.younger) == ["e", "f", "g"]
