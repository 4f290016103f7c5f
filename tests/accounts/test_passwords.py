"""Which passwords may be chosen (NIST SP 800-63B-4 §3.1.1.2, ASVS 5.0 6.2)."""

import dataclasses
import random
import string
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapae.accounts.account import Account
from mapae.accounts.common_passwords import ListMissing, fold, is_common, load, read_list
from mapae.accounts.password_age import age_days, reminder_due
from mapae.accounts.passwords import PasswordPolicy
from mapae.errors import PasswordRefused

DAY_MS = 86_400_000
CONTEXT = ("Mapae", "alice@wonder.example.com", "Alice Kim")
POLICY = PasswordPolicy()
BESIDE_A_SECOND_FACTOR = PasswordPolicy(min_length=8)


def why(password, policy=POLICY, context=CONTEXT):
    try:
        policy.check(password, context=context)
    except PasswordRefused as refusal:
        return refusal.why
    return None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("password", "verdict"),
    [
        ("fourteen chars", "too_short"),
        ("fifteen chars !", None),
        ("", "too_short"),
        ("마흔두 개의 빨간 우산 아래", None),
        ("동해물과백두산이마르고닳도록하느", None),
        ("🦊🌵🧭🪁🎻🧊🍋🛶🪶🔭🧵🥁🛰🐙🌂", None),
        ("가" * 3 + "나비", "too_short"),
    ],
)
def test_p1_fifteen_code_points_of_any_script_are_enough(password, verdict):
    assert why(password) == verdict


def test_p1_decomposed_letters_count_as_typed_on_other_keyboards():
    composed = "강남대로 열두시 반 정각"
    assert len(composed) < POLICY.min_length < len(unicodedata.normalize("NFD", composed))
    assert why(unicodedata.normalize("NFD", composed)) == "too_short"


@pytest.mark.slow
@pytest.mark.parametrize("length", [64, 128, 1024])
def test_p1_long_passwords_are_allowed(length):
    assert why("".join(random.Random(length).choices(string.printable[:95], k=length))) is None


@pytest.mark.parametrize(("password", "verdict"), [("x" * 1025, "too_long"), ("🦊" * 1024 + "🌵", "too_long")])
def test_p1_there_is_an_end_to_long(password, verdict):
    assert why(password) == verdict


@pytest.mark.parametrize("password", ["\ud800" * 20, "correct horse\udfff battery"])
def test_what_cannot_be_written_as_text_is_refused(password):
    assert why(password) == "not_text"


@pytest.mark.parametrize(
    "password",
    [
        "all lower case words",
        "ALL UPPER CASE WORDS",
        "93027461850293746",
        "#!%&*(~^@)=+;:<>/",
        "정말로한글만으로된비밀번호입니다",
    ],
)
def test_p2_no_kind_of_character_is_required(password):
    assert why(password) is None


def test_p3_nothing_expires_unless_the_setting_asks_for_a_reminder():
    ten_years = 3_650 * DAY_MS
    assert not reminder_due(0, now_ms=ten_years, max_age_ms=None)
    assert reminder_due(0, now_ms=90 * DAY_MS, max_age_ms=90 * DAY_MS)
    assert not reminder_due(0, now_ms=90 * DAY_MS - 1, max_age_ms=90 * DAY_MS)
    assert not reminder_due(None, now_ms=ten_years, max_age_ms=90 * DAY_MS)


def test_the_age_of_a_password_is_known_in_days():
    assert age_days(1_000, now_ms=1_000 + 90 * DAY_MS) == 90
    assert age_days(5_000, now_ms=0) == 0


@pytest.mark.parametrize(
    ("password", "verdict"),
    [
        ("passwordstandard", "common"),
        ("PasswordStandard", "common"),
        ("ｐａｓｓｗｏｒｄｓｔａｎｄａｒｄ", "common"),
        ("password1234567", "common"),
        ("Password!!!!!!!!", "common"),
        ("passwordpassword", "common"),
        ("iloveyou iloveyou", "common"),
        ("letmein123456789", "common"),
        ("aaaaaaaaaaaaaaaa", "repeated"),
        ("abcabcabcabcabca", "repeated"),
        (" " * 20, "repeated"),
        ("123456789012345", "sequence"),
        ("abcdefghijklmnop", "sequence"),
        ("ZYXWVUTSRQPONMLK", "sequence"),
        ("qwertyuiop12345", "sequence"),
        ("lkjhgfdsa0987654321", "sequence"),
        ("ㅁㄴㅇㄹㅎㅗㅓㅏㅣㅁㄴㅇㄹㅎㅗㅓㅏㅣ", "sequence"),
        ("alice@wonder.example.com", "context"),
        ("Alice-Kim-Mapae-1", "context"),
        ("mapae-alice-2026", "context"),
        ("WONDER.example.alice", "context"),
        ("alice in the land of tea", None),
        ("password of my mapae envoy", None),
        ("correct horse battery staple", None),
    ],
)
def test_p4_what_is_tried_first_is_refused_with_the_reason(password, verdict):
    assert why(password) == verdict


def test_a_refusal_does_not_repeat_the_password():
    with pytest.raises(PasswordRefused) as refusal:
        POLICY.check("passwordpassword", context=CONTEXT)
    assert "passwordpassword" not in str(refusal.value)


@pytest.mark.parametrize("password", ["sunshine", "Football", "trustno1", "princess", "iloveyou"])
def test_p4_the_shorter_listed_ones_are_refused_where_eight_characters_are_enough(password):
    assert why(password, BESIDE_A_SECOND_FACTOR) == "common"


def test_p4_the_list_holds_more_than_the_three_thousand_that_asvs_asks_for():
    assert len(load()) >= 3_000
    assert is_common("password")
    assert not is_common("correct horse battery staple")


@pytest.mark.parametrize("text", [None, "", "FREQUENCY_LISTS = {}"])
def test_a_library_without_its_list_is_named_in_the_failure(tmp_path, text):
    file = tmp_path / "frequency_lists.py"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ListMissing, match="zxcvbn"):
        read_list(str(file))


@pytest.mark.slow
def test_reading_the_list_does_not_load_the_library_that_carries_it():
    program = (
        "import sys; from mapae.accounts.common_passwords import is_common; "
        "assert is_common('password'); assert not any(name.startswith('zxcvbn') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


def test_p5_case_is_not_changed_when_a_password_is_kept():
    # Folding is for the comparison with the list alone: see test_hashing for what is hashed.
    assert fold("ＰassWord") == "password"
    assert why("Correct Horse Battery Staple") is None


def test_p6_what_a_password_manager_makes_and_pastes_is_accepted():
    generator = random.Random(20)
    for alphabet in (string.ascii_letters + string.digits, string.printable[:95], string.hexdigits[:16]):
        for length in (20, 32, 64, 99):
            assert why("".join(generator.choices(alphabet, k=length))) is None


def test_p6_an_account_keeps_no_hint_and_no_secret_question():
    kept = {field.name for field in dataclasses.fields(Account)}
    assert not {name for name in kept if "hint" in name or "question" in name or "answer" in name}
    assert {name for name in kept if "password" in name} == {"password_hash", "password_changed_ms"}


@pytest.mark.slow
@settings(max_examples=2 * settings().max_examples)
@given(st.text(max_size=40), st.lists(st.text(max_size=20), max_size=3))
def test_any_text_is_accepted_or_refused_with_a_reason(password, context):
    reasons = {None, "too_short", "too_long", "not_text", "repeated", "sequence", "common", "context"}
    assert why(password, BESIDE_A_SECOND_FACTOR, context) in reasons


@pytest.mark.parametrize(
    "limits", [{"min_length": 7}, {"min_length": 65}, {"max_length": 63}, {"max_length": 1025}], ids=str
)
def test_a_policy_outside_the_bounds_is_a_mistake(limits):
    with pytest.raises(ValueError, match="min_length"):
        PasswordPolicy(**limits)
