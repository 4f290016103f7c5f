"""Promises of `Database`: transactions, conflicts, group commit, changes, closing."""

from __future__ import annotations

import asyncio

import pytest

from mapae.errors import Conflict, LinkRefused, StorageFailed
from mapae.storage.database import Statement, open_database

pytestmark = pytest.mark.anyio

ADD = "INSERT INTO thing (name, amount) VALUES (?, ?)"
TAKE = "UPDATE thing SET amount = amount + 1 WHERE name = ? AND amount = ? RETURNING amount"


@pytest.fixture
async def things(empty_database):
    """A database with one small table and one row."""
    create = Statement("CREATE TABLE thing (name TEXT NOT NULL PRIMARY KEY, amount BIGINT NOT NULL, bytes BYTEA)")
    await empty_database.commit(create)
    await empty_database.commit(Statement(ADD, ("a", 0)))
    return empty_database


async def everything(database):
    return dict(await database.fetch("SELECT name, amount FROM thing ORDER BY name"))


async def test_a_transaction_returns_the_rows_of_each_statement(things):
    results = await things.commit(Statement(ADD, ("b", 7)), Statement(TAKE, ("a", 0)))
    assert results == [[], [(1,)]]
    assert await everything(things) == {"a": 1, "b": 7}


async def test_text_numbers_bytes_and_nothing_come_back_as_they_were(things):
    values = ("마패 \U0001f40e ''? $1", -(2**63), b"\x00\xff")
    await things.commit(Statement("INSERT INTO thing (name, amount, bytes) VALUES (?, ?, ?)", values))
    assert await things.fetch_one("SELECT name, amount, bytes FROM thing WHERE name <> ?", "a") == values
    assert await things.fetch_one("SELECT bytes FROM thing WHERE name = ?", "a") == (None,)
    assert await things.fetch_one("SELECT 1 FROM thing WHERE name = ?", "z") is None


async def test_what_could_not_be_stored_is_not_found(things):
    assert await things.fetch_one("SELECT 1 FROM thing WHERE name = ?", "a\0") is None
    assert await things.commit(Statement(TAKE, ("a\0", 0))) == [[]]


@pytest.mark.slow
@pytest.mark.parametrize(
    "statement",
    [
        Statement(TAKE, ("a", 5), 1),
        Statement("UPDATE thing SET amount = 9 WHERE name = ?", ("z",), 1),
        Statement("UPDATE thing SET amount = 9", (), 0),
        Statement(ADD, ("a", 1)),
    ],
    ids=["too few returned", "too few changed", "too many changed", "not unique"],
)
async def test_a_conflict_undoes_the_whole_transaction(things, statement):
    with pytest.raises(Conflict):
        await things.commit(Statement(ADD, ("b", 1)), statement)
    assert await everything(things) == {"a": 0}


async def test_a_broken_unique_rule_says_which_column(things):
    with pytest.raises(Conflict) as caught:
        await things.commit(Statement(ADD, ("a", 1)))
    assert caught.value.constraint == "thing.name"


async def test_a_statement_may_name_its_own_refusal(things):
    with pytest.raises(LinkRefused):
        await things.commit(Statement(TAKE, ("z", 0), 1, LinkRefused))


async def test_a_conflict_harms_no_other_commit_of_the_same_moment(things):
    commits = [things.commit(Statement(ADD, (f"b{n % 10}", n))) for n in range(40)]
    outcomes = await asyncio.gather(*commits, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(Conflict) == 30
    assert len(await everything(things)) == 11


async def test_a_mistake_in_the_sql_harms_no_other_commit_of_the_same_moment(things):
    wrong = [Statement("SELECT nonsense"), Statement(ADD, ("b",)), Statement(ADD, ("b", 2**64))]
    commits = [things.commit(statement) for statement in wrong]
    outcomes = await asyncio.gather(*commits, things.commit(Statement(ADD, ("c", 1))), return_exceptions=True)
    assert all(isinstance(outcome, Exception) for outcome in outcomes[:3])
    assert not any(isinstance(outcome, (Conflict, StorageFailed)) for outcome in outcomes)
    assert await everything(things) == {"a": 0, "c": 1}


async def test_one_that_is_refused_half_way_harms_no_other_commit_of_the_same_moment(things):
    half_way = [
        (Statement(ADD, ("half", 1)), Statement(TAKE, ("z", 0), 1)),
        (Statement(ADD, ("half", 2)), Statement(ADD, ("a", 1))),
        (Statement("UPDATE thing SET amount = 9", (), 0),),
        (Statement(ADD, ("half", 3)), Statement("SELECT nonsense")),
    ]
    commits = [
        things.commit(*half_way[n % 4]) if n % 3 else things.commit(Statement(ADD, (f"b{n}", n))) for n in range(24)
    ]
    outcomes = await asyncio.gather(*commits, return_exceptions=True)
    assert [n for n, outcome in enumerate(outcomes) if outcome == [[]]] == list(range(0, 24, 3))
    assert await everything(things) == {"a": 0} | {f"b{n}": n for n in range(0, 24, 3)}


async def test_of_fifty_that_swap_one_row_at_once_exactly_one_wins(things):
    commits = [things.commit(Statement(TAKE, ("a", 0), 1)) for _ in range(50)]
    outcomes = await asyncio.gather(*commits, return_exceptions=True)
    assert [outcome for outcome in outcomes if not isinstance(outcome, Conflict)] == [[[(1,)]]]
    assert await everything(things) == {"a": 1}


async def test_what_was_committed_is_read_at_once(things):
    for amount in range(20):
        await things.commit(Statement(TAKE, ("a", amount), 1))
        assert await everything(things) == {"a": amount + 1}


async def test_reading_cannot_write(things):
    with pytest.raises(StorageFailed):
        await things.fetch("UPDATE thing SET amount = 5")
    assert await everything(things) == {"a": 0}


async def test_a_long_query_is_read_apart_and_cannot_write_either(things):
    assert await things.fetch_apart("SELECT amount FROM thing WHERE name = ?", "a") == [(0,)]
    with pytest.raises(StorageFailed):
        await things.fetch_apart("DELETE FROM thing")
    await things.close()
    with pytest.raises(StorageFailed, match="closed"):
        await things.fetch_apart("SELECT 1")


@pytest.mark.slow
async def test_the_loop_goes_on_while_a_long_query_is_read_apart(things):
    long = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT count(*) FROM n"
    reading = asyncio.create_task(things.fetch_apart(long))
    turns = 0
    while not reading.done():
        turns += 1
        await asyncio.sleep(0)
    assert await reading == [(300_000,)]
    assert turns > 5


async def test_a_snapshot_is_of_one_moment(things, database_url):
    count, total = Statement("SELECT count(*) FROM thing"), Statement("SELECT max(amount) FROM thing")
    assert await things.snapshot(count, total) == [[(1,)], [(0,)]]
    with pytest.raises(Exception, match="nonsense"):
        await things.snapshot(count, Statement("SELECT nonsense"))
    assert await things.snapshot(count) == [[(1,)]]


async def test_a_cancelled_caller_harms_nobody(things):
    lost = asyncio.ensure_future(things.commit(Statement(ADD, ("b", 1))))
    await asyncio.sleep(0)
    lost.cancel()
    await things.commit(Statement(ADD, ("c", 1)))
    assert set(await everything(things)) - {"b"} == {"a", "c"}


async def test_a_change_by_us_or_by_others_is_noticed_once(things, database_url):
    if not things.shares_clock:
        assert not things.changed(), "who would have to ask over the network does not know"
        return
    things.changed()
    assert not things.changed()
    await things.commit(Statement(ADD, ("b", 1)))
    assert things.changed()
    assert not things.changed()
    other = await open_database(database_url)
    await other.commit(Statement(ADD, ("c", 1)))
    await other.close()
    assert things.changed()
    assert not things.changed()


async def test_closing_writes_what_is_waiting_first(database_url, things):
    waiting = [asyncio.ensure_future(things.commit(Statement(ADD, (f"n{n}", n)))) for n in range(600)]
    await asyncio.sleep(0)
    await things.close()
    await asyncio.gather(*waiting)
    again = await open_database(database_url)
    assert len(await everything(again)) == 601
    await again.close()


async def test_a_closed_database_says_so(things):
    await things.close()
    await things.close()
    with pytest.raises(StorageFailed, match="closed"):
        await things.commit(Statement(ADD, ("b", 1)))


async def test_its_clock_is_that_of_the_machine(things):
    import time

    row = await things.fetch_one(f"SELECT {things.now_ms}")
    assert abs(row[0] - time.time() * 1000) < 5_000
