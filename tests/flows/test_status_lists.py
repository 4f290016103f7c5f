"""Sessions with places in token status lists, on real databases: no place is given twice, and ended ones are marked."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from mapae.flows import status_lists
from mapae.flows.account import delete_account
from mapae.flows.authenticate import authenticate
from mapae.flows.open_service import open_service
from mapae.flows.refresh import refresh
from mapae.flows.sign_out import sign_out, sign_out_everywhere
from mapae.flows.status_lists import new_sid, ready_place, signed_list
from mapae.flows.sweep import sweep
from mapae.jose.jwks import KeySet
from mapae.jose.status_list import TYP, Status, read_status_list, reference_of
from mapae.jose.unverified import read_unverified
from mapae.jose.verifier import Verifier
from mapae.sessions.status_place import read_place

from .conftest import Person

pytestmark = pytest.mark.anyio

DAY = 86_400


@pytest.fixture
def settings(settings):
    return replace(settings, status_lists=True)


async def status_of(service, token):
    """What a reader finds who has the token, the list and the keys."""
    reference = reference_of(read_unverified(token).payload)
    text = await signed_list(service, int(reference.uri.rpartition("/")[2]))
    keys = KeySet.from_jwks(service.keyring.jwks)
    verifier = Verifier(keys, issuer=service.settings.issuer, audience=None, typ=TYP, max_length=2**20)
    claims = verifier.check(text, now=service.clock())
    return read_status_list(claims, uri=reference.uri, now=service.clock()).status(reference.index)


async def by_itself(service, jane, tokens):
    await sign_out(service, authenticate(service, tokens.access_token), visitor=jane.browser)


async def with_all_others(service, jane, _):
    another = authenticate(service, (await jane.signs_in()).access_token)
    await sign_out_everywhere(service, another, visitor=jane.browser)


async def with_the_account(service, jane, tokens):
    await delete_account(service, authenticate(service, tokens.access_token), jane.password, visitor=jane.browser)


@pytest.mark.parametrize("ends", [by_itself, with_all_others, with_the_account], ids=lambda ends: ends.__name__)
async def test_an_ended_session_is_marked_and_nobody_else_is(service, jane, person, ends):
    ended = await jane.signs_up()
    other = await person(service, email="june@example.com").signs_up()
    assert [await status_of(service, each.access_token) for each in (ended, other)] == [Status.VALID] * 2
    await ends(service, jane, ended)
    assert await status_of(service, ended.access_token) == Status.INVALID
    assert await status_of(service, other.access_token) == Status.VALID


async def test_a_session_keeps_its_place(service, jane, clock):
    first = await jane.signs_up()
    clock.move(300)
    second = await refresh(service, first.refresh_token, visitor=jane.browser)
    assert reference_of(read_unverified(first.access_token).payload) == reference_of(
        read_unverified(second.access_token).payload
    )
    assert authenticate(service, second.access_token).sid == first.sid


async def test_a_session_of_before_has_no_place_and_none_has_one_unless_asked_for(settings, clock):
    async with open_service(replace(settings, status_lists=False), clock=clock) as service:
        jane = Person(service)
        before = await jane.signs_up()
        assert "status" not in read_unverified(before.access_token).payload
    async with open_service(settings, clock=clock) as service:
        after = await refresh(service, before.refresh_token, visitor=jane.browser)
        assert "status" not in read_unverified(after.access_token).payload
        assert authenticate(service, after.access_token)


async def taken(service, number):
    """The places of so many new sessions."""
    places = []
    for _ in range(number):
        await ready_place(service)
        places.append(read_place(new_sid(service), service.status_lists.key))
    return places


@pytest.mark.slow
async def test_no_place_is_given_twice_however_many_nodes_there_are(settings, clock, monkeypatch):
    monkeypatch.setattr(status_lists, "BLOCK_SIZE", 8)
    monkeypatch.setattr(status_lists, "BLOCKS", 16)  # so small that lists are soon full and blocks wanted twice
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(open_service(settings, clock=clock)) for _ in range(3)]
        given = await asyncio.gather(*(taken(node, 200) for node in nodes for _ in range(2)))
    places = [place for each in given for place in each]
    assert len(set(places)) == len(places) == 1200
    assert len({place.list for place in places}) > 5


async def test_a_list_is_signed_anew_only_when_something_has_ended_or_time_has_passed(service, jane, clock):
    tokens = await jane.signs_up()
    number = read_place(tokens.sid, service.status_lists.key).list
    first = await signed_list(service, number)
    assert await signed_list(service, number) is first
    clock.move(status_lists.TTL)
    second = await signed_list(service, number)
    assert second != first
    await by_itself(service, jane, tokens)
    assert await signed_list(service, number) != second
    assert await signed_list(service, number + 1) is None


async def test_blocks_are_free_again_once_none_of_their_sessions_can_live(service, jane, clock):
    tokens = await jane.signs_up()
    number = read_place(tokens.sid, service.status_lists.key).list
    clock.move(service.settings.absolute_ttl)
    await sweep(service)
    assert await status_lists.list_uris(service) == [status_lists.uri_of(service, number)]
    clock.move(3 * DAY)
    await sweep(service)
    assert await status_lists.list_uris(service) == []
