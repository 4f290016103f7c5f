import json
from pathlib import Path

import bcrypt
import pytest

from mapae.cli.account_rows import read_rows

pytestmark = pytest.mark.slow

HASH = bcrypt.hashpw(b"imported passphrase", bcrypt.gensalt(10)).decode()


def emails(run, *args):
    return [account["email"] for account in run("user", "list", "--json", *args).json["accounts"]]


def test_an_account_is_made_listed_and_shown(run, jane):
    assert emails(run) == ["jane@example.com"]
    assert "jane@example.com" in run("user", "list").out
    shown = run("user", "show", "jane@example.com", "--json").json
    assert (shown["account"]["id"], shown["account"]["name"], shown["sessions"]) == (jane, "Jane", [])
    assert jane in run("user", "show", jane).out


def test_a_password_and_its_hash_are_never_shown(run, jane):
    for args in (("user", "list", "--json"), ("user", "show", jane, "--json"), ("user", "show", jane)):
        out = run(*args).out
        assert "passphrase" not in out
        assert "$2b$" not in out


def test_the_password_can_come_from_a_file(run):
    Path("password").write_text("from a file, long enough\n")
    made = run("user", "create", "a@example.com", "--password-file", "password", "--admin", "--json").json["account"]
    assert (made["role"], made["has_password"]) == ("admin", True)


@pytest.mark.parametrize(
    ("email", "password", "refusal"),
    [
        ("no-at-sign", "a long enough passphrase", (2, "input_refused")),
        ("b@example.com", "short", (9, "password_refused")),
        ("jane@example.com", "a long enough passphrase", (9, "email_taken")),
        ("b@example.com", "", (2, "usage")),
    ],
)
def test_an_account_that_cannot_be_made_is_refused_with_the_reason(run, jane, email, password, refusal):
    code, name = refusal
    assert run("user", "create", email, "--json", give=password, code=code).json["error"]["code"] == name
    assert emails(run) == ["jane@example.com"]


def test_an_administrator_is_made_like_any_account(run):
    made = run("admin", "create", "ops@example.com", "--json", give="a long enough passphrase").json["account"]
    assert made["role"] == "admin"


def test_lists_are_filtered_and_go_on_where_they_ended(run):
    for name in ("a", "b", "c"):
        run("user", "create", f"{name}@example.com", give="a long enough passphrase")
    first = run("user", "list", "--limit", 2, "--json").json
    assert [each["email"] for each in first["accounts"]] == ["a@example.com", "b@example.com"]
    assert emails(run, "--after", first["after"]) == ["c@example.com"]
    assert emails(run, "--contains", "B@ex") == ["b@example.com"]
    assert emails(run, "--role", "admin") == []
    assert "--after" in run("user", "list", "--limit", 2).out


def test_a_disabled_account_loses_its_sessions_and_can_be_enabled_again(run, jane, signed_in):
    token = signed_in().access_token
    assert run("user", "disable", jane, "--yes", "--json").json["sessions_ended"] == 1
    assert run("user", "show", jane, "--json").json["account"]["state"] == "disabled"
    run("token", "verify", give=token, code=8)
    run("user", "disable", jane, "--yes", code=9)
    run("user", "enable", jane)
    assert emails(run, "--state", "active") == ["jane@example.com"]


def test_disabling_asks_first(run, jane):
    assert "--yes" in run("user", "disable", jane, code=2).err
    assert emails(run, "--state", "active") == ["jane@example.com"]


def test_an_unknown_account_is_not_found(run):
    assert run("user", "show", "nobody@example.com", "--json", code=9).json["error"]["code"] == "not_found"


def test_accounts_are_imported_from_csv_and_keep_their_password(run, signed_in):
    Path("users.csv").write_text(f"email,password_hash,name\nNew@Example.com,{HASH},New Person\nbare@example.com,,\n")
    assert run("user", "import", "users.csv", "--json").json["imported"] == 2
    shown = run("user", "show", "new@example.com", "--json").json["account"]
    assert (shown["name"], shown["has_password"], shown["password_changed_ms"]) == ("New Person", True, None)
    assert run("user", "show", "bare@example.com", "--json").json["account"]["has_password"] is False


def test_accounts_are_imported_from_json_lines_on_standard_input(run):
    lines = "".join(json.dumps({"email": f"u{n}@example.com", "password_hash": HASH}) + "\n" for n in range(3))
    assert run("user", "import", "-", "--json", give=lines).json["imported"] == 3
    assert len(emails(run)) == 3


BAD_CSV = f"""email,password_hash,name
good@example.com,{HASH},Good
nonsense,{HASH},
x@example.com,md5:abc,
y@example.com,{HASH}
good@example.com,{HASH},Twice
jane@example.com,{HASH},Taken
"""


def test_all_mistakes_of_an_import_are_told_with_their_lines_and_nothing_is_written(run, jane):
    Path("users.csv").write_text(BAD_CSV)
    ran = run("user", "import", "users.csv", code=2)
    told = [line.split("  ")[0] for line in ran.err.splitlines()]
    assert told == ["users.csv:3", "users.csv:4", "users.csv:5", "users.csv:6", "users.csv:7", "Nothing was written."]
    assert emails(run) == ["jane@example.com"]
    mistakes = run("user", "import", "users.csv", "--json", code=2).json["mistakes"]
    assert [(each["line"], each["field"]) for each in mistakes] == [
        (3, "email"),
        (4, "password_hash"),
        (5, ""),
        (6, "email"),
        (7, "email"),
    ]
    assert "md5:abc" not in ran.err


def test_bad_lines_and_existing_accounts_can_be_left_out(run, jane):
    Path("users.csv").write_text(BAD_CSV)
    assert run("user", "import", "users.csv", "--skip-bad", "--json").json["imported"] == 1
    Path("again.csv").write_text(f"email,password_hash\ngood@example.com,{HASH}\nnext@example.com,{HASH}\n")
    again = run("user", "import", "again.csv", "--skip-existing", "--json").json
    assert (again["imported"], again["existing"]) == (1, 1)


def test_an_import_can_be_checked_without_writing(run):
    Path("users.csv").write_text(f"email,password_hash\na@example.com,{HASH}\n")
    assert "nothing was written" in run("user", "import", "users.csv", "--check").out
    assert emails(run) == []


@pytest.mark.parametrize(
    ("content", "line", "field"),
    [
        (b"name\nx\n", 1, ""),
        (b"email\na@example.com\n\xff@example.com\n", 3, ""),
        (b'{"email": "a@example.com"}\n[1]\n', 2, ""),
        (b'{"email": "a@example.com", "role": "admin"}\n', 1, "role"),
        (b'{"email": 5}\n', 1, "email"),
        (b'{"email": "a@example.com", "name": "' + b"x" * 201 + b'"}\n', 1, "name"),
        (b'email,name\n"a@example.com\n', 2, ""),
        (b'email,name\n"a@example.com","two\nlines"\nb,\n', 4, "email"),
        (b'email,name\n"a@example.com",x\n"c@example.com","\n"\nb,\n', 5, "email"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(content, line, field):
    assert (line, field) in [(each.line, each.field) for each in read_rows(content).mistakes]


def test_a_byte_order_mark_of_a_spreadsheet_is_forgiven():
    assert [row.email for _, row in read_rows("\ufeffemail\r\na@example.com\r\n".encode()).good] == ["a@example.com"]
