"""Promises of the rows of sessions."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from random import Random

import pytest

from mapae.errors import Conflict
from mapae.sessions.refresh import Presented, RefreshPolicy, digest, foresee
from mapae.sessions.revocation import Entry
from mapae.sessions.session import end
from mapae.storage import accounts, revocations, sessions
from mapae.storage.database import Statement

from .conftest import NOW_MS, UNTIL, feed_after

pytestmark = pytest.mark.anyio

DAY_MS = 86_400_000
REFUSED = Statement("UPDATE account SET name = 'x' WHERE id = 'nobody'", (), 1)
ENDED = {"reason": "sign_out", "now_ms": NOW_MS + 5, "until": UNTIL}


def rotated(session, *, now_ms=NOW_MS + 60_000, current=b"next"):
    return replace(
        session,
        current=current,
        previous=session.current,
        replay=b"sealed",
        generation=session.generation + 1,
        acknowledged=False,
        opened_ms=now_ms,
        rotated_ms=now_ms,
        seen_ms=now_ms,
        idle_expires_ms=now_ms + DAY_MS,
        place="198.51.100.*",
    )


async def test_a_session_comes_back_whole(database, new_account, new_session):
    admin = new_account("root", role="admin", epoch=7)
    session = replace(new_session(admin), jkt="thumbprint", previous=b"p", replay=b"r", acknowledged=True)
    await accounts.add_account(database, admin, also=(sessions.added(session),))
    assert await sessions.load_session(database, session.sid) == session


OLDER = """\
INSERT INTO session (sid, account_id, client_id, current, generation, acknowledged, created_ms, opened_ms, rotated_ms,
seen_ms, idle_expires_ms, absolute_expires_ms, device, place, sweep_day)
VALUES (?, ?, ?, ?, 0, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
"""As a program writes it that does not know the columns `epoch` and `role`."""


async def test_a_session_that_an_older_program_began_has_what_its_account_has(database, new_account, new_session):
    admin = new_account("root", role="admin", epoch=7)
    await accounts.add_account(database, admin)
    presented = Presented("A" * 22, 0, b"s" * 32)
    row = replace(new_session(admin), sid=presented.sid, current=digest(presented.secret))
    times = (row.created_ms, row.opened_ms, row.rotated_ms, row.seen_ms, row.idle_expires_ms, row.absolute_expires_ms)
    policy = RefreshPolicy(idle_ms=DAY_MS)
    foreseen = foresee(presented, successor=b"n" * 32, now_ms=NOW_MS, policy=policy)
    day = foreseen.idle_expires_ms // DAY_MS + 1
    values = (row.sid, row.account_id, row.client_id, row.current, *times, row.device, row.place, day)
    await database.commit(Statement(OLDER, values))
    assert await sessions.load_session(database, row.sid) == row
    after = await sessions.rotate_session(database, foreseen, client_id=None)
    assert (after.generation, after.epoch, after.role) == (1, 7, "admin")
    assert await sessions.list_sessions_of(database, admin.id, now_ms=NOW_MS) == [after]


async def test_an_unknown_session_is_none(database, phone):
    assert await sessions.load_session(database, "nothing") is None


@pytest.mark.slow
@pytest.mark.parametrize("change", ["disabled", "deleted", "signed out everywhere", "another password"])
async def test_no_session_begins_for_an_account_that_changed_since_it_was_looked_at(database, ada, new_session, change):
    when = {"now_ms": NOW_MS, "until": UNTIL}
    match change:
        case "disabled":
            await accounts.set_state(database, ada.id, "disabled", reason="x", **when)
        case "deleted":
            await accounts.delete_account(database, ada.id, **when)
        case "another password":
            await accounts.replace_password(database, ada, "new", changed_ms=NOW_MS)
        case _:
            await accounts.bump_epoch(database, ada.id, reason="x", **when)
    with pytest.raises(Conflict):
        await sessions.add_session(database, new_session(ada), password_hash=ada.password_hash)
    assert await sessions.count_sessions(database) == 0


CHANGES = {
    "password": lambda db, ada, kept: accounts.replace_password(
        db, ada, "new", changed_ms=NOW_MS, end_sessions_except=kept.sid, until=UNTIL
    ),
    "epoch": lambda db, ada, _kept: accounts.bump_epoch(db, ada.id, reason="x", now_ms=NOW_MS, until=UNTIL),
    "state": lambda db, ada, _kept: accounts.set_state(db, ada.id, "disabled", reason="x", now_ms=NOW_MS, until=UNTIL),
    "deletion": lambda db, ada, _kept: accounts.delete_account(db, ada.id, now_ms=NOW_MS, until=UNTIL),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.slow
async def test_no_session_slips_through_beside_what_ends_them_all(database, new_account, new_session, change):
    for number in range(12):
        account = new_account(f"n{number}")
        kept, *others = [new_session(account, f"d{device}") for device in range(9)]
        await accounts.add_account(database, account, also=(sessions.added(kept),))
        adding = [sessions.add_session(database, each, password_hash=account.password_hash) for each in others]
        adding.insert(number % 8, change(database, account, kept))
        outcomes = await asyncio.gather(*adding, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} <= {int, type(None), Conflict}
        live = {session.sid for session in await sessions.list_sessions_of(database, account.id, now_ms=NOW_MS)}
        assert live <= {kept.sid}


APART = """\
SELECT s.sid FROM session s LEFT JOIN account a ON a.id = s.account_id
WHERE s.revoked_ms IS NULL AND (a.id IS NULL OR a.state <> 'active' OR a.epoch <> s.epoch OR a.role <> s.role)"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
async def test_a_live_session_says_what_its_account_says_whatever_happens_at_once(
    database, new_account, new_session, seed
):
    chance, when = Random(seed), {"now_ms": NOW_MS, "until": UNTIL}
    everyone = [new_account(f"n{number}", role=chance.choice(["user", "admin"])) for number in range(6)]
    for account in everyone:
        await accounts.add_account(database, account)

    async def signs_in(account, step):
        known = await accounts.load_account(database, account.id)
        if known is not None:
            await asyncio.sleep(chance.random() / 500)
            await sessions.add_session(database, new_session(known, f"d{step}"), password_hash=known.password_hash)

    happens = [
        *[signs_in] * 15,
        lambda account, _: accounts.bump_epoch(database, account.id, reason="x", **when),
        lambda account, _: accounts.set_state(database, account.id, "disabled", reason="x", **when),
        lambda account, _: accounts.set_state(database, account.id, "active", reason="x", **when),
    ]

    async def after_a_while(happens, account, step):
        await asyncio.sleep(chance.random() / 4)
        return await happens(account, step)

    steps = [after_a_while(chance.choice(happens), chance.choice(everyone), step) for step in range(200)]
    outcomes = await asyncio.gather(
        *steps, accounts.delete_account(database, everyone[0].id, **when), return_exceptions=True
    )
    assert {type(outcome) for outcome in outcomes} <= {int, type(None), Conflict}
    assert await sessions.count_sessions(database, live_at_ms=NOW_MS) > 0
    assert await database.fetch(APART) == []


async def test_a_session_id_is_used_once(database, ada, phone):
    with pytest.raises(Conflict) as caught:
        await sessions.add_session(database, phone)
    assert caught.value.constraint == "session.sid"


async def test_the_row_after_a_rotation_is_saved_whole(database, phone):
    after = rotated(phone)
    assert await sessions.replace_session(database, phone, after)
    assert await sessions.load_session(database, phone.sid) == after


@pytest.mark.slow
@pytest.mark.parametrize(
    "meanwhile",
    [
        {"current": b"other"},
        {"generation": 1},
        {"opened_ms": NOW_MS + 1},
        {"acknowledged": True},
    ],
    ids=lambda fields: next(iter(fields)),
)
async def test_a_row_that_moved_meanwhile_is_not_replaced(database, phone, meanwhile):
    moved = replace(phone, **meanwhile)
    assert await sessions.replace_session(database, phone, moved)
    assert not await sessions.replace_session(database, phone, rotated(phone))
    assert await sessions.load_session(database, phone.sid) == moved


async def test_of_fifty_rotations_of_one_token_exactly_one_is_saved(database, phone):
    tries = [sessions.replace_session(database, phone, rotated(phone, current=b"%d" % n)) for n in range(50)]
    saved = await asyncio.gather(*tries)
    assert saved.count(True) == 1
    session = await sessions.load_session(database, phone.sid)
    assert session.current == b"%d" % saved.index(True)
    assert session.generation == 1


async def test_an_ended_session_is_never_replaced(database, phone):
    await sessions.revoke_session(database, phone.sid, **ENDED)
    assert not await sessions.replace_session(database, phone, rotated(phone))


async def test_replacing_by_an_ended_row_tells_the_feed(database, phone):
    over = end(phone, "reuse", now_ms=NOW_MS + 9)
    with pytest.raises(ValueError, match="until"):
        await sessions.replace_session(database, phone, over)
    assert await sessions.replace_session(database, phone, over, until=UNTIL)
    assert await sessions.load_session(database, phone.sid) == over
    times = []
    reading = await revocations.load_after(database, 0, heard=lambda _, committed_ms: times.extend(committed_ms))
    assert list(reading.entries) == [Entry(1, "session", phone.sid, 0, UNTIL)]
    assert times == [NOW_MS + 9]


async def test_a_session_is_ended_once_with_its_entry_in_the_feed(database, phone):
    await sessions.replace_session(database, phone, rotated(phone))
    await sessions.revoke_session(database, phone.sid, **ENDED)
    session = await sessions.load_session(database, phone.sid)
    assert (session.revoked_ms, session.reason, session.replay) == (NOW_MS + 5, "sign_out", None)
    with pytest.raises(Conflict):
        await sessions.revoke_session(database, phone.sid, **ENDED)
    (entry,), head = await feed_after(database, 0)
    assert (entry.seq, entry.kind, entry.key, entry.until, head) == (1, "session", phone.sid, UNTIL, 1)


async def test_nobody_ends_the_session_of_another_account(database, ada, phone):
    with pytest.raises(Conflict):
        await sessions.revoke_session(database, phone.sid, account_id="somebody else", **ENDED)
    await sessions.revoke_session(database, phone.sid, account_id=ada.id, **ENDED)


async def test_all_but_one_session_are_ended_and_each_is_in_the_feed(database, ada, phone, new_session, new_account):
    others = [new_session(ada, f"n{n}") for n in range(3)]
    bob = new_account("bob")
    await accounts.add_account(database, bob, also=(sessions.added(new_session(bob)),))
    for session in others:
        await sessions.add_session(database, session)
    await sessions.revoke_session(database, others[0].sid, **ENDED)
    count = await sessions.revoke_sessions_of(
        database, ada.id, except_sid=phone.sid, **(ENDED | {"now_ms": NOW_MS + 7})
    )
    assert count == 2
    entries, head = await feed_after(database, 1)
    assert sorted(entry.key for entry in entries) == sorted(session.sid for session in others[1:])
    assert {entry.seq for entry in entries} == {head} == {2}
    assert await sessions.list_sessions_of(database, ada.id, now_ms=NOW_MS) == [phone]
    assert len(await sessions.list_sessions_of(database, bob.id, now_ms=NOW_MS)) == 1


async def test_only_live_sessions_are_listed_the_last_used_first(database, ada, phone, new_session):
    idle = new_session(ada, "idle", idle_ms=1_000)
    over = new_session(ada, "over", idle_ms=50_000, absolute_ms=2_000)
    used = replace(new_session(ada, "used"), seen_ms=NOW_MS + 3_000)
    for session in (idle, over, used):
        await sessions.add_session(database, session)
    assert await sessions.list_sessions_of(database, ada.id, now_ms=NOW_MS + 2_000) == [used, phone]
    assert await sessions.count_sessions(database, live_at_ms=NOW_MS + 2_000) == 2
    assert await sessions.count_sessions(database) == 4


async def test_all_sessions_are_listed_in_pages(database, ada, new_session):
    everything = sorted((new_session(ada, f"n{n}") for n in range(7)), key=lambda session: session.sid)
    for session in everything:
        await sessions.add_session(database, session)
    await sessions.revoke_session(database, everything[3].sid, **ENDED)
    seen, page = [], await sessions.list_sessions(database, limit=3)
    while page:
        seen += page
        page = await sessions.list_sessions(database, after=page[-1].sid, limit=3)
    assert [session.sid for session in seen] == [session.sid for session in everything]
    live = await sessions.list_sessions(database, live_at_ms=NOW_MS)
    assert live == everything[:3] + everything[4:]


async def test_expired_sessions_are_deleted_a_few_at_a_time_and_no_others(database, ada, phone, new_session):
    for n in range(5):
        await sessions.add_session(database, new_session(ada, f"n{n}", idle_ms=1_000))
    await sessions.replace_session(database, phone, rotated(phone, now_ms=NOW_MS + DAY_MS // 2))
    later = NOW_MS + 2 * DAY_MS
    assert await sessions.sweep(database, NOW_MS + 5_000, limit=3) == 0
    assert [await sessions.sweep(database, later, limit=3) for _ in range(3)] == [3, 2, 0]
    assert await sessions.count_sessions(database) == 1
    assert await sessions.sweep(database, later + 3 * DAY_MS, limit=3) == 1


async def test_what_rides_along_is_written_with_it_or_not_at_all(database, ada, phone, new_session):
    with pytest.raises(Conflict):
        await sessions.add_session(database, new_session(ada, "other"), also=(REFUSED,))
    with pytest.raises(Conflict):
        await sessions.revoke_session(database, phone.sid, also=(REFUSED,), **ENDED)
    with pytest.raises(Conflict):
        await sessions.revoke_sessions_of(database, ada.id, also=(REFUSED,), **ENDED)
    assert not await sessions.replace_session(database, phone, rotated(phone), also=(REFUSED,))
    assert await sessions.list_sessions_of(database, ada.id, now_ms=NOW_MS) == [phone]
    assert await feed_after(database, 0) == ([], 0)


USED_MS = NOW_MS + 60_000


def used(session, *, seen_ms=USED_MS):
    return replace(session, seen_ms=seen_ms, idle_expires_ms=session.idle_expires_ms + 9 * DAY_MS)


async def test_a_use_moves_when_a_session_was_seen_and_when_it_ends(database, phone):
    assert await sessions.slide_session(database, phone, used(phone))
    found = await sessions.load_session(database, phone.sid)
    assert found == used(phone)
    (day,) = await database.fetch_one("SELECT sweep_day FROM session WHERE sid = ?", phone.sid)
    assert day == min(found.idle_expires_ms, found.absolute_expires_ms) // DAY_MS + 1, "it is not swept too early"


async def test_of_uses_at_once_one_is_saved(database, phone):
    answers = await asyncio.gather(
        *(sessions.slide_session(database, phone, used(phone, seen_ms=USED_MS + n)) for n in range(8))
    )
    assert answers.count(True) == 1


@pytest.mark.slow
@pytest.mark.parametrize("change", ["ended", "rotated", "deleted"])
async def test_a_use_of_a_session_that_has_changed_is_not_saved(database, ada, phone, change):
    match change:
        case "ended":
            await sessions.revoke_session(database, phone.sid, **ENDED)
        case "rotated":
            assert await sessions.replace_session(database, phone, rotated(phone))
        case "deleted":
            await accounts.delete_account(database, ada.id, now_ms=NOW_MS, until=UNTIL)
    before = await sessions.load_session(database, phone.sid)
    assert not await sessions.slide_session(database, phone, used(phone))
    assert await sessions.load_session(database, phone.sid) == before
