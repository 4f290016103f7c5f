"""Accounts, e-mail addresses and the words of the activity record."""

from dataclasses import replace
from typing import get_args

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from mapae.accounts.account import Account, normalise_email
from mapae.accounts.activity import EVENT_LINES, REASON_LINES, Activity, Event, Reason, describe
from mapae.errors import InputRefused

ACCOUNT = Account(
    id="A" * 22,
    email="someone@example.com",
    name="",
    role="user",
    state="active",
    epoch=3,
    created_ms=1_000,
    password_hash="$2b$stored",
    password_changed_ms=1_000,
    language="en",
)


@pytest.mark.parametrize(
    ("typed", "normalised"),
    [
        ("Someone@Example.COM", "someone@example.com"),
        ("  someone@example.com\n", "someone@example.com"),
        ("someone+tag@example.com", "someone+tag@example.com"),
        ("민지@예시.한국", "민지@예시.한국"),
        ("민지".encode().decode() + "@예시.한국", "민지@예시.한국"),
        ("someone@xn--9n2bp8q.com", "someone@실례.com"),
    ],
)
def test_one_address_has_one_spelling(typed, normalised):
    assert normalise_email(typed) == normalised
    assert normalise_email(normalised) == normalised


@given(
    st.from_regex(r"[a-z0-9._A-Z -]{0,12}", fullmatch=True) | st.text(max_size=6),
    st.from_regex(r"([a-z0-9-]{0,8}\.){0,3}(com|kr|test|local|xn--9n2bp8q|x)", fullmatch=True) | st.text(max_size=6),
)
def test_a_plain_address_is_read_as_the_library_reads_it(local, domain):
    typed = f"{local}@{domain}"
    try:
        expected = validate_email(typed.strip(), check_deliverability=False, strict=True).normalized.lower()
    except EmailNotValidError:
        expected = None
    try:
        found = normalise_email(typed)
    except InputRefused:
        found = None
    assert found == expected


@pytest.mark.parametrize(
    ("typed", "cure"),
    [
        ("", "is missing"),
        ("someone", "has no @"),
        ("@example.com", "nothing before the @"),
        ("someone@localhost", "needs a full domain"),
        ("some one@example.com", "is not an e-mail address"),
        ("a@b@example.com", "is not an e-mail address"),
        ("Someone <someone@example.com>", "is not an e-mail address"),
        ("someone@[127.0.0.1]", "is not an e-mail address"),
        ("some\0one@example.com", "is not an e-mail address"),
        ("a" * 250 + "@example.com", "is longer than 254"),
        ("a" * 65 + "@example.com", "is not an e-mail address"),
    ],
)
def test_what_is_no_address_is_refused_with_the_cure_and_not_repeated(typed, cure):
    with pytest.raises(InputRefused, match=cure) as refusal:
        normalise_email(typed)
    (mistake,) = refusal.value.mistakes
    assert (mistake.pointer, mistake.code) == ("/email", "email_invalid")
    assert len(typed) < 20 or typed not in str(refusal.value)


def test_a_disabled_account_offers_no_hash_to_sign_in_with():
    assert ACCOUNT.sign_in_hash == "$2b$stored"
    assert replace(ACCOUNT, state="disabled").sign_in_hash is None


def test_an_upgraded_hash_does_not_make_the_password_younger():
    upgraded = ACCOUNT.with_upgraded_hash("$new")
    assert upgraded == replace(ACCOUNT, password_hash="$new")


def test_p9_a_new_password_is_told_to_its_owner():
    told = Activity(9_000, "password_changed", "ok", account_id=ACCOUNT.id)
    assert "password was changed" in describe(told, "en")
    assert "비밀번호를 바꿨어요" in describe(told, "ko")


@pytest.mark.parametrize("event", get_args(Event))
def test_every_event_has_a_line_in_both_languages(event):
    line = EVENT_LINES[event]
    assert line.en.isascii()
    assert any("가" <= character <= "힣" for character in line.ko)


@pytest.mark.parametrize("reason", get_args(Reason))
def test_every_reason_has_a_line_in_both_languages(reason):
    line = REASON_LINES[reason]
    assert line.en.isascii()
    assert any("가" <= character <= "힣" for character in line.ko)


def test_the_record_has_no_words_that_are_not_on_the_list():
    assert set(EVENT_LINES) == set(get_args(Event))
    assert set(REASON_LINES) == set(get_args(Reason))


def test_a_line_says_the_reason_where_there_is_one():
    failed = Activity(1, "sign_in_failed", "refused", reason="wrong_password")
    assert describe(failed, "en") == "A sign-in was refused (the password was wrong)"
    assert describe(failed, "fr") == describe(failed, "en")
