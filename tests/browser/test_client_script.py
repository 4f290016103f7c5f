"""The client for scripts in a real browser, on a page with the strict policy of the service itself."""

import pytest

from snippets import BLOCK

from .conftest import PASSWORD
from .test_waiting_room import closed

pytestmark = pytest.mark.slow

EMAIL = "script@example.com"
ME = "async () => (await auth.fetch('/v1/me')).status"
STORED = "() => localStorage.length + sessionStorage.length + document.cookie.length"


@pytest.fixture(scope="module", autouse=True)
def account(server):
    with server.connect() as program:
        program.sign_up(EMAIL)


@pytest.fixture
def opens(visit):
    """Open a page of this origin, with a client in it; more pages of the same browser with `beside`."""

    def begin(beside=None):
        desk = visit() if beside is None else beside
        page = desk.page if beside is None else desk.context.new_page()
        page.goto(desk.server.url + "/problems")
        page.evaluate("""async () => {
            const { createClient } = await import("/mapae.js");
            window.places = [];
            window.heard = [];
            window.auth = createClient({ onWait: (place) => places.push(place), onChange: (who) => heard.push(who) });
        }""")
        return desk, page

    return begin


def signs_in(page, password=PASSWORD):
    return page.evaluate(
        "([email, password]) => auth.signIn(email, password).catch((error) => error.code)", [EMAIL, password]
    )


def test_somebody_signs_in_and_out_and_no_script_can_read_a_token(opens):
    desk, page = opens()
    who = signs_in(page)
    assert set(who) == {"account", "session", "scope"}
    assert page.evaluate(ME) == 200
    assert page.evaluate(STORED) == 0
    cookies = desk.context.cookies()
    kept = {each["name"]: each["httpOnly"] for each in cookies}
    assert kept["__Host-mapae"] is kept["__Host-mapae-refresh"] is True
    known = page.evaluate("() => JSON.stringify([auth.session, heard])")
    assert not [each["name"] for each in cookies if each["value"] in known]
    assert '"eyJ' not in known
    page.evaluate("() => auth.signOut()")
    assert page.evaluate("() => auth.session") is None
    assert page.evaluate(ME) == 401
    assert page.evaluate(STORED) == 0


def test_a_wrong_password_is_told_with_its_code(opens):
    _, page = opens()
    assert signs_in(page, "not her password at all") == "sign_in_refused"


def test_the_script_waits_in_the_line_and_goes_on_by_itself(opens, server):
    desk, page = opens()
    with closed(server):
        page.evaluate("([email, password]) => { window.signing = auth.signIn(email, password); }", [EMAIL, PASSWORD])
        page.wait_for_function("() => places.length > 1")
        first = page.evaluate("() => places[0]")
        assert first["position"] >= 1
        assert first["wait"] is None
        assert first["retryAfter"] >= 1
    assert page.evaluate("() => signing")["account"]
    assert page.evaluate(STORED) == 0
    expects_the_line(desk)


def test_whoever_gives_up_waiting_is_rid_of_it_and_keeps_the_place(opens, server):
    desk, page = opens()
    with closed(server):
        given_up = page.evaluate(
            """async ([email, password]) => {
                const giving = new AbortController();
                const signing = auth.signIn(email, password, { signal: giving.signal });
                while (!places.length) await new Promise((passed) => setTimeout(passed, 10));
                giving.abort();
                return signing.catch((error) => error.name);
            }""",
            [EMAIL, PASSWORD],
        )
        assert given_up == "AbortError"
    assert signs_in(page)["account"]
    expects_the_line(desk)


def expects_the_line(desk):
    """A browser logs an answer of 503 as an error, whatever the page makes of it."""
    desk.wrong[:] = [each for each in desk.wrong if "status of 503" not in each]


@pytest.mark.parametrize("language", ["", "ko/"], ids=["en", "ko"])
def test_the_script_of_the_documentation_runs_as_it_is_written(opens, root, language):
    ((kind, _, script),) = BLOCK.findall((root / f"docs/{language}do/sign-in-from-a-page.md").read_text("utf-8"))
    assert kind == "js"
    _, page = opens()
    page.route("**/yours.js", lambda route: route.fulfill(content_type="text/javascript", body=script))
    told = page.evaluate(
        """async ([email, password]) => {
            const yours = await import("/yours.js");
            const wrong = await yours.signIn(email, "not her password at all");
            const right = await yours.signIn(email, password);
            return [wrong, right, (await yours.whoAmI()).email, await yours.signOut(), await yours.whoAmI()];
        }""",
        [EMAIL, PASSWORD],
    )
    assert told[0]
    assert told[1:] == ["", EMAIL, None, None]


def test_two_tabs_renew_one_session_once_and_both_know(opens):
    desk, one = opens()
    signs_in(one)
    _, two = opens(beside=desk)
    asked = []
    desk.context.on("request", lambda request: asked.append(request.url) if request.url.endswith("/refresh") else None)
    for page in (one, two):
        page.evaluate("() => { window.renewed = Promise.all([auth.refresh(), auth.refresh()]); }")
    for page in (one, two):
        assert page.evaluate("async () => (await renewed)[0].account")
        assert page.evaluate(ME) == 200
    assert 1 <= len(asked) <= 2  # the second tab may begin after the first has ended
    one.evaluate("() => auth.signOut()")
    two.wait_for_function("() => auth.session === null")


def test_an_access_token_that_is_gone_is_renewed_once_and_the_request_is_sent_again(opens):
    desk, page = opens()
    signs_in(page)
    desk.context.clear_cookies(name="__Host-mapae")
    assert page.evaluate(ME) == 200
    desk.context.clear_cookies(name="__Host-mapae")
    desk.context.clear_cookies(name="__Host-mapae-refresh")
    assert page.evaluate(ME) == 401
    assert page.evaluate("() => auth.session") is None


def test_a_ticket_that_counts_no_more_locks_nobody_out(opens):
    desk, page = opens()
    address = desk.server.url.replace("http:", "https:")
    desk.context.add_cookies([{"name": "__Host-mapae-ticket", "value": "a.b.c", "url": address, "secure": True}])
    assert signs_in(page)["account"]
