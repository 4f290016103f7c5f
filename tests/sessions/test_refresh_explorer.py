"""The promises of rotating refresh tokens hold in every world the explorer can reach, and in long random traces."""

import heapq
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapae.sessions.refresh import (
    Hold,
    Presented,
    Recover,
    RefreshPolicy,
    Replay,
    Rotate,
    decide,
    digest,
)
from plain_session import start
from refresh_explorer import SID, PromiseBroken, World, explore, secret

HONEST = [
    World(),
    World(window=3, patience=1, lingering=2, strays=2),
    pytest.param(World(window=4, patience=2, lingering=2), marks=pytest.mark.slow),
    pytest.param(World(window=3, patience=2, lingering=1, tabs=3), marks=pytest.mark.slow),
]


@pytest.mark.parametrize("world", HONEST, ids=str)
@pytest.mark.slow
def test_an_honest_client_is_never_thrown_out(world):
    assert explore(world) > 3000


@pytest.mark.slow
def test_a_thief_and_the_victim_never_both_live_on_apart_and_a_dead_token_never_lives_again():
    assert explore(World(thief=True)) > 30_000


@pytest.mark.slow
def test_the_promises_hold_in_a_million_worlds():
    sizes = (
        World(window=4, patience=2, lingering=2, tabs=3, thief=True),
        World(strays=2, tabs=3, thief=True),
        World(window=4, patience=2, lingering=2, thief=True),
        World(window=3, patience=1, lingering=2, strays=2, thief=True),
    )
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:  # half a minute for one alone
        worlds = sum(processes.map(explore, sizes))
    print(f"{worlds} worlds visited")
    assert worlds > 10**6


@pytest.mark.slow
@pytest.mark.parametrize(("patience", "lingering"), [(1, 2), (2, 1)])
def test_a_window_shorter_than_patience_and_way_together_is_too_short(patience, lingering):
    """The stated condition on the window is exact; and the explorer does find what is wrong."""
    with pytest.raises(PromiseBroken, match="honest client is thrown out"):
        explore(World(window=2, patience=patience, lingering=lingering))


def generous(session, presented, *, now_ms, **rest):
    """The parent is given the successor again for as long as nobody has shown it."""
    if digest(presented.secret) == session.previous and not session.acknowledged:
        session = replace(session, opened_ms=now_ms)
    return decide(session, presented, now_ms=now_ms, **rest)


def impatient(session, presented, **rest):
    """The newest token rotates at once, although a sibling tab may still show its parent."""
    if digest(presented.secret) == session.current:
        session = replace(session, opened_ms=-(10**9))
    return decide(session, presented, **rest)


def forgiving(session, presented, **rest):
    """A token that is neither newest nor parent is taken for the parent."""
    if digest(presented.secret) not in {session.current, session.previous} and session.previous:
        presented = replace(presented, secret=secret(1))
    return decide(session, presented, **rest)


@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        (generous, "handed out after its window"),
        (impatient, "honest client is thrown out"),
        (forgiving, "a dead token lives again"),
    ],
)
def test_the_explorer_finds_what_a_weaker_rule_breaks(rule, broken):
    with pytest.raises(PromiseBroken, match=broken):
        explore(World(thief=True, rule=rule))


WINDOW_MS, PATIENCE_MS, WAY_MS = 20_000, 10_000, 10_000
MOMENTS = st.integers(0, 60_000)
TRIPS = st.tuples(
    MOMENTS,  # how long after the last one this request is sent
    st.none() | st.integers(0, WAY_MS),  # how long it is on its way; None: it is lost
    st.none() | st.integers(0, PATIENCE_MS),  # when its answer comes, counted from its sending; None: it is lost
)


@settings(max_examples=3 * settings().max_examples)
@given(st.lists(TRIPS, max_size=40))
@pytest.mark.slow
def test_random_trips_of_an_honest_client_always_end_in_an_answer(trips):
    """Real times and generations, in one long trace: what the explorer abstracts from."""
    policy = RefreshPolicy(window_ms=WINDOW_MS)
    session = start(SID, "a", client_id="c", current=digest(secret(1)), now_ms=0, idle_ms=10**9, absolute_ms=10**9)
    jar, made, dead, sent_ms, events = secret(1), 1, set(), 0, []
    for number, (pause, way, back) in enumerate(trips):
        sent_ms += pause
        heapq.heappush(events, (sent_ms, number, "send", way, None if back is None else sent_ms + back))
    while events:
        now_ms, number, event, *rest = heapq.heappop(events)
        if event == "send":
            way, answered_ms = rest
            if way is not None:
                heapq.heappush(events, (now_ms + way, number, "arrive", jar, answered_ms))
        elif event == "arrive":
            token, answered_ms = rest
            made += 1
            decision = decide(
                session,
                Presented(SID, 0, token),
                client_id="c",
                jkt=None,
                successor=secret(made),
                now_ms=now_ms,
                policy=policy,
            )
            assert isinstance(decision, Hold | Rotate | Replay | Recover)
            assert token not in dead
            if isinstance(decision, Rotate):
                dead.add(session.previous)
            if not isinstance(decision, Hold) and answered_ms is not None and answered_ms >= now_ms:
                heapq.heappush(events, (answered_ms, number, "store", decision.secret))
            session = decision.session
        else:
            (jar,) = rest
    assert digest(jar) in {session.current, session.previous}
