"""The commands that need no service: config, explain, crack-time, completion."""

import pytest

from mapae.cli.token_error_words import WORDS
from mapae.settings import SETTINGS
from mapae.web.problems import PROBLEMS


def test_config_show_lists_every_setting_with_its_origin(run):
    out = run("config", "show", "--port", "9000", env={"MAPAE_BRAND": "Example"}).out
    lines = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line and not line.startswith("#")}
    assert set(lines) == set(SETTINGS)
    assert lines["port"] == ["9000", "--port"]
    assert lines["brand"] == ["Example", "MAPAE_BRAND"]
    assert lines["bcrypt_cost"] == ["10", "mapae.toml:1"]
    assert lines["access_ttl"] == ["10m", "default"]


def test_config_show_answers_programs_and_explains(run):
    settings = run("config", "show", "--json").json["settings"]
    assert settings["bcrypt_cost"] == {"value": "10", "origin": "mapae.toml:1", "default": "12"}
    assert SETTINGS["leeway"].en in run("config", "show", "--help-texts").out
    assert SETTINGS["leeway"].ko in run("config", "show", "--help-texts", env={"MAPAE_LANG": "ko"}).out


def test_config_check_exits_with_2_after_listing_all_mistakes(run):
    ran = run("config", "check", "--port", "0", env={"MAPAE_BRANT": "x", "MAPAE_ACCESS_TTL": "5"}, code=2)
    assert len(ran.err.splitlines()) == 3
    assert "MAPAE_BRAND" in ran.err


def test_config_check_of_right_settings_says_so(run, home):
    (home / "mapae.toml").write_text("bcrypt_cost = 10\n", "utf-8")
    assert run("config", "check", "--json").json["set"] == {"bcrypt_cost": {"value": "10", "origin": "mapae.toml:1"}}
    assert "1 differ" in run("config", "check").out


def test_another_settings_file_can_be_named(run, home):
    (home / "other.toml").write_text("port = 9001\n", "utf-8")
    assert run("config", "show", "--config", "other.toml", "--json").json["settings"]["port"]["value"] == "9001"
    assert "cannot be read" in run("config", "check", "--config", "gone.toml", code=2).err


@pytest.mark.slow
@pytest.mark.parametrize("code", PROBLEMS)
def test_explain_knows_every_code_of_the_service(run, code):
    assert PROBLEMS[code].advice.en in run("explain", code).out
    assert PROBLEMS[code].advice.ko in run("explain", code, env={"MAPAE_LANG": "ko"}).out


@pytest.mark.parametrize("code", WORDS)
def test_explain_says_why_the_library_raises_an_error_and_how_to_cure_it(run, code):
    words, out = WORDS[code], run("explain", code).out
    assert words.why_en in out
    assert words.cure_en in out
    korean = run("explain", code, env={"MAPAE_LANG": "ko"}).out
    assert words.why_ko in korean
    assert words.cure_ko in korean


def test_explain_names_the_class_that_carries_a_code(run):
    told = run("explain", "token_expired", "--json").json
    assert told["class"] == "mapae.errors.Expired"
    assert told["cure"] == WORDS["token_expired"].cure_en
    assert "class" not in run("explain", "csrf_refused", "--json").json


def test_explain_takes_a_problem_uri_and_a_finding_of_the_inspector(run):
    assert run("explain", "https://id.example/problems/token_expired", "--json").json["status"] == 401
    assert run("explain", "exp-string", "--json").json["severity"] == "danger"


def test_explain_suggests_the_nearest_code_and_lists_all(run):
    assert "token_expired" in run("explain", "token_expird", code=2).err
    assert {each["code"] for each in run("explain", "--json").json["codes"]} == set(PROBLEMS)
    assert "token_expired" in run("explain").out


def test_crack_time_computes_the_figures_of_the_note(run):
    schemes = {each["scheme"]: each for each in run("crack-time", "--json").json["schemes"]}
    assert 2.5 < schemes["SHA-256"]["seconds"] < 3.5
    assert 85 < schemes["bcrypt, cost 10"]["seconds"] / 86_400 < 100
    out = run("crack-time").out
    assert "95 days" in out
    assert "https://gist.github.com/Chick3nman/" in out
    assert "95일" in run("crack-time", env={"MAPAE_LANG": "ko"}).out


def test_crack_time_scales_with_cards_length_words_and_rank(run):
    def seconds(*args):
        return {each["scheme"]: each["seconds"] for each in run("crack-time", "--json", *args).json["schemes"]}["MD5"]

    assert seconds("--cards", 10) == pytest.approx(seconds() / 10)
    assert seconds("--length", 8) == pytest.approx(seconds() * 36)
    assert seconds("--words", 2) == pytest.approx(seconds("--rank", 7776**2))
    assert "not both" in run("crack-time", "--words", 2, "--rank", 5, code=2).err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(run, shell):
    assert "_MAPAE_COMPLETE" in run("completion", shell).out
