"""Promises of the rows of accounts."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from mapae.errors import Conflict, EmailTaken
from mapae.sessions.revocation import Entry
from mapae.storage import accounts, links, revocations, sessions
from mapae.storage.database import Statement

from .conftest import NOW_MS, UNTIL, feed_after

pytestmark = pytest.mark.anyio

WHEN = {"now_ms": NOW_MS + 5, "until": UNTIL}
REFUSED = Statement("UPDATE account SET name = 'x' WHERE id = 'nobody'", (), 1)


async def test_an_account_comes_back_as_it_was_saved(database, new_account):
    with_password = new_account("ada", role="admin", language="ko", epoch=4)
    without = new_account("bob", password_hash=None, password_changed_ms=None, state="disabled")
    for account in (with_password, without):
        await accounts.add_account(database, account)
        assert await accounts.load_account(database, account.id) == account
        assert await accounts.load_account_by_email(database, account.email) == account


async def test_an_unknown_account_is_none(database, ada):
    assert await accounts.load_account(database, "nobody") is None
    assert await accounts.load_account_by_email(database, "nobody@example.com") is None


async def test_a_taken_email_is_told_and_leaves_nothing_behind(database, ada, new_account):
    with pytest.raises(EmailTaken):
        await accounts.add_account(database, new_account("other", email=ada.email))
    assert len(await accounts.list_accounts(database)) == 1
    await accounts.add_account(database, new_account("other"))


async def test_of_many_sign_ups_with_one_email_exactly_one_succeeds(database, new_account):
    signs = [accounts.add_account(database, new_account(f"n{n}", email="same@example.com")) for n in range(20)]
    outcomes = await asyncio.gather(*signs, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["EmailTaken"] * 19 + ["NoneType"]


async def test_another_conflict_is_not_called_a_taken_email(database, ada, new_account):
    for account, also in ((new_account("bob", id=ada.id), ()), (new_account("bob"), (REFUSED,))):
        with pytest.raises(Conflict):
            await accounts.add_account(database, account, also=also)
    assert len(await accounts.list_accounts(database)) == 1


async def test_accounts_are_listed_in_pages_the_oldest_first(database, new_account):
    everyone = [new_account(f"n{n}", created_ms=NOW_MS + n // 3) for n in range(10)]
    for account in reversed(everyone):
        await accounts.add_account(database, account)
    seen, page = [], await accounts.list_accounts(database, limit=4)
    while page:
        seen += page
        page = await accounts.list_accounts(database, after=page[-1], limit=4)
    assert seen == everyone


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({}, ["ada", "bob", "eve_x"]),
        ({"role": "admin"}, ["ada"]),
        ({"state": "disabled"}, ["bob"]),
        ({"email_contains": "B@EX"}, ["bob"]),
        ({"email_contains": "_"}, ["eve_x"]),
        ({"email_contains": "%"}, []),
        ({"email_contains": "!"}, []),
        ({"role": "user", "state": "active"}, ["eve_x"]),
    ],
    ids=str,
)
async def test_accounts_are_filtered(database, new_account, wanted, names):
    for account in (new_account("ada", role="admin"), new_account("bob", state="disabled"), new_account("eve_x")):
        await accounts.add_account(database, account)
    assert [account.name for account in await accounts.list_accounts(database, **wanted)] == names


async def test_a_password_is_replaced_only_if_it_is_still_the_same(database, ada):
    assert await accounts.replace_password(database, ada, "new", changed_ms=NOW_MS + 9) == 0
    stored = await accounts.load_account(database, ada.id)
    assert (stored.password_hash, stored.password_changed_ms) == ("new", NOW_MS + 9)
    with pytest.raises(Conflict):
        await accounts.replace_password(database, ada, "late", changed_ms=NOW_MS + 10)
    assert await accounts.load_account(database, ada.id) == stored


async def test_an_account_without_a_password_gets_its_first_one_once(database, new_account):
    bob = new_account("bob", password_hash=None, password_changed_ms=None)
    await accounts.add_account(database, bob)
    await accounts.replace_password(database, bob, "first", changed_ms=NOW_MS)
    with pytest.raises(Conflict):
        await accounts.replace_password(database, bob, "second", changed_ms=NOW_MS)
    with pytest.raises(Conflict):
        await accounts.replace_password(database, replace(bob, id="nobody"), "first", changed_ms=NOW_MS)
    assert (await accounts.load_account(database, bob.id)).password_hash == "first"


async def test_a_new_password_ends_the_other_sessions_through_the_feed(database, ada, phone, new_session):
    laptop = new_session(ada, "laptop")
    await sessions.add_session(database, laptop)
    ended = await accounts.replace_password(
        database, ada, "new", changed_ms=NOW_MS + 9, end_sessions_except=phone.sid, until=UNTIL
    )
    assert ended == 1
    assert await sessions.list_sessions_of(database, ada.id, now_ms=NOW_MS) == [phone]
    (entry,), head = await feed_after(database, 0)
    assert (entry.kind, entry.key, entry.until, head) == ("session", laptop.sid, UNTIL, 1)


async def test_ending_sessions_needs_to_know_how_long_to_remember_it(database, ada):
    with pytest.raises(ValueError, match="until"):
        await accounts.replace_password(database, ada, "new", changed_ms=NOW_MS, end_sessions_except="")


async def test_raising_the_epoch_refuses_older_tokens_and_ends_every_session(database, ada, phone):
    assert await accounts.bump_epoch(database, ada.id, reason="sign_out_everywhere", **WHEN) == 1
    assert (await accounts.load_account(database, ada.id)).epoch == 1
    times = []
    reading = await revocations.load_after(database, 0, heard=lambda _, committed_ms: times.extend(committed_ms))
    assert list(reading.entries) == [Entry(reading.head, "account", ada.id, 1, UNTIL)]
    assert times == [NOW_MS + 5]
    session = await sessions.load_session(database, phone.sid)
    assert (session.revoked_ms, session.reason) == (NOW_MS + 5, "sign_out_everywhere")
    assert await accounts.bump_epoch(database, ada.id, reason="sign_out_everywhere", **WHEN) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        lambda database, account_id: accounts.bump_epoch(database, account_id, reason="x", **WHEN),
        lambda database, account_id: accounts.set_state(database, account_id, "disabled", reason="x", **WHEN),
        lambda database, account_id: accounts.delete_account(database, account_id, **WHEN),
    ],
    ids=["bump_epoch", "set_state", "delete_account"],
)
async def test_nothing_happens_to_an_account_that_is_not_there(database, ada, change):
    with pytest.raises(Conflict):
        await change(database, "nobody")
    assert await feed_after(database, 0) == ([], 0)


async def test_a_disabled_account_has_no_sessions_and_gets_none_back(database, ada, phone):
    assert await accounts.set_state(database, ada.id, "disabled", reason="account_disabled_by_admin", **WHEN) == 1
    disabled = await accounts.load_account(database, ada.id)
    assert (disabled.state, disabled.epoch) == ("disabled", 1)
    with pytest.raises(Conflict):
        await accounts.set_state(database, ada.id, "disabled", reason="x", **WHEN)
    await accounts.set_state(database, ada.id, "active", reason="account_enabled", **WHEN)
    assert (await accounts.load_account(database, ada.id)).epoch == 2
    assert await sessions.list_sessions_of(database, ada.id, now_ms=NOW_MS) == []
    assert [entry.value for entry in (await feed_after(database, 0))[0]] == [1, 2]


async def test_a_deleted_account_leaves_only_its_entry_in_the_feed(database, ada, phone, new_account):
    await links.add_link(database, "token", links.Link("reset", ada.id, NOW_MS, NOW_MS + 1000))
    assert await accounts.delete_account(database, ada.id, **WHEN) == 1
    for table in ("account", "identity", "password", "session", "link"):
        assert await database.fetch(f"SELECT * FROM {table}") == []
    (entry,), _ = await feed_after(database, 0)
    assert (entry.kind, entry.key, entry.value) == ("account", ada.id, 1)
    await accounts.add_account(database, new_account("second", email=ada.email))


async def test_what_rides_along_is_written_with_it_or_not_at_all(database, ada, phone):
    for change in (
        accounts.replace_password(database, ada, "new", changed_ms=NOW_MS, also=(REFUSED,)),
        accounts.bump_epoch(database, ada.id, reason="x", also=(REFUSED,), **WHEN),
        accounts.set_state(database, ada.id, "disabled", reason="x", also=(REFUSED,), **WHEN),
        accounts.delete_account(database, ada.id, also=(REFUSED,), **WHEN),
    ):
        with pytest.raises(Conflict):
            await change
    assert await accounts.load_account(database, ada.id) == ada
    assert await sessions.list_sessions_of(database, ada.id, now_ms=NOW_MS) == [phone]
    assert await feed_after(database, 0) == ([], 0)
