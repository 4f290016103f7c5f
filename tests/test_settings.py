import os
import pickle
from dataclasses import fields
from pathlib import Path

import pytest

from mapae.errors import SettingsRefused
from mapae.settings import SETTINGS, Settings, load_settings, settings_files, text_of
from mapae.settings.kinds import duration_text, is_loopback


def refused(flags=None, environ=None, files=()):
    with pytest.raises(SettingsRefused) as caught:
        load_settings(flags or {}, environ or {}, files)
    return [(mistake.where, mistake.name, mistake.what) for mistake in caught.value.mistakes]


def written(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def test_without_anything_the_defaults_hold():
    settings = load_settings({}, {}, [])
    assert settings == Settings()
    assert settings.issuer == "http://localhost:8100"
    assert settings.database_url == "sqlite:///mapae-data/mapae.db"
    assert settings.token_audience == settings.issuer
    assert settings.origin("port") == "default"


def test_the_catalogue_describes_exactly_the_settings():
    assert [*SETTINGS, "origins"] == [each.name for each in fields(Settings)]
    assert all(setting.en and setting.ko and setting.en != setting.ko for setting in SETTINGS.values())


@pytest.mark.parametrize("name", [name for name in SETTINGS if "<" not in SETTINGS[name].default])
def test_the_documented_default_is_the_default(name):
    assert SETTINGS[name].kind.read(SETTINGS[name].default) == getattr(Settings(), name) or name == "hash_threads"


@pytest.mark.parametrize("name", [name for name in SETTINGS if name not in ("database", "secret_file", "hash_threads")])
def test_a_value_written_out_reads_back_as_the_same_value(name):
    settings = load_settings({}, {}, [])
    assert SETTINGS[name].kind.read(text_of(settings, name)) == getattr(settings, name)


def test_flags_win_over_environment_over_project_file_over_personal_file(tmp_path):
    project = written(tmp_path / "mapae.toml", 'port = 3003\nbrand = "project"\naccent = "#000003"\n')
    person = written(tmp_path / "config.toml", 'port = 4004\nbrand = "person"\naccent = "#000004"\naccess_ttl = "4m"\n')
    settings = load_settings({"port": "1001"}, {"MAPAE_PORT": "2002", "MAPAE_BRAND": "environment"}, [project, person])
    assert (settings.port, settings.brand, settings.accent, settings.access_ttl) == (
        1001,
        "environment",
        "#000003",
        240,
    )
    assert settings.origin("port") == "--port"
    assert settings.origin("brand") == "MAPAE_BRAND"
    assert settings.origin("accent") == f"{project}:3"
    assert settings.origin("access_ttl") == f"{person}:4"


def test_the_project_file_and_the_personal_file_are_found(tmp_path):
    (tmp_path / "xdg" / "mapae").mkdir(parents=True)
    person = written(tmp_path / "xdg" / "mapae" / "config.toml", "")
    project = written(tmp_path / "mapae.toml", "")
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    assert settings_files(environ, tmp_path) == [project, person]
    other = tmp_path / "other.toml"
    assert settings_files(environ | {"MAPAE_CONFIG": str(other)}, tmp_path) == [other, person]


def test_a_settings_file_that_was_named_must_exist(tmp_path):
    environ = {"MAPAE_CONFIG": str(tmp_path / "gone.toml")}
    assert refused(environ=environ, files=None)[0][0] == str(tmp_path / "gone.toml")


def test_all_mistakes_are_reported_at_once_with_file_and_line(tmp_path):
    path = written(
        tmp_path / "mapae.toml",
        '# ours\nissuer = "http://id.example.com"\n\nbcrypt_cost = 4\nprot = 80\naccess_ttl = 600\n'
        "[tokens]\nleeway = 5\n",
    )
    mistakes = refused({"workers": "none"}, {"MAPAE_LOG_LEVEL": "loud", "MAPAE_BCRIPT_COST": "12"}, [path])
    assert [(where.removeprefix(str(path)), name) for where, name, _ in mistakes] == [
        ("--workers", "workers"),
        (":2", "issuer"),
        (":4", "bcrypt_cost"),
        (":5", "prot"),
        (":6", "access_ttl"),
        (":7", "[tokens]"),
        ("MAPAE_LOG_LEVEL", "log_level"),
        ("environment", "MAPAE_BCRIPT_COST"),
    ]
    by_name = {name: what for _, name, what in mistakes}
    assert by_name["bcrypt_cost"] == "write a whole number from 10 to 16"
    assert by_name["prot"] == "unknown; did you mean port?"
    assert by_name["access_ttl"].startswith('add a unit: "600s"')
    assert by_name["MAPAE_BCRIPT_COST"] == "unknown; did you mean MAPAE_BCRYPT_COST?"
    assert "https" in by_name["issuer"]


@pytest.mark.parametrize(
    ("text", "line"),
    [('port = 1\nbrand = "a', 2), ("port = 1\nport = 2\n", 2), ("= 3\n", 1), ("port = 1\n\nbrand = [1,\n", 4)],
)
def test_a_broken_file_is_reported_with_its_line(tmp_path, text, line):
    path = written(tmp_path / "mapae.toml", text)
    [(where, name, _)] = refused(files=[path])
    assert (where, name) == (f"{path}:{line}", "TOML")


def test_a_file_that_is_not_text_is_reported(tmp_path):
    path = tmp_path / "mapae.toml"
    path.write_bytes(b"brand = '\xff'")
    assert refused(files=[path]) == [(str(path), "file", "is not UTF-8")]


BAD = [
    (
        "issuer",
        ["", "id.example.com", "ftp://id.example.com", "https://", "https://id.example.com/", "http://10.0.0.1"],
    ),
    (
        "issuer",
        [
            "https://ID.example.com",
            "https://a@b.example",
            "https://b.example?x",
            "https://b.example#",
            "https://[",
            "https://b c",
        ],
    ),
    ("issuer", ["https://b.example:99999", "https://b.example:0", "https://b\u0430.example"]),
    ("host", ["", "localhost:8100", "a b", "http://localhost", "-x", "a" * 300]),
    ("port", ["0", "65536", "http", "8100.5", "-1", "٨١٠٠", 3.5, True]),
    ("workers", ["0", "65", "many"]),
    ("access_ttl", ["", "10", 600, "29s", "25h", "ten minutes", "10m5", "-1m", "1.5h", True, "9" * 30 + "s"]),
    ("recover_max", ["of", "30s", "10"]),
    ("strict_refresh", ["", "perhaps", 1, "2"]),
    ("bcrypt_cost", ["9", "17", "12.0", True, []]),
    ("password_hash", ["md5", "", 5]),
    ("algorithm", ["HS256", "none", "EdDSA"]),
    ("languages", ["", "fr", "en,en", [], ["en", 1], 7]),
    (
        "clients",
        ["phone", "phone=", "=jwt", "phone=JWT", "a b=jwt=opaque", "phone=jwt,phone=opaque", "mapae=jwt", ["x=jwt", 1]],
    ),
    ("trusted_proxies", ["10.0.0.1/8", "proxy", [5], "10.0.0.0/8,,"]),
    ("accent", ["red", "#12345", "7A4E12"]),
    ("brand", ["", "a\nb", "x" * 61, 5]),
    ("database", ["", "mysql://u:p@h/d", "sqlite:///", "mapae.db", "sqlite:///a?mode=ro"]),
    ("database", ["postgresql://", "postgres://host", "postgresql:///", "postgresql://h/a/b", "postgresql://h:0/d"]),
    (
        "database",
        ["postgresql://h:70000/d", "postgresql://h:x/d", "postgresql://u:hunter2@x@h/d", "postgresql://h h/d"],
    ),
    ("database", ["postgresql://u:hunter2%@h/d", "postgresql://u:hunter2/@h/d", "postgresql://u:hunter2#@h/d"]),
    (
        "database",
        ["postgresql://h/d?sslmod=require", "postgresql://h/d?sslmode=on", "postgresql://h/d?password=hunter2"],
    ),
    ("database", ["postgresql://u:hunter?2@h/d", "postgresql://h/d?connect_timeout=soon", "postgresql://[::1/d"]),
    ("database_connections", ["1", "501", "many"]),
    ("security_contact", ["", "us", "http://example.com"]),
    ("data", ["", "a\0b", 5]),
]


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD for value in values])
def test_a_value_out_of_bounds_is_refused_with_what_to_write(name, value):
    [(where, named, what)] = refused({name: value})
    assert (where, named) == (SETTINGS[name].flag, name)
    assert what.startswith(("write ", "is empty", "add a unit", "leave out"))


GOOD = [
    ("issuer", "https://id.example.com/team", "https://id.example.com/team"),
    ("issuer", "http://127.0.0.1:9000", "http://127.0.0.1:9000"),
    ("issuer", "http://[::1]:9000", "http://[::1]:9000"),
    ("host", "[::1]", "::1"),
    ("access_ttl", "1h30m", 5400),
    ("access_ttl", "1 h 30 m", 5400),
    ("recover_max", "off", None),
    ("recover_max", "2h", 7200),
    ("password_max_age", "90d", 90 * 86_400),
    ("strict_refresh", "on", True),
    ("languages", "ko,en", ("ko", "en")),
    ("languages", ["ko"], ("ko",)),
    ("clients", "phone = jwt, kiosk=opaque", ("phone=jwt", "kiosk=opaque")),
    ("clients", ["phone=jwt"], ("phone=jwt",)),
    ("trusted_proxies", "10.0.0.0/8, ::1", ("10.0.0.0/8", "::1")),
    ("algorithm", "ed25519", "Ed25519"),
    ("accent", "#aabbcc", "#AABBCC"),
    ("audience", "issuer", None),
    ("data", "~/x", Path("~/x").expanduser()),
    ("database", "sqlite:////var/lib/mapae.db", "sqlite:////var/lib/mapae.db"),
    ("security_contact", "security@example.com", "mailto:security@example.com"),
    ("security_contact", "https://example.com/report", "https://example.com/report"),
    ("hash_threads", "7", 7),
]


@pytest.mark.parametrize(("name", "value", "expected"), GOOD)
def test_a_good_value_is_read(name, value, expected):
    assert getattr(load_settings({name: value}, {}, []), name) == expected


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"access_ttl": "20m", "idle_ttl": "10m"}, "access_ttl"),
        ({"idle_ttl": "91d"}, "idle_ttl"),
        ({"key_announced_for": "2h", "key_signs_for": "1h"}, "key_announced_for"),
        ({"tls_cert": "a.pem"}, "tls_key"),
        ({"tls_key": "a.pem"}, "tls_cert"),
        ({"tls_cert": "a.pem", "tls_key": "b.pem", "issuer": "http://localhost"}, "issuer"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(given, name):
    [(where, named, _)] = refused(given)
    assert (named, where.startswith("--")) == (name, True)


def test_a_wrong_value_is_not_reported_a_second_time_as_a_contradiction():
    assert [name for _, name, _ in refused({"access_ttl": "99d", "idle_ttl": "1m"})] == ["access_ttl"]


def test_the_issuer_follows_the_port_when_only_the_port_is_set():
    settings = load_settings({"port": "9000"}, {}, [])
    assert settings.issuer == "http://localhost:9000"
    assert settings.origin("issuer") == "default (from port)"
    assert load_settings({"tls_cert": "a", "tls_key": "b"}, {}, []).issuer == "https://localhost:8100"


def test_automatic_hash_threads_share_the_cores_among_the_workers():
    cores = Settings().hash_threads
    assert load_settings({"workers": "1"}, {}, []).hash_threads == cores
    assert load_settings({"workers": "64"}, {}, []).hash_threads == 1


def test_a_secret_value_can_come_from_a_file(tmp_path):
    path = written(tmp_path / "url", f"sqlite:///{tmp_path}/x.db\n")
    assert load_settings({}, {"MAPAE_DATABASE_FILE": str(path)}, []).database == f"sqlite:///{tmp_path}/x.db"
    file = written(tmp_path / "mapae.toml", f'database_file = "{path}"\n')
    assert load_settings({}, {}, [file]).database == f"sqlite:///{tmp_path}/x.db"
    [(where, name, what)] = refused(environ={"MAPAE_DATABASE_FILE": str(tmp_path / "gone")})
    assert (where, name) == ("MAPAE_DATABASE_FILE", "database_file")
    assert what.startswith("cannot be read")


def test_the_secret_itself_is_refused_in_environment_and_file(tmp_path):
    path = written(tmp_path / "mapae.toml", 'secret = "canary-7f"\n')
    mistakes = refused(environ={"MAPAE_SECRET": "canary-7f"}, files=[path])
    assert [name for _, name, _ in mistakes] == ["secret", "secret"]
    assert "canary" not in str(mistakes)


def test_a_systemd_credential_is_the_secret_file_unless_another_is_set(tmp_path):
    written(tmp_path / "secret", "x")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    settings = load_settings({}, environ, [])
    assert settings.secret_file == tmp_path / "secret"
    assert settings.origin("secret_file") == "systemd credential secret"
    assert load_settings({}, environ | {"MAPAE_SECRET_FILE": "/run/x"}, []).secret_file == Path("/run/x")
    assert load_settings({}, {"CREDENTIALS_DIRECTORY": str(tmp_path / "none")}, []).secret_file is None


def test_known_variables_that_are_no_settings_are_allowed():
    environ = {"MAPAE_VECTORS": "x", "MAPAE_SEED": "1", "MAPAE_LANG": "ko", "HOME": "/root", "PORT": "1"}
    assert load_settings({}, environ, []) == Settings()


def test_an_empty_variable_of_an_unknown_name_is_refused_too():
    assert refused(environ={"MAPAE_PORTT": ""})[0][2] == "unknown; did you mean MAPAE_PORT?"
    assert refused(environ={"MAPAE_": ""})[0][1] == "MAPAE_"


def test_a_line_is_found_for_quoted_and_dotted_keys(tmp_path):
    path = written(tmp_path / "mapae.toml", '\n"prot" = 1\n\nui.brand = "x"\n')
    assert [(where.rpartition(":")[2], name) for where, name, _ in refused(files=[path])] == [
        ("2", "prot"),
        ("4", "[ui]"),
    ]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://mapae@db.example.com/mapae",
        "postgres://mapae:p%40ss%2Fword@db.example.com:5433/mapae?sslmode=verify-full&sslrootcert=system",
        "postgresql://mapae@one,two:5433,[::1]:5434/mapae?target_session_attrs=read-write",
        "postgresql:///mapae?host=/run/postgresql",
        "postgresql://%2Frun%2Fpostgresql/mapae",
        "postgresql://h/d?options=-csearch_path%3Dmapae&passfile=/run/secrets/pgpass",
    ],
)
def test_a_database_in_postgresql_is_named_by_its_url(url):
    assert load_settings({"database": url}, {}, []).database_url == url


def test_messages_never_hold_the_value_of_a_secret_setting():
    for name, values in BAD:
        for value in values if name == "database" else ():
            assert "hunter2" not in str(refused({name: value}))
    settings = load_settings({"database": "postgresql://me:hunter2@h/d"}, {}, [])
    assert text_of(settings, "database") == "postgresql://[REDACTED]@h/d"


def test_settings_survive_being_sent_to_another_process():
    settings = load_settings({"port": "9000"}, {}, [])
    assert pickle.loads(pickle.dumps(settings)).origin("port") == "--port"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (60, "1m"), (90, "1m30s"), (86_400, "1d"), (90_061, "1d1h1m1s")]
)
def test_durations_are_written_with_units(seconds, text):
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("localhost", True),
        ("a.localhost", True),
        ("127.9.9.9", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("localhost.example", False),
    ],
)
def test_loopback_is_this_machine_only(host, answer):
    assert is_loopback(host) is answer


def test_the_process_environment_of_the_tests_is_a_valid_one():
    load_settings({}, os.environ, [])
