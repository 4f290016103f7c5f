"""Refresh through a real SQLite file: lost responses, races, thieves."""

import asyncio

import pytest

from mapae.errors import NotFound, RefreshRefused, RefreshReused, Revoked
from mapae.flows.authenticate import authenticate
from mapae.flows.follow import poll
from mapae.flows.manage_accounts import find_account, set_account_state
from mapae.flows.read_activity import notices
from mapae.flows.refresh import refresh
from mapae.flows.sign_out import (
    end_other_sessions,
    end_session,
    list_sessions,
    sign_out,
    sign_out_by_refresh_token,
    sign_out_everywhere,
)
from mapae.storage.sessions import load_session

pytestmark = pytest.mark.anyio

WINDOW = 20


async def test_a_refresh_token_is_exchanged_for_its_successor(service, jane, clock):
    first = await jane.signs_up()
    clock.move(300)
    second = await refresh(service, first.refresh_token, visitor=jane.browser)
    assert second.refresh_token not in {None, first.refresh_token}
    assert second.sid == first.sid
    assert authenticate(service, second.access_token).claims.iat == int(clock.now)


@pytest.mark.slow
async def test_fifty_presentations_at_once_get_exactly_one_successor(service, jane, clock):
    first = await jane.signs_up()
    clock.move(300)
    answers = await asyncio.gather(*(refresh(service, first.refresh_token, visitor=jane.browser) for _ in range(50)))
    assert len({answer.refresh_token for answer in answers}) == 1
    session = await load_session(service.database, first.sid)
    assert session.generation == 1


async def test_a_lost_response_harms_nobody(service, jane, clock):
    first = await jane.signs_up()
    lost = await refresh(service, first.refresh_token, visitor=jane.browser)
    clock.move(WINDOW / 2)
    again = await refresh(service, first.refresh_token, visitor=jane.browser)
    assert again.refresh_token == lost.refresh_token


async def test_a_response_lost_for_a_day_is_recovered_and_the_lost_token_is_dead(service, jane, clock):
    first = await jane.signs_up()
    lost = await refresh(service, first.refresh_token, visitor=jane.browser)
    clock.move(86_400)
    recovered = await refresh(service, first.refresh_token, visitor=jane.browser)
    assert recovered.refresh_token != lost.refresh_token
    with pytest.raises(RefreshReused):
        await refresh(service, lost.refresh_token, visitor=jane.browser)


async def test_a_fresh_successor_is_held_so_that_two_tabs_agree(service, jane, clock):
    first = await jane.signs_up()
    second = await refresh(service, first.refresh_token, visitor=jane.browser)
    held = await refresh(service, second.refresh_token, visitor=jane.browser)
    assert held.refresh_token is None
    assert authenticate(service, held.access_token)


async def test_an_old_token_ends_the_session_and_its_owner_is_told(service, jane, clock):
    stolen = await jane.signs_up()
    token = stolen.refresh_token
    for _ in range(3):
        clock.move(600)
        latest = await refresh(service, token, visitor=jane.browser)
        token = latest.refresh_token
    with pytest.raises(RefreshReused):
        await refresh(service, stolen.refresh_token, visitor=jane.browser)
    await poll(service)
    with pytest.raises(Revoked):
        authenticate(service, latest.access_token)
    with pytest.raises(RefreshRefused):
        await refresh(service, token, visitor=jane.browser)
    principal = authenticate(service, (await jane.signs_in()).access_token)
    (notice,) = await notices(service, principal)
    assert (notice.event, notice.sid) == ("refresh_reused", stolen.sid)


@pytest.mark.parametrize("touched", [0, 4, 30, 60, 90])
async def test_an_invented_token_changes_nothing(service, jane, clock, touched):
    tokens = await jane.signs_up()
    before = await load_session(service.database, tokens.sid)
    text = tokens.refresh_token
    bad = text[:touched] + ("A" if text[touched] != "A" else "B") + text[touched + 1 :]
    with pytest.raises(RefreshRefused) as refused:
        await refresh(service, bad, visitor=jane.browser)
    assert not isinstance(refused.value, RefreshReused)
    assert await load_session(service.database, tokens.sid) == before


async def test_a_session_ends_when_it_is_idle_and_in_any_case_in_the_end(service, jane, clock):
    idle = await jane.signs_up()
    clock.move(service.settings.idle_ttl)
    with pytest.raises(RefreshRefused):
        await refresh(service, idle.refresh_token, visitor=jane.browser)
    busy = await jane.signs_in()
    token = busy.refresh_token
    began = clock.now
    with pytest.raises(RefreshRefused):  # noqa: PT012
        while True:
            clock.move(service.settings.idle_ttl / 2)
            token = (await refresh(service, token, visitor=jane.browser)).refresh_token
    assert clock.now - began == pytest.approx(service.settings.absolute_ttl, abs=service.settings.idle_ttl / 2)


async def test_signing_out_ends_this_session_only(service, jane):
    here, there = await jane.signs_up(), await jane.signs_in()
    await sign_out(service, authenticate(service, here.access_token), visitor=jane.browser)
    await poll(service)
    with pytest.raises(Revoked):
        authenticate(service, here.access_token)
    with pytest.raises(RefreshRefused):
        await refresh(service, here.refresh_token, visitor=jane.browser)
    assert authenticate(service, there.access_token)


async def test_a_refresh_token_is_enough_to_sign_out(service, jane):
    tokens = await jane.signs_up()
    await sign_out_by_refresh_token(service, tokens.refresh_token, visitor=jane.browser)
    await sign_out_by_refresh_token(service, tokens.refresh_token, visitor=jane.browser)
    with pytest.raises(RefreshRefused):
        await refresh(service, tokens.refresh_token, visitor=jane.browser)


async def test_signing_out_everywhere_ends_all_and_a_new_sign_in_works_at_once(service, jane):
    tokens = [await jane.signs_up(), await jane.signs_in(), await jane.signs_in()]
    ended = await sign_out_everywhere(service, authenticate(service, tokens[0].access_token), visitor=jane.browser)
    assert ended == 3
    await poll(service)
    for dead in tokens:
        with pytest.raises(Revoked):
            authenticate(service, dead.access_token)
    assert authenticate(service, (await jane.signs_in()).access_token)


async def test_sessions_are_listed_with_device_and_place_and_one_can_be_ended(service, jane, person):
    here, there = await jane.signs_up(), await jane.signs_in(address="198.51.100.9")
    principal = authenticate(service, here.access_token)
    listed = {session.sid: session for session in await list_sessions(service, principal)}
    assert {here.sid, there.sid} == set(listed)
    assert (listed[there.sid].device, listed[there.sid].place) == ("Firefox · Linux", "198.51.100.*")
    await end_session(service, principal, there.sid, visitor=jane.browser)
    assert [session.sid for session in await list_sessions(service, principal)] == [here.sid]
    stranger = person(service, email="kim@example.com")
    intruder = authenticate(service, (await stranger.signs_up()).access_token)
    with pytest.raises(NotFound):
        await end_session(service, intruder, here.sid, visitor=stranger.browser)
    await poll(service)
    assert authenticate(service, here.access_token)


async def test_a_disabled_account_can_neither_refresh_nor_use_its_tokens(service, jane):
    tokens = await jane.signs_up()
    await set_account_state(service, await find_account(service, jane.email), "disabled")
    await poll(service)
    with pytest.raises(RefreshRefused):
        await refresh(service, tokens.refresh_token, visitor=jane.browser)
    with pytest.raises(Revoked):
        authenticate(service, tokens.access_token)


async def test_all_other_sessions_end_together_and_this_one_stays(service, jane, person):
    tokens = [await jane.signs_up(), await jane.signs_in(), await jane.signs_in()]
    stranger = await person(service, email="kim@example.com").signs_up()
    here = authenticate(service, tokens[1].access_token)
    assert await end_other_sessions(service, here, visitor=jane.browser) == 2
    await poll(service)
    for token in (tokens[0], tokens[2]):
        with pytest.raises(Revoked):
            authenticate(service, token.access_token)
    assert authenticate(service, tokens[1].access_token)
    assert authenticate(service, stranger.access_token)
