"""Session tokens and what a presented one leads to, row by row."""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.errors import Malformed, RefreshRefused, SignatureRefused, TokenError, WrongKind
from mapae.sessions import refresh
from mapae.sessions.access_token import refuse_opaque
from mapae.sessions.refresh import digest
from mapae.sessions.server_session import (
    LENGTH,
    Keep,
    Record,
    Refuse,
    SessionToken,
    Slide,
    decide,
    policy_for,
    read_session_token,
    record_of,
    write_session_token,
)
from mapae.sessions.session import end
from plain_session import start

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
SID = "c2Vzc2lvbi1vbmUtb2YtdQ"
SECRET, STRANGER = b"s" * 32, b"x" * 32
MINUTE, DAY = 60_000, 86_400_000
POLICY = policy_for(idle_ttl=14 * 86_400, access_ttl=600, leeway=5)
STEP = 10 * MINUTE
NEW = start(
    SID, "account", epoch=3, client_id="app", current=digest(SECRET), now_ms=0, idle_ms=14 * DAY, absolute_ms=90 * DAY
)
USED = replace(NEW, seen_ms=80 * DAY, idle_expires_ms=90 * DAY)
TOKEN = write_session_token(SID, SECRET, KEY)
RECORD = record_of(NEW, scope="account", rsq=7, read_ms=1_500)


def present(session, secret, now_ms):
    return decide(session, SessionToken(SID, secret), now_ms=now_ms, policy=POLICY)


@pytest.mark.parametrize(
    ("session", "secret", "now_ms", "expected"),
    [
        pytest.param(replace(NEW, sid="A" * 22), SECRET, 0, Refuse("unknown"), id="another session's row"),
        pytest.param(NEW, STRANGER, 0, Refuse("unknown"), id="another secret"),
        pytest.param(end(NEW, "sign_out", now_ms=5), SECRET, 9, Refuse("ended"), id="ended"),
        pytest.param(end(NEW, "sign_out", now_ms=5), SECRET, 15 * DAY, Refuse("ended"), id="ended, and idle since"),
        pytest.param(end(NEW, "sign_out", now_ms=5), STRANGER, 9, Refuse("unknown"), id="ended, another secret"),
        pytest.param(NEW, SECRET, 0, Keep(NEW), id="at once"),
        pytest.param(NEW, SECRET, STEP - 1, Keep(NEW), id="within the step"),
        pytest.param(
            NEW, SECRET, STEP, Slide(replace(NEW, seen_ms=STEP, idle_expires_ms=STEP + 14 * DAY)), id="after the step"
        ),
        pytest.param(
            NEW,
            SECRET,
            14 * DAY - 1,
            Slide(replace(NEW, seen_ms=14 * DAY - 1, idle_expires_ms=28 * DAY - 1)),
            id="the last moment before it idles out",
        ),
        pytest.param(NEW, SECRET, 14 * DAY, Refuse("expired"), id="idle"),
        pytest.param(USED, SECRET, 90 * DAY - 1, Slide(replace(USED, seen_ms=90 * DAY - 1)), id="not beyond the end"),
        pytest.param(USED, SECRET, 90 * DAY, Refuse("expired"), id="absolute"),
        pytest.param(replace(NEW, seen_ms=DAY), SECRET, 0, Keep(replace(NEW, seen_ms=DAY)), id="a clock set back"),
    ],
)
def test_every_row_has_its_answer(session, secret, now_ms, expected):
    assert present(session, secret, now_ms) == expected


@pytest.mark.parametrize(
    ("idle_ttl", "access_ttl", "step_ms"),
    [
        pytest.param(14 * 86_400, 600, 600_000, id="as long as an access token lives"),
        pytest.param(600, 600, 60_000, id="a tenth of a short idle time"),
        pytest.param(60, 600, 6_000, id="the shortest idle time"),
    ],
)
def test_a_step_is_no_longer_than_an_access_token_and_a_tenth_of_the_idle_time(idle_ttl, access_ttl, step_ms):
    assert policy_for(idle_ttl=idle_ttl, access_ttl=access_ttl, leeway=5).step_ms == step_ms


def test_a_token_says_which_session_and_the_secret():
    assert read_session_token(TOKEN, KEY) == SessionToken(SID, SECRET)
    assert len(TOKEN) == LENGTH
    assert TOKEN.startswith("mps_")


def test_the_text_of_a_token_is_what_the_description_says():
    raw = urlsafe_b64decode(SID + "==") + SECRET
    tag = hmac.new(KEY, raw, hashlib.sha256).digest()[:16]
    assert "mps_" + urlsafe_b64encode(raw + tag).decode().rstrip("=") == TOKEN


def test_a_secret_that_is_too_short_is_not_made_into_a_token():
    with pytest.raises(ValueError, match="32 bytes"):
        write_session_token(SID, b"short", KEY)


def test_the_token_is_not_in_the_text_of_what_was_read():
    assert "s" * 8 not in repr(read_session_token(TOKEN, KEY))


def test_a_token_of_another_server_is_refused():
    with pytest.raises(SignatureRefused):
        read_session_token(write_session_token(SID, SECRET, OTHER_KEY), KEY)


@given(st.integers(0, LENGTH - 1), st.characters(codec="utf-8"))
def test_a_token_with_one_character_changed_is_refused(position, character):
    changed = TOKEN[:position] + character + TOKEN[position + 1 :]
    if changed != TOKEN:
        with pytest.raises(TokenError):
            read_session_token(changed, KEY)


@given(
    st.text() | st.text(alphabet="mps_ABC-+/=", min_size=LENGTH, max_size=LENGTH).map(lambda text: "mps_" + text[4:])
)
def test_any_text_at_all_is_refused_with_a_token_error(text):
    with pytest.raises(TokenError):
        read_session_token(text, KEY)


@pytest.mark.parametrize("length", [0, 3, 4, 5, LENGTH - 1, LENGTH + 1, 1_000_000])
def test_a_token_of_another_length_is_refused(length):
    with pytest.raises(Malformed):
        read_session_token(("mps_" + "A" * length)[:length], KEY)


def test_neither_kind_of_token_is_taken_for_the_other():
    """Not even under one key."""
    with pytest.raises(RefreshRefused):
        refresh.read_token(TOKEN, KEY)
    with pytest.raises(Malformed):
        read_session_token(refresh.write_token(SID, 0, SECRET, KEY), KEY)


@pytest.mark.parametrize(
    ("now_ms", "serves"),
    [
        pytest.param(1_500, True, id="at once"),
        pytest.param(1_500 + STEP - 1, True, id="within the step"),
        pytest.param(1_500 + STEP, False, id="after the step"),
        pytest.param(1_500 - 5_000, True, id="a reader whose clock is ahead by the leeway"),
        pytest.param(1_500 - 5_001, False, id="a reader whose clock is ahead by more"),
    ],
)
def test_what_was_read_serves_for_a_step(now_ms, serves):
    assert RECORD.serves(now_ms=now_ms, policy=POLICY) is serves


def test_what_was_read_does_not_serve_after_the_end_of_the_session():
    assert not msgspec.structs.replace(RECORD, ends_ms=9_000).serves(now_ms=9_000, policy=POLICY)


def test_what_was_read_speaks_like_an_access_token_of_that_moment():
    claims = RECORD.claims(issuer="https://id.example", audience="api")
    assert msgspec.to_builtins(claims) == {
        "sub": "account",
        "client_id": "app",
        "scope": "account",
        "sid": SID,
        "epo": 3,
        "rsq": 7,
        "iss": "https://id.example",
        "aud": "api",
        "iat": 1,
        "exp": 14 * DAY // 1000,
        "jti": SID,
    }


def test_a_record_travels():
    text = msgspec.msgpack.encode(RECORD)
    assert msgspec.msgpack.decode(text, type=Record) == RECORD
    assert SECRET not in text


@pytest.mark.parametrize("token", [TOKEN, TOKEN.encode(), "mps_", b"mps_x"])
def test_another_server_is_told_that_it_cannot_check_an_opaque_token(token):
    with pytest.raises(WrongKind, match="only the service that issued it"):
        refuse_opaque(token)


@pytest.mark.parametrize("token", ["", b"", "mps", "a.b.c", b"a.b.c", " mps_"])
def test_any_other_token_goes_on_to_be_checked(token):
    refuse_opaque(token)
