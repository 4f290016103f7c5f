"""A posted form is read strictly, and whoever signs in is sent nowhere but home."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.web.pages.forms import parse_form
from mapae.web.pages.local_paths import local_path
from mapae.web.refusals import RequestRefused


@pytest.mark.parametrize(
    ("body", "pairs"),
    [
        (b"", []),
        (b"email=jane%40example.com&password=a+b%2Bc", [("email", "jane@example.com"), ("password", "a b+c")]),
        (b"name=%EC%9E%AC%EC%9D%B8", [("name", "재인")]),
        (b"name=", [("name", "")]),
        (b"a=1&a=2", [("a", "1"), ("a", "2")]),
        (b"password=%00%26%3D", [("password", "\0&=")]),
    ],
)
def test_a_form_is_read_as_browsers_write_it(body, pairs):
    assert parse_form(body) == pairs


@pytest.mark.parametrize(
    "body",
    [b"email", b"a=1&&b=2", b"a=%zz", b"a=%4", b"a=%FF", b"a=%ED%A0%80", b"a=\xec\x9e\xac", b"&".join([b"a=1"] * 33)],
)
def test_a_broken_form_is_refused(body):
    with pytest.raises(RequestRefused):
        parse_form(body)


@given(st.binary() | st.from_regex(rb"([a-z]=(%[0-9A-F]{2})*&){0,5}"))
@pytest.mark.slow
def test_any_bytes_give_pairs_or_a_refusal(body):
    try:
        pairs = parse_form(body)
    except RequestRefused:
        return
    assert all(isinstance(name, str) and isinstance(value, str) for name, value in pairs)


@pytest.mark.parametrize("path", ["/", "/account", "/auth/account?tab=1&x=%2F", "/a//b"])
def test_a_path_of_this_origin_is_followed(path):
    assert local_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "account",
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/a\\b",
        "/a\r\nb: c",
        "/ü",
        "/" + "a" * 2000,
    ],
)
def test_a_path_elsewhere_is_not_followed(path):
    assert local_path(path) == ""
