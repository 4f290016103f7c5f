"""The pages over HTTP, without a browser: through the real application and a real SQLite file."""

import re
from contextlib import asynccontextmanager
from dataclasses import replace
from html import unescape

import httpx2
import pytest

from mapae.flows.admin_link import create_admin_link
from mapae.flows.follow import poll
from mapae.flows.manage_accounts import find_account
from mapae.settings import Settings
from mapae.storage.statement import Statement
from mapae.web.app import create_app
from mapae.web.problems import PROBLEMS

pytestmark = pytest.mark.anyio

EMAIL, PASSWORD = "jane@example.com", "a horse of bronze, five strong"
SAME_ORIGIN = {"sec-fetch-site": "same-origin"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def settings(data):
    return Settings(issuer="https://id.example.com", data=data, bcrypt_cost=4, hash_threads=2, log_level="error")


class Browser(httpx2.AsyncClient):
    """A client that keeps cookies, follows no redirect by itself, and posts forms as a page of ours would."""

    def __init__(self, app, **headers):
        super().__init__(
            transport=httpx2.ASGITransport(app=app, client=("203.0.113.7", 5000)),
            base_url="https://id.example.com",
            headers={"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", **headers},
        )

    async def send_form(self, path, **fields):
        return await self.post(path, data=fields, headers=SAME_ORIGIN)

    async def signs_up(self, email=EMAIL, password=PASSWORD):
        return await self.send_form("/sign-up", name="Jane", email=email, password=password, next="")

    async def signs_in(self, password=PASSWORD, **fields):
        return await self.send_form("/sign-in", **{"email": EMAIL, "password": password, "next": ""} | fields)


@pytest.fixture
async def app(settings):
    made = create_app(settings)
    async with made.running():
        yield made


@pytest.fixture
async def browser(app):
    async with Browser(app) as made:
        yield made


@pytest.fixture
async def other_browser(app):
    async with Browser(app) as made:
        yield made


def _statement(sql):
    return Statement(sql, ())


@asynccontextmanager
async def running(settings):
    app = create_app(settings)
    async with app.running(), Browser(app) as made:
        yield made


def cookie_of(response, name):
    return next((each for each in response.headers.get_list("set-cookie") if each.startswith(f"{name}=")), None)


async def test_the_start_page_leads_to_sign_in_and_back(browser):
    first = await browser.get("/")
    assert (first.status_code, first.headers["location"]) == (303, "/account")
    second = await browser.get("/account")
    assert (second.status_code, second.headers["location"]) == (303, "/sign-in?next=%2Faccount")
    form = await browser.get(second.headers["location"])
    assert '<input type="hidden" name="next" value="/account">' in form.text


async def test_signing_up_opens_the_account_and_says_so_once(browser):
    answer = await browser.signs_up()
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert "Your account is ready." in (await browser.get("/account")).text
    assert "Your account is ready." not in (await browser.get("/account")).text


async def test_every_page_carries_the_security_headers_and_is_kept_by_no_cache(browser):
    for path in ("/sign-in", "/nowhere", "/problems", "/account"):
        headers = (await browser.get(path)).headers
        assert headers["content-security-policy"] == POLICY
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"
        assert "strict-transport-security" in headers


@pytest.mark.slow
async def test_no_page_has_a_script_or_a_style_of_its_own(browser):
    await browser.signs_up()
    for path in ("/account", "/account/password", "/account/delete", "/problems/busy", "/reference", "/nowhere"):
        text = (await browser.get(path)).text
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?! type=\"module\" src=)", text), path


async def test_the_tokens_are_kept_in_host_cookies_that_no_script_can_read(browser):
    answer = await browser.signs_up()
    for name in ("__Host-mapae", "__Host-mapae-refresh"):
        cookie = cookie_of(answer, name)
        assert "; Path=/; Secure; HttpOnly" in cookie
        assert "Domain" not in cookie


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"email": "", "password": ""}, ["Enter your email.", "Enter your password."]),
        ({"email": "jane@", "password": PASSWORD}, ["That does not look like an email address."]),
        ({"email": EMAIL, "password": "short"}, ["Too short. Use at least 15 characters."]),
        ({"email": EMAIL, "password": "a" * 30}, ["This repeats a few characters"]),
        ({"email": EMAIL, "password": EMAIL}, ["This is little more than your name"]),
        ({"email": EMAIL, "password": PASSWORD, "name": "x" * 300}, ["This name cannot be used."]),
    ],
)
async def test_a_refused_sign_up_says_why_and_keeps_what_was_typed_except_the_password(browser, fields, said):
    answer = await browser.send_form("/sign-up", **{"name": "Jane", "next": "", **fields})
    assert answer.status_code == 422
    text = unescape(answer.text)
    for sentence in said:
        assert sentence in text
    assert 'role="alert"' in text
    assert 'aria-invalid="true"' in text
    assert f'value="{fields["email"]}" autocomplete="username"' in text
    if len(fields["password"]) > 5 and fields["password"] != EMAIL:
        assert fields["password"] not in text


async def test_a_taken_email_says_to_sign_in_instead(browser, other_browser):
    await browser.signs_up()
    answer = await other_browser.signs_up()
    assert answer.status_code == 422
    assert "There is already an account with this email." in answer.text


async def test_a_wrong_password_and_an_unknown_email_get_the_very_same_page(browser):
    await browser.signs_up()
    await browser.send_form("/sign-out")
    browser.cookies.clear()
    wrong = await browser.signs_in("not the right password")
    unknown = await browser.signs_in("not the right password", email="john@example.com")
    assert wrong.status_code == unknown.status_code == 422
    assert "That email and password don&#39;t match." in wrong.text
    assert wrong.text.replace(EMAIL, "") == unknown.text.replace("john@example.com", "")


@pytest.mark.slow
async def test_failures_slow_down_with_a_page_that_says_how_long(browser):
    for _ in range(30):
        answer = await browser.signs_in("not the right password")
        if answer.status_code == 429:
            break
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert "Too many attempts. You can try again in" in answer.text


@pytest.mark.slow
async def test_signing_in_goes_where_one_wanted_to_go_but_never_to_another_site(browser):
    await browser.signs_up()
    assert (await browser.signs_in(next="/account/password")).headers["location"] == "/account/password"
    assert (await browser.signs_in(next="//evil.example")).headers["location"] == "/account"
    assert (await browser.get("/sign-in?next=https://evil.example")).headers["location"] == "/account"


@pytest.mark.slow
async def test_signing_in_over_a_session_leaves_none_behind(browser):
    await browser.signs_up()
    await browser.signs_in()
    await browser.signs_in()
    page = await browser.get("/account")
    assert "You are signed in on this device only." in page.text


@pytest.mark.slow
async def test_the_account_lists_every_session_and_ends_one(app, browser, other_browser):
    await browser.signs_up()
    await other_browser.signs_in()
    page = await browser.get("/account")
    assert page.text.count("Firefox · Linux") == 3  # this one, the other one, and the name of its button
    assert "203.0.113.*" in page.text
    (sid,) = re.findall(r"/account/sessions/([\w-]{22})/end", page.text)
    assert (await browser.send_form(f"/account/sessions/{sid}/end")).status_code == 303
    assert "That session has ended." in (await browser.get("/account")).text
    await poll(app.service)
    turned_away = await other_browser.get("/account")
    assert turned_away.headers["location"] == "/sign-in?next=%2Faccount"
    assert "Your session has ended." in (await other_browser.get("/sign-in")).text
    assert (await browser.send_form(f"/account/sessions/{sid}/end")).headers["location"] == "/account"


async def test_nobody_ends_the_session_of_another_account(app, browser, other_browser):
    await browser.signs_up()
    await other_browser.signs_up(email="john@example.com")
    sid = (await app.service.database.fetch("SELECT sid FROM session ORDER BY created_ms"))[0][0]
    assert (await other_browser.send_form(f"/account/sessions/{sid}/end")).status_code == 303
    assert (await browser.get("/account")).status_code == 200


async def test_signing_out_everywhere_else_keeps_this_session(app, browser, other_browser):
    await browser.signs_up()
    await other_browser.signs_in()
    await browser.send_form("/account/sessions/end-others")
    await poll(app.service)
    assert (await other_browser.get("/account")).status_code == 303
    assert "You are signed out everywhere else." in (await browser.get("/account")).text


async def test_an_access_token_that_has_run_out_is_renewed_on_the_way(app, browser):
    await browser.signs_up()
    old = browser.cookies.get("__Host-mapae-refresh")
    browser.cookies.delete("__Host-mapae")
    # Past the window in which the first refresh token may be kept: the row says when it began.
    page = await browser.get("/account")
    assert page.status_code == 200
    assert cookie_of(page, "__Host-mapae") is not None
    assert browser.cookies.get("__Host-mapae-refresh") != old
    kept = browser.cookies.get("__Host-mapae-refresh")
    browser.cookies.delete("__Host-mapae")
    held = await browser.get("/account")
    assert held.status_code == 200
    assert cookie_of(held, "__Host-mapae") is not None
    assert browser.cookies.get("__Host-mapae-refresh") == kept, "a HOLD answer keeps the token the browser has"


async def test_a_form_sent_with_an_expired_access_token_is_not_lost(app, browser, other_browser):
    await browser.signs_up()
    await other_browser.signs_in()
    browser.cookies.delete("__Host-mapae")
    await browser.send_form("/account/sessions/end-others")
    await poll(app.service)
    assert (await other_browser.get("/account")).status_code == 303


@pytest.mark.slow
async def test_a_copied_refresh_token_ends_the_session_and_its_owner_is_told(app, browser):
    await browser.signs_up()
    copied = browser.cookies.get("__Host-mapae-refresh")
    for _ in range(2):
        browser.cookies.delete("__Host-mapae")
        await browser.get("/account")
        await app.service.database.commit(_statement("UPDATE session SET opened_ms = opened_ms - 60000"))
    browser.cookies.delete("__Host-mapae")
    browser.cookies.set("__Host-mapae-refresh", copied, domain="id.example.com", path="/")
    assert (await browser.get("/account")).headers["location"] == "/sign-in?next=%2Faccount"
    assert "because an old session key was used twice" in (await browser.get("/sign-in")).text
    await browser.signs_in()
    told = await browser.get("/account")
    assert "We ended one of your sessions" in told.text
    changed = "a herd of seven iron horses"
    await browser.send_form("/account/password", current=PASSWORD, new=changed)
    assert "We ended one of your sessions" not in (await browser.get("/account")).text


async def test_a_visit_that_began_on_another_site_is_sent_on_from_a_page_of_ours(browser):
    answer = await browser.get("/account?x=1", headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 200
    assert '<meta http-equiv="refresh" content="0;url=/sign-in?next=%2Faccount">' in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.slow
async def test_changing_the_password_ends_the_other_sessions(app, browser, other_browser):
    await browser.signs_up()
    await other_browser.signs_in()
    changed = "a herd of seven iron horses"
    answer = await browser.send_form("/account/password", current=PASSWORD, new=changed)
    assert answer.headers["location"] == "/account"
    assert "Your password is changed" in (await browser.get("/account")).text
    await poll(app.service)
    assert (await other_browser.get("/account")).status_code == 303
    assert (await other_browser.signs_in()).status_code == 422
    assert (await other_browser.signs_in(changed)).status_code == 303


@pytest.mark.slow
@pytest.mark.parametrize(
    ("current", "new", "said"),
    [
        ("not my password at all", "a herd of seven iron horses", "That is not your current password."),
        (PASSWORD, "short", "Too short."),
        ("", "", "Enter a new password."),
    ],
)
async def test_a_refused_password_change_says_why(browser, current, new, said):
    await browser.signs_up()
    answer = await browser.send_form("/account/password", current=current, new=new)
    assert answer.status_code == 422
    assert said in answer.text


async def test_the_well_known_address_leads_to_the_password_form(browser):
    answer = await browser.get("/.well-known/change-password")
    assert (answer.status_code, answer.headers["location"]) == (302, "/account/password")


async def test_an_account_is_deleted_only_with_its_password(browser):
    await browser.signs_up()
    assert (await browser.send_form("/account/delete", password="not my password")).status_code == 422
    answer = await browser.send_form("/account/delete", password=PASSWORD)
    assert answer.headers["location"] == "/sign-in"
    assert "Your account is deleted." in (await browser.get("/sign-in")).text
    assert (await browser.signs_in()).status_code == 422


async def test_signing_out_asks_first_and_forgets_the_tokens(browser):
    await browser.signs_up()
    assert "Sign out on this device?" in (await browser.get("/sign-out")).text
    await browser.send_form("/sign-out")
    assert browser.cookies.get("__Host-mapae") is None
    assert browser.cookies.get("__Host-mapae-refresh") is None
    assert (await browser.get("/account")).status_code == 303


async def test_the_one_time_link_opens_an_administrators_account_once(app, browser, other_browser):
    link = await create_admin_link(app.service)
    token = link.rpartition("token=")[2]
    form = await browser.get(f"/setup?token={token}")
    assert form.status_code == 200
    assert f'href="/setup?token={token}&amp;lang=ko"' in form.text
    refused = await browser.send_form("/setup", token=token, email="root@example.com", password="short")
    assert refused.status_code == 422
    assert f'name="token" value="{token}"' in refused.text
    answer = await browser.send_form("/setup", token=token, email="root@example.com", password=PASSWORD)
    assert answer.headers["location"] == "/account"
    assert "Administrator" in (await browser.get("/account")).text
    assert (await find_account(app.service, "root@example.com")).role == "admin"
    for again in (
        await other_browser.get(f"/setup?token={token}"),
        await other_browser.send_form("/setup", token=token, email="x@example.com", password=PASSWORD),
    ):
        assert again.status_code == 404
        assert "This link does not work any more" in again.text


@pytest.mark.slow
@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        pytest.param({"origin": "https://evil.example"}, marks=pytest.mark.slow),
        pytest.param({"origin": "null"}, marks=pytest.mark.slow),
    ],
    ids=["cross-site", "by origin", "by null"],
)
@pytest.mark.parametrize(
    "path", ["/sign-in", "/sign-up", "/sign-out", "/account/delete", "/account/sessions/end-others"]
)
async def test_a_form_from_another_site_changes_nothing(browser, path, headers):
    await browser.signs_up()
    answer = await browser.post(path, data={"password": PASSWORD}, headers=headers)
    assert answer.status_code == 403
    assert "This request came from another site" in answer.text
    assert (await browser.get("/account")).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b'{"email":"a"}', "application/json", 415),
        (b"--x", "multipart/form-data; boundary=x", 415),
        (b"email=%zz", "application/x-www-form-urlencoded", 400),
        (b"email=%FF", "application/x-www-form-urlencoded", 400),
        (b"email=" + b"a" * 20_000, "application/x-www-form-urlencoded", 413),
        (b"email=a%40example.com&email=b%40example.com&password=x", "application/x-www-form-urlencoded", 422),
        (b"email=a%40example.com&password=x&role=admin", "application/x-www-form-urlencoded", 422),
    ],
)
async def test_a_form_that_breaks_the_rules_is_refused(browser, content, content_type, status):
    answer = await browser.post("/sign-in", content=content, headers={**SAME_ORIGIN, "content-type": content_type})
    assert answer.status_code == status
    assert "text/html" in answer.headers["content-type"]


async def test_the_language_follows_the_browser_until_the_reader_chooses(app, browser):
    async with Browser(app, **{"accept-language": "ko-KR,ko;q=0.9"}) as korean:
        page = await korean.get("/sign-in")
        assert '<html lang="ko">' in page.text
        assert page.headers["content-language"] == "ko"
        chosen = await korean.get("/sign-in?lang=en&next=/account")
        assert '<html lang="en">' in chosen.text
        assert 'href="/sign-in?next=%2Faccount&amp;lang=ko"' in chosen.text, "the switch keeps the page"
        assert '<html lang="en">' in (await korean.get("/sign-up")).text
    assert '<html lang="en">' in (await browser.get("/sign-in?lang=fr")).text


async def test_the_colours_follow_the_browser_until_the_reader_chooses(browser):
    assert "data-theme" not in (await browser.get("/sign-in")).text
    assert 'data-theme="dark"' in (await browser.get("/sign-in?theme=dark")).text
    assert 'data-theme="dark"' in (await browser.get("/sign-up")).text
    assert "data-theme" not in (await browser.get("/sign-in?theme=system")).text
    assert "data-theme" not in (await browser.get("/sign-up")).text


@pytest.mark.slow
async def test_what_people_write_is_shown_as_text(browser):
    await browser.send_form("/sign-up", name="<script>alert(1)</script>", email=EMAIL, password=PASSWORD, next="")
    page = await browser.get("/account")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "<script>alert" not in page.text


async def test_assets_are_named_by_their_content_and_kept_for_ever(browser):
    page = await browser.get("/sign-in")
    for address in re.findall(r'(?:href|src)="(/assets/[^"]+)"', page.text):
        answer = await browser.get(address)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert re.search(r"\.[0-9a-f]{12}\.", address)
    assert (await browser.get("/assets/mapae.000000000000.css")).status_code == 404
    assert (await browser.get("/favicon.ico")).headers["location"].startswith("/assets/mapae.")


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.slow
async def test_every_code_is_explained_in_both_languages(browser, language):
    index = await browser.get(f"/problems?lang={language}")
    for code, problem in PROBLEMS.items():
        assert f'href="/problems/{code}"' in index.text
        page = re.sub("</?code>", "`", unescape((await browser.get(f"/problems/{code}?lang={language}")).text))
        for words in (problem.title, problem.advice):
            assert words.en in page
            assert words.ko in page
    assert (await browser.get("/problems/no_such_code")).status_code == 404


async def test_an_unknown_address_and_a_wrong_method_have_pages(browser):
    missing = await browser.get("/nowhere?lang=ko")
    assert missing.status_code == 404
    assert "그런 페이지가 없어요" in missing.text
    wrong = await browser.send_form("/account/sessions/x/y/z")
    assert wrong.status_code == 404
    method = await browser.post("/account", headers=SAME_ORIGIN)
    assert method.status_code == 405
    assert "GET" in method.headers["allow"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "unknown", "repeated"),
    [
        ("en", "The form has no field “&lt;b&gt;”.", "“email” was sent more than once."),
        ("ko", "이 양식에는 ‘&lt;b&gt;’ 항목이 없어요.", "‘email’ 항목을 두 번 이상 보냈어요."),
    ],
)
@pytest.mark.parametrize("path", ["/sign-in", "/sign-up", "/setup"])
async def test_a_form_with_foreign_fields_is_refused_in_the_words_of_a_page(browser, path, language, unknown, repeated):
    fields = {"email": ["a@example.com", "b@example.com"], "password": "x", "<b>": "1"}
    refused = await browser.post(f"{path}?lang={language}", data=fields, headers=SAME_ORIGIN)
    assert refused.status_code == 422
    assert refused.headers["content-language"] == language
    assert unknown in refused.text
    assert repeated in refused.text
    assert "errors" not in refused.text, "the word of the API"


async def test_a_failure_of_ours_has_a_page_that_says_so_and_gives_nothing_away(app, browser):
    await browser.signs_up()
    await app.service.database.commit(_statement("DROP TABLE account"))
    failed = await browser.get("/account?lang=ko")
    assert failed.status_code in {500, 503}
    assert failed.headers["content-security-policy"] == POLICY
    assert "습니다." in failed.text
    assert "sqlite" not in failed.text.lower()


async def test_the_account_says_how_soon_signing_out_takes_effect_once_that_was_measured(app, browser):
    await browser.signs_up()
    for _ in range(19):
        app.service.from_elsewhere.observe(0.07)
    assert "takes effect within" not in (await browser.get("/account")).text
    app.service.from_elsewhere.observe(0.07)
    assert "usually takes effect within 0.1 seconds." in (await browser.get("/account")).text
    assert "보통 0.1초 안에 적용돼요." in (await browser.get("/account?lang=ko")).text


@pytest.mark.slow
async def test_the_reference_shows_every_operation(browser):
    document = (await browser.get("/openapi.json")).json()
    for language in ("en", "ko"):
        page = unescape((await browser.get(f"/reference?lang={language}")).text)
        for path, item in document["paths"].items():
            for operation in item.values():
                assert path in page
                summary = operation["summary"] if language == "en" else operation["x-summary-ko"]
                assert summary in page
        assert ("The password, whole; every character counts." in page) == (language == "en")
        assert ("비밀번호 전체예요. 모든 글자를 따져요." in page) == (language == "ko")


async def test_closed_sign_up_offers_no_form_and_takes_none(settings):
    async with running(replace(settings, sign_up="closed")) as browser:
        assert "/sign-up" not in (await browser.get("/sign-in")).text
        assert (await browser.get("/sign-up")).status_code == 403
        assert (await browser.signs_up()).status_code == 403
        assert (await browser.signs_in()).status_code == 422


@pytest.mark.slow
async def test_an_old_password_is_mentioned_only_where_the_setting_says_so(settings):
    async with running(replace(settings, password_max_age=90 * 86_400)) as browser:
        await browser.signs_up()
        service = browser._transport.app.service
        await service.database.commit(_statement("UPDATE password SET changed_ms = changed_ms - 8640000000"))
        page = await browser.get("/account")
        assert "Your password is 100 days old" in page.text
        assert "NIST SP 800-63B-4" in (await browser.get("/account/password")).text
    async with running(settings) as browser:
        await browser.signs_in()
        assert "days old" not in (await browser.get("/account")).text
        assert "NIST SP 800-63B-4" not in (await browser.get("/account/password")).text


async def test_brand_accent_and_mount_point_are_the_settings(settings):
    own = replace(settings, issuer="https://example.com/auth", brand="Sura & Co", accent="#0B5CAD")
    async with running(own) as browser:
        page = await browser.get("/auth/sign-in")
        assert "<span>Sura &amp; Co</span>" in page.text
        (address,) = re.findall(r'href="(/auth/assets/[^"]+\.css)"', page.text)
        assert "#0B5CAD" in (await browser.get(address)).text
        answer = await browser.send_form("/auth/sign-up", name="", email=EMAIL, password=PASSWORD, next="")
        assert answer.headers["location"] == "/auth/account"
        assert 'action="/auth/sign-out"' in (await browser.get("/auth/account")).text
