"""The model on paper of `how-far-it-grows`: what it says follows does follow, and both languages say the same."""

import re
import tomllib
from pathlib import Path

import pytest

from mapae.settings import load_settings

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = [DOCS / "understand" / "how-far-it-grows.md", DOCS / "ko" / "understand" / "how-far-it-grows.md"]
SECONDS = 3600


def numbers(page: Path) -> dict[str, dict[str, float]]:
    """Everything the page's blocks of TOML say, by section."""
    blocks = re.findall(r"```toml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    return tomllib.loads("\n".join(blocks))


def followed(measured: dict[str, float], assumed: dict[str, float]) -> dict[str, float]:
    """What follows from what was measured and what is assumed."""
    m, a = measured, assumed
    people = a["accounts"] * a["using_at_once"]
    refreshes = people / a["refresh_every_seconds"]
    sign_ins = a["accounts"] * a["sign_ins_a_month"] / 30 * a["busiest_hour"] / SECONDS
    requests = people * a["requests_a_second"]
    once = a["seen_before"] * m["verify_seen_us"] + (1 - a["seen_before"]) * m["verify_new_us"]
    revoked = sign_ins * a["revoked_for_each_sign_in"] * a["remembered_seconds"]
    spare = 1e6 * a["busy"]
    return {
        "database_gb": a["accounts"] * (m["account_bytes"] + a["sessions"] * m["session_bytes"]) / 1e9,
        "refreshes_a_second": refreshes,
        "sign_ins_a_second": sign_ins,
        "requests_a_second": requests,
        "cores_for_sign_ins": sign_ins * m["sign_in_us"] / spare,
        "cores_for_refreshes": refreshes * m["refresh_us"] / spare,
        "cores_of_the_database": refreshes * m["refresh_database_us"] / spare,
        "cores_of_applications": requests * once / spare,
        "cores_of_applications_with_redis": requests * m["redis_us"] / spare,
        "revocations_remembered": revoked,
        "revocations_mb": revoked * m["revocation_bytes"] / 1e6,
    }


@pytest.mark.parametrize("page", PAGES, ids=["en", "ko"])
def test_what_the_model_says_follows_from_its_numbers(page):
    told = numbers(page)
    expected = followed(told["measured"], told["assumed"])
    assert told["follows"].keys() == expected.keys()
    for name, value in told["follows"].items():
        assert value == pytest.approx(expected[name], rel=0.02, abs=0.5), name


def test_both_languages_have_the_same_numbers():
    english, korean = map(numbers, PAGES)
    assert english == korean


def test_a_revocation_is_remembered_for_as_long_as_the_settings_say():
    settings = load_settings({}, {}, [])
    remembered = 1 + settings.access_ttl + 3 * settings.leeway
    assert numbers(PAGES[0])["assumed"]["remembered_seconds"] == remembered
