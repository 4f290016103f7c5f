"""The gate at the API: what programs and browsers get while there is a line, and what becomes of it."""

import asyncio
import re
import threading
import time
from contextlib import asynccontextmanager

import pytest

from mapae.admission.places import LEAST_AT_ONCE
from mapae.admission.waiting import STANDING_SECONDS
from mapae.flows.hash_pool import HashPool
from mapae.flows.run_gate import set_gate

pytestmark = pytest.mark.anyio

TICKET, PASS, LINE = "__Host-mapae-ticket", "__Host-mapae-pass", "__Host-mapae-line"


@pytest.fixture
async def service(app):
    """With a queue that is soon full, however fast the machine is."""
    own, app.service.hash_pool = app.service.hash_pool, HashPool(2, deadline=30, queue_limit=4)
    yield app.service
    await app.service.hash_pool.close()
    app.service.hash_pool = own


@pytest.fixture
async def jane(service, api):
    await api.signed_up()


@asynccontextmanager
async def crowded(service):
    """Every hashing thread and the whole queue are busy inside."""
    over = threading.Event()
    state = service.hash_pool.state
    work = []
    for _ in range(state.threads + state.queue_limit):
        work.append(asyncio.create_task(service.hash_pool.run(over.wait)))
        await asyncio.sleep(0)
    try:
        yield
    finally:
        over.set()
        await asyncio.gather(*work)


async def let_in(client, **body):
    """Ask as the answer says, only faster, until the line has come this far."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        answer = await client.post("/v1/ticket", json=body)
        assert answer.status_code == 200, answer.text
        if answer.json()["state"] == "admitted":
            return answer
        assert answer.headers["retry-after"] == str(answer.json()["retry_after"])
        await asyncio.sleep(0.05)
    raise AssertionError("the holder of the ticket is never let in")


async def until(holds):
    for _ in range(20_000):
        if holds():
            return
        await asyncio.sleep(0.001)


@pytest.mark.slow
async def test_a_program_gets_a_ticket_asks_with_it_and_signs_in(service, api, jane):
    async with crowded(service):
        answer = await api.sign_in()
    assert api.refusal(answer) == (503, "waiting")
    problem = answer.json()
    assert int(answer.headers["retry-after"]) == problem["retry_after"] >= 1
    assert problem["position"] == 1
    assert TICKET not in answer.cookies
    passed = (await let_in(api, ticket=problem["ticket"])).json()["ticket"]
    assert (await api.sign_in(ticket=passed)).status_code == 200
    assert api.refusal(await api.sign_in(ticket=problem["ticket"])) == (403, "ticket_refused")


@pytest.mark.slow
async def test_a_browser_keeps_its_ticket_in_a_cookie_that_is_bound_to_another(service, api, browser, jane):
    async with crowded(service):
        answer = await browser.sign_in(delivery="cookie")
    assert browser.refusal(answer) == (503, "waiting")
    assert len(browser.cookies[LINE]) == 22
    assert browser.cookies[TICKET] == answer.json()["ticket"]
    assert api.refusal(await api.post("/v1/ticket", json={"ticket": answer.json()["ticket"]})) == (
        403,
        "ticket_refused",
    )
    await let_in(browser)
    assert browser.cookies[PASS] != browser.cookies[TICKET] == answer.json()["ticket"]
    signed_in = await browser.sign_in(delivery="cookie")
    assert signed_in.status_code == 200
    assert TICKET not in browser.cookies


@pytest.mark.slow
async def test_whoever_comes_back_after_the_pass_has_ended_is_let_in_by_the_ticket(service, browser, jane):
    async with crowded(service):
        await browser.sign_in(delivery="cookie")
    passed = await let_in(browser)
    assert "__Host-mapae-pass=mpp_" in passed.headers["set-cookie"]
    assert "Max-Age=300;" in passed.headers["set-cookie"]
    browser.cookies.delete(PASS)  # as a browser does after five minutes
    assert (await browser.get("/sign-in")).status_code == 200
    browser.cookies.delete(PASS)
    assert (await browser.sign_in(delivery="cookie")).status_code == 200
    assert TICKET not in browser.cookies


async def test_a_ticket_cookie_that_counts_no_more_is_taken_back_and_locks_nobody_out(service, browser, jane):
    browser.cookies.set(TICKET, "rubbish", domain="id.example.com")
    assert browser.refusal(await browser.sign_in(delivery="cookie")) == (403, "ticket_refused")
    assert TICKET not in browser.cookies
    assert (await browser.sign_in(delivery="cookie")).status_code == 200


@pytest.mark.slow
async def test_tokens_are_verified_and_refreshed_while_a_crowd_waits(service, api, jane):
    tokens = await api.signed_in()
    async with crowded(service):
        assert (await api.sign_in()).status_code == 503
        assert (await api.get("/v1/me", headers=api.bearer(tokens))).status_code == 200
        assert (await api.refresh(tokens["refresh_token"])).status_code == 200


@pytest.mark.slow
async def test_the_way_to_a_page_inside_leads_through_the_waiting_room_and_on(service, api, browser, jane):
    async with crowded(service):
        for _ in range(3):
            assert (await api.sign_in()).status_code == 503
        form = {"email": browser.EMAIL, "password": browser.PASSWORD, "next": "/account?tab=2"}
        held = await browser.post("/sign-in", data=form)
        assert held.status_code == 303
        assert held.headers["location"].startswith("/wait?next=%2Faccount%3Ftab%3D2")
        room = await browser.get(held.headers["location"], headers={"accept-language": "ko"})
        assert room.status_code == 200
        assert len(room.content) < 4096
        assert re.search(r"앞에 [1-3]명이 있어요", room.text)
        seconds = room.headers["retry-after"]
        assert (
            f'<noscript><meta http-equiv="refresh" content="{seconds}; url=/wait?next=%2Faccount%3Ftab%3D2' in room.text
        )
    for _ in range(400):
        onward = await browser.get(held.headers["location"])
        if onward.status_code == 303:
            break
        await asyncio.sleep(0.05)
    assert onward.headers["location"] == "/sign-in?next=%2Faccount%3Ftab%3D2"
    assert (await browser.get(onward.headers["location"])).status_code == 200
    signed_in = await browser.post("/sign-in", data=form)
    assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/account?tab=2")
    assert TICKET not in browser.cookies


@pytest.mark.slow
async def test_nobody_fills_in_a_form_while_others_wait(service, api, browser, jane):
    async with crowded(service):
        await api.sign_in()
        room = await browser.get("/sign-in?next=/account")
        assert (room.status_code, room.headers["location"].partition("&of")[0]) == (303, "/wait?next=%2Faccount")
        assert (await browser.get("/sign-up")).headers["location"].startswith("/wait?to=sign-up")
        again = await browser.get("/sign-in")
        assert again.status_code == 303


@pytest.mark.slow
async def test_a_network_with_many_places_waits_for_the_next_one_and_is_told_so(service, api, browser, jane):
    await set_gate(service, "closed")
    await until(lambda: service.gate.keeper.state.mode == "closed")
    for _ in range(LEAST_AT_ONCE):  # as on a machine so slow that each place takes 40 seconds
        service.gate.places.take("a:203.0.113.7", capacity=0.0, now_ms=service.gate.now_ms())
    own, service.hash_pool = service.hash_pool, HashPool(1)  # not measured yet: four hashes in a second
    slowed = await api.sign_in()
    assert api.refusal(slowed) == (429, "too_many_places")
    assert int(slowed.headers["retry-after"]) >= 1
    to_room = await browser.get("/sign-in?next=/account")
    assert (to_room.status_code, to_room.headers["location"]) == (303, "/wait?next=%2Faccount")
    form = {"email": browser.EMAIL, "password": browser.PASSWORD, "next": "/account"}
    assert (await browser.post("/sign-in", data=form)).headers["location"] == "/wait?next=%2Faccount"
    room = await browser.get("/wait?next=/account", headers={"accept-language": "ko"})
    assert (room.status_code, TICKET in browser.cookies) == (200, False)
    assert "조금 뒤에 순서를 받아요" in room.text
    assert f'content="{room.headers["retry-after"]}; url=/wait?next=%2Faccount"' in room.text
    await service.hash_pool.close()
    service.hash_pool = own


async def test_whoever_is_first_before_a_closed_gate_is_not_told_that_it_is_their_turn(service, browser, jane):
    await set_gate(service, "closed")
    await until(lambda: service.gate.keeper.state.mode == "closed")
    await browser.get("/sign-in?next=/account")
    for language, first, stands in (
        ("en", "You are first in line", "stands still"),
        ("ko", "맨 앞이에요", "줄이 멈춰 있어요"),
    ):
        room = await browser.get("/wait?next=/account", headers={"accept-language": language})
        assert first in room.text
        assert stands in room.text
        assert 8 <= int(room.headers["retry-after"]) <= STANDING_SECONDS


@pytest.mark.slow
@pytest.mark.parametrize("of", ["", "-1", "0", "1e9", "9" * 20, "99999999", "٣", "<b>"])
async def test_the_number_in_the_address_changes_nothing_but_the_bar(service, api, browser, jane, of):
    async with crowded(service):
        await api.sign_in()
        await browser.get("/sign-in")
        room = await browser.get("/wait", params={"of": of, "next": "//elsewhere.example", "to": "nowhere"})
        assert room.status_code == 200
        most, value = (int(each) for each in re.search(r'<progress max="(\d+)" value="(\d+)"', room.text).groups())
        assert 0 <= value <= most <= 10**7
        assert "elsewhere" not in room.text
        assert "<b>" not in room.text


@pytest.mark.slow
async def test_a_page_with_a_ticket_that_does_not_count_begins_again_without_it(service, browser, jane):
    browser.cookies.set(TICKET, "rubbish", domain="id.example.com")
    form = {"email": browser.EMAIL, "password": browser.PASSWORD, "next": ""}
    answer = await browser.post("/sign-in", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert TICKET not in browser.cookies
    assert (await browser.post("/sign-in", data=form)).headers["location"] == "/account"


@pytest.mark.slow
@pytest.mark.parametrize("text", ["x", "a.b.c", "가나다", "e" * 512])
async def test_rubbish_for_a_ticket_is_refused_plainly(service, api, jane, text):
    assert api.refusal(await api.post("/v1/ticket", json={"ticket": text})) == (403, "ticket_refused")
    assert api.refusal(await api.sign_in(ticket=text)) == (403, "ticket_refused")


async def test_nobody_hashes_for_a_caller_who_has_gone(service, app):
    body = b'{"email": "jane@example.com", "password": "a horse of bronze, five strong"}'
    left = asyncio.Event()
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive():
        if (message := next(messages, None)) is not None:
            return message
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(_message):
        pass

    scope = {"type": "http", "method": "POST", "path": "/v1/sign-in", "root_path": "", "query_string": b""}
    scope["headers"] = [(b"content-type", b"application/json"), (b"host", b"id.example.com")]
    scope["client"] = ("203.0.113.9", 5000)
    over = threading.Event()
    pool = service.hash_pool
    busy = [asyncio.create_task(pool.run(over.wait)) for _ in range(2)]
    await until(lambda: pool.state.in_flight == 2)
    request = asyncio.create_task(app(scope, receive, send))
    await until(lambda: pool.state.depth == 1)
    left.set()
    await asyncio.sleep(0.01)
    finished = pool.state.finished
    over.set()
    await asyncio.gather(*busy, request)
    assert (pool.state.abandoned, pool.state.finished) == (1, finished + 2)
    assert await service.database.fetch("SELECT failures FROM attempt WHERE failures > 0") == []
