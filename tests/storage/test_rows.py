"""Promises of the smaller tables: the feed, keys, activity, attempts, links."""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import replace

import pytest

from mapae.accounts.activity import Activity
from mapae.admission.attempts import Attempts
from mapae.errors import Conflict, LinkRefused
from mapae.keys.schedule import SigningKey
from mapae.storage import activity, attempts, keys, links, revocations
from mapae.storage.activity import ActivityFilter
from mapae.storage.database import Statement

from .conftest import NOW, NOW_MS, feed_after

pytestmark = pytest.mark.anyio

REFUSED = Statement("UPDATE account SET name = 'x' WHERE id = 'nobody'", (), 1)


# The feed


async def written(database, key, *, kind="session", until=NOW + 10**9, value=0):
    await database.commit(*revocations.entry_statements(kind, key, value=value, until=until, now_ms=NOW_MS))


async def test_the_feed_is_read_on_from_where_one_stopped(database):
    await written(database, "a")
    await written(database, "client", kind="client", value=3)
    (first, second), head = await feed_after(database, 0)
    assert (first.seq, first.kind, first.key, second.seq, second.value, head) == (1, "session", "a", 2, 3, 2)
    assert await feed_after(database, 1) == ([second], 2)
    assert await feed_after(database, 2) == ([], 2)


async def test_a_snapshot_leaves_out_what_nobody_needs_to_remember(database):
    await written(database, "over", until=1)
    await written(database, "a")
    reading = await revocations.load_snapshot(database)
    assert ([entry.key for entry in reading.entries], reading.head) == (["a"], 2)


async def heard_after(database, seq):
    """Return the pages that were told of while the feed was read, and all moments of commits."""
    pages, times = [], []

    def heard(page, committed_ms):
        pages.append(page)
        times.extend(committed_ms)

    await revocations.load_after(database, seq, heard=heard)
    return pages, times


async def test_pages_of_the_feed_join_to_all_of_it(database, monkeypatch):
    for number in range(3):
        keys = (f"{number}{letter}" for letter in "cab")
        entries = [revocations.entry_statements("session", key, value=0, until=2**40, now_ms=NOW_MS) for key in keys]
        await database.commit(entries[0][0], *(entry for _, entry in entries))  # all of one position
    await written(database, "over", until=1)
    for rows in (1, 2, 3, 9, 10):
        monkeypatch.setattr(revocations, "PAGE_ROWS", rows)
        snapshot, rest = await revocations.load_snapshot(database), await revocations.load_after(database, 1)
        assert [(entry.seq, entry.key) for entry in snapshot.entries] == [
            (seq, f"{seq - 1}{letter}") for seq in (1, 2, 3) for letter in "abc"
        ]
        assert [entry.key for entry in rest.entries] == ["1a", "1b", "1c", "2a", "2b", "2c", "over"]
        assert (snapshot.head, rest.head) == (4, 4)
        pages, times = await heard_after(database, 1)
        assert [entry for page in pages for entry in page] == list(rest.entries)
        assert max(map(len, pages)) <= rows
        assert times == [NOW_MS] * 7


class Replaced:
    """A database whose feed gets another name, or is set back, behind the first page that is read of it."""

    def __init__(self, database, sql):
        self.now_ms, self.snapshot = database.now_ms, self._then_replaced
        self._database, self._sql = database, sql

    async def _then_replaced(self, *queries):
        answer = await self._database.snapshot(*queries)
        self.snapshot = self._database.snapshot
        await self._database.commit(*map(Statement, self._sql))
        return answer


@pytest.mark.parametrize(
    "sql",
    [
        ["UPDATE feed_head SET name = 'another'", "UPDATE feed SET key = 'new' WHERE seq = 1"],
        ["UPDATE feed_head SET seq = 2", "DELETE FROM feed WHERE seq = 3", "UPDATE feed SET key = 'new' WHERE seq = 1"],
    ],
    ids=["another name", "set back"],
)
async def test_a_feed_that_is_replaced_between_two_pages_is_read_from_the_beginning(database, monkeypatch, sql):
    for key in ("a", "b", "c"):
        await written(database, key)
    monkeypatch.setattr(revocations, "PAGE_ROWS", 1)
    reading = await revocations.load_snapshot(Replaced(database, sql))
    ((head, name),) = await database.fetch("SELECT seq, name FROM feed_head")
    assert (reading.head, reading.feed) == (head, name)
    assert [entry.key for entry in reading.entries] == ["new", "b", "c"][:head]


async def test_an_undone_transaction_leaves_no_gap_in_the_feed(database):
    with pytest.raises(Conflict):
        await database.commit(*revocations.entry_statements("session", "a", value=0, until=1, now_ms=1), REFUSED)
    await written(database, "b")
    assert [entry.seq for entry in (await feed_after(database, 0))[0]] == [1]


async def test_old_entries_are_deleted_and_the_head_stays(database):
    for n in range(5):
        await written(database, f"n{n}", until=NOW + n)
    assert [await revocations.sweep(database, NOW + 3, limit=2) for _ in range(3)] == [2, 1, 0]
    entries, head = await feed_after(database, 0)
    assert ([entry.key for entry in entries], head) == (["n3", "n4"], 5)


async def test_a_reading_tells_the_time_of_the_database_and_the_name_of_the_feed(database):
    await revocations.name_feed(database, "first")
    await revocations.name_feed(database, "second")
    for reading in (await revocations.load_snapshot(database), await revocations.load_after(database, 0)):
        assert reading.feed == "first"
        assert abs(reading.now_ms - time.time() * 1000) < 5_000
    await revocations.name_feed(database, "third", anew=True)
    assert (await revocations.load_after(database, 0)).feed == "third"


# Keys

KEY = SigningKey("k1", "", "ES256", {"kty": "EC", "kid": "k1"}, b"sealed", NOW_MS, NOW_MS)
NEXT = replace(KEY, kid="k2", follows="k1", sign_from_ms=NOW_MS + 50)


async def test_keys_come_back_in_the_order_they_follow_each_other(database):
    third = replace(NEXT, kid="k0", follows="k2", sign_until_ms=1, destroy_ms=2, sealed=b"")
    await keys.save_keys(database, added=[third, KEY, NEXT])
    assert await keys.load_keys(database) == [KEY, NEXT, third]


async def test_of_two_nodes_that_make_the_next_key_one_succeeds(database):
    await keys.save_keys(database, added=[KEY])
    tries = [keys.save_keys(database, added=[replace(NEXT, kid=kid)]) for kid in ("x", "y", "z")]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict", "Conflict", "NoneType"]
    assert len(await keys.load_keys(database)) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "meanwhile", [{"sign_until_ms": 5}, {"destroy_ms": 5}, {"sealed": b""}, {"sign_from_ms": 5}], ids=str
)
async def test_a_key_that_changed_meanwhile_is_not_replaced(database, meanwhile):
    await keys.save_keys(database, added=[KEY])
    moved = replace(KEY, **meanwhile)
    await keys.save_keys(database, replaced=[(KEY, moved)])
    with pytest.raises(Conflict):
        await keys.save_keys(database, added=[NEXT], replaced=[(KEY, replace(KEY, sign_until_ms=9))])
    assert await keys.load_keys(database) == [moved]


# Activity

SIGN_IN = Activity(NOW_MS, "sign_in", "ok", "a", "s", "Firefox · Linux", "203.0.113.*", None, "one")
FAILED = Activity(NOW_MS + 1, "sign_in_failed", "refused", "a", reason="wrong_password")
OTHER = Activity(NOW_MS + 2, "sign_in", "ok", "b", "t")


@pytest.fixture
async def recorded(database):
    for happened in (SIGN_IN, OTHER, FAILED):
        await database.commit(activity.recorded(happened))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (ActivityFilter(), [OTHER, FAILED, SIGN_IN]),
        (ActivityFilter(event="sign_in"), [OTHER, SIGN_IN]),
        (ActivityFilter(outcome="refused"), [FAILED]),
        (ActivityFilter(account_id="a"), [FAILED, SIGN_IN]),
        (ActivityFilter(account_id="a", event="sign_in"), [SIGN_IN]),
        (ActivityFilter(sid="t"), [OTHER]),
        (ActivityFilter(from_ms=NOW_MS + 1, before_ms=NOW_MS + 2), [FAILED]),
        (ActivityFilter(account_id="nobody"), []),
    ],
)
async def test_activity_is_filtered_the_newest_first(database, recorded, wanted, found):
    page = await activity.list_activity(database, wanted)
    assert (list(page.rows), page.after) == (found, None)
    assert sum((await activity.count_activity(database, wanted)).values()) == len(found)


async def test_activity_is_counted_by_event_and_outcome(database, recorded):
    assert await activity.count_activity(database) == {("sign_in", "ok"): 2, ("sign_in_failed", "refused"): 1}


async def test_activity_is_listed_in_pages_that_neither_repeat_nor_skip(database):
    happened = [replace(SIGN_IN, at_ms=NOW_MS + n // 4, detail=str(n)) for n in range(10)]
    await database.commit(*map(activity.recorded, happened))
    seen, after = [], None
    for _ in range(9):
        page = await activity.list_activity(database, after=after, limit=3)
        seen += page.rows
        if (after := page.after) is None:
            break
    assert sorted(int(row.detail) for row in seen) == list(range(10))
    assert [row.at_ms for row in seen] == sorted((row.at_ms for row in seen), reverse=True)


async def test_a_page_mark_that_was_invented_is_a_mistake(database):
    with pytest.raises(ValueError, match="invalid literal"):
        await activity.list_activity(database, after="nonsense")


async def test_activity_is_deleted_when_its_retention_ends(database, recorded):
    assert [await activity.sweep(database, NOW_MS + 2, limit=1) for _ in range(3)] == [1, 1, 0]
    assert (await activity.list_activity(database)).rows == (OTHER,)


# Attempts


async def fail(database, subject, *, now_ms=NOW_MS, rest_ms=1_000):
    ((row,),) = await database.commit(attempts.failed(subject, now_ms=now_ms, rest_ms=rest_ms))
    return Attempts(*row)


async def test_failures_add_up_under_each_subject(database):
    for n in range(3):
        await fail(database, "a", now_ms=NOW_MS + n)
    assert await fail(database, "b") == Attempts(1, NOW_MS)
    assert await attempts.load_attempts(database, ["a", "b", "c"]) == {
        "a": Attempts(3, NOW_MS + 2),
        "b": Attempts(1, NOW_MS),
    }
    assert await attempts.load_attempts(database, []) == {}


async def test_none_of_many_failures_at_once_is_lost(database):
    counted = await asyncio.gather(*(fail(database, "a") for _ in range(30)))
    assert sorted(attempt.failures for attempt in counted) == list(range(1, 31))


async def test_a_count_that_rested_begins_again(database):
    await fail(database, "a")
    assert (await fail(database, "a", now_ms=NOW_MS + 999)).failures == 2
    assert (await fail(database, "a", now_ms=NOW_MS + 1_999)).failures == 1


async def test_counts_are_forgotten_when_cleared_or_rested(database):
    for subject, rest_ms in (("a", 1_000), ("b", 1_000), ("c", 5_000)):
        await fail(database, subject, rest_ms=rest_ms)
    await database.commit(attempts.cleared("a"))
    assert await attempts.sweep(database, NOW_MS + 1_000, limit=10) == 1
    assert set(await attempts.load_attempts(database, ["a", "b", "c"])) == {"c"}


# Links

LINK = links.Link("set_up", None, NOW_MS, NOW_MS + 1_000)
USE = {"purpose": "set_up", "now_ms": NOW_MS + 1}


async def redeem(database, token, use=None):
    ((row,),) = await database.commit(links.redeemed(token, **(use or USE)))
    return row[0]


async def test_a_link_is_used_once(database):
    await links.add_link(database, "token", LINK)
    assert await links.load_link(database, "token", **USE) == LINK
    assert await redeem(database, "token") is None
    assert await links.load_link(database, "token", **USE) is None
    with pytest.raises(LinkRefused):
        await redeem(database, "token")


async def test_of_many_that_use_a_link_at_once_one_succeeds(database):
    await links.add_link(database, "token", replace(LINK, account_id="a"))
    tries = [redeem(database, "token") for _ in range(10)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert [outcome for outcome in outcomes if not isinstance(outcome, LinkRefused)] == ["a"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("token", "use"),
    [
        ("other", USE),
        ("token", USE | {"purpose": "reset"}),
        ("token", USE | {"now_ms": NOW_MS + 1_000}),
    ],
    ids=["unknown", "another purpose", "expired"],
)
async def test_a_link_that_does_not_fit_is_refused(database, token, use):
    await links.add_link(database, "token", LINK)
    with pytest.raises(LinkRefused):
        await redeem(database, token, use)
    assert await links.load_link(database, token, **use) is None


async def test_a_refused_link_undoes_what_rode_with_it(database):
    happened = activity.recorded(SIGN_IN)
    with pytest.raises(LinkRefused):
        await database.commit(happened, links.redeemed("token", **USE))
    assert await activity.count_activity(database) == {}


async def test_the_table_of_links_does_not_hold_the_token(database):
    await links.add_link(database, "token", LINK)
    assert await database.fetch("SELECT digest FROM link") == [(hashlib.sha256(b"token").digest(),)]


async def test_unused_links_can_be_withdrawn_and_expired_ones_are_deleted(database):
    for token, link in (("a", LINK), ("b", replace(LINK, account_id="x")), ("c", replace(LINK, purpose="reset"))):
        await links.add_link(database, token, link)
    assert await links.withdraw_links(database, purpose="set_up", account_id="x") == 1
    assert await links.withdraw_links(database, purpose="set_up") == 1
    assert await links.sweep(database, NOW_MS + 999, limit=10) == 0
    assert await links.sweep(database, NOW_MS + 1_000, limit=10) == 1
