"""The guard: a real verifier and real revocations, joined."""

import builtins
import socket
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest

from mapae.errors import ClaimRefused, Expired, Revoked, ScopeMissing, SignatureRefused, Stale, TokenError, WrongKind
from mapae.guard import Guard, require
from mapae.jose import jwt
from mapae.jose.jwks import KeySet
from mapae.jose.key import Key
from mapae.jose.verifier import Verifier
from mapae.sessions.access_token import TYP, AccessClaims
from mapae.sessions.revocation import Entry, Revocations

KEY = Key.generate("ES256")
ISSUER, AUDIENCE = "https://id.example", "api"
NOW, MONOTONIC = 1_800_000_000, 5_000.0
ES256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def access_token(*, typ=TYP, now=NOW, **changed):
    claims = {
        "sub": "account",
        "client_id": "app",
        "scope": "account admin",
        "sid": "session",
        "epo": 3,
        "rsq": 10,
        **changed,
    }
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.sign(claims, KEY, now=now, issuer=ISSUER, audience=AUDIENCE, lifetime=600, typ=typ)


def guard_with(*entries, head=10, sent=MONOTONIC):
    revocations = Revocations()
    revocations.apply(entries, head=head, sent=sent)
    verifier = Verifier(KeySet([KEY.public()]), issuer=ISSUER, audience=AUDIENCE, typ=TYP, claims=AccessClaims)
    return Guard(verifier, revocations)


def check(guard, token, **options):
    return guard.check(token, **{"now": NOW, "monotonic": MONOTONIC, **options})


def test_an_accepted_token_says_who_presents_it():
    principal = check(guard_with(), access_token())
    assert (principal.account_id, principal.sid, principal.client_id) == ("account", "session", "app")
    assert principal.scopes == frozenset({"account", "admin"})
    assert principal.expires_at == NOW + 600
    assert principal.claims.epo == 3


def test_the_clocks_are_read_when_they_are_not_given():
    import time

    guard = guard_with(sent=time.monotonic())
    assert guard.check(access_token(now=int(time.time()))).sid == "session"
    with pytest.raises(Expired):
        guard.check(access_token(now=int(time.time()) - 700))


@pytest.mark.parametrize("name", ["sub", "client_id", "scope", "sid", "epo", "rsq"])
def test_a_token_without_one_of_the_claims_is_refused(name):
    with pytest.raises(ClaimRefused):
        check(guard_with(), access_token(**{name: None}))


def test_another_kind_of_token_is_refused():
    with pytest.raises(WrongKind):
        check(guard_with(), access_token(typ="JWT"))


REVOCATIONS = [
    Entry(11, "session", "session", 0, NOW + 700),
    Entry(11, "account", "account", 4, NOW + 700),
    Entry(11, "client", "app", 0, NOW + 700),
    Entry(11, "realm", "", 0, NOW + 700),
]


@pytest.mark.parametrize("entry", REVOCATIONS, ids=lambda entry: entry.kind)
def test_a_revocation_refuses_a_token_that_was_accepted_before(entry):
    guard, token = guard_with(), access_token()
    check(guard, token)
    guard.revocations.apply([entry], head=11, sent=MONOTONIC + 1)
    with pytest.raises(Revoked):
        check(guard, token)


def test_a_single_token_can_be_revoked():
    guard, token, other = guard_with(), access_token(), access_token()
    jti = check(guard, token).claims.jti
    guard.revocations.apply([Entry(11, "token", jti, 0, NOW + 700)], head=11, sent=MONOTONIC + 1)
    with pytest.raises(Revoked):
        check(guard, token)
    check(guard, other)


def second_encoding(token):
    """The same signature with n - s in place of s: it verifies too, and its text is another."""
    signing_input, _, signature = token.rpartition(".")
    raw = urlsafe_b64decode(signature + "==")
    s = ES256_ORDER - int.from_bytes(raw[32:], "big")
    return f"{signing_input}.{urlsafe_b64encode(raw[:32] + s.to_bytes(32, 'big')).decode().rstrip('=')}"


def test_a_second_encoding_of_a_revoked_token_is_refused():
    guard, token = guard_with(), access_token()
    twin = second_encoding(token)
    assert twin != token
    try:
        check(guard, twin)
    except SignatureRefused:
        expected = SignatureRefused
    else:
        expected = Revoked
    guard.revocations.apply([REVOCATIONS[0]], head=11, sent=MONOTONIC + 1)
    for text in (token, twin, second_encoding(twin)):
        with pytest.raises(expected if text == twin else Revoked):
            check(guard, text)


def test_a_token_older_than_the_lease_allows_is_stale():
    guard, token = guard_with(), access_token()
    check(guard, token, now=NOW + 31, monotonic=MONOTONIC + 30)
    check(guard, token, now=NOW + 30, monotonic=MONOTONIC + 31)
    with pytest.raises(Stale):
        check(guard, token, now=NOW + 31, monotonic=MONOTONIC + 31)
    with pytest.raises(Stale):
        check(guard, token, monotonic=MONOTONIC + 1, max_staleness=0)


def test_all_scopes_are_needed_and_all_missing_ones_are_listed():
    guard, token = guard_with(), access_token()
    check(guard, token, scopes=["admin"])
    check(guard, token, scopes=("admin", "account"))
    with pytest.raises(ScopeMissing) as missing:
        check(guard, token, scopes=["write", "account", "read"])
    assert missing.value.scopes == ("write", "read")


def test_scopes_as_one_string_are_a_programming_mistake():
    with pytest.raises(TypeError, match="several"):
        require("r e a d", "read")


def test_a_revoked_token_is_refused_before_its_scopes_are_looked_at():
    with pytest.raises(Revoked):
        check(guard_with(REVOCATIONS[0], head=11), access_token(), scopes=["write"])


def test_a_check_makes_no_system_call_but_for_the_clock(monkeypatch):
    guard, fresh, seen = guard_with(), access_token(), access_token()
    revoked = access_token(sid="gone")
    guard.revocations.add([Entry(11, "session", "gone", 0, NOW + 700)])
    check(guard, seen)  # what is loaded once is loaded
    events, watching = [], False

    def watch(event, _):
        if watching and not event.startswith(("object.", "cpython.")):
            events.append(event)

    def refuse(*_, **__):
        raise AssertionError("I/O during a check")

    sys.addaudithook(watch)
    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(builtins, "open", refuse)
    watching = True
    for token in (fresh, seen, seen):
        check(guard, token, scopes=["admin"])
    for token in (revoked, "nonsense", fresh + "x"):
        with pytest.raises(TokenError):
            check(guard, token)
    assert guard.check(seen, now=NOW, monotonic=MONOTONIC).sid == "session"
    watching = False
    assert events == []
    watching = True
    with pytest.raises(AssertionError):
        open(__file__)  # noqa: PTH123, SIM115 (the watch does notice)
    sys.audit("socket.connect", None, None)
    watching = False
    assert events == ["socket.connect"]
