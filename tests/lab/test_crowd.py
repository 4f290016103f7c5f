"""The crowd of the lab: people who do as they are told or not, and how it is told who was overtaken."""

import json
import math
from random import Random
from types import SimpleNamespace

import pytest

from mapae.lab.chart import steps
from mapae.lab.crowd.figures import overtaken_by, per_second, signed_in
from mapae.lab.crowd.people import ADMITTED, POLL, SIGN_IN, WHO, Crowd, MapaeDoor, Person
from mapae.lab.open_loop import LATE, LOST, Answer

DOOR = MapaeDoor("p", "secret enough")


def body_of(sent):
    return json.loads(sent.partition(b"\r\n\r\n")[2])


def waiting(position, seconds):
    return {"code": "waiting", "ticket": "T", "position": position, "retry_after": seconds}


def tell(person, at, status, body, *, head=b"HTTP/1.1"):
    """Let somebody ask and be answered in a tenth of a second; return what they sent and when they come again."""
    kind, sent = person.ask(at)
    again = person.answered(Answer(kind, at, at, at + 0.1, status), head, json.dumps(body).encode())
    return kind, body_of(sent), again


def test_who_is_told_to_wait_asks_again_when_told_and_signs_in_with_the_pass():
    person = Person(5, DOOR, typing=0.5)
    assert tell(person, 1.0, 503, waiting(40, 3)) == (
        SIGN_IN, {"email": "p5@crowd.example", "password": "secret enough"}, pytest.approx(4.1),
    )  # fmt: skip
    still = {"state": "waiting", "ticket": "T", "position": 9, "retry_after": 2}
    assert tell(person, 4.1, 200, still) == (POLL, {"ticket": "T"}, pytest.approx(6.2))
    assert tell(person, 6.2, 200, {"state": "admitted", "ticket": "P"})[2] == pytest.approx(6.8)
    kind, sent, again = tell(person, 6.8, 200, {})
    assert (kind, sent["ticket"], again) == (ADMITTED, "P", None)
    assert (person.came, person.called, person.inside) == (1.0, pytest.approx(6.3), pytest.approx(6.9))


def test_a_full_queue_sends_nobody_back_to_the_line():
    person = Person(5, DOOR, typing=0.0)
    tell(person, 1.0, 503, waiting(40, 1))
    tell(person, 2.0, 200, {"state": "admitted", "ticket": "P"})
    assert tell(person, 2.1, 503, {"code": "busy"}, head=b"HTTP/1.1 503\r\nRetry-After: 2\r\n")[2] == pytest.approx(4.2)
    assert tell(person, 4.2, 200, {})[1]["ticket"] == "P"


def test_without_a_gate_people_come_again_when_they_were_told():
    person = Person(5, DOOR, typing=0.0)
    assert tell(person, 1.0, 503, {"code": "busy"}, head=b"HTTP/1.1\r\nretry-after: 3\r\nx: y")[2] == pytest.approx(4.1)
    assert (person.refused, person.moments, person.called) == (1, [1.0], None)


@pytest.mark.parametrize("status", [LOST, LATE])
def test_who_gets_no_answer_tries_again_and_has_not_come_yet(status):
    person = Person(5, DOOR, typing=0.0)
    assert tell(person, 1.0, status, {})[2] == pytest.approx(2.1)
    assert (person.came, person.known) == (1.0, None)


def test_a_position_that_gets_worse_is_noticed_once_everybody_was_counted():
    person = Person(5, DOOR, typing=0.0)
    for at, position in ((1.0, 40), (1.5, 44), (3.0, 30), (4.0, 33), (5.0, 20)):
        tell(person, at, 503, waiting(position, 1))
    assert person.worse == 3


def test_the_forgetful_throw_their_place_away_and_count_from_their_new_coming():
    person = Person(5, DOOR, typing=0.0, forgetful=1)
    assert tell(person, 1.0, 503, waiting(40, 9))[2] == pytest.approx(1.35)
    assert tell(person, 1.35, 503, waiting(60, 9))[:2] == (SIGN_IN, body_of(DOOR.sign_in(5, "")))
    assert (person.came, person.moments) == (1.35, [1.35])


def test_a_crowd_is_the_same_for_the_same_seed_and_has_all_kinds():
    one, other = ([Crowd(DOOR, Random(3), quick=16).make() for _ in range(1)] for _ in range(2))
    assert one == other
    crowd = Crowd(DOOR, Random(3), quick=16)
    people = [crowd.make() for _ in range(2_000)]
    assert {person.impatient for person in people} == {True, False}
    assert {person.forgetful for person in people} == {0, 3}


def person(came, known, *, called=None, asked=()):
    return SimpleNamespace(came=came, known=known, called=called, moments=list(asked))


@pytest.mark.parametrize(
    ("asked", "by"),
    [
        ([1.0, 9.0], [2.0]),  # turned away at 9, when somebody was in who came at 3.1
        ([1.0, 4.0], []),  # the other one was not in yet
        ([], []),  # let in at once
    ],
)
def test_whoever_is_turned_away_after_somebody_behind_them_was_let_in_is_overtaken(asked, by):
    crowd = [person(1.0, 1.1, called=10.0, asked=asked), person(3.1, 3.2, called=5.0), person(1.2, 1.3, called=2.0)]
    assert overtaken_by(crowd) == pytest.approx(by)


def test_sign_ins_are_counted_by_the_second_they_ended_in():
    answers = [Answer(kind, 0, 0, done, status) for kind, done, status in (
        (SIGN_IN, 0.5, 200), (ADMITTED, 1.2, 200), (ADMITTED, 1.9, 503), (POLL, 1.5, 200), (WHO, 1.5, 200),
    )]  # fmt: skip
    assert per_second(answers, ends=2, wanted=signed_in) == [1, 1, 0]


def test_the_axes_of_a_short_trial_have_steps():
    assert math.isclose(steps(0.4)[-1], 0.4)
