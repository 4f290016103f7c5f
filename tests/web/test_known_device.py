"""A browser that has signed in keeps a cookie by which it is known, through the API and through the pages."""

import httpx2
import pytest

pytestmark = pytest.mark.anyio

DEVICE = "__Host-mapae-device"
ATTACKER = "198.51.100.9"


@pytest.fixture
def hammer(app, api):
    """Somebody elsewhere guesses until strangers have to wait."""

    async def guess():
        transport = httpx2.ASGITransport(app=app, client=(ATTACKER, 4000))
        async with httpx2.AsyncClient(transport=transport, base_url="https://id.example.com") as attacker:
            for _ in range(8):
                answer = await attacker.post("/v1/sign-in", json={"email": api.EMAIL, "password": "wrong horse"})
        assert answer.status_code == 429
        assert (await api.sign_in()).status_code == 429, "a stranger with the right password waits too"

    return guess


async def signs_in_on_the_page(browser, password):
    return await browser.post("/sign-in", data={"email": browser.EMAIL, "password": password, "next": ""})


@pytest.mark.slow
async def test_a_browser_that_signed_up_through_the_api_gets_in_while_somebody_hammers_the_account(browser, hammer):
    await browser.sign_up(delivery="cookie")
    await hammer()
    assert (await browser.sign_in(delivery="cookie")).status_code == 200


@pytest.mark.slow
async def test_a_browser_that_signed_in_on_the_page_gets_in_while_somebody_hammers_the_account(api, browser, hammer):
    await api.sign_up()
    assert (await signs_in_on_the_page(browser, api.PASSWORD)).status_code == 303
    await hammer()
    assert (await signs_in_on_the_page(browser, "wrong horse")).status_code == 422
    assert (await signs_in_on_the_page(browser, api.PASSWORD)).status_code == 303


@pytest.mark.slow
async def test_a_known_browser_stays_known_after_signing_out(browser, hammer):
    await browser.sign_up(delivery="cookie")
    assert (await browser.post("/v1/sign-out")).status_code == 204
    assert set(browser.cookies) == {DEVICE}
    await hammer()
    assert (await signs_in_on_the_page(browser, browser.PASSWORD)).status_code == 303


async def test_a_known_browser_stays_known_after_its_session_is_renewed(browser):
    await browser.sign_up(delivery="cookie")
    before = browser.cookies[DEVICE]
    await browser.post("/v1/refresh")
    assert browser.cookies[DEVICE] == before


async def test_a_program_gets_no_cookie(api):
    for answer in (await api.sign_up(), await api.sign_in()):
        assert "set-cookie" not in answer.headers


@pytest.mark.slow
@pytest.mark.parametrize(
    "cookie",
    ["", "x" * 43, "a.b.c", "=" * 10, "\x80", "x" * 3000, f"; {DEVICE}=second"],
    ids=["empty", "invented", "dots", "equals", "not ASCII", "long", "twice"],
)
async def test_a_cookie_that_proves_nothing_refuses_nothing(api, cookie):
    await api.sign_up()
    sent = [(b"cookie", f"{DEVICE}={cookie}".encode("latin-1"))]
    answer = await api.post("/v1/sign-in", json={"email": api.EMAIL, "password": api.PASSWORD}, headers=sent)
    assert answer.status_code == 200
