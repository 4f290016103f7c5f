"""The rows of the table in `mapae.sessions.refresh`, one by one, and the refresh token's text."""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.errors import RefreshRefused
from mapae.sessions.refresh import (
    Hold,
    Presented,
    Recover,
    RefreshPolicy,
    Refuse,
    Replay,
    Reuse,
    Rotate,
    decide,
    digest,
    read_token,
    write_token,
)
from mapae.sessions.session import end
from plain_session import start

KEY = b"k" * 32
SID = "c2Vzc2lvbi1vbmUtb2YtdQ"
W = 20_000
DAY = 86_400_000
POLICY = RefreshPolicy(window_ms=W, idle_ms=14 * DAY)
STRICT = replace(POLICY, strict=True)
FIRST, SECOND, THIRD, FOURTH, STRANGER = (bytes([number]) * 32 for number in range(1, 6))

NEW = start(SID, "account", client_id="app", current=digest(FIRST), now_ms=0, idle_ms=14 * DAY, absolute_ms=90 * DAY)


def present(session, secret, now_ms, *, policy=POLICY, client_id="app", jkt=None, successor=FOURTH):
    presented = Presented(SID, 0, secret)
    return decide(session, presented, client_id=client_id, jkt=jkt, successor=successor, now_ms=now_ms, policy=policy)


ROTATED = present(NEW, FIRST, 0, successor=SECOND).session
"""FIRST was exchanged for SECOND at 0; nobody has shown SECOND yet."""
SHOWN = present(ROTATED, SECOND, 1).session
RECOVERED = present(ROTATED, FIRST, 2 * W + 1, successor=THIRD).session
OTHER_SID = replace(ROTATED, sid="A" * 22)
BOUND = replace(ROTATED, jkt="thumbprint")


@pytest.mark.parametrize(
    ("session", "secret", "now_ms", "expected"),
    [
        pytest.param(None, FIRST, 0, "unknown", id="P0 no such session"),
        pytest.param(OTHER_SID, SECOND, 0, "unknown", id="P0 another session's row"),
        pytest.param(end(ROTATED, "sign_out", now_ms=5), SECOND, 9, "ended", id="P0 ended, newest"),
        pytest.param(end(ROTATED, "sign_out", now_ms=5), STRANGER, 9, "ended", id="P0 ended, stranger"),
        pytest.param(ROTATED, SECOND, 14 * DAY, "expired", id="P0 idle"),
        pytest.param(ROTATED, STRANGER, 14 * DAY, "expired", id="P0 idle, stranger"),
        pytest.param(replace(ROTATED, idle_expires_ms=99 * DAY), SECOND, 90 * DAY, "expired", id="P0 absolute end"),
        pytest.param(replace(ROTATED, generation=2**32 - 1), SECOND, 0, "expired", id="P0 last generation"),
        pytest.param(BOUND, SECOND, 0, "key", id="P0 bound to a key"),
        pytest.param(replace(ROTATED, replay=b"torn"), FIRST, 0, "unreadable", id="P3 row damaged"),
        pytest.param(replace(ROTATED, replay=None), FIRST, 0, "unreadable", id="P3 row without replay"),
    ],
)
def test_what_cannot_be_served_is_refused_and_changes_nothing(session, secret, now_ms, expected):
    assert present(session, secret, now_ms) == Refuse(expected)


@pytest.mark.parametrize("secret", [FIRST, SECOND, STRANGER])
def test_another_client_or_key_is_refused_and_cannot_end_the_session(secret):
    assert present(ROTATED, secret, 9 * W, client_id="other") == Refuse("client")
    assert present(ROTATED, secret, 9 * W, jkt="unexpected") == Refuse("key")
    assert present(BOUND, secret, 9 * W, jkt="other") == Refuse("key")


def test_the_holder_of_the_key_is_served():
    assert isinstance(present(BOUND, SECOND, 9 * W, jkt="thumbprint"), Rotate)


@pytest.mark.parametrize(
    ("session", "secret", "now_ms", "kind"),
    [
        pytest.param(ROTATED, SECOND, 0, Hold, id="P1 newest at once"),
        pytest.param(ROTATED, SECOND, 2 * W, Hold, id="P1 newest at the window's end"),
        pytest.param(SHOWN, SECOND, 2 * W, Hold, id="P1 newest again"),
        pytest.param(ROTATED, SECOND, -5, Hold, id="P1 a clock that was set back"),
        pytest.param(NEW, FIRST, 0, Rotate, id="P2 the very first, at once"),
        pytest.param(NEW, FIRST, 3 * W, Rotate, id="P2 the very first, later"),
        pytest.param(ROTATED, SECOND, 2 * W + 1, Rotate, id="P2 newest after the window"),
        pytest.param(SHOWN, SECOND, 2 * W + 1, Rotate, id="P2 newest after the window, shown before"),
        pytest.param(ROTATED, FIRST, 0, Replay, id="P3 parent at once"),
        pytest.param(ROTATED, FIRST, W, Replay, id="P3 parent at the last moment"),
        pytest.param(SHOWN, FIRST, W, Replay, id="P3 parent though the newest was shown"),
        pytest.param(RECOVERED, FIRST, 3 * W + 1, Replay, id="P3 parent after a recovery"),
        pytest.param(ROTATED, FIRST, W + 1, Hold, id="parent while the window closes"),
        pytest.param(SHOWN, FIRST, 2 * W, Hold, id="parent while the window closes, newest shown"),
        pytest.param(ROTATED, FIRST, 2 * W + 1, Recover, id="P4 parent after the window"),
        pytest.param(ROTATED, FIRST, 13 * DAY, Recover, id="P4 parent days later"),
        pytest.param(RECOVERED, FIRST, 4 * W + 2, Recover, id="P4 parent again"),
        pytest.param(SHOWN, FIRST, 2 * W + 1, Reuse, id="P5 parent after the newest was shown"),
        pytest.param(ROTATED, STRANGER, 0, Reuse, id="P6 neither"),
        pytest.param(NEW, STRANGER, 0, Reuse, id="P6 neither, no parent yet"),
        pytest.param(RECOVERED, SECOND, 2 * W + 2, Reuse, id="P6 the lost successor"),
        pytest.param(present(SHOWN, SECOND, DAY).session, FIRST, DAY, Reuse, id="P6 the parent's parent"),
    ],
)
def test_a_presented_token_leads_to(session, secret, now_ms, kind):
    assert type(present(session, secret, now_ms)) is kind


def test_hold_keeps_the_row_but_for_the_acknowledgement():
    decision = present(ROTATED, SECOND, 7)
    assert decision == Hold(replace(ROTATED, acknowledged=True, seen_ms=7))
    again = present(decision.session, SECOND, 9)
    assert again.session is decision.session


def test_rotate_makes_the_newest_the_parent():
    decision = present(SHOWN, SECOND, DAY, successor=THIRD)
    after = decision.session
    assert (decision.secret, decision.generation) == (THIRD, 2)
    assert (after.current, after.previous, after.generation) == (digest(THIRD), digest(SECOND), 2)
    assert (after.acknowledged, after.opened_ms, after.rotated_ms, after.seen_ms) == (False, DAY, DAY, DAY)
    assert after.absolute_expires_ms == NEW.absolute_expires_ms


def test_replay_gives_the_same_successor_and_changes_nothing():
    decision = present(ROTATED, FIRST, W, successor=FOURTH)
    assert (decision.secret, decision.generation) == (SECOND, 1)
    assert decision.session is ROTATED


def test_recover_gives_another_successor_and_keeps_the_parent():
    decision = present(ROTATED, FIRST, DAY, successor=THIRD)
    after = decision.session
    assert (decision.secret, decision.generation) == (THIRD, 2)
    assert (after.current, after.previous) == (digest(THIRD), digest(FIRST))
    assert (after.acknowledged, after.opened_ms, after.rotated_ms) == (False, DAY, ROTATED.rotated_ms)
    assert after.idle_expires_ms == ROTATED.idle_expires_ms
    assert present(after, FIRST, DAY).secret == THIRD


def test_reuse_ends_the_session_and_drops_the_sealed_successor():
    assert present(SHOWN, FIRST, DAY) == Reuse(replace(SHOWN, revoked_ms=DAY, reason="reuse", replay=None))


def test_a_retry_thirty_seconds_later_succeeds_as_fapi_asks():
    assert isinstance(present(ROTATED, FIRST, 30_000), Hold)
    assert isinstance(present(ROTATED, FIRST, 60_000), Recover)


@pytest.mark.parametrize(("session", "secret"), [(ROTATED, SECOND), (SHOWN, SECOND), (NEW, FIRST)])
def test_strict_rotates_at_every_use(session, secret):
    assert isinstance(present(session, secret, 1, policy=STRICT), Rotate)


@pytest.mark.parametrize("now_ms", [0, W, 2 * W, DAY])
def test_strict_ends_the_session_when_the_parent_returns(now_ms):
    assert isinstance(present(ROTATED, FIRST, now_ms, policy=STRICT), Reuse)


def test_recovery_can_be_bounded():
    policy = replace(POLICY, recover_max_ms=DAY)
    assert isinstance(present(ROTATED, FIRST, DAY, policy=policy), Recover)
    assert isinstance(present(ROTATED, FIRST, DAY + 1, policy=policy), Reuse)
    recovered = present(ROTATED, FIRST, DAY, policy=policy).session
    assert isinstance(present(recovered, FIRST, DAY + 2 * W + 1, policy=policy), Reuse)


def test_the_idle_expiry_slides_with_rotations_but_never_past_the_absolute_end():
    session, secret, now_ms = NEW, FIRST, 0
    while (now_ms := now_ms + 10 * DAY) < 90 * DAY:
        successor = secrets.token_bytes(32)
        session, secret = present(session, secret, now_ms, successor=successor).session, successor
        assert session.idle_expires_ms == min(now_ms + 14 * DAY, 90 * DAY)
        assert session.absolute_expires_ms == 90 * DAY
    assert present(session, secret, 90 * DAY) == Refuse("expired")


def test_a_thief_cannot_hold_the_window_open_until_the_victim_comes_by():
    stolen, session = FIRST, present(NEW, FIRST, 0, successor=SECOND).session
    for now_ms in range(0, 2 * W + 1, W // 4):
        session = present(session, stolen, now_ms).session
    victim = present(session, FIRST, 2 * W + 1, successor=THIRD)
    assert isinstance(victim, Recover)
    assert isinstance(present(victim.session, SECOND, 2 * W + 2), Reuse)


def test_of_fifty_tabs_at_once_one_rotates_and_all_get_its_successor():
    row, given, tries = SHOWN, [], 0
    waiting = [(row, secrets.token_bytes(32)) for _ in range(50)]
    while waiting:
        tries += 1
        late = []
        for seen, successor in waiting:
            decision = present(seen, SECOND, DAY, successor=successor)
            if decision.session is not seen and row is not seen:
                late.append((row, successor))
                continue
            row = decision.session
            given.append(decision)
        waiting = late
    assert [type(decision) for decision in given] == [Rotate] + [Replay] * 49
    assert {decision.secret for decision in given} == {given[0].secret}
    assert tries == 2


def test_the_row_holds_no_token_and_gives_the_successor_to_holders_of_the_parent_only():
    assert SECOND not in ROTATED.replay
    for guess in (SECOND, THIRD, ROTATED.current, ROTATED.previous):
        forged = replace(ROTATED, previous=digest(guess))
        assert present(forged, guess, 0) != Replay(forged, SECOND)


def test_no_two_sealed_successors_share_a_nonce():
    nonces = {
        present(session, FIRST, now_ms, successor=bytes([number]) * 32).session.replay[:12]
        for session, now_ms in ((NEW, 0), (ROTATED, DAY))
        for number in range(100, 120)
    }
    assert len(nonces) == 40


def test_a_sealed_successor_is_bound_to_its_session_and_generation():
    assert present(replace(ROTATED, generation=2), FIRST, 0) == Refuse("unreadable")
    moved = replace(ROTATED, sid="A" * 22)
    presented = Presented("A" * 22, 0, FIRST)
    decision = decide(moved, presented, client_id="app", jkt=None, successor=THIRD, now_ms=0, policy=POLICY)
    assert decision == Refuse("unreadable")


def test_a_secret_shows_in_no_repr():
    decisions = (present(ROTATED, FIRST, 0), present(SHOWN, SECOND, DAY), Presented(SID, 0, FIRST))
    assert not any(repr(secret)[2:-1] in repr(decision) for decision in decisions for secret in (FIRST, SECOND, FOURTH))


SECRETS = st.binary(min_size=32, max_size=32)
SIDS = st.binary(min_size=16, max_size=16).map(lambda raw: urlsafe_b64encode(raw).decode().rstrip("="))


@given(SIDS, st.integers(0, 2**32 - 1), SECRETS)
def test_a_written_token_is_read_back(sid, generation, secret):
    token = write_token(sid, generation, secret, KEY)
    assert len(token) == 95
    assert token.startswith("mpr_")
    assert read_token(token, KEY) == Presented(sid, generation, secret)


def test_the_token_is_laid_out_as_the_design_says():
    token = write_token(SID, 7, SECOND, KEY)
    raw = urlsafe_b64decode(token.removeprefix("mpr_") + "=")
    body = urlsafe_b64decode(SID + "==") + (7).to_bytes(4, "big") + SECOND
    assert raw == body + hmac.new(KEY, body, hashlib.sha256).digest()[:16]


GOOD = write_token(SID, 7, SECOND, KEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mpr_",
        GOOD[4:],
        GOOD.upper(),
        GOOD + "=",
        GOOD + "A",
        GOOD[:-1],
        " " + GOOD,
        GOOD + "\n",
        "mps_" + GOOD[4:],
        GOOD[:-1] + "\udc80",
        GOOD[:50] + "ä" + GOOD[51:],
        GOOD[:50] + "+" + GOOD[51:],
        GOOD[:50] + "=" + GOOD[51:],
        GOOD[:-1] + chr(ord(GOOD[-1]) + 1),
    ],
)
def test_what_is_not_exactly_a_token_of_ours_is_refused(text):
    with pytest.raises(RefreshRefused):
        read_token(text, KEY)


def test_a_token_under_another_key_is_refused():
    with pytest.raises(RefreshRefused, match="tag"):
        read_token(GOOD, b"x" * 32)


@given(st.integers(4, 94), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
def test_a_token_with_one_character_changed_is_refused(position, character):
    touched = GOOD[:position] + character + GOOD[position + 1 :]
    if touched != GOOD:
        with pytest.raises(RefreshRefused):
            read_token(touched, KEY)


@given(st.text(max_size=120) | st.text(min_size=91, max_size=91).map("mpr_".__add__))
def test_any_text_at_all_is_refused_in_an_orderly_way(text):
    with pytest.raises(RefreshRefused) as refused:
        read_token(text, KEY)
    assert not text or text not in str(refused.value) or len(text) < 30


@pytest.mark.parametrize(("generation", "secret"), [(-1, FIRST), (2**32, FIRST), (0, b"short")])
def test_a_token_that_does_not_fit_is_a_programming_mistake(generation, secret):
    with pytest.raises(ValueError, match="32 bytes"):
        write_token(SID, generation, secret, KEY)


@given(
    row=st.sampled_from([None, NEW, ROTATED, SHOWN, RECOVERED, BOUND, end(ROTATED, "x", now_ms=0), OTHER_SID]),
    secret=st.sampled_from([FIRST, SECOND, THIRD, STRANGER]),
    now_ms=st.integers(-DAY, 100 * DAY),
    policy=st.sampled_from([POLICY, STRICT, replace(POLICY, window_ms=0), replace(POLICY, recover_max_ms=0)]),
    client_id=st.sampled_from(["app", ""]),
    jkt=st.sampled_from([None, "thumbprint"]),
)
def test_every_input_has_an_answer_and_no_answer_outlives_the_session(*, row, secret, now_ms, policy, client_id, jkt):
    decision = present(row, secret, now_ms, policy=policy, client_id=client_id, jkt=jkt)
    if isinstance(decision, Hold | Rotate | Replay | Recover):
        assert row.revoked_ms is None
        assert now_ms < row.idle_expires_ms <= row.absolute_expires_ms
        assert decision.session.idle_expires_ms <= decision.session.absolute_expires_ms == row.absolute_expires_ms
        assert decision.session.created_ms == row.created_ms
