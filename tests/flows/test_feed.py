"""What a process gives on of the feed: who waits, who shares a reading, and what a feed that was set back does."""

import asyncio

import pytest

from mapae.flows import feed as module
from mapae.flows.feed import Feed
from mapae.sessions.feed import FeedLog
from mapae.sessions.revocation import Entry

UNTIL = 2_000_000_000


def entry(seq):
    return Entry(seq, "session", f"s{seq}", 0, UNTIL)


def taken(*, head=3, name="one"):
    """A feed that was read up to `head`."""
    feed = Feed()
    feed.take(FeedLog(entry(seq) for seq in range(1, head + 1)), name=name, head=head, after=0, sent=1.0)
    return feed


def keys(feed):
    return [each.key for each in feed.log.page(0, now=0)[0]]


def test_readings_join():
    feed = taken()
    feed.take(FeedLog([entry(4)]), name="one", head=5, after=3, sent=2.0)
    assert (feed.head, feed.readings, keys(feed)) == (5, 2, ["s1", "s2", "s3", "s4"])


def test_a_reading_asked_for_earlier_changes_nothing():
    feed = taken()
    feed.take(FeedLog([entry(4)]), name="one", head=4, after=3, sent=2.0)
    feed.take(FeedLog(), name="one", head=3, after=3, sent=1.5)
    feed.take(FeedLog(), name="another", head=0, after=0, sent=1.5)
    assert (feed.head, feed.name, keys(feed)) == (4, "one", ["s1", "s2", "s3", "s4"])


@pytest.mark.parametrize(
    "reading",
    [
        {"name": "two", "head": 3, "after": 3},
        {"name": "two", "head": 9, "after": 3},
        {"name": "one", "head": 2, "after": 3},
    ],
    ids=["another name", "another name and more", "set back"],
)
def test_a_feed_that_began_anew_answers_nobody_until_it_was_read_whole(reading):
    feed = taken()
    feed.take(FeedLog(), sent=2.0, **reading)
    assert (feed.readings, feed.head, len(feed.log)) == (0, 0, 0)
    feed.take(FeedLog(), name="two", head=9, after=3, sent=2.5)
    assert feed.readings == 0
    feed.take(FeedLog([entry(1), entry(2)]), name="two", head=2, after=0, sent=2.2)
    assert (feed.readings, feed.head, keys(feed)) == (1, 2, ["s1", "s2"])


def test_whoever_waits_is_woken_by_news_and_not_by_a_reading_without():
    async def story():
        feed = taken()
        waiting = asyncio.create_task(feed.moved(3, within=30))
        await asyncio.sleep(0)
        feed.take(FeedLog(), name="one", head=3, after=3, sent=2.0)
        await asyncio.sleep(0)
        assert not waiting.done()
        feed.take(FeedLog([entry(4)]), name="one", head=4, after=3, sent=3.0)
        await waiting
        await feed.moved(3, within=30)

    asyncio.run(story())


def test_nobody_waits_where_too_many_do_or_the_process_stops(monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING", 1)

    async def story():
        feed = taken()
        first = asyncio.create_task(feed.moved(3, within=30))
        await asyncio.sleep(0)
        await asyncio.wait_for(feed.moved(3, within=30), 5)
        assert not first.done()
        feed.close()
        await asyncio.wait_for(first, 5)
        await asyncio.wait_for(feed.moved(3, within=30), 5)

    asyncio.run(story())


def test_a_reading_asked_for_while_one_is_under_way_begins_after_it_and_is_shared():
    async def story():
        feed, began, going = Feed(), [], asyncio.Event()

        async def read():
            began.append(len(began))
            await going.wait()

        first = asyncio.create_task(feed.read_anew(read))
        await asyncio.sleep(0.01)
        others = [asyncio.create_task(feed.read_anew(read)) for _ in range(5)]
        await asyncio.sleep(0.01)
        assert began == [0]
        going.set()
        await asyncio.gather(first, *others)
        assert began == [0, 1]

    asyncio.run(story())


def test_a_reading_that_fails_fails_for_all_who_share_it_and_not_for_the_next():
    async def story():
        feed, fails = Feed(), True

        async def read():
            if fails:
                raise OSError

        asked = [asyncio.create_task(feed.read_anew(read)) for _ in range(3)]
        assert {type(each) for each in await asyncio.gather(*asked, return_exceptions=True)} == {OSError}
        fails = False
        await feed.read_anew(read)

    asyncio.run(story())
