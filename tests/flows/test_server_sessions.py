"""Server-side sessions through real databases: used, ended, expired, forged, in one process and in two."""

import asyncio
from dataclasses import replace
from time import monotonic

import pytest

from mapae.errors import Expired, Malformed, NotFound, Revoked, ScopeMissing, SignatureRefused, Stale, TokenError
from mapae.flows.account import change_password, delete_account
from mapae.flows.admin_link import create_admin_link, redeem_admin_link
from mapae.flows.authenticate import authenticate, authenticate_async
from mapae.flows.find_session import look_at_session
from mapae.flows.follow import poll
from mapae.flows.manage_accounts import find_account, set_account_state
from mapae.flows.manage_sessions import find_session, revoke_session
from mapae.flows.open_service import open_service
from mapae.flows.refresh import refresh
from mapae.flows.session_memory import Gone, SessionMemory
from mapae.flows.sign_out import end_other_sessions, end_session, list_sessions, sign_out, sign_out_everywhere
from mapae.flows.tally import series
from mapae.sessions.revocation import Entry
from mapae.sessions.server_session import LENGTH, write_session_token
from mapae.storage.database import Statement

pytestmark = pytest.mark.anyio

MINUTE, DAY = 60, 86_400
STEP = 10 * MINUTE


@pytest.fixture
def settings(settings):
    return replace(settings, access_token="opaque")


class Counted:
    """The real database, which counts what it is asked."""

    def __init__(self, database):
        self._database = database
        self.asked = 0

    def __getattr__(self, name):
        self.asked += name in {"fetch", "fetch_one", "fetch_apart", "commit"}
        return getattr(self._database, name)


@pytest.fixture
def counted(service):
    service.database = Counted(service.database)
    return service.database


@pytest.fixture
async def other(settings, clock, service):
    """The same service in another process, as far as memory goes."""
    async with open_service(settings, clock=clock) as opened:
        yield opened


def forgets(service):
    """What a restart does."""
    service.session_memory = SessionMemory()


def lease_has_run_out(service):
    """As if nothing could be read for longer than max_staleness."""
    service.revocations._fresh = monotonic() - service.settings.max_staleness - 1
    service.revocations._wall = service.clock() - service.settings.max_staleness - 1


async def refused(service, token):
    with pytest.raises(TokenError) as caught:
        await authenticate_async(service, token)
    return type(caught.value)


async def test_one_short_token_is_all_there_is(service, jane):
    for tokens in (await jane.signs_up(), await jane.signs_in()):
        assert tokens.access_token.startswith("mps_")
        assert len(tokens.access_token) == LENGTH == 90
        assert tokens.refresh_token is None
        assert (tokens.expires_in, tokens.lives) == (14 * DAY, 90 * DAY)
        principal = await authenticate_async(service, tokens.access_token, scopes=["account"])
        assert (principal.sid, principal.account_id) == (tokens.sid, tokens.account_id)


async def test_an_administrator_begins_with_one_too(service, jane):
    link = await create_admin_link(service)
    token = link.partition("token=")[2]
    tokens = await redeem_admin_link(service, token, "root@example.com", jane.password, visitor=jane.browser)
    assert await authenticate_async(service, tokens.access_token, scopes=["admin"])


async def test_the_database_holds_no_secret(service, jane):
    tokens = await jane.signs_up()
    rows = await service.database.fetch("SELECT * FROM session")
    assert tokens.access_token[26:60] not in repr(rows)


async def test_a_session_that_began_here_is_not_looked_up(service, jane, counted):
    tokens = await jane.signs_up()
    counted.asked = 0
    for _ in range(3):
        assert authenticate(service, tokens.access_token).sid == tokens.sid
        assert (await authenticate_async(service, tokens.access_token)).sid == tokens.sid
    assert counted.asked == 0


async def test_a_session_is_looked_up_once_in_a_step(service, jane, counted, clock):
    tokens = await jane.signs_up()
    forgets(service)
    counted.asked = 0
    for _ in range(3):
        assert await authenticate_async(service, tokens.access_token)
    assert counted.asked == 1
    clock.move(STEP)
    for _ in range(3):
        assert await authenticate_async(service, tokens.access_token)
    assert counted.asked == 3, "a look and a note that it was used"
    assert service.tally.counts[series("session_lookups", source="database")] == 2


async def test_what_was_read_counts_from_before_the_reading(service, jane, clock):
    """The bound on revocation rests on it: what ended while the row was on its way must not look older than the row."""
    token = (await jane.signs_up()).access_token
    forgets(service)
    clock.move(0.75)
    before = service.clock()

    class Slow(Counted):
        async def fetch_one(self, *asked):
            row = await self._database.fetch_one(*asked)
            clock.move(20)
            return row

    service.database = Slow(service.database)
    claims = (await authenticate_async(service, token)).claims
    assert claims.iat <= before < claims.iat + 1


async def test_everybody_who_asks_at_once_shares_one_look(service, jane, counted):
    tokens = await jane.signs_up()
    forgets(service)
    counted.asked = 0
    found = await asyncio.gather(*(authenticate_async(service, tokens.access_token) for _ in range(50)))
    assert {each.sid for each in found} == {tokens.sid}
    assert counted.asked == 1
    assert service.session_memory.reading == {}


async def test_whoever_goes_away_takes_nobody_along(service, jane):
    tokens = await jane.signs_up()
    forgets(service)
    first, second = (asyncio.create_task(authenticate_async(service, tokens.access_token)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).sid == tokens.sid
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_rubbish_is_refused_without_a_look(service, jane, counted):
    token = (await jane.signs_up()).access_token
    sid = (await authenticate_async(service, token)).sid
    foreign = write_session_token(sid, b"s" * 32, b"another server's key, 32 bytes..")
    rubbish = {
        token[:-1] + ("A" if token[-1] != "A" else "Q"): SignatureRefused,
        foreign: SignatureRefused,
        "mps_" + "A" * (LENGTH - 4): SignatureRefused,
        "mps_" + "é" * (LENGTH - 4): Malformed,
        "mps_" + "?" * (LENGTH - 4): Malformed,
        "mps_" + "\ud800" * (LENGTH - 4): Malformed,
        "mps_": Malformed,
        token + "A": Malformed,
        token[:-1]: Malformed,
        "mps_" + "A" * 1_000_000: Malformed,
        "Mps_" + token[4:]: Malformed,
    }
    forgets(service)
    counted.asked = 0
    for text, kind in rubbish.items():
        assert await refused(service, text) is kind
        with pytest.raises(kind):
            authenticate(service, text)
    assert counted.asked == 0
    assert len(service.session_memory) == 0, "and nothing is kept of it"


async def test_a_scope_that_is_missing_is_named(service, jane):
    token = (await jane.signs_up()).access_token
    for _ in range(2):
        with pytest.raises(ScopeMissing) as missing:
            await authenticate_async(service, token, scopes=["account", "admin"])
        assert list(missing.value.scopes) == ["admin"]
        with pytest.raises(ScopeMissing):
            authenticate(service, token, scopes=["admin"])


async def test_without_waiting_only_a_remembered_session_is_known(service, jane):
    token = (await jane.signs_up()).access_token
    forgets(service)
    with pytest.raises(Stale, match="authenticate_async"):
        authenticate(service, token)
    await authenticate_async(service, token)
    assert authenticate(service, token)


async def test_signing_out_counts_at_once_and_for_good(service, jane, counted):
    token = (await jane.signs_up()).access_token
    await sign_out(service, await authenticate_async(service, token), visitor=jane.browser)
    with pytest.raises(Revoked):
        authenticate(service, token)
    assert await refused(service, token) is Revoked
    forgets(service)
    assert await refused(service, token) is Revoked
    counted.asked = 0
    for _ in range(5):
        assert await refused(service, token) is Revoked
    assert counted.asked == 0, "nobody makes us read an ended session again and again"


async def test_that_a_session_is_gone_is_remembered_for_a_step(service, jane, counted, clock):
    token = (await jane.signs_up()).access_token
    await sign_out(service, await authenticate_async(service, token), visitor=jane.browser)
    forgets(service)
    counted.asked = 0
    for seconds, asked in ((0, 1), (STEP - 1, 1), (1, 2)):
        clock.move(seconds)
        assert await refused(service, token) is Revoked
        assert counted.asked == asked


@pytest.mark.slow
@pytest.mark.parametrize(
    "how", ["end_session", "others", "everywhere", "password", "disabled", "deleted", "by the operator"]
)
async def test_whatever_ends_a_session_refuses_its_token(service, jane, how):
    here, there = await jane.signs_up(), await jane.signs_in()
    principal = await authenticate_async(service, here.access_token)
    assert await authenticate_async(service, there.access_token)
    kept = how in {"end_session", "others", "password", "by the operator"}
    match how:
        case "end_session":
            await end_session(service, principal, there.sid, visitor=jane.browser)
        case "others":
            assert await end_other_sessions(service, principal, visitor=jane.browser) == 1
        case "everywhere":
            assert await sign_out_everywhere(service, principal, visitor=jane.browser) == 2
        case "password":
            await change_password(service, principal, jane.password, "another horse of bronze", visitor=jane.browser)
        case "disabled":
            await set_account_state(service, await find_account(service, jane.email), "disabled")
        case "deleted":
            await delete_account(service, principal, jane.password, visitor=jane.browser)
        case "by the operator":
            await revoke_session(service, await find_session(service, there.sid))
    for _ in range(2):
        assert await refused(service, there.access_token) is Revoked
        if kept:
            assert (await authenticate_async(service, here.access_token)).sid == here.sid
        else:
            assert await refused(service, here.access_token) is Revoked
        forgets(service)


async def test_a_stranger_ends_nothing(service, jane, person):
    token = (await jane.signs_up()).access_token
    sid = (await authenticate_async(service, token)).sid
    stranger = person(service, email="mallory@example.com")
    intruder = await authenticate_async(service, (await stranger.signs_up()).access_token)
    with pytest.raises(NotFound):
        await end_session(service, intruder, sid, visitor=stranger.browser)
    assert await authenticate_async(service, token)


async def test_a_session_ends_when_it_is_not_used(service, jane, clock):
    token = (await jane.signs_up()).access_token
    clock.move(14 * DAY - 1)
    assert await authenticate_async(service, token)
    clock.move(14 * DAY)
    assert await refused(service, token) is Expired
    clock.move(-DAY)
    forgets(service)
    assert await authenticate_async(service, token), "nothing was written: by this clock it has a day to live"


async def test_a_session_ends_however_much_it_is_used(service, jane, clock):
    token = (await jane.signs_up()).access_token
    for _ in range(8):
        clock.move(11 * DAY)
        assert (await authenticate_async(service, token)).expires_at <= 2_500_000_000 + 90 * DAY
    clock.move(2 * DAY)
    assert await refused(service, token) is Expired
    assert await refused(service, token) is Expired


async def test_what_is_in_memory_does_not_outlive_the_session(service, jane, clock):
    token = (await jane.signs_up()).access_token
    for _ in range(8):
        clock.move(11 * DAY)
        await authenticate_async(service, token)
    clock.move(2 * DAY - 60)
    assert await authenticate_async(service, token)
    clock.move(59)
    assert await authenticate_async(service, token)
    clock.move(1)
    with pytest.raises(TokenError):
        authenticate(service, token)
    assert await refused(service, token) is Expired


async def test_use_is_noted_once_in_a_step_and_shown_to_the_owner(service, jane, clock):
    token = (await jane.signs_up()).access_token

    async def seen():
        (session,) = await list_sessions(service, await authenticate_async(service, token))
        return session.seen_ms

    began = await seen()
    clock.move(STEP - 1)
    assert await seen() == began
    clock.move(1)
    assert await seen() == began + STEP * 1000
    clock.move(STEP - 1)
    assert await seen() == began + STEP * 1000


async def test_two_processes_note_one_use(service, other, jane, clock):
    token = (await jane.signs_up()).access_token
    clock.move(STEP)
    service.database, other.database = Counted(service.database), Counted(other.database)
    principals = await asyncio.gather(*(authenticate_async(each, token) for each in (service, other)))
    assert len({principal.sid for principal in principals}) == 1
    (session,) = await list_sessions(service, principals[0])
    assert session.seen_ms == service.now_ms()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # only there can one refuse writes to open connections
async def test_a_use_that_cannot_be_noted_is_let_in(service, jane, clock, caplog):
    token = (await jane.signs_up()).access_token
    await service.database.commit(Statement("PRAGMA query_only = ON", ()))
    clock.move(STEP)
    assert await authenticate_async(service, token)
    assert "cannot note that a session was used" in caplog.text


async def test_another_process_knows_the_token_and_follows_its_end(service, other, jane):
    token = (await jane.signs_up()).access_token
    assert await authenticate_async(other, token)
    await sign_out(service, await authenticate_async(service, token), visitor=jane.browser)
    await poll(other)
    with pytest.raises(Revoked):
        authenticate(other, token)
    assert await refused(other, token) is Revoked


async def test_a_process_that_cannot_follow_reads_again_what_is_older_than_the_lease(service, other, jane, clock):
    ended, live = await jane.signs_up(), await jane.signs_in()
    for tokens in (ended, live):
        assert await authenticate_async(other, tokens.access_token)
    await sign_out(service, await authenticate_async(service, ended.access_token), visitor=jane.browser)
    lease_has_run_out(other)
    assert authenticate(other, ended.access_token), "read a moment ago: that is what the bound allows"
    clock.move(31)
    for tokens in (ended, live):
        with pytest.raises(Stale):
            authenticate(other, tokens.access_token)
    assert await refused(other, ended.access_token) is Revoked
    assert await authenticate_async(other, live.access_token)


async def test_what_was_read_is_not_used_once_revocations_of_its_time_may_be_forgotten(service, jane, clock):
    token = (await jane.signs_up()).access_token
    await sign_out(service, await authenticate_async(service, token), visitor=jane.browser)
    clock.move(2 * 3600)
    service.revocations.forget(int(clock()))
    assert len(service.revocations) == 0
    assert await refused(service, token) is Revoked


async def test_a_new_epoch_alone_ends_no_session_that_the_database_keeps(service, jane):
    """The row knows more than what was remembered of it."""
    token = (await jane.signs_up()).access_token
    now = int(service.clock())
    service.revocations.add(
        [Entry(service.revocations.head, "client", "mapae", service.revocations.head + 1, now + 60)]
    )
    assert await refused(service, token) is Revoked
    service.revocations._head += 1
    assert await authenticate_async(service, token)


async def test_a_switch_of_the_setting_signs_nobody_out(service, settings, jane, person, clock):
    opaque = await jane.signs_up()
    async with open_service(replace(settings, access_token="jwt"), clock=clock) as after:
        assert await authenticate_async(after, opaque.access_token)
        jwt = await person(after).signs_in()
        assert jwt.refresh_token is not None
        assert jwt.lives == jwt.expires_in == 600
    await poll(service)
    assert await authenticate_async(service, jwt.access_token)
    clock.move(300)
    renewed = await refresh(service, jwt.refresh_token, visitor=jane.browser)
    assert not renewed.opaque
    assert renewed.refresh_token is not None
    assert authenticate(service, renewed.access_token).sid == jwt.sid


async def test_to_look_at_a_session_is_no_use_of_it(service, jane, clock):
    token = (await jane.signs_up()).access_token
    clock.move(DAY)
    forgets(service)
    claims = await look_at_session(service, token)
    assert len(service.session_memory) == 0
    (session,) = await service.database.fetch("SELECT seen_ms FROM session WHERE sid = ?", claims.sid)
    assert session == (2_500_000_000_000,)
    await sign_out(service, await authenticate_async(service, token), visitor=jane.browser)
    with pytest.raises(Revoked):
        await look_at_session(service, token)


def test_memory_is_bounded_and_the_least_used_goes_first():
    memory = SessionMemory(most=2)
    for name in (b"a", b"b"):
        memory.keep(name, Gone("ended", 0))
    assert memory.find(b"a")
    memory.keep(b"c", Gone("ended", 0))
    assert (memory.find(b"a"), memory.find(b"b")) == (Gone("ended", 0), None)
    assert len(memory) == 2
