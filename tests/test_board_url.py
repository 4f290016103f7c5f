"""Where the board is: every form of the setting `board`, and what is said about one that is wrong."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.errors import SettingsRefused
from mapae.settings import load_settings, text_of
from mapae.settings.board_url import BoardAddress, read_board_url


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://localhost", BoardAddress(hosts=(("localhost", 6379),))),
        ("valkey://10.0.0.7:7000/3", BoardAddress(hosts=(("10.0.0.7", 7000),), database=3)),
        ("redis://[::1]:7000", BoardAddress(hosts=(("::1", 7000),))),
        (
            "rediss://jane:a%2Fb%40c@board.example.com/",
            BoardAddress(hosts=(("board.example.com", 6379),), secure=True, username="jane", password="a/b@c"),
        ),
        (
            "valkeys://:secret@h?ca=/etc/ca.pem",
            BoardAddress(hosts=(("h", 6379),), secure=True, password="secret", ca=Path("/etc/ca.pem")),
        ),
        ("unix:///run/valkey.sock", BoardAddress(socket="/run/valkey.sock")),
        ("valkey+unix://:pw@/run/v.sock?db=2", BoardAddress(socket="/run/v.sock", password="pw", database=2)),
        (
            "redis+sentinel://a,b:7,[::1]/board",
            BoardAddress(hosts=(("a", 26379), ("b", 7), ("::1", 26379)), service="board"),
        ),
        (
            "rediss+sentinel://u:p@a/board/4?sentinel_password=q&ca=/c",
            BoardAddress(
                hosts=(("a", 26379),), service="board", secure=True, username="u", password="p",
                sentinel_password="q", database=4, ca=Path("/c"),
            ),
        ),
    ],
)  # fmt: skip
def test_each_form_is_read(url, address):
    assert read_board_url(url) == address
    assert load_settings({"board": url}, {}, []).board == url


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("", "empty"),
        ("localhost", "write a URL"),
        ("http://localhost", "write a URL"),
        ("redis://", "host and port"),
        ("redis://a b", "write a URL"),
        ("redis://host:99999", "host and port"),
        ("redis://host:x", "host and port"),
        ("redis://:pa/ss@host", "%2F"),
        ("redis://host#1", "%23"),
        ("redis://host/name", "number"),
        ("redis://host?timeout=1", "ca"),
        ("redis://host?ca=/etc/ca.pem", "rediss"),
        ("redis://a,b", "sentinel"),
        ("unix://run/valkey.sock", "three slashes"),
        ("rediss+unix:///run/valkey.sock", "three slashes"),
        ("unix://", "three slashes"),
        ("redis+sentinel://a,b", "name of the service"),
        ("redis+sentinel://a,,b/name", "host and port"),
        ("redis+cluster://a", "write a URL"),
    ],
)
def test_a_wrong_one_is_refused_with_what_to_write_instead(url, advice):
    with pytest.raises(SettingsRefused, match=advice) as refused:
        load_settings({"board": url}, {}, [])
    (mistake,) = refused.value.mistakes
    assert mistake.where == "--board"
    assert "pa/ss" not in mistake.what
    assert '"memory"' in mistake.what or not url


@given(st.text(max_size=40), st.sampled_from(["", "redis://", "rediss+sentinel://", "unix://"]))
@pytest.mark.slow
def test_any_text_is_read_or_refused(text, scheme):
    with suppress(ValueError):
        assert isinstance(read_board_url(scheme + text), BoardAddress)


@pytest.mark.parametrize("url", ["redis://:secret@[host", "redis://:secret\u2100@host", "redis://:secret@ho st"])
def test_what_is_wrong_is_said_without_the_password(url):
    with pytest.raises(ValueError, match="write a URL") as refused:
        read_board_url(url)
    assert "secret" not in str(refused.value)


def test_passwords_are_not_shown():
    url = "redis+sentinel://jane:first-secret@a,b/board?sentinel_password=second-secret"
    settings = load_settings({"board": url}, {}, [])
    assert text_of(settings, "board") == "redis+sentinel://[REDACTED]@a,b/board?sentinel_password=[REDACTED]"
    address = read_board_url(url)
    assert address.shown == "board by a:26379,b:26379"
    assert "secret" not in repr(address)


def test_the_url_may_stand_in_a_file(tmp_path):
    path = tmp_path / "board"
    path.write_text("redis://:secret@localhost\n")
    assert load_settings({}, {"MAPAE_BOARD_FILE": str(path)}, []).board == "redis://:secret@localhost"


@pytest.mark.parametrize("prefix", ["", "a b", "{a}", "a" * 41, "한글"])
def test_a_prefix_that_would_not_make_a_name_is_refused(prefix):
    with pytest.raises(SettingsRefused):
        load_settings({"board_prefix": prefix}, {}, [])
