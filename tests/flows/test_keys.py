"""Key rotation by schedule and by hand: no valid token is refused."""

import base64
from time import monotonic

import pytest

from mapae.errors import KeyUnknown, LinkRefused, NotFound, PasswordRefused, RefreshRefused, Revoked
from mapae.flows.admin_link import admin_exists, check_admin_link, create_admin_link, redeem_admin_link
from mapae.flows.authenticate import KEPT_UP, authenticate, authenticate_async
from mapae.flows.follow import poll, tidy
from mapae.flows.open_service import open_service
from mapae.flows.refresh import refresh
from mapae.flows.rotate_keys import retire_key, rotate_key
from mapae.flows.sign_in import sign_in
from mapae.flows.sign_out import sign_out
from mapae.keys.schedule import phase

pytestmark = pytest.mark.anyio

DAY = 86_400


@pytest.mark.slow
async def test_a_year_of_rotations_refuses_no_valid_token(service, jane, clock):
    tokens = await jane.signs_up()
    kids = set()
    for _ in range(365 * 2):
        clock.move(DAY / 2)
        await tidy(service)
        await poll(service)
        try:
            fresh = await refresh(service, tokens.refresh_token, visitor=jane.browser)
        except RefreshRefused:
            fresh = await jane.signs_in()
        if fresh.refresh_token:
            tokens = fresh
        kids.add(service.keyring.signing(service.now_ms()).kid)
        clock.move(service.settings.access_ttl - 1)
        await poll(service)
        assert authenticate(service, fresh.access_token)
    assert len(kids) == 5


async def test_a_rotation_by_hand_announces_first_and_old_tokens_live_on(service, jane, clock):
    before = service.keyring.signing(service.now_ms()).kid
    tokens = await jane.signs_up()
    await rotate_key(service)
    assert service.keyring.signing(service.now_ms()).kid == before
    clock.move(service.settings.key_announced_for)
    await poll(service)
    assert service.keyring.signing(service.now_ms()).kid != before
    assert {phase(row, service.now_ms()) for row in service.keyring.rows} == {"retiring", "signing"}
    assert tokens


async def test_a_forced_rotation_signs_at_once_and_still_accepts_what_was_signed_before(service, jane):
    tokens = await jane.signs_up()
    before = service.keyring.signing(service.now_ms()).kid
    await rotate_key(service, forced=True)
    assert service.keyring.signing(service.now_ms()).kid != before
    assert authenticate(service, tokens.access_token)
    assert authenticate(service, (await jane.signs_in()).access_token)


async def test_a_retired_key_is_refused_at_once(service, jane):
    tokens = await jane.signs_up()
    await retire_key(service, service.keyring.signing(service.now_ms()).kid)
    with pytest.raises(KeyUnknown):
        authenticate(service, tokens.access_token)
    assert authenticate(service, (await jane.signs_in()).access_token)
    with pytest.raises(NotFound):
        await retire_key(service, "nothing")


async def test_a_restart_keeps_keys_sessions_and_revocations(settings, clock, jane):
    kept, ended = await jane.signs_up(), await jane.signs_in()
    await sign_out(jane.service, authenticate(jane.service, ended.access_token), visitor=jane.browser)
    async with open_service(settings, clock=clock) as again:
        assert authenticate(again, kept.access_token)
        with pytest.raises(Revoked):
            authenticate(again, ended.access_token)
        assert again.keyring.etag == jane.service.keyring.etag


async def test_the_private_keys_lie_sealed_in_the_database(service):
    (row,) = service.keyring.rows
    private = service.keyring.private[row.kid].to_jwk(private=True)["d"]
    assert base64.urlsafe_b64decode(private + "=") not in row.sealed
    assert private.encode() not in row.sealed
    assert private.encode() not in service.keyring.jwks


async def test_the_set_up_link_opens_one_administrator_once_and_within_half_an_hour(service, jane, clock):
    assert not await admin_exists(service)
    late = (await create_admin_link(service)).partition("token=")[2]
    clock.move(30 * 60)
    with pytest.raises(LinkRefused):
        await check_admin_link(service, late)
    link = await create_admin_link(service)
    assert link.startswith(f"{service.settings.issuer}/setup?token=")
    token = link.partition("token=")[2]
    with pytest.raises(PasswordRefused):
        await redeem_admin_link(service, token, jane.email, "short", visitor=jane.browser)
    await check_admin_link(service, token)
    tokens = await redeem_admin_link(service, token, jane.email, jane.password, visitor=jane.browser)
    assert "admin" in authenticate(service, tokens.access_token).scopes
    assert await admin_exists(service)
    with pytest.raises(LinkRefused):
        await redeem_admin_link(service, token, "kim@example.com", jane.password, visitor=jane.browser)


async def test_a_key_that_nobody_here_knows_is_looked_for_only_where_the_view_is_old(service, settings, clock, jane):
    """Else invented tokens would make us read: a view that is kept up is as new as it gets."""
    await jane.signs_up()
    async with open_service(settings, clock=clock) as other:
        for _ in range(2):
            await rotate_key(other, forced=True)
        token = (await sign_in(other, jane.email, jane.password, visitor=jane.browser)).access_token
    service.revocations._fresh = monotonic()
    with pytest.raises(KeyUnknown):
        await authenticate_async(service, token)
    service.revocations._fresh = monotonic() - KEPT_UP - 1
    assert (await authenticate_async(service, token)).client_id == "mapae"
