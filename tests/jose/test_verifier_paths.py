"""The ways through a verifier: its memories, its several issuers, its quirks and its live keys change no verdict."""

import asyncio
import threading

import msgspec
import pytest

from mapae.errors import Expired, KeyUnknown, Malformed, NotYetValid, TokenError, TooLarge, WrongKind
from mapae.jose.issuers import Issuer
from mapae.jose.jwks import KeySet
from mapae.jose.jwt import sign
from mapae.jose.key import Key
from mapae.jose.memo import cost_of
from mapae.jose.policy import ANY, Policy
from mapae.jose.verifier import MEMO_BYTES, Verifier

NOW = 1_800_000_000
ISSUER, AUDIENCE = "https://id.example", "api"
KEY = Key.generate("HS256")


class Listed(msgspec.Struct, frozen=True):
    iss: str
    aud: str
    exp: int
    iat: int
    roles: list[str]


def token(key=KEY, *, typ="JWT", now=NOW, **claims):
    return sign(claims, key, now=now, issuer=ISSUER, audience=AUDIENCE, lifetime=900, typ=typ)


def strict(key=KEY, **options):
    return Verifier(key, issuer=ISSUER, audience=AUDIENCE, **options)


def headers_of(verifier):
    return verifier._states[0].current.headers


# Memories ---------------------------------------------------------------------------------------------


def test_what_the_hook_does_not_refuse_is_returned():
    seen = []
    for memo_bytes in (0, MEMO_BYTES):
        verifier = strict(revocation=seen.append, memo_bytes=memo_bytes)
        for _ in range(2):
            claims = verifier.check(token(sub="u"), now=NOW)
            assert claims.sub == "u"
            assert seen[-1] is claims


def test_a_token_at_the_first_moment_of_its_validity_is_remembered_too():
    text = token(now=NOW + 5)
    verifier = strict(leeway=5)
    assert verifier.check(text, now=NOW) is verifier.check(text, now=NOW)
    with pytest.raises(NotYetValid):
        verifier.check(text, now=NOW - 0.001)


def test_a_token_of_the_older_half_of_the_memo_is_remembered():
    texts = [token(sub=str(number)) for number in range(3)]
    verifier = strict(memo_bytes=2 * (cost_of(texts[0]) + 10))  # room for one token in each half
    first = verifier.check(texts[0], now=NOW)
    verifier.check(texts[1], now=NOW)
    assert verifier.check(texts[0], now=NOW) is first
    verifier.check(texts[2], now=NOW)
    assert verifier.check(texts[0], now=NOW) is not first


@pytest.mark.parametrize("extra", [{}, {"scope": ["a"]}], ids=["at a glance", "by the rules"])
def test_claims_are_shared_only_where_nobody_can_change_them(key, forge, extra):
    payload = {"iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 900, "iat": NOW} | extra
    untyped = strict(key)
    assert untyped.check(forge(None, payload), now=NOW) is untyped.check(forge(None, payload), now=NOW)
    typed, text = strict(key, claims=Listed), forge(None, payload | {"roles": ["reader"]})
    first, second = typed.check(text, now=NOW), typed.check(text, now=NOW)
    first.roles.append("admin")
    assert second.roles == typed.check(text, now=NOW).roles == ["reader"]


def test_a_header_is_looked_at_once_and_so_many_are_kept(key, forge):
    verifier = strict(key, memo_bytes=0)
    for number in range(256):
        verifier.check(forge({"alg": "HS256", "x": number}), now=NOW)
    assert len(headers_of(verifier)) == 256
    kept = headers_of(verifier)[forge({"alg": "HS256", "x": 7}).partition(".")[0]]
    verifier.check(forge({"alg": "HS256", "x": 7}), now=NOW)
    assert headers_of(verifier)[forge({"alg": "HS256", "x": 7}).partition(".")[0]] is kept
    verifier.check(forge({"alg": "HS256", "x": 256}), now=NOW)
    assert len(headers_of(verifier)) == 1


class Counted:
    """A source of keys that counts how often it is asked."""

    def __init__(self, key):
        self.key, self.asked = key, 0

    def find(self, kid, alg):
        self.asked += 1
        return self.key.find(kid, alg)


def test_a_source_of_keys_is_asked_once_for_a_header():
    source = Counted(KEY)
    verifier = strict(source, memo_bytes=0)
    for number in range(3):
        verifier.check(token(sub=str(number)), now=NOW)
    assert source.asked == 1


def test_nothing_is_remembered_where_there_is_no_room_for_it():
    text = token()
    assert len(strict(memo_bytes=0)._states[0].current.memo) == 0
    for memo_bytes, same in ((0, False), (2 * cost_of(text) - 2, False), (2 * cost_of(text), True)):
        verifier = strict(memo_bytes=memo_bytes)
        assert (verifier.check(text, now=NOW) is verifier.check(text, now=NOW)) is same, memo_bytes


# Several issuers ---------------------------------------------------------------------------------------------


def test_several_issuers_share_the_options_and_the_memory():
    options = {"audience": AUDIENCE, "typ": "at+jwt", "leeway": 0, "max_length": 1000, "memo_bytes": 1_000_000}
    both = Verifier.for_issuers({ISSUER: KEY, "https://other.example": Key.generate("ES256")}, **options)
    assert both.check(token(typ="at+jwt"), now=NOW).iss == ISSUER
    for verifier in both._each.values():
        assert verifier._states[0].current.memo._half == 250_000
    with pytest.raises(WrongKind):
        both.check(token(), now=NOW)
    with pytest.raises(Expired):
        both.check(token(typ="at+jwt"), now=NOW + 900)
    with pytest.raises(TooLarge):
        both.check(token(typ="at+jwt", x="x" * 1000), now=NOW)
    alone = Verifier.for_issuers({ISSUER: KEY}, audience=AUDIENCE)
    assert alone._each[ISSUER]._states[0].current.memo._half == 8 * 1024 * 1024


def test_an_issuer_has_quirks_and_an_audience_of_its_own():
    quirks = {"padded": NOW + 60}
    both = Verifier.for_issuers({ISSUER: Issuer(KEY, quirks=quirks), "b": Issuer(KEY, "web")}, audience=AUDIENCE)
    head, body, signature = token().split(".")
    padded = f"{head}.{body}.{signature}="
    assert both.check(padded, now=NOW + 59).iss == ISSUER
    with pytest.raises(TokenError):
        both.check(padded, now=NOW + 60)
    other = sign({}, KEY, now=NOW, issuer="b", audience="web", lifetime=60)
    assert both.check(other, now=NOW).aud == ("web",)


# Quirks ---------------------------------------------------------------------------------------------


def test_a_padded_segment_that_is_no_base64url_is_named():
    verifier = strict(quirks={"padded": NOW + 60}, memo_bytes=0)
    head, body, signature = token().split(".")
    for wrong, words in (
        (f"{head}.{body}.{signature[:-1]}!", "the signature"),
        (f"{head[:-1]}!.{body}.{signature}", "the header holds|the header is"),
        (f"{head}.{body}.{signature}==", "the signature is not canonical"),
    ):
        with pytest.raises(Malformed, match=words):
            verifier.check(wrong, now=NOW)


def test_each_quirk_ends_at_its_own_moment():
    key = Key.generate("Ed25519")
    older = Verifier(key, issuer=ISSUER, audience=AUDIENCE, quirks={"EdDSA": NOW + 10, "padded": NOW + 20})
    text = token(Key.from_jwk(key.to_jwk(private=True) | {"alg": "EdDSA"}))
    for name, end, made in (("EdDSA", NOW + 10, text), ("padded", NOW + 20, token(key) + "==")):
        assert older.check(made, now=end - 1).iss == ISSUER, name
        with pytest.raises(TokenError):
            older.check(made, now=end)
    assert older.check(token(key), now=NOW + 30).iss == ISSUER


def test_the_times_between_the_ends_of_quirks_share_the_memory():
    verifier = strict(quirks={"int_sub": NOW + 10, "padded": NOW + 20}, memo_bytes=1_200_000)
    assert [state.current.memo._half for state in verifier._states] == [200_000] * 3


# Live keys ---------------------------------------------------------------------------------------------


class Turning:
    """Keys that change by themselves: the next set comes when a key is lacking."""

    origin = "a test"

    def __init__(self, *sets):
        self.sets, self.turn, self.asked, self.awaited = list(sets), threading.Lock(), [], 0

    def current(self):
        return self.sets[0]

    def newest(self):
        return self.sets[0]

    def lacking(self, kid, since):
        self.asked.append((kid, since))
        if len(self.sets) > 1:
            self.sets.pop(0)
        return self.sets[0]

    async def current_async(self):
        self.awaited += 1
        return self.sets[0]

    async def lacking_async(self, kid, since):
        return self.lacking(kid, since)

    @property
    def moment(self):
        return lambda: 0.0


def test_keys_that_change_by_themselves_are_the_keys_of_now():
    old, new = Key.generate("ES256"), Key.generate("ES256")
    source = Turning(KeySet([old.public()]), KeySet([new.public()]))
    verifier = Verifier(source, issuer=ISSUER, audience=AUDIENCE)
    assert verifier.check(token(old), now=NOW).iss == ISSUER
    assert verifier.check(token(new), now=NOW).iss == ISSUER
    assert source.asked == [(new.kid, 0.0)]
    with pytest.raises(KeyUnknown):
        verifier.check(token(old), now=NOW)
    with pytest.raises(KeyUnknown):
        verifier.check(token(Key.generate("HS256", kid=None)), now=NOW)
    assert len(source.asked) == 3


def test_a_policy_without_more_words_is_the_policy_of_a_verifier_without_more_words():
    policy = Policy(ISSUER, AUDIENCE)
    assert policy == Policy(
        ISSUER,
        AUDIENCE,
        frozenset(),
        5,
        None,
        typ=None,
        max_length=16384,
        memo_bytes=0,
        quirks=(),
        asks_revocation=False,
    )
    verifier = Verifier(KEY, issuer=ANY, audience=ANY)
    assert verifier.check(token(), now=NOW + 904.9).iss == ISSUER
    with pytest.raises(Expired):
        verifier.check(token(), now=NOW + 905)


def test_awaiting_comes_to_the_same(key, forge):
    other = Key.generate("ES256")
    good, odd = token(), forge(None, {"exp": NOW + 9})
    several = Verifier.for_issuers({ISSUER: KEY, "b": other.public()}, audience=AUDIENCE)
    live = Verifier(Turning(KeySet([other.public()]), KeySet([KEY])), issuer=ISSUER, audience=AUDIENCE)
    for verifier in (strict(), several, live):
        for _ in range(2):
            claims = asyncio.run(verifier.check_async(good, now=NOW))
            assert claims == verifier.check(good, now=NOW)
        with pytest.raises(Expired):
            asyncio.run(verifier.check_async(good, now=NOW + 905))
        with pytest.raises(TokenError):
            asyncio.run(verifier.check_async(odd, now=NOW))


def test_keys_that_have_to_be_fetched_are_awaited():
    source = Turning(KeySet([KEY]))
    several = Verifier.for_issuers({ISSUER: source}, audience=AUDIENCE)
    for number, verifier in enumerate((Verifier(source, issuer=ISSUER, audience=AUDIENCE), several), start=1):
        assert asyncio.run(verifier.check_async(token(), now=NOW)).iss == ISSUER
        assert source.awaited == number
