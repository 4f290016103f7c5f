"""Programs that sign in at a real service, with and without an event loop: what their users would write."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mapae.client import AsyncClient, Client
from mapae.errors import RefreshRefused, ServiceUnreachable, SignInRefused, Waiting
from servers import PASSWORD, serving

pytestmark = pytest.mark.slow

EMAIL = "program@example.com"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("client") / "mapae-data", MAPAE_WORKERS="2") as started:
        with started.connect() as connection:
            connection.sign_up(EMAIL)
        yield started


def me(server, token):
    with server.connect() as connection:
        return connection.ask("GET", "/v1/me", token=token)


class Opener:
    """Opens the gate once somebody has heard of their place, and remembers what they heard."""

    def __init__(self, server):
        self.server, self.places = server, []

    def __call__(self, place):
        self.places.append(place)
        if len(self.places) == 1:
            assert self.server.mapae("gate", "open").returncode == 0


def refused_within(server, token, seconds):
    deadline = time.monotonic() + seconds
    while me(server, token).status != 401:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_program_waits_in_the_line_signs_in_renews_and_signs_out(server):
    client, opener = Client(server.url), Opener(server)
    assert server.mapae("gate", "close").returncode == 0
    client.sign_in(EMAIL, PASSWORD, deadline=120, progress=opener)
    assert opener.places[0].position >= 1
    assert opener.places[0].wait is None, "the line stood still"
    first = client.access_token()
    assert me(server, first).members["email"] == EMAIL
    assert client.access_token() == first
    second = client.renew(first)
    assert second != first
    assert client.renew(first) == second
    assert me(server, second).status == 200
    client.sign_out()
    refused_within(server, second, 20)
    with pytest.raises(RefreshRefused):
        client.access_token()


def test_a_program_with_an_event_loop_does_the_same(server):
    async def story():
        client, opener = AsyncClient(server.url), Opener(server)
        assert server.mapae("gate", "close").returncode == 0
        await client.sign_in(EMAIL, PASSWORD, deadline=120, progress=opener)
        first = await client.access_token()
        renewed = await asyncio.gather(*(client.renew(first) for _ in range(5)))
        assert len(set(renewed)) == 1
        assert me(server, renewed[0]).status == 200
        await client.sign_out()
        assert client.tokens is None
        refused_within(server, renewed[0], 20)

    asyncio.run(story())


def test_a_deadline_ends_the_wait_and_the_place_is_kept_for_later(server):
    client = Client(server.url)
    assert server.mapae("gate", "close").returncode == 0
    with pytest.raises(Waiting) as held:
        client.sign_in(EMAIL, PASSWORD, deadline=0)
    assert server.mapae("gate", "open").returncode == 0
    assert client.sign_in(EMAIL, PASSWORD, deadline=120, ticket=held.value.ticket).account


def test_a_wrong_password_is_told(server):
    with pytest.raises(SignInRefused):
        Client(server.url).sign_in(EMAIL, "not her password at all", deadline=60)


def test_many_threads_renew_a_kept_session_once(server):
    kept = []
    before = Client(server.url).sign_in(EMAIL, PASSWORD)
    client = Client(server.url, tokens=before, keep=kept.append)
    with ThreadPoolExecutor(8) as threads:
        tokens = set(threads.map(lambda _: client.access_token(), range(16)))
    assert len(tokens) == len(kept) == 1
    assert me(server, tokens.pop()).status == 200
    assert kept[0].session == before.session


def test_a_service_that_is_gone_is_told_after_the_deadline(server):
    began = time.monotonic()
    with pytest.raises(ServiceUnreachable):
        Client("http://localhost:9", timeout=1).sign_in(EMAIL, PASSWORD, deadline=2)
    assert time.monotonic() - began < 30
