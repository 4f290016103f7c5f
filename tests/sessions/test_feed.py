"""The log that pages of the feed are cut from."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.sessions.feed import FeedLog
from mapae.sessions.revocation import Entry

NOW = 1_800_000_000
KINDS = ["realm", "client", "account", "session", "token"]

DRAWN = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from(KINDS), st.sampled_from(["", "a", "b"]), st.integers(-5, 5)),
    max_size=30,
)


def made(drawn):
    """Entries whose positions rise, several at one position now and then."""
    entries, seq = [], 0
    for step, kind, key, left in drawn:
        seq += step - 1 if entries else step
        entries.append(Entry(max(seq, 1), kind, key, 7, NOW + left))
    return entries


ENTRIES = DRAWN.map(made)


def read_through(log, *, after=0, most=3, now=NOW):
    """All pages one after the other, as a reader joins them."""
    read = []
    while True:
        entries, upto = log.page(after, now=now, most=most)
        read += entries
        if upto is None:
            return read
        assert upto > after, "a page that leads nowhere"
        after = upto


@given(ENTRIES, st.integers(1, 5), st.integers(0, 40))
@pytest.mark.slow
def test_pages_joined_are_the_log_without_what_has_passed(entries, most, after):
    expected = [each for each in entries if each.seq > after and each.until >= NOW]
    assert read_through(FeedLog(entries), after=after, most=most) == expected


@given(ENTRIES, st.integers(1, 4))
def test_entries_of_one_position_are_never_torn_apart(entries, most):
    log = FeedLog(entries)
    after = 0
    while True:
        page, upto = log.page(after, now=0, most=most)
        last = upto if upto is not None else log.last
        assert page == [each for each in entries if after < each.seq <= last]
        if upto is None:
            break
        after = upto


@given(ENTRIES, st.lists(st.integers(0, 30), max_size=4))
def test_readings_that_overlap_add_nothing_twice(entries, cuts):
    log = FeedLog()
    for cut in [*sorted(cuts), len(entries)]:
        whole = {each.seq for each in entries[:cut]}
        log.join(FeedLog(each for each in entries if each.seq in whole))
        log.join(FeedLog())
    assert read_through(log, now=0) == entries


@given(ENTRIES)
def test_forgetting_keeps_what_must_be_remembered(entries):
    log = FeedLog(entries)
    last = log.last
    log.forget(NOW)
    assert read_through(log) == [each for each in entries if each.until >= NOW]
    assert log.last in {last, *(each.seq for each in entries), 0}


def test_what_has_passed_is_dropped_once_it_is_a_fifth():
    entries = [Entry(number, "session", str(number), 0, NOW + number) for number in range(1, 101)]
    log = FeedLog(entries)
    log.forget(NOW + 19)
    assert len(log) == 100
    log.forget(NOW + 22)
    assert len(log) == 79


@pytest.mark.slow
def test_an_entry_takes_little_memory_beside_its_key():
    number = 20_000
    entries = [Entry(each, "session", f"{each:022d}", 0, NOW) for each in range(1, number + 1)]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    log = FeedLog(entries)
    taken = (tracemalloc.get_traced_memory()[0] - before) / number
    tracemalloc.stop()
    assert len(log) == number
    assert taken < 45
