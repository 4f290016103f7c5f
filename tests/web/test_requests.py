"""What a request says about its sender."""

from ipaddress import ip_network

import pytest

from mapae.web import csrf
from mapae.web.refusals import CredentialsTwice, CsrfRefused, TokenMissing
from mapae.web.requests import client_address, read_cookie, read_credentials, read_language, read_visitor

PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


def scope(*headers, method="POST", peer="10.0.0.1"):
    pairs = [(name.encode(), value.encode()) for name, value in headers]
    return {"type": "http", "method": method, "headers": pairs, "client": (peer, 1234)}


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_in_any_case(scheme):
    found = read_credentials(scope(("authorization", f"{scheme} abc")))
    assert (found.access_token, found.carrier) == ("abc", "header")


def test_the_cookie_carries_a_token_too():
    found = read_credentials(scope(("cookie", "a=b; __Host-mapae=abc; c=d")))
    assert (found.access_token, found.carrier) == ("abc", "cookie")


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("authorization", "Basic abc")],
        [("authorization", "Bearer")],
        [("authorization", "Bearer  ")],
        [("cookie", "__Host-mapae=")],
        [("cookie", "x__Host-mapae=abc; __Host-mapae-refresh=abc")],
    ],
    ids=["nothing", "another scheme", "no token", "spaces", "an empty cookie", "other cookies"],
)
def test_without_a_token_the_request_is_refused(headers):
    with pytest.raises(TokenMissing):
        read_credentials(scope(*headers))


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", "Bearer a"), ("cookie", "__Host-mapae=a")],
        [("authorization", "Bearer a"), ("authorization", "Bearer a")],
        [("cookie", "__Host-mapae=a; __Host-mapae=b")],
        [("cookie", "__Host-mapae=a"), ("cookie", "__Host-mapae=b")],
    ],
    ids=["header and cookie", "two headers", "two cookies", "two cookie headers"],
)
def test_two_tokens_are_refused(headers):
    with pytest.raises(CredentialsTwice):
        read_credentials(scope(*headers))


def test_a_cookie_that_comes_twice_with_different_values_is_refused():
    with pytest.raises(CredentialsTwice):
        read_cookie(scope(("cookie", "n=1; n=2")), b"n")


@pytest.mark.parametrize(
    ("headers", "peer", "address"),
    [
        ([("x-forwarded-for", "198.51.100.9")], "203.0.113.1", "203.0.113.1"),
        ([], "10.0.0.1", "10.0.0.1"),
        ([("x-forwarded-for", "198.51.100.9")], "10.0.0.1", "198.51.100.9"),
        ([("x-forwarded-for", "1.1.1.1, 198.51.100.9, 10.2.3.4")], "10.0.0.1", "198.51.100.9"),
        ([("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "198.51.100.9")], "10.0.0.1", "198.51.100.9"),
        ([("x-forwarded-for", "198.51.100.9:4711")], "10.0.0.1", "198.51.100.9"),
        ([("x-forwarded-for", "nonsense")], "10.0.0.1", "10.0.0.1"),
        ([("forwarded", 'for="[2001:db8::7]:4711";proto=https')], "10.0.0.1", "2001:db8::7"),
        ([("forwarded", "for=198.51.100.9, for=10.9.9.9")], "10.0.0.1", "198.51.100.9"),
        ([("x-forwarded-for", "198.51.100.9"), ("forwarded", "for=198.51.100.9")], "10.0.0.1", "198.51.100.9"),
        ([("x-forwarded-for", "198.51.100.9"), ("forwarded", "for=6.6.6.6")], "10.0.0.1", "10.0.0.1"),
        ([("x-forwarded-for", "::ffff:198.51.100.9")], "fd00::1", "198.51.100.9"),
    ],
    ids=[
        "a stranger is not believed",
        "nothing forwarded",
        "one hop",
        "what the client wrote is left of what the proxy wrote",
        "several fields are one list",
        "a port",
        "nonsense",
        "RFC 7239",
        "RFC 7239, two hops",
        "both agree",
        "they disagree",
        "IPv4 in IPv6",
    ],
)
def test_the_address_is_the_nearest_that_is_no_trusted_proxy(headers, peer, address):
    assert client_address(scope(*headers, peer=peer), trusted_proxies=PROXIES) == address


@pytest.mark.parametrize(
    ("field", "language"),
    [
        (None, "en"),
        ("ko", "ko"),
        ("ko-KR,ko;q=0.9,en-US;q=0.8", "ko"),
        ("en-US,en;q=0.9,ko;q=0.8", "en"),
        ("fr, ko;q=0.5", "ko"),
        ("fr", "en"),
        ("ko;q=0", "en"),
        ("ko;q=nonsense", "en"),
        ("*", "en"),
    ],
)
def test_the_preferred_language_is_one_of_ours(field, language):
    assert read_language(scope(*([("accept-language", field)] if field else []))) == language


def test_a_user_agent_is_cut():
    assert len(read_visitor(scope(("user-agent", "x" * 5000))).user_agent) == 256


ISSUER = "https://id.example.com"
HOST = ("host", "internal:8100")


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", [("sec-fetch-site", "cross-site")]),
        ("HEAD", [("sec-fetch-site", "cross-site")]),
        ("POST", []),
        ("POST", [("sec-fetch-site", "same-origin")]),
        ("POST", [("sec-fetch-site", "none")]),
        ("POST", [("origin", ISSUER)]),
        ("POST", [("origin", "https://internal:8100")]),
        ("POST", [("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")]),
    ],
    ids=[
        "reading",
        "looking",
        "a program",
        "our own page",
        "the person",
        "the issuer behind a proxy",
        "this host",
        "the browser knows better than Origin",
    ],
)
def test_our_own_requests_pass(method, headers):
    csrf.check(scope(HOST, *headers, method=method), issuer=ISSUER)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    "headers",
    [
        [("sec-fetch-site", "cross-site")],
        [("sec-fetch-site", "same-site")],
        [("sec-fetch-site", "nonsense")],
        [("origin", "https://evil.example")],
        [("origin", "null")],
        [("origin", "http://id.example.com")],
        [("sec-fetch-site", "cross-site"), ("origin", ISSUER)],
    ],
    ids=[
        "another site",
        "a sibling",
        "nonsense",
        "another origin",
        "null",
        "another scheme",
        "Origin alone is not enough",
    ],
)
def test_what_another_origin_sends_is_refused(method, headers):
    with pytest.raises(CsrfRefused):
        csrf.check(scope(HOST, *headers, method=method), issuer=ISSUER)
