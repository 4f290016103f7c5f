"""Signing in with cookies: they come and go with the right attributes, and only our own origin may use them."""

import pytest

from mapae.flows.follow import poll

pytestmark = pytest.mark.anyio

ACCESS, REFRESH, DEVICE = "__Host-mapae", "__Host-mapae-refresh", "__Host-mapae-device"
FOREIGN = {"sec-fetch-site": "cross-site"}


def set_cookies(answer):
    """The cookies that an answer sets: name to value and attributes."""
    found = {}
    for field in answer.headers.get_list("set-cookie"):
        pair, *attributes = field.split("; ")
        name, _, value = pair.partition("=")
        found[name] = (value, set(attributes))
    return found


def assert_cleared(answer):
    cookies = set_cookies(answer)
    assert cookies.keys() == {ACCESS, REFRESH}
    assert all(value == "" and "Max-Age=0" in attributes for value, attributes in cookies.values())


async def test_cookies_carry_the_tokens_and_the_body_does_not(browser):
    answer = await browser.sign_up(delivery="cookie")
    assert answer.status_code == 201
    assert answer.json().keys() == {"expires_in", "account", "session", "scope", "token_type"}
    cookies = set_cookies(answer)
    assert cookies[ACCESS][1] == {"Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=600"}
    assert cookies[REFRESH][1] == {"Path=/", "Secure", "HttpOnly", "SameSite=Strict", "Max-Age=1209600"}
    assert cookies[DEVICE][1] == {"Path=/", "Secure", "HttpOnly", "SameSite=Strict", "Max-Age=15552000"}
    assert all(len(f"{name}={value}") < 4096 for name, (value, _) in cookies.items())
    assert (await browser.get("/v1/me")).status_code == 200


async def test_signing_in_works_with_cookies_too(api, browser):
    await api.signed_up()
    assert set_cookies(await browser.sign_in(delivery="cookie")).keys() == {ACCESS, REFRESH, DEVICE}
    assert (await browser.get("/v1/sessions")).status_code == 200


async def test_the_refresh_cookie_is_exchanged_without_a_body(browser):
    await browser.sign_up(delivery="cookie")
    before = dict(browser.cookies)
    answer = await browser.post("/v1/refresh")
    assert answer.status_code == 200
    assert "access_token" not in answer.json()
    assert "refresh_token" not in answer.json()
    assert dict(browser.cookies).keys() == before.keys()
    assert all(browser.cookies[name] != before[name] for name in (ACCESS, REFRESH))
    assert (await browser.get("/v1/me")).status_code == 200


async def test_a_refresh_cookie_is_never_turned_into_a_token_that_scripts_can_read(browser):
    await browser.sign_up(delivery="cookie")
    answer = await browser.post("/v1/refresh", json={"delivery": "bearer"})
    assert browser.refusal(answer) == (422, "input_refused")
    assert answer.json()["errors"][0]["pointer"] == "/delivery"


async def test_a_bearer_refresh_can_move_into_cookies(api, browser):
    tokens = await api.signed_up()
    body = {"refresh_token": tokens["refresh_token"], "delivery": "cookie"}
    assert set_cookies(await browser.post("/v1/refresh", json=body)).keys() == {ACCESS, REFRESH}


async def test_two_refresh_tokens_are_refused(api, browser):
    tokens = await api.signed_up()
    await browser.sign_in(delivery="cookie")
    answer = await browser.refresh(tokens["refresh_token"])
    assert browser.refusal(answer) == (400, "credentials_twice")


async def test_header_and_cookie_together_are_refused(api, browser):
    tokens = await api.signed_up()
    await browser.sign_in(delivery="cookie")
    answer = await browser.get("/v1/me", headers=api.bearer(tokens))
    assert browser.refusal(answer) == (400, "credentials_twice")
    assert 'error="invalid_request"' in answer.headers["www-authenticate"]


async def test_signing_out_clears_the_cookies(app, browser):
    await browser.sign_up(delivery="cookie")
    kept = dict(browser.cookies)
    answer = await browser.post("/v1/sign-out")
    assert answer.status_code == 204
    assert_cleared(answer)
    await poll(app.service)
    refused = await browser.get("/v1/me", headers={"cookie": f"{ACCESS}={kept[ACCESS]}"})
    assert browser.refusal(refused) == (401, "token_revoked")


@pytest.mark.slow
@pytest.mark.parametrize("left", [ACCESS, REFRESH])
async def test_one_cookie_is_enough_to_sign_out(browser, left):
    await browser.sign_up(delivery="cookie")
    kept = dict(browser.cookies)
    browser.cookies.clear()
    answer = await browser.post("/v1/sign-out", headers={"cookie": f"{left}={kept[left]}"})
    assert answer.status_code == 204
    assert_cleared(answer)
    refused = await browser.post("/v1/refresh", headers={"cookie": f"{REFRESH}={kept[REFRESH]}"})
    assert browser.refusal(refused) == (401, "refresh_refused")


async def test_cookies_of_a_session_that_has_ended_are_cleared_too(browser):
    answer = await browser.post("/v1/sign-out", headers={"cookie": f"{ACCESS}=x.y.z; {REFRESH}=mpr_x"})
    assert answer.status_code == 204
    assert_cleared(answer)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/sign-out-everywhere", None),
        ("POST", "/v1/me/delete", {"password": "a horse of bronze, five strong"}),
    ],
)
async def test_what_ends_this_session_clears_its_cookies(browser, method, path, body):
    await browser.sign_up(delivery="cookie")
    assert_cleared(await browser.request(method, path, json=body))


@pytest.mark.slow
async def test_ending_this_session_by_its_id_clears_its_cookies(browser):
    session = (await browser.sign_up(delivery="cookie")).json()["session"]
    assert_cleared(await browser.delete(f"/v1/sessions/{session}"))


CHANGES = [
    ("POST", "/v1/refresh", None),
    ("POST", "/v1/sign-out", None),
    ("POST", "/v1/sign-out-everywhere", None),
    ("PUT", "/v1/me/password", {"current_password": "a horse of bronze, five strong", "new_password": "x" * 20}),
    ("POST", "/v1/me/delete", {"password": "a horse of bronze, five strong"}),
    ("DELETE", "/v1/sessions/{sid}", None),
]


@pytest.mark.parametrize("change", CHANGES, ids=[path for _, path, _ in CHANGES])
@pytest.mark.parametrize(
    "headers",
    [
        FOREIGN,
        pytest.param({"sec-fetch-site": "same-site"}, marks=pytest.mark.slow),
        pytest.param({"sec-fetch-site": "", "origin": "https://evil.example"}, marks=pytest.mark.slow),
    ],
    ids=["cross-site", "same-site", "by origin"],
)
async def test_another_site_cannot_use_the_cookies(app, browser, change, headers):
    method, path, body = change
    session = (await browser.sign_up(delivery="cookie")).json()["session"]
    answer = await browser.request(method, path.format(sid=session), json=body, headers=headers)
    assert browser.refusal(answer) == (403, "csrf_refused")
    await poll(app.service)
    assert (await browser.get("/v1/me")).status_code == 200
    assert (await browser.sign_in()).status_code == 200


async def test_another_site_cannot_sign_a_browser_in(api, browser):
    await api.signed_up()
    for path in ("/v1/sign-in", "/v1/sign-up"):
        body = {"email": "new@example.com", "password": browser.PASSWORD, "delivery": "cookie"}
        answer = await browser.post(path, json=body, headers=FOREIGN)
        assert browser.refusal(answer) == (403, "csrf_refused")
    assert browser.refusal(await browser.sign_in("new@example.com")) == (403, "sign_in_refused")


async def test_a_bearer_token_may_come_from_anywhere(api):
    tokens = await api.signed_up()
    answer = await api.post("/v1/sign-out", headers=api.bearer(tokens) | FOREIGN)
    assert answer.status_code == 204
