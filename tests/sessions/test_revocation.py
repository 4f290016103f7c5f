"""What is known to be revoked, how it is merged and forgotten, and the freshness lease."""

import tracemalloc
from itertools import permutations
from math import inf, nan

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.errors import Revoked, Stale
from mapae.sessions.access_token import AccessClaims
from mapae.sessions.revocation import Entry, Revocations

NOW, MONOTONIC = 1_800_000_000, 700.0
UNTIL = NOW + 620
CLAIMS = AccessClaims(
    sub="account",
    client_id="client",
    scope="account",
    sid="session",
    epo=3,
    rsq=50,
    iss="i",
    aud="a",
    iat=NOW - 100,
    exp=NOW + 500,
    jti="token",
)


def knowing(*entries, head=50, sent=MONOTONIC, **options):
    revocations = Revocations(**options)
    revocations.apply(entries, head=head, sent=sent)
    return revocations


def accept(revocations, claims=CLAIMS, **options):
    revocations.accept(claims, **{"now": NOW, "monotonic": MONOTONIC, **options})


@pytest.mark.parametrize(
    ("entry", "claim"),
    [
        (Entry(51, "session", "session", 0, UNTIL), "sid"),
        (Entry(51, "token", "token", 0, UNTIL), "jti"),
        (Entry(51, "account", "account", 4, UNTIL), "epo"),
        (Entry(51, "client", "client", 0, UNTIL), "client_id"),
        (Entry(51, "client", "client", 51, UNTIL), "client_id"),
        (Entry(51, "realm", "", 0, UNTIL), "rsq"),
    ],
    ids=lambda given: getattr(given, "kind", given),
)
def test_each_rule_refuses_alone(entry, claim):
    with pytest.raises(Revoked) as refused:
        accept(knowing(entry, head=51))
    assert refused.value.claim == claim


@pytest.mark.parametrize(
    "entry",
    [
        Entry(51, "session", "another", 0, UNTIL),
        Entry(51, "session", "account", 0, UNTIL),
        Entry(51, "token", "session", 0, UNTIL),
        Entry(51, "account", "account", 3, UNTIL),
        Entry(51, "account", "another", 9, UNTIL),
        Entry(50, "client", "client", 0, UNTIL),
        Entry(51, "client", "another", 0, UNTIL),
        Entry(50, "realm", "", 0, UNTIL),
    ],
    ids=str,
)
def test_a_revocation_of_something_else_refuses_nothing(entry):
    accept(knowing(entry, head=51))


@given(st.permutations(["session", "token", "account", "client", "realm"]), st.integers(1, 5))
def test_any_matching_rule_refuses_whatever_the_others_say(kinds, number):
    """A token is refused if any level refuses it: that one level accepts never outweighs another."""
    entries = {
        "session": Entry(51, "session", "session", 0, UNTIL),
        "token": Entry(51, "token", "token", 0, UNTIL),
        "account": Entry(51, "account", "account", 4, UNTIL),
        "client": Entry(51, "client", "client", 0, UNTIL),
        "realm": Entry(51, "realm", "", 0, UNTIL),
    }
    lenient = [Entry(1, "account", "account", 1, UNTIL), Entry(1, "realm", "", 0, UNTIL)]
    with pytest.raises(Revoked):
        accept(knowing(*(entries[kind] for kind in kinds[:number]), *lenient, head=51))


NAMES = st.sampled_from(["a", "b", "c"])
TOKENS = st.builds(
    lambda sub, sid, client_id, jti, epo, rsq: msgspec.structs.replace(
        CLAIMS, sub=sub, sid=sid, client_id=client_id, jti=jti, epo=epo, rsq=rsq
    ),
    sub=NAMES,
    sid=NAMES,
    client_id=NAMES,
    jti=NAMES,
    epo=st.integers(0, 4),
    rsq=st.integers(0, 9),
)
FEED = st.lists(
    st.builds(
        Entry,
        seq=st.integers(1, 9),
        kind=st.sampled_from(["realm", "client", "account", "session", "token"]),
        key=NAMES,
        value=st.integers(0, 9),
        until=st.just(UNTIL),
    ),
    max_size=8,
)


def concerns(entry, claims):
    """Whether an entry is about a token, said again in other words than the code's."""
    match entry.kind:
        case "session":
            return entry.key == claims.sid
        case "token":
            return entry.key == claims.jti
        case "account":
            return entry.key == claims.sub and claims.epo < entry.value
        case "client":
            return entry.key == claims.client_id and claims.rsq < (entry.value or entry.seq)
        case "realm":
            return claims.rsq < (entry.value or entry.seq)


@given(FEED, TOKENS)
def test_a_token_is_refused_if_and_only_if_an_entry_is_about_it(entries, claims):
    """Exactness: nobody is signed out because of somebody else, and nobody who was signed out gets in."""
    revocations = knowing(*entries, head=9)
    if any(concerns(entry, claims) for entry in entries):
        with pytest.raises(Revoked):
            accept(revocations, claims)
    else:
        accept(revocations, claims)


def test_nothing_is_accepted_before_the_feed_has_been_read():
    revocations = Revocations()
    assert not revocations.ready
    assert revocations.age(MONOTONIC) == inf
    young = msgspec.structs.replace(CLAIMS, iat=NOW)
    with pytest.raises(Stale):
        accept(revocations, young)
    revocations.add([Entry(51, "session", "another", 0, UNTIL)])
    with pytest.raises(Stale):
        accept(revocations, young)
    revocations.apply([], head=0, sent=MONOTONIC)
    accept(revocations, young)


def test_what_is_revoked_is_refused_as_revoked_even_before_the_feed_has_been_read():
    revocations = Revocations()
    revocations.add([Entry(51, "session", "session", 0, UNTIL)])
    with pytest.raises(Revoked):
        accept(revocations)


@pytest.mark.parametrize(
    ("lease_age", "token_age", "max_staleness", "accepted"),
    [
        (0, 500, None, True),
        (30, 500, None, True),
        (30.001, 500, None, False),
        (30.001, 30, None, True),
        (30.001, 30.001, None, False),
        (1e9, 0, None, True),
        (1e9, -4, None, True),
        (5, 500, 5, True),
        (5.001, 500, 5, False),
        (5.001, 5, 5, True),
        (100, 500, 100, True),
        (0.001, 500, 0, False),
        (0.001, 0, 0, False),
        (0.001, -3, 0, False),
        (nan, nan, None, False),
        (1e9, nan, None, False),
    ],
)
def test_a_token_passes_if_the_lease_or_the_token_is_young_enough(lease_age, token_age, max_staleness, accepted):
    revocations = knowing()
    options = {"now": CLAIMS.iat + token_age, "monotonic": MONOTONIC + lease_age, "max_staleness": max_staleness}
    if accepted:
        accept(revocations, **options)
    else:
        with pytest.raises(Stale):
            accept(revocations, **options)


def test_a_token_whose_issuer_had_seen_more_is_noticed():
    revocations = knowing(head=49)
    assert revocations.behind(CLAIMS)
    revocations.apply([], head=50, sent=MONOTONIC + 1)
    assert not revocations.behind(CLAIMS)


ENTRIES = st.builds(
    Entry,
    seq=st.integers(1, 99),
    kind=st.sampled_from(["realm", "client", "account", "session", "token"]),
    key=st.sampled_from(["", "a", "b"]),
    value=st.integers(0, 9),
    until=st.integers(NOW, NOW + 99),
)


def knowledge(*batches):
    revocations = Revocations()
    for batch in batches:
        revocations.add(batch)
    return sorted(revocations.entries(), key=repr)


@given(st.lists(ENTRIES, max_size=8), st.lists(ENTRIES, max_size=8), st.lists(ENTRIES, max_size=8))
@pytest.mark.slow
def test_merging_is_commutative_associative_and_idempotent(one, two, three):
    expected = knowledge(one + two + three)
    assert all(knowledge(*order) == expected for order in permutations([one, two, three]))
    assert knowledge(one, one, two + two, three, one) == expected
    joined = Revocations()
    joined.add(two)
    joined.add(three)
    assert knowledge(one, joined.entries()) == expected
    assert knowledge(knowledge(one, two), knowledge(two, three)) == expected


@given(st.lists(ENTRIES, max_size=12), st.lists(ENTRIES, max_size=4))
def test_knowing_more_never_accepts_more(known, more):
    def accepted(entries):
        try:
            accept(knowing(*entries), CLAIMS_OF_A)
        except Revoked:
            return False
        return True

    assert accepted(known) or not accepted(known + more)


CLAIMS_OF_A = msgspec.structs.replace(CLAIMS, sub="a", sid="b", client_id="a", jti="a", epo=4, rsq=4)


def test_an_entry_is_forgotten_only_when_no_token_it_concerns_can_be_accepted():
    entries = [
        Entry(51, "session", "session", 0, UNTIL),
        Entry(52, "account", "account", 4, UNTIL),
        Entry(53, "client", "client", 0, UNTIL),
        Entry(54, "realm", "", 0, UNTIL),
        Entry(55, "token", "token", 0, UNTIL),
    ]
    for entry in entries:
        revocations = knowing(entry, head=55, keep_longer=60)
        revocations.forget(UNTIL + 60)
        assert len(revocations) == 1
        with pytest.raises(Revoked):
            accept(revocations)
        revocations.forget(UNTIL + 60 + 16)
        assert len(revocations) == 0
        assert list(revocations.entries()) == []
        accept(revocations)


def test_a_great_many_are_forgotten_a_few_at_a_time():
    revocations = knowing(*(Entry(51, "session", f"{each}", 0, UNTIL) for each in range(7)), head=51, keep_longer=60)
    assert revocations.forget(UNTIL, most=3)
    assert len(revocations) == 7
    left = []
    while not revocations.forget(UNTIL + 600, most=3):
        left.append(len(revocations))
    assert left == [4, 1]
    assert list(revocations.entries()) == []


def test_an_entry_that_was_prolonged_is_kept_until_its_later_end():
    revocations = knowing(Entry(51, "account", "account", 4, UNTIL), Entry(52, "account", "account", 5, UNTIL + 500))
    revocations.forget(UNTIL + 400)
    with pytest.raises(Revoked):
        accept(revocations)
    revocations.forget(UNTIL + 600)
    assert len(revocations) == 0


def test_forgetting_one_realm_entry_keeps_another():
    revocations = knowing(Entry(51, "realm", "", 0, UNTIL), Entry(52, "session", "session", 0, UNTIL + 900))
    revocations.forget(UNTIL + 300)
    with pytest.raises(Revoked) as refused:
        accept(revocations)
    assert refused.value.claim == "sid"


def test_an_answer_to_an_earlier_question_does_not_move_the_lease_back():
    revocations = knowing(head=60, sent=MONOTONIC + 5)
    revocations.apply([Entry(51, "session", "session", 0, UNTIL)], head=55, sent=MONOTONIC)
    assert (revocations.head, revocations.age(MONOTONIC + 5)) == (60, 0)
    with pytest.raises(Revoked):
        accept(revocations)


def test_a_feed_that_was_set_back_is_read_from_its_beginning_before_the_lease_is_renewed():
    revocations = knowing(Entry(51, "session", "session", 0, UNTIL), head=60)
    revocations.apply([], head=55, sent=MONOTONIC + 1, after=60)
    assert (revocations.head, revocations.age(MONOTONIC + 1)) == (0, 1)
    revocations.apply([], head=57, sent=MONOTONIC + 2, after=60)
    assert (revocations.head, revocations.age(MONOTONIC + 2)) == (0, 2)
    revocations.apply([Entry(56, "account", "account", 9, UNTIL)], head=58, sent=MONOTONIC + 3, after=0)
    assert (revocations.head, revocations.age(MONOTONIC + 3)) == (58, 0)
    assert len(revocations) == 2


def test_a_feed_of_another_name_is_read_anew_and_nothing_known_is_forgotten():
    revocations = Revocations()
    revocations.apply([Entry(1, "session", "old", 0, UNTIL)], head=50, sent=MONOTONIC, feed="first")
    revocations.apply([Entry(51, "session", "gone", 0, UNTIL)], head=60, sent=MONOTONIC + 1, after=50, feed="second")
    assert (revocations.head, revocations.age(MONOTONIC + 1)) == (0, 1)
    revocations.apply([Entry(1, "session", "new", 0, UNTIL)], head=61, sent=MONOTONIC + 2, after=0, feed="second")
    assert (revocations.head, revocations.age(MONOTONIC + 2)) == (61, 0)
    assert {entry.key for entry in revocations.entries()} == {"old", "gone", "new"}


def test_a_kind_of_revocation_of_a_newer_program_lets_the_lease_run_out():
    revocations = knowing()
    with pytest.raises(ValueError, match="does not know"):
        revocations.apply([Entry(51, "planet", "earth", 0, UNTIL)], head=51, sent=MONOTONIC + 9)
    assert (revocations.head, revocations.age(MONOTONIC)) == (50, 0)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "most"), [("session", 145), ("account", 225)])
def test_a_revocation_takes_no_more_memory_than_the_documentation_says(kind, most):
    number = 22_000
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    revocations = Revocations()
    revocations.add(Entry(n, kind, f"{n:022d}", n % 99 + 300, UNTIL + n // 100) for n in range(number))
    taken = (tracemalloc.get_traced_memory()[0] - before) / number
    tracemalloc.stop()
    assert len(revocations) == number
    assert taken < most


@pytest.mark.parametrize("now", [NOW + 60, NOW + 50, NOW - 3600])
def test_a_clock_that_is_set_back_after_the_last_reading_makes_no_token_younger(now):
    revocations = Revocations(30)
    revocations.apply((), head=50, sent=MONOTONIC, wall=NOW)
    for iat, passes in ((NOW + 30, True), (NOW + 29, False)):
        claims = msgspec.structs.replace(CLAIMS, iat=iat)
        if passes:
            accept(revocations, claims, now=now, monotonic=MONOTONIC + 60)
        else:
            with pytest.raises(Stale):
                accept(revocations, claims, now=now, monotonic=MONOTONIC + 60)
