"""A person's way through the pages in a real browser, with and without JavaScript, in both languages."""

import pytest
from playwright.sync_api import expect

from .conftest import PASSWORD

pytestmark = pytest.mark.slow

CHANGED = "a herd of seven iron horses"


@pytest.mark.parametrize("javascript", [True, False], ids=["with script", "without script"])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_from_sign_up_to_the_next_sign_in(visit, picture, language, javascript):
    email = f"{language}-{javascript}@example.com".lower()
    kind = f"{language}-{'script' if javascript else 'plain'}"
    desk = visit(language, javascript=javascript)
    desk.goes_to("/")
    desk.is_at("/sign-in?next=%2Faccount")
    desk.follows("sign_up.title")
    desk.fills(name="홍길동", email=email, password="short")
    desk.presses("sign_up.submit")
    desk.sees("new_password.too_short", n=15)
    expect(desk.page.locator("#mistakes")).to_be_focused()
    expect(desk.page.locator("#email")).to_have_value(email)
    expect(desk.page.locator("#password")).to_have_value("")
    picture(desk, f"journey-{kind}-1-refused")
    desk.fills(password=PASSWORD)
    desk.presses("sign_up.submit")
    desk.is_at("/account")
    desk.sees("flash.signed_up")
    desk.sees("account.sessions_open", n=1)

    phone = visit(language, javascript=javascript, width=320, scheme="dark")
    phone.signs_in(email, "not the right password")
    phone.sees("mistake.credentials")
    picture(phone, f"journey-{kind}-2-wrong-password")
    phone.signs_in(email)
    phone.is_at("/account")
    picture(phone, f"journey-{kind}-3-phone")

    desk.page.reload()
    desk.sees("account.sessions_open", n=2)
    picture(desk, f"journey-{kind}-4-two-sessions")
    desk.presses("account.end")
    desk.sees("flash.session_ended")
    desk.sees("account.sessions_open", n=1)

    desk.follows("password.title")
    desk.is_at("/account/password")
    desk.fills(current=PASSWORD, new=CHANGED)
    desk.presses("password.submit")
    desk.is_at("/account")
    desk.sees("flash.password_changed")

    desk.presses("sign_out.submit")
    desk.is_at("/sign-in")
    desk.sees("flash.signed_out")
    desk.signs_in(email, PASSWORD)
    desk.sees("mistake.credentials")
    desk.signs_in(email, CHANGED)
    desk.is_at("/account")


def test_an_ended_session_is_sent_to_sign_in_within_a_second_and_told_why(visit):
    desk, phone = visit(), visit()
    desk.signs_up("ended@example.com")
    phone.signs_in("ended@example.com")
    phone.is_at("/account")
    desk.page.reload()
    desk.presses("account.end_others")
    desk.sees("flash.others_ended")
    desk.page.wait_for_timeout(1000)  # the promise under test: a revocation reaches every worker within a second
    phone.goes_to("/account")
    phone.is_at("/sign-in?next=%2Faccount")
    phone.sees("flash.ended")


def test_an_expired_access_token_is_renewed_without_anybody_noticing(visit):
    desk = visit(javascript=False)
    desk.signs_up("renewed@example.com")
    desk.context.clear_cookies(name="__Host-mapae")
    desk.goes_to("/account/password")
    desk.is_at("/account/password")
    assert {"__Host-mapae", "__Host-mapae-refresh"} <= {each["name"] for each in desk.context.cookies()}


def test_a_link_on_another_site_finds_the_reader_still_signed_in(visit):
    desk = visit(javascript=False)
    desk.signs_up("linked@example.com")
    desk.context.clear_cookies(name="__Host-mapae")
    # 127.0.0.1 and localhost are different sites to a browser, so the refresh cookie (SameSite=Strict) stays behind.
    desk.page.route(
        "http://127.0.0.1:1/mail",
        lambda route: route.fulfill(content_type="text/html", body=f'<a href="{desk.server.url}/account">go</a>'),
    )
    desk.page.goto("http://127.0.0.1:1/mail")
    desk.page.get_by_role("link", name="go").click()
    desk.is_at("/account")


def test_the_printed_link_makes_the_first_administrator_once(visit, picture):
    desk = visit("ko", javascript=False)
    desk.page.goto(desk.server.set_up_link)
    picture(desk, "set-up-ko")
    desk.fills(email="admin@example.com", password=PASSWORD)
    desk.presses("set_up.submit")
    desk.is_at("/account")
    desk.sees("account.admin")
    other = visit("ko", javascript=False)
    other.page.goto(desk.server.set_up_link)
    other.sees("problem.link")
    picture(other, "set-up-used-ko")


def test_a_deleted_account_is_gone(visit):
    desk = visit(javascript=False)
    desk.signs_up("deleted@example.com")
    desk.follows("delete.title")
    desk.fills(password=PASSWORD)
    desk.presses("delete.submit")
    desk.is_at("/sign-in")
    desk.sees("flash.account_deleted")
    desk.signs_in("deleted@example.com")
    desk.sees("mistake.credentials")


def test_the_password_can_be_shown_and_pasted(visit):
    desk = visit()
    desk.goes_to("/sign-in")
    password = desk.page.locator("#password")
    desk.page.get_by_role("button", name=desk.t("form.show")).click()
    expect(password).to_have_attribute("type", "text")
    desk.page.get_by_role("button", name=desk.t("form.hide")).click()
    expect(password).to_have_attribute("type", "password")
    pasted = password.evaluate(
        "input => input.dispatchEvent(new ClipboardEvent('paste', {bubbles: true, cancelable: true}))"
    )
    assert pasted, "nothing may prevent a paste"


def test_a_form_that_is_on_its_way_cannot_be_sent_twice(visit):
    desk = visit()
    desk.goes_to("/sign-in")
    send = "form => form.dispatchEvent(new SubmitEvent('submit', {bubbles: true, cancelable: true}))"
    form = desk.page.locator("form")
    assert form.evaluate(send), "the first one goes out"
    expect(form).to_have_attribute("aria-busy", "true")
    assert not form.evaluate(send), "the second one is held back"


def test_without_a_script_there_are_no_dead_controls(visit):
    desk = visit(javascript=False)
    desk.goes_to("/sign-in")
    assert desk.page.get_by_role("button").count() == 1


def test_language_and_colours_are_chosen_by_links_that_keep_the_page(visit):
    desk = visit("en", javascript=False)
    desk.goes_to("/sign-up?next=%2Faccount")
    desk.page.get_by_role("link", name="한").click()
    expect(desk.page.locator("html")).to_have_attribute("lang", "ko")
    desk.language = "ko"
    desk.follows("layout.theme_dark")
    desk.is_at("/sign-up?next=%2Faccount&theme=dark")
    expect(desk.page.locator("html")).to_have_attribute("lang", "ko")
    assert desk.page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor") == "rgb(22, 19, 15)"
    desk.follows("layout.theme_system")
    assert desk.page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor") == "rgb(251, 250, 247)"
