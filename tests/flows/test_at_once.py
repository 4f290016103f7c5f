"""What ends a session is known to this process before its caller is answered. Nobody follows the feed here."""

import pytest

from mapae.errors import RefreshReused, Revoked
from mapae.flows.account import change_password, delete_account
from mapae.flows.authenticate import authenticate
from mapae.flows.manage_accounts import set_account_state
from mapae.flows.manage_sessions import revoke_session
from mapae.flows.refresh import refresh
from mapae.flows.sign_out import end_other_sessions, end_session, sign_out, sign_out_everywhere
from mapae.flows.visitor import CONSOLE
from mapae.storage import accounts, sessions

pytestmark = pytest.mark.anyio


async def by_itself(service, jane, ended, _):
    await sign_out(service, authenticate(service, ended.access_token), visitor=jane.browser)


async def by_another(service, jane, ended, other):
    await end_session(service, authenticate(service, other.access_token), ended.sid, visitor=jane.browser)


async def with_the_others(service, jane, _, other):
    await end_other_sessions(service, authenticate(service, other.access_token), visitor=jane.browser)


async def everywhere(service, jane, _, other):
    await sign_out_everywhere(service, authenticate(service, other.access_token), visitor=jane.browser)


async def with_the_password(service, jane, _, other):
    principal = authenticate(service, other.access_token)
    await change_password(service, principal, jane.password, "a violin of granite, six", visitor=jane.browser)


async def with_the_account(service, jane, _, other):
    await delete_account(service, authenticate(service, other.access_token), jane.password, visitor=jane.browser)


async def by_disabling_the_account(service, _, ended, __):
    await set_account_state(service, await accounts.load_account(service.database, ended.account_id), "disabled")


async def by_an_operator(service, _, ended, __):
    session = await sessions.load_session(service.database, ended.sid)
    await revoke_session(service, session, visitor=CONSOLE)


async def by_reuse(service, jane, ended, _):
    second = await refresh(service, ended.refresh_token, visitor=jane.browser)
    service.clock.move(60)
    await refresh(service, second.refresh_token, visitor=jane.browser)
    with pytest.raises(RefreshReused):
        await refresh(service, ended.refresh_token, visitor=jane.browser)


@pytest.mark.slow
@pytest.mark.parametrize(
    "end",
    [
        by_itself,
        by_another,
        with_the_others,
        everywhere,
        with_the_password,
        with_the_account,
        by_disabling_the_account,
        by_an_operator,
        by_reuse,
    ],
    ids=lambda end: end.__name__,
)
async def test_a_session_that_was_ended_is_refused_at_once_where_it_was_ended(service, jane, end):
    await jane.signs_up()
    ended, other = await jane.signs_in(), await jane.signs_in()
    assert authenticate(service, ended.access_token).sid == ended.sid
    await end(service, jane, ended, other)
    with pytest.raises(Revoked):
        authenticate(service, ended.access_token)
