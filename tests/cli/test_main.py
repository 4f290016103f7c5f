import click
import pytest

from mapae.cli.commands import Group
from mapae.cli.main import VERBS, WHAT_NOW_EN, WHAT_NOW_KO, mapae

NO_JSON = {("serve",), ("dev",), ("completion",)}


def every_command(group=mapae, path=()):
    for name in group.verbs:
        command = group.get_command(click.Context(group), name)
        if isinstance(command, Group):
            yield from every_command(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(every_command())


def test_the_verbs_are_those_that_were_promised():
    promised = """
        serve, dev, doctor, explain, health, activity, crack-time, backup, restore, completion,
        token inspect, token verify, token sign,
        key list, key new, key rotate, key retire, key export, key import,
        user list, user show, user create, user disable, user enable, user import,
        session list, session revoke, migrate status, migrate up, migrate sql,
        config show, config check, admin create, admin link, calibrate,
            gate status, gate open, gate close, gate drain, gate schedule, lab lb, lab crowd, bench
    """
    assert {" ".join(path) for path in COMMANDS} == {verb.strip() for verb in promised.replace("\n", " ").split(",")}


@pytest.mark.slow
@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help_in_both_languages(run, path):
    english = run(*path, "--help").out
    korean = run(*path, "--help", env={"MAPAE_LANG": "ko"}).out
    assert english.startswith(f"Usage: mapae {' '.join(path)}")
    assert any("가" <= letter <= "힣" for letter in korean)
    assert not any("가" <= letter <= "힣" for letter in english)


@pytest.mark.parametrize("path", sorted(COMMANDS.keys() - NO_JSON), ids=" ".join)
def test_every_command_can_answer_programs(path):
    assert "--json" in {name for parameter in COMMANDS[path].params for name in parameter.opts}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_no_secret_is_an_argument(path):
    for parameter in COMMANDS[path].params:
        names = {name.lstrip("-") for name in parameter.opts}
        assert not names & {"password", "secret", "key-value", "passphrase"}
        assert not any(
            "password" in name and not name.endswith(("-file", "-length", "-age", "-hash")) for name in names
        )


@pytest.mark.slow
def test_every_group_explains_itself_in_both_languages(run):
    for name, (_, _, korean) in VERBS.items():
        assert run(name, "--help", env={"LC_ALL": "ko_KR.UTF-8"}).out
        assert korean in run("--help", env={"LC_ALL": "ko_KR.UTF-8"}).out


def test_what_now_has_twelve_lines():
    assert len(WHAT_NOW_EN.splitlines()) == len(WHAT_NOW_KO.splitlines()) == 12


def test_without_a_terminal_the_bare_command_prints_its_help(run):
    assert run().out.startswith("Usage: mapae")


@pytest.mark.parametrize(
    ("args", "near"), [(("tokn",), "token"), (("token", "inspekt"), "inspect"), (("key", "rotat"), "rotate")]
)
def test_a_typing_mistake_gets_a_suggestion(run, args, near):
    assert f"Did you mean {near}?" in run(*args, code=2).err


def test_a_usage_mistake_is_told_to_programs_as_json(run):
    error = run("token", "sign", "--json", code=2).json["error"]
    assert (error["code"], error["exit"]) == ("usage", 2)
    assert "--key" in error["reason"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "args",
    [
        ("session", "revoke", "-4bCdefghijklmnopqrstu"),
        ("session", "revoke", "--json", "-4bCdefghijklmnopqrstu"),
        ("user", "show", "-4bCdefghijklmnopqrst-"),
        ("key", "retire", "-4bCdefghijklmnopqrstuvwxyz0123456789ABCDE_", "--yes"),
    ],
    ids=" ".join,
)
def test_an_id_that_begins_with_a_dash_is_no_option(run, args):
    ran = run(*args, code=9)
    assert "No such option" not in ran.out + ran.err


def test_an_unknown_option_is_still_refused(run):
    assert "No such option" in run("session", "revoke", "-4", code=2).err


def test_settings_mistakes_are_listed_with_file_and_line(run, home):
    (home / "mapae.toml").write_text("prot = 1\nbcrypt_cost = 3\n", "utf-8")
    ran = run("user", "list", code=2)
    assert ran.err.splitlines() == [
        "mapae.toml:1  prot: unknown; did you mean port?",
        "mapae.toml:2  bcrypt_cost: write a whole number from 10 to 16",
    ]
    mistakes = run("user", "list", "--json", code=2).json["error"]["mistakes"]
    assert [mistake["where"] for mistake in mistakes] == ["mapae.toml:1", "mapae.toml:2"]


def test_the_version_is_printed(run):
    from mapae import __version__

    assert run("--version").out == f"mapae {__version__}\n"
