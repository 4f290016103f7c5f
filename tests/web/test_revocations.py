"""GET /v1/revocations: signed pages of the feed, at once or when there is news."""

import asyncio
import re
import secrets
import time
from dataclasses import replace

import pytest

from mapae.flows.follow import poll
from mapae.jose.jwks import KeySet
from mapae.jose.verifier import Verifier
from mapae.sessions import feed as pages
from mapae.sessions.feed import TYP, FeedPage
from mapae.web.api.revocations import LONGEST_WAIT
from mapae.web.app import create_app

pytestmark = pytest.mark.anyio


async def page_of(api, **query):
    """Ask for a page and check all about it that a reader checks."""
    answer = await api.get("/v1/revocations", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/jwt"
    assert answer.headers["cache-control"] == "no-store"
    keys = KeySet.from_jwks((await api.get("/.well-known/jwks.json")).content)
    return Verifier(
        keys, issuer="https://id.example.com", audience=None, claims=FeedPage, typ=TYP, max_length=pages.MAX_PAGE
    ).check(answer.text, now=time.time())


async def signed_out(api):
    """Begin a session of somebody new and end it; return its id."""
    tokens = await api.signed_up(f"{secrets.token_hex(8)}@example.com")
    assert (await api.post("/v1/sign-out", headers=api.bearer(tokens))).status_code == 204
    return tokens["session"]


async def test_the_first_page_holds_everything_and_says_where_to_read_on(api):
    empty = await page_of(api)
    assert (empty.after, empty.upto, empty.head, empty.entries) == (0, 0, 0, ())
    sid = await signed_out(api)
    first = await page_of(api)
    assert [(each.kind, each.key) for each in first.entries] == [("session", sid)]
    assert (first.upto, first.head, first.feed) == (1, 1, empty.feed)
    assert 0 <= first.age_ms < 5000
    assert abs(first.now_ms / 1000 - time.time()) < 60
    nothing = await page_of(api, after=1, feed=first.feed)
    assert (nothing.after, nothing.upto, nothing.entries) == (1, 1, ())


@pytest.mark.slow
async def test_a_reader_waits_for_news_and_gets_it_at_once(api):
    sid = await signed_out(api)
    known = await page_of(api)
    waiting = asyncio.create_task(page_of(api, after=known.head, feed=known.feed, wait=LONGEST_WAIT))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    began = time.monotonic()
    other = await signed_out(api)
    page = await waiting
    assert time.monotonic() - began < 5
    assert [each.key for each in page.entries] == [other] != [sid]


@pytest.mark.slow
async def test_waiting_ends_without_news(api):
    known = await page_of(api)
    began = time.monotonic()
    page = await page_of(api, after=0, feed=known.feed, wait="0.2")
    assert time.monotonic() - began >= 0.2
    assert page.entries == ()


async def test_a_feed_that_is_another_or_was_set_back_is_read_from_its_beginning(api):
    await signed_out(api)
    known = await page_of(api)
    for query in ({"after": 1, "feed": "another"}, {"after": 99, "feed": known.feed}, {"after": 99}):
        page = await page_of(api, **query, wait=5)
        assert (page.after, page.upto, len(page.entries)) == (0, 1, 1), query


@pytest.mark.slow
async def test_a_long_feed_comes_in_pages(api, app, monkeypatch):
    monkeypatch.setitem(pages.FeedLog.page.__kwdefaults__, "most", 2)
    ended = [await signed_out(api) for _ in range(5)]
    read, after = [], 0
    while True:
        page = await page_of(api, after=after)
        read += [each.key for each in page.entries]
        assert len(page.entries) <= 2
        if page.upto == page.head:
            break
        after = page.upto
    assert read == ended


async def test_a_nonce_makes_the_service_ask_its_database_and_comes_back(api, app):
    asked = app.service.feed.readings
    page = await page_of(api, nonce="a-nonce")
    assert page.nonce == "a-nonce"
    assert page.age_ms < 1000
    assert app.service.feed.readings > asked


@pytest.mark.slow
async def test_many_readers_at_once_share_the_readings_of_the_database(api, app):
    asked = app.service.feed.readings
    await asyncio.gather(*(page_of(api, nonce=f"nonce-{number}") for number in range(20)))
    assert app.service.feed.readings - asked <= 20
    readings = app.service.feed.readings
    await asyncio.gather(*(app.service.feed.read_anew(lambda: poll(app.service)) for _ in range(50)))
    assert app.service.feed.readings - readings <= 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "query",
    [
        "after=-1", "after=x", "after=1&after=2", "after=" + "9" * 19, "wait=11", "wait=-1", "wait=1e1",
        "feed=", "feed=a%20b", "nonce=" + "a" * 65, "limit=3",
    ],
)  # fmt: skip
async def test_a_question_that_makes_no_sense_is_refused(api, query):
    assert api.refusal(await api.get(f"/v1/revocations?{query}")) == (422, "input_refused")


async def test_with_a_secret_only_who_knows_it_may_read(settings, api_of):
    async with api_of(replace(settings, feed_secret="a-long-enough-secret")) as api:
        for headers in ({}, {"authorization": "Bearer another"}, {"authorization": "Basic a-long-enough-secret"}):
            answer = await api.get("/v1/revocations", headers=headers)
            assert api.refusal(answer) == (401, "reader_refused")
            assert answer.headers["www-authenticate"].startswith("Bearer")
        api.headers["authorization"] = "Bearer a-long-enough-secret"
        assert (await page_of(api)).entries == ()


@pytest.mark.slow
async def test_whoever_waits_is_let_go_when_the_service_stops(api, app):
    known = await page_of(api)
    waiting = asyncio.create_task(page_of(api, feed=known.feed, wait=LONGEST_WAIT))
    await asyncio.sleep(0.05)
    began = time.monotonic()
    app.draining = True
    await waiting
    assert time.monotonic() - began < 2


async def test_a_page_is_no_access_token_and_an_access_token_no_page(api):
    page = (await api.get("/v1/revocations")).text
    answer = await api.get("/v1/me", headers={"authorization": f"Bearer {page}"})
    assert answer.status_code == 401


async def test_pages_are_signed_by_the_key_that_signs_now(api, app):
    before = (await api.get("/v1/revocations")).text.partition(".")[0]
    assert before == (await api.get("/v1/revocations")).text.partition(".")[0]
    assert (await page_of(api)).iss == app.settings.issuer


@pytest.fixture
def api_of():
    """Opens a service with other settings, and a client for it."""
    from contextlib import asynccontextmanager

    from web.conftest import Api

    @asynccontextmanager
    async def opened(settings):
        made = create_app(settings)
        async with made.running(), Api(made) as client:
            yield client

    return opened


@pytest.mark.slow
async def test_waiting_on_purpose_does_not_count_as_slowness(api, app):
    known = await page_of(api)
    await page_of(api, feed=known.feed, wait="0.2")
    metrics = (await api.get("/metrics")).text
    requests = re.search(
        r'mapae_http_requests_total\{method="GET",route="/v1/revocations",status="200"\} (\S+)', metrics
    )
    assert float(requests[1]) == 2
    assert app.service.tally.observations["http_request_duration"].total < 0.2
