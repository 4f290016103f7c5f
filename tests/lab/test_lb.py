"""What `mapae lab lb` writes, reads and reckons, without any server."""

import json

import pytest

from mapae.cli.lab_lb_words import chart, json_of, lines_of, percent
from mapae.lab.lb.balancer import length_of
from mapae.lab.lb.line import Reply, request
from mapae.lab.lb.load import BROKEN, Outcome
from mapae.lab.lb.modes import QUICK
from mapae.lab.lb.people import credential
from mapae.lab.lb.proxies import haproxy_configuration, nginx_configuration
from mapae.lab.lb.results import Kill, Load, Measured, Outage, Report, SignOuts
from mapae.lab.lb.tools import Tools, find_tools

NODES = [7001, 7002, 7003]


@pytest.mark.parametrize("write", [haproxy_configuration, nginx_configuration])
def test_a_balancer_knows_every_node_and_follows_its_cookie_only_where_it_should(write):
    sticky, plain = write(7000, NODES, sticky=True), write(7000, NODES, sticky=False)
    for text in (sticky, plain):
        assert "127.0.0.1:7000" in text
        assert all(f"127.0.0.1:{node}" in text for node in NODES)
    assert ("cookie n3" in sticky, "cookie n3" in plain) == (write is haproxy_configuration, False)
    assert ("n3 n3;" in sticky, "n3 n3;" in plain) == (write is nginx_configuration, False)


@pytest.mark.parametrize(
    ("head", "body", "expected"),
    [
        (
            b"HTTP/1.1 200 OK\r\nset-cookie: session=abc; Path=/; HttpOnly\r\nSet-Cookie: node=n2; Path=/",
            b"{}",
            "Cookie: session=abc; node=n2",
        ),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 22", b'{"access_token":"xyz"}', "Authorization: Bearer xyz"),
    ],
)
def test_a_client_keeps_the_cookies_it_is_given_or_else_the_token(head, body, expected):
    assert credential(Reply(200, head, body)) == expected


def test_a_request_is_as_long_as_it_says():
    written = request("POST", "/v1/sign-in", "Cookie: a=b", body=b"{}")
    head, _, body = written.partition(b"\r\n\r\n")
    assert length_of(head + b"\r\n\r\n") == len(body) == 2
    assert b"\r\nCookie: a=b\r\n" in head
    assert length_of(request("GET", "/who")) == 0


def test_refusals_failures_and_percentiles_are_told_apart():
    outcome = Outcome(seconds=2.0, latencies=[0.001 * number for number in range(1, 101)])
    outcome.statuses.update({200: 60, 401: 40, 503: 3, BROKEN: 2})
    assert outcome.per_second == 50
    assert outcome.refused_share == pytest.approx(40 / 105)
    assert outcome.failed == 5
    assert (outcome.percentile_ms(0.5), outcome.percentile_ms(0.99)) == pytest.approx((51, 100))


def measured(**changed) -> Measured:
    given = {
        "load": Load(1234.5, 3.14159, 20.0, 5000, 310.0, 0.667, 0, {}),
        "sign_outs": SignOuts(tried=6, ended=2, median_ms=9.0, slowest_ms=12.0, waited_seconds=2.5),
        "kill": Kill(users=18, lost=6, failed=1, answers=900),
        "request_bytes": 127,
        "credential_bytes": 57,
        "outages": (),
    }
    return Measured(**given | changed)


FEED = measured(
    load=Load(900.0, 4.0, 30.0, 4000, None, 0.0, 0, {"valkey": 0.003, "database": 0.014}),
    sign_outs=SignOuts(tried=6, ended=6, median_ms=40.0, slowest_ms=131.7, waited_seconds=2.5),
    kill=Kill(users=18, lost=0, failed=0, answers=900),
    outages=(Outage("valkey", 1.0), Outage("database", 1.0, 0.0, 4.5)),
)
REPORT = Report(
    QUICK, Tools("own", find_tools(balancer="own", store=None).program, None), {"A": measured(), "F": FEED}, ["C"]
)


@pytest.mark.parametrize(
    ("language", "lost", "partly"), [("en", "6 of 18", "for 2 of 6"), ("ko", "18명 중 6명", "6번 중 2번만")]
)
def test_the_table_says_it_all_in_either_language(language, lost, partly, monkeypatch):
    monkeypatch.setenv("MAPAE_LANG", language)
    said = "\n".join(lines_of(REPORT))
    rows = {tuple(line.split()[-2:]) for line in said.splitlines() if line}
    assert {("1,234", "900"), ("310", "-"), ("0.00", "0.02"), ("67%", "0%")} <= rows
    assert lost in said
    assert partly in said
    assert "132 ms" in said
    assert "--store" in said, "why mode C is missing"


def test_programs_get_the_same_numbers():
    members = json.loads(json.dumps(json_of(REPORT)))
    assert members["modes"]["A"]["kill"] == {"users": 18, "lost": 6, "failed": 1, "requests": 900}
    assert members["modes"]["F"]["store_operations_per_request"] == {"valkey": 0.003, "database": 0.014}
    assert [each["served_later"] for each in members["modes"]["F"]["outages"]] == [None, 0.0]
    assert list(members["not_measured"]) == ["C"]


@pytest.mark.parametrize(("korean", "word"), [(False, "Requests a second"), (True, "초당 요청")])
def test_the_charts_name_every_mode_that_was_measured(korean, word):
    drawn = chart(REPORT, korean=korean)
    assert drawn.startswith("<svg")
    assert word in drawn
    assert (drawn.count(">A "), drawn.count(">F ")) == (7, 8), "a sign-out of A never counts everywhere"


def test_little_is_not_called_nothing():
    assert [percent(share) for share in (0.0, 0.001, 0.334, 1.0)] == ["0%", "<1%", "33%", "100%"]
