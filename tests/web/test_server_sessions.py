"""Server-side sessions over HTTP: by bearer token, by cookie, and on the pages; the real application and database."""

import time
from dataclasses import replace

import httpx2
import pytest

from mapae.flows.authenticate import authenticate
from mapae.flows.session_memory import SessionMemory
from mapae.flows.tally import series
from mapae.sessions.server_session import LENGTH
from mapae.web.app import create_app
from mapae.web.openapi import openapi_document

pytestmark = pytest.mark.anyio

ACCESS, REFRESH = "__Host-mapae", "__Host-mapae-refresh"
OWN_ORIGIN = {"sec-fetch-site": "same-origin"}
PASSWORD = "a horse of bronze, five strong"
DAY = 86_400


@pytest.fixture
def settings(settings):
    return replace(settings, access_token="opaque")


def set_cookies(answer):
    """The cookies of the session that an answer sets: name to value and age."""
    found = {}
    for field in answer.headers.get_list("set-cookie"):
        pair, age, *_ = field.split("; ")
        name, _, value = pair.partition("=")
        if name in {ACCESS, REFRESH}:
            found[name] = (value, int(age.removeprefix("Max-Age=")))
    return found


async def test_a_sign_in_hands_out_one_short_token(api):
    for answer in (await api.sign_up(), await api.sign_in()):
        tokens = answer.json()
        assert tokens.keys() == {"expires_in", "account", "session", "scope", "token_type", "access_token"}
        assert tokens["access_token"].startswith("mps_")
        assert tokens["expires_in"] == 14 * DAY
        me = await api.get("/v1/me", headers=api.bearer(tokens))
        assert (me.status_code, me.json()["session"]) == (200, tokens["session"])


async def test_after_a_restart_the_token_is_known_as_before(api, app):
    tokens = await api.signed_up()
    app.service.session_memory = SessionMemory()
    for _ in range(2):
        assert (await api.get("/v1/sessions", headers=api.bearer(tokens))).status_code == 200
    assert app.service.tally.counts[series("session_lookups", source="database")] == 1
    assert 'mapae_session_lookups_total{source="database"} 1.0' in (await api.get("/metrics")).text


@pytest.mark.slow
@pytest.mark.parametrize("token", ["mps_", "mps_" + "A" * (LENGTH - 4), "mps_" + "%" * 5_000, "mps_é"])
async def test_an_invented_token_is_an_invalid_token(api, app, token):
    answer = await api.get("/v1/me", headers={"authorization": f"Bearer {token}".encode()})
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert app.service.tally.counts[series("session_lookups", source="database")] == 0


async def test_signing_out_refuses_the_token_at_once(api):
    tokens = await api.signed_up()
    assert (await api.post("/v1/sign-out", headers=api.bearer(tokens))).status_code == 204
    assert api.refusal(await api.get("/v1/me", headers=api.bearer(tokens))) == (401, "token_revoked")


async def test_another_session_is_ended_from_here(api):
    here, there = await api.signed_up(), await api.signed_in()
    answer = await api.delete(f"/v1/sessions/{there['session']}", headers=api.bearer(here))
    assert answer.status_code == 204
    assert api.refusal(await api.get("/v1/me", headers=api.bearer(there))) == (401, "token_revoked")
    assert (await api.get("/v1/me", headers=api.bearer(here))).status_code == 200


async def test_there_is_nothing_to_refresh(api):
    tokens = await api.signed_up()
    assert (await api.refresh(tokens["access_token"])).status_code == 401
    assert (await api.get("/v1/me", headers=api.bearer(tokens))).status_code == 200


async def test_while_the_database_cannot_be_read_nobody_is_signed_out(api, app):
    """503, not 401: a client that is told 401 throws its token away."""
    known, unknown = await api.signed_up(), await api.signed_in()
    app.service.session_memory = SessionMemory()
    assert (await api.get("/v1/me", headers=api.bearer(known))).status_code == 200
    await app.service.database.close()
    assert (await api.get("/v1/me", headers=api.bearer(unknown))).status_code == 503
    assert authenticate(app.service, known["access_token"]).sid == known["session"]


async def test_a_browser_gets_one_cookie_that_lasts_as_long_as_the_session_can(api, browser):
    answer = await browser.sign_up(delivery="cookie")
    cookies = set_cookies(answer)
    assert len(cookies[ACCESS][0]) == LENGTH
    assert cookies[ACCESS][1] == 90 * DAY
    assert cookies[REFRESH] == ("", 0), "one of an earlier session would bring that back"
    assert (await browser.get("/v1/me")).status_code == 200
    foreign = await browser.post("/v1/sign-out", headers={"sec-fetch-site": "cross-site"})
    assert browser.refusal(foreign) == (403, "csrf_refused")
    answer = await browser.post("/v1/sign-out")
    assert answer.status_code == 204
    assert set_cookies(answer).keys() == {ACCESS, REFRESH}


@pytest.mark.slow
async def test_the_cookie_is_far_smaller_than_that_of_a_jwt(settings, browser, tmp_path, measured):
    opaque = set_cookies(await browser.sign_up(delivery="cookie"))
    made = create_app(replace(settings, access_token="jwt", data=tmp_path / "other"))
    async with made.running(), type(browser)(made) as other:
        other.headers.update(OWN_ORIGIN)
        jwt = set_cookies(await other.sign_up(delivery="cookie"))
    sizes = [len(f"{ACCESS}={cookies[ACCESS][0]}") for cookies in (opaque, jwt)]
    measured("bytes of the access cookie, opaque and JWT", sizes)
    assert sizes[0] == LENGTH + len(ACCESS) + 1
    assert sizes[0] * 4 < sizes[1]


@pytest.mark.slow
async def test_a_session_that_ended_elsewhere_can_be_signed_out_of(api, browser):
    await browser.sign_up(delivery="cookie")
    tokens = await api.signed_in()
    assert (await api.post("/v1/sign-out-everywhere", headers=api.bearer(tokens))).json() == {"ended": 2}
    answer = await browser.post("/v1/sign-out")
    assert answer.status_code == 204
    assert set_cookies(answer)[ACCESS] == ("", 0)


async def form(client, path, **fields):
    return await client.post(path, data=fields, headers=OWN_ORIGIN)


@pytest.mark.slow
async def test_the_pages_work_with_the_one_cookie(app, browser):
    answer = await form(browser, "/sign-up", name="Jane", email="jane@example.com", password=PASSWORD, next="")
    assert answer.headers["location"].endswith("/account")
    assert browser.cookies.keys() >= {ACCESS}
    assert REFRESH not in browser.cookies
    app.service.session_memory = SessionMemory()
    account = await browser.get("/account")
    assert (account.status_code, "jane@example.com" in account.text) == (200, True)
    assert not set_cookies(account), "nothing has to be renewed"
    answer = await form(browser, "/sign-out")
    assert set_cookies(answer)[ACCESS] == ("", 0)
    assert (await browser.get("/account")).status_code == 303


@pytest.mark.slow
async def test_signing_in_over_a_session_ends_that(api, browser):
    await api.signed_up()
    fields = {"email": "jane@example.com", "password": PASSWORD, "next": ""}
    await form(browser, "/sign-in", **fields)
    before = {"access_token": browser.cookies[ACCESS]}
    assert (await api.get("/v1/me", headers=api.bearer(before))).status_code == 200
    await form(browser, "/sign-in", **fields)
    assert browser.cookies[ACCESS] != before["access_token"]
    assert api.refusal(await api.get("/v1/me", headers=api.bearer(before))) == (401, "token_revoked")
    assert (await browser.get("/account")).status_code == 200


async def test_a_page_without_a_database_says_so_and_keeps_the_cookie(app, browser):
    await form(browser, "/sign-up", name="Jane", email="jane@example.com", password=PASSWORD, next="")
    app.service.session_memory = SessionMemory()
    await app.service.database.close()
    answer = await browser.get("/account")
    assert answer.status_code == 503
    assert not set_cookies(answer)


@pytest.mark.slow
async def test_browsers_of_before_the_switch_go_on(settings, tmp_path, browser, app):
    """Their refresh cookie still works, and they change over when they next sign in."""
    older = create_app(replace(settings, access_token="jwt"))
    async with older.running(), type(browser)(older) as before:
        before.headers.update(OWN_ORIGIN)
        await before.sign_up(delivery="cookie")
        cookies = dict(before.cookies)
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app), base_url="https://id.example.com", headers=OWN_ORIGIN
    ) as after:
        after.cookies.update(cookies)
        assert (await after.get("/v1/me")).status_code == 200
        renewed = set_cookies(await after.post("/v1/refresh"))
        assert renewed[ACCESS][0].count(".") == 2
        assert renewed[REFRESH][0].startswith("mpr_")


@pytest.mark.parametrize(("kind", "name"), [("jwt", "JWT"), ("opaque", "opaque")])
def test_the_openapi_document_names_the_kind_of_bearer_token(settings, kind, name):
    document = openapi_document(replace(settings, access_token=kind))
    assert document["components"]["securitySchemes"]["bearer"]["bearerFormat"] == name


@pytest.mark.slow
def test_a_session_that_ends_in_one_process_ends_in_the_other(serve, measured):
    """Two servers of one service, each with sessions of its own in memory."""
    one = serve(access_token="opaque")
    other = serve(access_token="opaque", issuer=one.url.replace("127.0.0.1", "localhost"))
    took = []
    with httpx2.Client(timeout=30) as http:
        credentials = {"email": "jane@example.com", "password": PASSWORD}
        http.post(f"{one.url}/v1/sign-up", json=credentials).raise_for_status()
        for _ in range(5):
            tokens = http.post(f"{one.url}/v1/sign-in", json=credentials).raise_for_status().json()
            bearer = {"authorization": f"Bearer {tokens['access_token']}"}
            for server in (one, other, other):
                assert http.get(f"{server.url}/v1/me", headers=bearer).json()["session"] == tokens["session"]
            assert http.post(f"{one.url}/v1/sign-out", headers=bearer).status_code == 204
            ended = time.monotonic()
            assert http.get(f"{one.url}/v1/me", headers=bearer).status_code == 401
            while http.get(f"{other.url}/v1/me", headers=bearer).status_code != 401:
                assert time.monotonic() - ended < 30
            took.append(time.monotonic() - ended)
            assert http.get(f"{other.url}/v1/me", headers=bearer).json()["code"] == "token_revoked"
    measured("an ended server-side session is refused elsewhere after at most, ms", round(max(took) * 1000))
    assert max(took) < 3
