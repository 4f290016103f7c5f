"""Keys, sessions, activity, the first administrator, migrations, backups, the doctor."""

import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest

import mapae
from mapae.jose.jwks import KeySet
from mapae.jose.key import Key
from mapae.keys.schedule import SigningKey
from mapae.settings import load_settings

pytestmark = pytest.mark.slow


def keys(run):
    return {each["kid"]: each["does"] for each in run("key", "list", "--json").json["keys"]}


def test_the_first_key_signs_and_the_next_one_is_announced_before(run):
    (first,) = keys(run)
    assert keys(run) == {first: "signing"}
    run("key", "new")
    assert sorted(keys(run).values()) == ["announced", "signing"]
    assert keys(run)[first] == "signing"
    assert "Nothing to do" in run("key", "new").out


def test_a_forced_rotation_signs_with_the_next_key_at_once(run, signed_in):
    before = signed_in().access_token
    assert "--yes" in run("key", "rotate", "--now", code=2).err
    actions = run("key", "rotate", "--now", "--yes", "--json").json["actions"]
    assert {each["done"] for each in actions} == {"made", "moved"}
    assert sorted(keys(run).values()) == ["retiring", "signing"]
    run("token", "verify", give=before)
    run("token", "verify", give=signed_in().access_token)


def test_a_retired_key_is_refused_from_now_on(run, signed_in):
    token = signed_in().access_token
    (kid,) = keys(run)
    run("key", "retire", kid, code=2)
    run("key", "retire", kid, "--yes")
    assert keys(run)[kid] == "destroyed"
    run("token", "verify", give=token, code=7)
    assert run("key", "retire", kid, "--yes", "--json", code=9).json["error"]["code"] == "not_found"


def test_published_keys_are_exported_and_verify_our_tokens(run, signed_in):
    token = signed_in().access_token
    exported = KeySet.from_jwks(run("key", "export").out)
    claims = mapae.verify(
        token, exported, issuer="http://localhost:8100", audience="http://localhost:8100", typ="at+jwt"
    )
    assert claims["sid"]
    (kid,) = keys(run)
    assert Key.from_pem(run("key", "export", kid, "--format", "pem").out).kid == kid


def test_a_private_key_leaves_only_into_a_private_file_and_that_is_recorded(run):
    (kid,) = keys(run)
    run("key", "export", kid, "--private", "--yes", code=2)
    run("key", "export", kid, "--private", "--out", "key.json", code=2)
    run("key", "export", kid, "--private", "--out", "key.json", "--yes")
    file = Path("key.json")
    assert file.stat().st_mode & 0o777 == 0o600
    assert Key.from_jwk(json.loads(file.read_text())).is_private
    assert run("activity", "--event", "key_exported", "--json").json["activity"][0]["detail"] == kid
    assert "exists already" in run("key", "export", kid, "--private", "--out", "key.json", "--yes", code=2).err


def test_a_key_of_ones_own_becomes_the_next_one(run):
    run("key", "new", "--out", "own.pem", "--alg", "ES256")
    kid = run("key", "import", "own.pem", "--json").json["kid"]
    assert keys(run)[kid] == "announced"
    run("key", "new", "--out", "other.pem", "--alg", "Ed25519")
    assert run("key", "import", "other.pem", "--json", code=2).json["error"]["code"] == "key_refused"


@pytest.mark.parametrize("alg", ["ES256", "Ed25519", "HS256"])
def test_a_key_for_other_uses_is_made_in_a_private_file(run, alg):
    made = run("key", "new", "--out", "made", "--alg", alg, "--json").json
    assert Path("made").stat().st_mode & 0o777 == 0o600
    token = run("token", "sign", "--key", "made", "--claim", "sub=x").out.strip()
    verified = run("token", "verify", "--key", "made", "--any-issuer", "--any-audience", "--json", give=token).json
    assert (verified["claims"]["sub"], made["alg"]) == ("x", alg)
    assert not Path("mapae-data").exists()
    run("key", "new", "--alg", "ES256", code=2)


def test_sessions_are_listed_and_revoked(run, jane, signed_in):
    first, second = signed_in(), signed_in()
    listed = run("session", "list", "--account", "jane@example.com", "--json").json["sessions"]
    assert {each["sid"] for each in listed} == {first.sid, second.sid}
    assert listed[0]["device"] == "Firefox · Linux"
    assert "203.0.113.*" in run("session", "list").out
    run("session", "revoke", first.sid)
    assert [each["sid"] for each in run("session", "list", "--json").json["sessions"]] == [second.sid]
    run("token", "verify", give=first.access_token, code=8)
    run("token", "verify", give=second.access_token)
    run("session", "revoke", first.sid, code=9)
    run("session", "revoke", "no-such-session", code=9)


def test_all_sessions_of_an_account_are_revoked_at_once(run, signed_in):
    tokens = [signed_in().access_token for _ in range(2)]
    run("session", "revoke", "--account", "jane@example.com", code=2)
    assert run("session", "revoke", "--account", "jane@example.com", "--yes", "--json").json["ended"] == 2
    for token in tokens:
        run("token", "verify", give=token, code=8)
    assert run("session", "list", "--json").json["sessions"] == []
    ended = run("session", "list", "--all", "--json").json["sessions"]
    assert len([each for each in ended if each["revoked_ms"]]) == 2


def test_session_lists_never_hold_what_could_refresh(run, signed_in):
    signed_in()
    (listed,) = run("session", "list", "--json").json["sessions"]
    assert not {"current", "previous", "replay", "jkt"} & set(listed)


@pytest.mark.parametrize("args", [(), ("sid", "--account", "x@example.com")])
def test_revoke_wants_either_a_session_or_an_account(run, args):
    run("session", "revoke", *args, code=2)


def test_activity_is_filtered_and_counted(run, jane, signed_in):
    tokens = signed_in()
    listed = run("activity", "--account", "jane@example.com", "--json").json["activity"]
    assert [each["event"] for each in listed] == ["sign_in", "account_created"]
    assert run("activity", "--session", tokens.sid, "--json").json["activity"][0]["sid"] == tokens.sid
    counts = {
        (each["event"], each["outcome"]): each["count"] for each in run("activity", "--count", "--json").json["counts"]
    }
    assert counts["sign_in", "ok"] == 1
    assert run("activity", "--until", "1h", "--json").json["activity"] == []
    assert "로그인했어요" in run("activity", "--since", "1h", env={"MAPAE_LANG": "ko"}).out
    first = run("activity", "--limit", 1, "--json").json
    assert run("activity", "--limit", 1, "--after", first["after"], "--json").json["activity"] != first["activity"]


@pytest.mark.parametrize("args", [("--since", "10"), ("--after", "nonsense"), ("--event", "nothing")])
def test_activity_refuses_what_it_cannot_read(run, args):
    run("activity", *args, code=2)


def test_the_link_for_the_first_administrator_is_built_from_the_issuer(run, jane):
    made = run("admin", "link", "--json", env={"MAPAE_ISSUER": "https://id.example.com"}).json
    assert made["url"].startswith("https://id.example.com/")
    assert (made["lifetime_seconds"], made["admin_exists"]) == (1800, False)
    assert run("admin", "link").out.startswith("http://localhost:8100/")


def test_migrations_are_shown_applied_and_printed(run):
    pending = run("migrate", "status", "--json").json
    assert pending["pending"] == len(pending["migrations"]) > 0
    assert not Path("mapae-data").exists()
    assert "CREATE TABLE account" in run("migrate", "sql").out
    assert len(run("migrate", "up", "--json").json["applied"]) == pending["pending"]
    assert run("migrate", "status", "--json").json["pending"] == 0
    assert run("migrate", "up", "--json").json["applied"] == []
    assert run("migrate", "sql", "--json").json["sql"] == ""
    assert Path("mapae-data").stat().st_mode & 0o777 == 0o700


def test_a_backup_brings_everything_back(run, jane, signed_in):
    token = signed_in().access_token
    made = run("backup", "saved.db", "--secret-to", "saved.secret", "--json").json
    assert made["accounts"] == 1
    assert Path("saved.db").stat().st_mode & 0o777 == 0o600
    run("backup", "saved.db", code=9)
    run("user", "create", "late@example.com", give="a long enough passphrase")
    assert "--yes" in run("restore", "saved.db", "--overwrite", code=2).err
    run("restore", "saved.db", code=9)
    assert run("restore", "saved.db", "--overwrite", "--yes", "--json").json["accounts"] == 1
    assert [each["email"] for each in run("user", "list", "--json").json["accounts"]] == ["jane@example.com"]
    run("token", "verify", give=token)
    elsewhere = ("--data", "elsewhere", "--secret-file", "saved.secret")
    run("restore", "saved.db", *elsewhere)
    assert run("user", "list", "--json", *elsewhere).json["accounts"][0]["id"] == jane


def test_what_is_no_backup_is_refused(run):
    Path("bad.db").write_text("hello")
    assert run("restore", "bad.db", "--json", code=1).json["error"]["code"] == "storage_failed"
    assert run("restore", "gone.db", "--json", code=1).json["error"]["code"] == "storage_failed"


def checks(run, code=0, **options):
    return {each["name"]: each for each in run("doctor", "--json", code=code, **options).json["checks"]}


def test_the_doctor_finds_a_fresh_directory_well_and_changes_nothing(run, home):
    before = sorted(home.iterdir())
    found = checks(run)
    assert {each["state"] for each in found.values()} == {"well"}
    assert sorted(home.iterdir()) == before


def test_the_doctor_finds_a_used_directory_well(run, jane):
    found = checks(run)
    assert {name for name, each in found.items() if each["state"] != "well"} == {"administrator"}
    assert found["administrator"]["cure"] == "mapae admin link"
    assert "mapae admin link" in run("doctor").out


def spoil_secret_mode():
    Path("mapae-data/secret").chmod(0o644)


def spoil_directory_mode():
    Path("mapae-data").chmod(0o755)


def spoil_database_mode():
    Path("mapae-data/mapae.db").chmod(0o644)


def spoil_secret():
    Path("mapae-data/secret").write_text("A" * 43 + "\n")


def track_secret():
    if shutil.which("git") is None:
        pytest.skip("no git: it is not installed")
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run(["git", "add", "-f", "mapae-data/secret"], check=True)


def spoil_database():
    Path("mapae-data/mapae.db").write_bytes(b"not a database" * 100)


@pytest.mark.parametrize(
    ("spoil", "name", "cure"),
    [
        (spoil_secret_mode, "secret", "chmod 600"),
        (spoil_directory_mode, "data", "chmod 700"),
        (spoil_database_mode, "database file", "chmod 600"),
        (spoil_secret, "sealing", "put back"),
        (track_secret, "secret", ""),
        (spoil_database, "database", ""),
    ],
)
def test_the_doctor_names_the_trouble_and_one_cure(run, jane, spoil, name, cure):
    spoil()
    found = checks(run, code=2)
    assert found[name]["state"] == "trouble"
    assert cure in (found[name]["cure"] or "")
    assert "✕" in run("doctor", code=2).out


def test_the_doctor_lists_every_mistake_of_the_settings(run):
    found = checks(run, code=2, env={"MAPAE_PORT": "0", "MAPAE_ACCES_TTL": "10m"})
    assert set(found) == {"setting port", "setting MAPAE_ACCES_TTL"}


def test_the_doctor_sees_settings_that_do_not_fit(run):
    env = {"MAPAE_HOST": "0.0.0.0", "MAPAE_ACCESS_TTL": "2h", "MAPAE_PASSWORD_MAX_AGE": "90d"}
    found = checks(run, env=env)
    assert {name for name, each in found.items() if each["state"] == "note"} == {
        "issuer",
        "access_ttl",
        "password_max_age",
    }
    assert checks(run, env={"MAPAE_ISSUER": "https://id.example.com"})["proxy"]["state"] == "note"


def test_the_doctor_redacts_secrets(run, home):
    url = home / "url"
    url.write_text(f"sqlite:///{home}/canary.db")
    env = {"MAPAE_DATABASE_FILE": str(url), "MAPAE_BRAND": "canary"}
    report = run("doctor", "--json", env=env)
    assert report.json["settings"]["database"] == "[REDACTED]"
    assert report.json["variables"] == {"MAPAE_BRAND": "[REDACTED]", "MAPAE_DATABASE_FILE": "[REDACTED]"}


def test_the_doctor_sees_an_old_key():
    from mapae.cli.checkup import check_keys

    settings = load_settings({}, {}, [])
    old = SigningKey("k1", "", "ES256", {}, b"x", 0, 0)
    (age, *_) = check_keys([old], settings, int(time.time() * 1000))
    assert (age.state, age.cure) == ("note", "mapae key rotate")


def test_a_clock_before_this_program_was_written_is_trouble():
    from mapae.cli.checkup import check_clock

    assert [each.state for each in check_clock(86_400.0)] == ["trouble"]
    assert [each.state for each in check_clock(time.time())] == ["well"]


def test_health_of_nothing_is_bad(run):
    ran = run("health", "--url", "http://127.0.0.1:9", "--json", code=9)
    assert ran.json["well"] is False
    run("health", "--url", "nonsense", code=2)


def test_dev_refuses_to_be_reachable_by_others(run):
    assert "host" in run("dev", "--host", "0.0.0.0", code=2).err
    assert "issuer" in run("dev", env={"MAPAE_ISSUER": "https://id.example.com"}, code=2).err


def test_a_directory_that_cannot_be_entered_is_one_more_trouble(tmp_path):
    from mapae.cli.checkup import Check
    from mapae.cli.doctor import reachable

    def checks_of_files():
        yield Check("data", "well", "")
        (tmp_path / "gone" / "secret").stat()

    assert [(each.name, each.state) for each in reachable(checks_of_files())] == [
        ("data", "well"),
        ("files", "trouble"),
    ]
