"""Cracking times: the study note's claim, and the published table."""

import pytest

from mapae.accounts.crack_time import (
    ARGON2_SOURCE,
    SPEEDS,
    Argon2idScheme,
    BcryptScheme,
    Fast,
    Pbkdf2Scheme,
    ScryptScheme,
    candidates,
    guesses_per_second,
    report,
)
from mapae.accounts.spelled_time import spell, spell_scheme

DAY = 86_400
YEAR = 365.25 * DAY
SEVEN_RANDOM = candidates(36, 7)


def test_three_seconds_against_ninety_days():
    plain, slow = report(SEVEN_RANDOM, card="RTX 5090", schemes=(Fast("SHA-256"), BcryptScheme(10)))
    assert plain.seconds == pytest.approx(2.8, abs=0.05)
    assert slow.seconds == pytest.approx(95 * DAY, rel=0.01)
    assert (spell(plain.seconds), spell(slow.seconds)) == ("2.8 seconds", "95 days")
    assert (spell(plain.seconds, "ko"), spell(slow.seconds, "ko")) == ("2.8초", "95일")


@pytest.mark.parametrize(
    ("guesses", "card", "scheme", "seconds"),
    [
        (candidates(26, 8), "RTX 4090", Fast("MD5"), 1.3),
        (candidates(26, 8), "RTX 4090", Fast("SHA-256"), 9.5),
        (candidates(26, 8), "RTX 4090", BcryptScheme(12), 4.6 * YEAR),
        (candidates(26, 8), "RTX 4090", Argon2idScheme(19_456, 2), 263 * DAY),
        (SEVEN_RANDOM, "RTX 5090", BcryptScheme(12), 1.04 * YEAR),
        (SEVEN_RANDOM, "RTX 5090", Argon2idScheme(19_456, 2), 56 * DAY),
        (SEVEN_RANDOM, "RTX 4090", BcryptScheme(10), 158 * DAY),
        (candidates(62, 8), "RTX 5090", BcryptScheme(10), 726 * YEAR),
        (candidates(7_776, 4), "RTX 5090", BcryptScheme(12), 48_800 * YEAR),
        (10**6, "RTX 5090", BcryptScheme(12), 7 * 60),
        (10**9, "RTX 5090", Fast("SHA-256"), 0.035),
    ],
)
def test_the_published_table_is_reproduced(guesses, card, scheme, seconds):
    (holdout,) = report(guesses, card=card, schemes=(scheme,))
    assert holdout.seconds == pytest.approx(seconds, rel=0.03)


def test_each_step_of_bcrypt_doubles_the_time():
    rates = [guesses_per_second(BcryptScheme(cost), "RTX 4090") for cost in (5, 10, 12)]
    assert rates == pytest.approx([184_000, 5_750, 1_437.5])


def test_argon2id_reproduces_the_one_published_point():
    assert guesses_per_second(Argon2idScheme(65_536, 3), "RTX 4090") == pytest.approx(1_703)
    assert guesses_per_second(Argon2idScheme(19_456, 2), "RTX 5090") == pytest.approx(16_300, rel=0.01)


def test_pbkdf2_and_scrypt_scale_with_their_parameters():
    assert guesses_per_second(Pbkdf2Scheme(999), "RTX 4090") == pytest.approx(8_865.7e3)
    assert guesses_per_second(Pbkdf2Scheme(1_998), "RTX 4090") == pytest.approx(8_865.7e3 / 2)
    assert guesses_per_second(ScryptScheme(131_072, 8, 1), "RTX 4090") == pytest.approx(7_126 / 8)


def test_one_more_character_does_more_than_any_reminder():
    assert candidates(36, 8) == 36 * SEVEN_RANDOM


def test_every_figure_names_its_source():
    for card, speeds in SPEEDS.items():
        assert card in speeds.source.what
        for holdout in report(1, card=card):
            assert speeds.source in holdout.sources
            assert all(source.url.startswith("https://") for source in holdout.sources)
            assert holdout.scaled is not isinstance(holdout.scheme, Fast)
            assert (ARGON2_SOURCE in holdout.sources) is isinstance(holdout.scheme, Argon2idScheme)


@pytest.mark.parametrize(
    ("seconds", "english", "korean"),
    [
        (0, "0 microseconds", "0마이크로초"),
        (3.5e-5, "35 microseconds", "35마이크로초"),
        (0.355, "355 milliseconds", "355밀리초"),
        (0.9999, "1 second", "1초"),
        (1, "1 second", "1초"),
        (59.7, "60 seconds", "60초"),
        (90 * DAY, "90 days", "90일"),
        (1.04 * YEAR, "1 year", "1년"),
        (726 * YEAR, "726 years", "726년"),
        (48_800 * YEAR, "48,800 years", "4.88만 년"),
        (4.9e13 * YEAR, "49 trillion years", "49조 년"),
        (1.5e20 * YEAR, "1.5e20 years", "1.5e20년"),
    ],
)
def test_times_read_well_in_both_languages(seconds, english, korean):
    assert (spell(seconds), spell(seconds, "ko")) == (english, korean)


def test_schemes_are_named_with_their_parameters():
    names = [
        spell_scheme(scheme)
        for scheme in (
            Fast("MD5"),
            BcryptScheme(12),
            Argon2idScheme(19_456, 2),
            Pbkdf2Scheme(600_000),
            ScryptScheme(131_072, 8, 1),
        )
    ]
    assert names == [
        "MD5",
        "bcrypt, cost 12",
        "Argon2id, 19 MiB, t=2",
        "PBKDF2-SHA256, 600,000",
        "scrypt, n=131,072 r=8 p=1",
    ]
