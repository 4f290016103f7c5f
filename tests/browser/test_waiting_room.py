"""The waiting room in a real browser: what people see, and what nobody can do with it.

The first six tests are those that the failed reservation sites of July 2021 teach.
"""

import re
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from unreadable import unreadable

from .conftest import PASSWORD
from .test_pages_access import LEAST_TARGET, SMALL_TARGETS, violations

pytestmark = pytest.mark.slow

TICKET = "__Host-mapae-ticket"
EMAIL = "waiting@example.com"


@pytest.fixture(scope="module", autouse=True)
def account(server):
    with server.connect() as program:
        program.sign_up(EMAIL)


@contextmanager
def closed(server, *how):
    """Nobody is let in inside."""
    assert server.mapae("gate", *(how or ("close",))).returncode == 0
    try:
        yield
    finally:
        assert server.mapae("gate", "open").returncode == 0


@pytest.fixture(scope="module")
def axe(node_modules):
    return (node_modules / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def crowd(server):
    """Three people who came before."""

    def comes(people=3):
        with server.connect() as program:
            for _ in range(people):
                answer = program.ask("POST", "/v1/sign-in", json_body={"email": EMAIL, "password": PASSWORD})
                assert answer.status == 503, answer.body
        time.sleep(0.2)  # whoever comes within a tenth of a second draws lots with them

    return comes


def cookies_of(desk):
    return {each["name"]: each["value"] for each in desk.context.cookies()}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_room_can_be_used_by_everybody_and_says_when_the_line_stands(  # noqa: PLR0917
    server, visit, picture, axe, crowd, language, scheme
):
    with closed(server):
        crowd()
        desk = visit(language, scheme=scheme)
        desk.goes_to("/account")
        desk.sees("wait.paused")
        desk.sees("wait.stands")
        picture(desk, f"wait-{language}-{scheme}-wide")
        assert violations(desk, axe) == []
        desk.page.set_viewport_size({"width": 320, "height": 720})
        picture(desk, f"wait-{language}-{scheme}-narrow")
        assert desk.page.evaluate("() => document.documentElement.scrollWidth") <= 320
        assert desk.page.evaluate(SMALL_TARGETS, LEAST_TARGET) == []


@pytest.mark.parametrize("javascript", [True, False], ids=["with script", "without script"])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_link_to_a_page_inside_leads_to_the_line_and_then_on_to_the_page(server, visit, language, javascript):
    desk = visit(language, javascript=javascript)
    with closed(server):
        desk.goes_to("/account/password")
        desk.sees("wait.paused")
        assert "/wait?next=%2Faccount%2Fpassword" in desk.page.url
        assert TICKET in cookies_of(desk)
    desk.page.wait_for_url("**/sign-in?next=%2Faccount%2Fpassword")
    desk.fills(email=EMAIL, password=PASSWORD)
    desk.presses("sign_in.submit")
    desk.is_at("/account/password")
    assert TICKET not in cookies_of(desk)


def test_while_the_database_cannot_be_read_nobody_is_let_in_and_the_page_waits_on(server, visit):
    desk = visit()
    with closed(server):
        desk.goes_to("/account")
        desk.sees("wait.paused")
        with unreadable(server.data):
            with desk.page.expect_response(lambda answer: "/wait" in answer.url and answer.status >= 500):
                pass
            assert "/wait" in desk.page.url
            desk.sees("wait.paused")
            newcomer = visit()
            assert newcomer.page.goto(server.url + "/sign-in").status >= 500
            assert newcomer.page.locator("[name=password]").count() == 0
        for each in (desk, newcomer):
            each.wrong.clear()  # a browser logs each answer of 500 and more
    desk.page.wait_for_url("**/sign-in?next=%2Faccount")


def ahead_of(desk):
    """The number of people before this visitor."""
    text = desk.page.locator(".ahead").text_content()
    return int(re.sub(r"\D", "", text) or 0)


def test_a_ticket_that_was_changed_opens_nothing_and_the_honest_one_is_as_good_as_before(server, visit, crowd):
    desk = visit()
    with closed(server):
        crowd(2)
        desk.goes_to("/account")
        before = ahead_of(desk)
        honest = cookies_of(desk)[TICKET]
        changed = f"{honest[:8]}AAAAAA{honest[14:]}"  # as if its holder had come long ago
        shows(desk, changed)
        crowd(2)
        desk.page.reload()
        assert ahead_of(desk) > before  # a new place, at the end
        assert cookies_of(desk)[TICKET] not in {changed, honest, ""}
        with server.connect() as program:
            refused = program.ask("POST", "/v1/ticket", json_body={"ticket": changed})
            assert (refused.status, refused.members["code"]) == (403, "ticket_refused")
        shows(desk, honest)
        desk.page.reload()
        assert ahead_of(desk) <= before


def shows(desk, ticket):
    """Put another ticket into the browser."""
    address = desk.server.url.replace("http:", "https:")  # a browser takes a Secure cookie for nothing else
    desk.context.add_cookies([{"name": TICKET, "value": ticket, "url": address, "secure": True}])


@pytest.mark.parametrize("hours", [-24, 24])
def test_the_clock_of_the_visitors_machine_changes_nothing(server, visit, crowd, hours):
    desk = visit()
    desk.page.clock.set_system_time(datetime.now(UTC) + timedelta(hours=hours))
    with closed(server):
        crowd(2)
        desk.goes_to("/account")
        before = ahead_of(desk)
        assert abs(desk.page.evaluate("() => Date.now()") / 1000 - time.time()) > 20 * 3600
        ticket = cookies_of(desk)[TICKET]
        desk.page.reload()
        assert 1 <= ahead_of(desk) <= before
        assert cookies_of(desk)[TICKET] == ticket
    desk.page.clock.run_for(60_000)  # its timers run by this clock too
    desk.page.wait_for_url("**/sign-in?next=%2Faccount")


def test_one_ticket_on_two_devices_lets_one_in(server, visit):
    desk = visit()
    with closed(server):
        desk.goes_to("/account")
        desk.sees("wait.paused")
        copy = visit(storage_state=desk.context.storage_state())
        copy.goes_to("/account")
        assert cookies_of(copy)[TICKET] == cookies_of(desk)[TICKET]
    for each in (desk, copy):
        each.page.wait_for_url("**/sign-in?next=%2Faccount")
        each.fills(email=EMAIL, password=PASSWORD)
    desk.presses("sign_in.submit")
    desk.is_at("/account")
    copy.presses("sign_in.submit")
    copy.page.wait_for_url("**/sign-in?next=%2Faccount")
    assert copy.page.locator("[name=password]").input_value() == ""
    assert "__Host-mapae" not in cookies_of(copy)


# The last one: whoever comes before an opening has a place there, and whoever comes after it stands behind them.


def test_the_page_is_small_and_says_a_range_while_the_line_moves(server, visit, picture, measured):
    with closed(server, "schedule", "2099-01-01T00:00:00Z"), server.connect() as reader:
        for language in ("en", "ko"):
            answer = reader.ask("GET", "/wait?next=/account", accept_language=language)
            measured(f"waiting room in {language}: bytes", len(answer.body))
            assert len(answer.body) < 4096
            assert b"http-equiv" in answer.body
        desk = visit("ko")
        desk.goes_to("/account")
        desk.page.get_by_text("일쯤 남았어요").wait_for()
        picture(desk, "wait-ko-scheduled")
