"""How a polite program waits, without a clock, a network or dice: every step it takes is looked at."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.client.conversation import Manners, Pause, Place, renewing, signing_in, signing_out
from mapae.client.exchange import Answer, Request
from mapae.client.refusals import refusal_of
from mapae.client.session import Session
from mapae.client.tokens import Held, Tokens
from mapae.errors import (
    Busy,
    EmailTaken,
    InputRefused,
    MapaeError,
    RefreshRefused,
    RefreshReused,
    ServiceUnreachable,
    SignInRefused,
    TicketRefused,
    TooManyAttempts,
    Waiting,
)

SIGNED_IN = Answer(
    200,
    {
        "access_token": "access",
        "refresh_token": "mpr_1",
        "expires_in": 600,
        "account": "a",
        "session": "s",
        "scope": "account",
    },
    0,
)
LOST = ServiceUnreachable("the service gave no complete answer")


def problem(status, code, *, retry_after=0, **members):
    return Answer(status, {"code": code, "detail": "why"} | members, retry_after)


def in_line(position, *, seconds=3, ticket="ticket", wait=(9, 20)):
    members = {"ticket": ticket, "position": position, "wait": list(wait) if wait else None}
    return problem(503, "waiting", retry_after=seconds, **members)


def still(position, *, seconds=3):
    return Answer(200, {"state": "waiting", "ticket": "ticket", "position": position, "wait": [4, 9]}, seconds)


ADMITTED = Answer(200, {"state": "admitted", "ticket": "pass"}, 0)


class World:
    """Answers in order; remembers what was asked, told and waited for, and moves its clock by the pauses."""

    def __init__(self, *answers, lot=0.0):
        self.answers = iter(answers)
        self.now, self.lot = 1_000.0, lot
        self.asked, self.places, self.pauses = [], [], []
        self.manners = Manners(lambda: self.now, lambda: self.lot)

    def holds(self, conversation):
        try:
            step = next(conversation)
            while True:
                match step:
                    case Request():
                        self.asked.append((step.path, dict(step.members)))
                        step = conversation.send(next(self.answers))
                    case Pause(seconds):
                        self.pauses.append(seconds)
                        self.now += seconds
                        step = next(conversation)
                    case Place():
                        self.places.append((step.position, step.wait, step.retry_after))
                        step = next(conversation)
        except StopIteration as result:
            return result.value

    def signs_in(self, *, deadline=300.0, ticket=""):
        ends = self.now + deadline
        steps = signing_in("jane@example.com", "secret", client_id="", ticket=ticket, ends=ends, manners=self.manners)
        return self.holds(steps)

    @property
    def shown(self):
        """Which ticket or pass went along with each request."""
        return [(path.rpartition("/")[2], members.get("ticket", "")) for path, members in self.asked]


@pytest.mark.parametrize("lot", [0.0, 0.5, 0.999])
def test_a_program_waits_as_it_was_told_a_little_longer_and_never_shorter(lot):
    world = World(in_line(9, seconds=5), still(4, seconds=2), still(1, seconds=1), ADMITTED, SIGNED_IN, lot=lot)
    tokens, asked = world.signs_in()
    assert tokens.access_token == "access"
    assert asked == world.now
    assert world.shown == [("sign-in", ""), *[("ticket", "ticket")] * 3, ("sign-in", "pass")]
    assert world.places == [(9, (9, 20), 5), (4, (4, 9), 2), (1, (4, 9), 1)]
    assert [round(pause / told, 3) for pause, told in zip(world.pauses, (5, 2, 1), strict=True)] == [
        round(1 + 0.15 * lot, 3)
    ] * 3


def test_whoever_has_no_time_left_is_told_at_once_and_keeps_the_place():
    world = World(in_line(9, seconds=5), still(8, seconds=30))
    with pytest.raises(Waiting) as held:
        world.signs_in(deadline=20)
    assert (held.value.ticket, held.value.position, held.value.wait) == ("ticket", 8, (4, 9))
    assert sum(world.pauses) <= 20
    later = World(SIGNED_IN)
    assert later.signs_in(ticket="ticket")
    assert later.shown == [("sign-in", "ticket")]


def test_a_line_that_stands_still_has_no_estimate():
    world = World(in_line(2, wait=None), ADMITTED, SIGNED_IN)
    world.signs_in()
    assert world.places == [(2, None, 3)]


def test_a_wrong_password_is_told_at_once():
    world = World(problem(401, "sign_in_refused"))
    with pytest.raises(SignInRefused):
        world.signs_in()
    assert world.pauses == []


def test_a_wrong_password_after_the_line_is_told_too():
    world = World(in_line(1), ADMITTED, problem(401, "sign_in_refused"))
    with pytest.raises(SignInRefused):
        world.signs_in()


def test_a_pass_that_has_expired_is_got_again_with_the_ticket_and_no_place_is_lost():
    refused = problem(403, "ticket_refused")
    world = World(in_line(1), ADMITTED, refused, SIGNED_IN)
    world.signs_in()
    assert world.shown[-2:] == [("sign-in", "pass"), ("sign-in", "ticket")]


def test_a_ticket_that_counts_no_more_is_left_and_a_new_one_taken():
    refused = problem(403, "ticket_refused")
    world = World(in_line(1), refused, in_line(7, ticket="new"), ADMITTED, SIGNED_IN)
    world.signs_in()
    assert world.shown[1:] == [("ticket", "ticket"), ("sign-in", ""), ("ticket", "new"), ("sign-in", "pass")]
    world = World(refused, SIGNED_IN)
    world.signs_in(ticket="forged")
    assert world.shown == [("sign-in", "forged"), ("sign-in", "")]


def test_a_service_that_does_not_answer_for_a_while_costs_nobody_the_place():
    world = World(
        LOST, in_line(3), LOST, problem(502, ""), problem(503, "busy", retry_after=2), ADMITTED, LOST, SIGNED_IN
    )
    assert world.signs_in()
    assert world.shown[1:] == [("sign-in", ""), *[("ticket", "ticket")] * 4, *[("sign-in", "pass")] * 2]


def test_a_service_that_never_answers_is_asked_less_and_less_often_until_the_deadline():
    world = World(*[LOST] * 100, lot=0.5)
    with pytest.raises(ServiceUnreachable):
        world.signs_in(deadline=60)
    assert world.pauses == sorted(world.pauses)
    assert len(world.pauses) < 15
    assert world.now <= 1_060


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (problem(429, "too_many_attempts", retry_after=40), TooManyAttempts),
        (problem(503, "busy", retry_after=40), Busy),
        (problem(503, "not_ready", retry_after=40), ServiceUnreachable),
    ],
)
def test_whoever_has_to_slow_down_does_so_within_the_deadline_and_else_is_told(answer, error):
    world = World(answer, SIGNED_IN)
    assert world.signs_in(deadline=60)
    assert world.pauses == [40]
    world = World(answer)
    with pytest.raises(error) as told:
        world.signs_in(deadline=30)
    assert told.value.retry_after == 40
    assert world.pauses == []


def test_the_same_refresh_token_is_sent_again_when_an_answer_is_lost():
    world = World(LOST, problem(500, "internal"), SIGNED_IN)
    tokens, _ = world.holds(renewing("mpr_0", manners=world.manners))
    assert tokens.refresh_token == "mpr_1"
    assert [members["refresh_token"] for _, members in world.asked] == ["mpr_0"] * 3


def test_a_refresh_is_given_up_after_three_tries_and_a_refusal_is_final():
    world = World(LOST, LOST, LOST)
    with pytest.raises(ServiceUnreachable):
        world.holds(renewing("mpr_0", manners=world.manners))
    for code, kind in (("refresh_refused", RefreshRefused), ("refresh_reused", RefreshReused)):
        world = World(problem(401, code))
        with pytest.raises(kind):
            world.holds(renewing("mpr_0", manners=world.manners))


def test_an_answer_without_a_refresh_token_means_to_keep_the_one_at_hand():
    kept = Answer(200, {name: value for name, value in SIGNED_IN.members.items() if name != "refresh_token"}, 0)
    world = World(kept)
    tokens, _ = world.holds(renewing("mpr_0", manners=world.manners))
    assert tokens.refresh_token == "mpr_0"


@pytest.mark.parametrize("answer", [Answer(204, {}, 0), problem(401, "refresh_refused"), problem(401, "token_expired")])
def test_a_session_that_has_ended_already_is_signed_out(answer):
    for tokens in (Tokens("access", "mpr_0"), Tokens("mps_0", None)):
        world = World(answer)
        assert world.holds(signing_out(tokens)) is None
    with pytest.raises(ServiceUnreachable):
        World(LOST).holds(signing_out(tokens))


@given(st.integers(60, 86_400), st.floats(0, 1, exclude_max=True))
def test_tokens_are_renewed_before_they_expire_and_not_all_at_the_same_moment(lifetime, lot):
    held = Held(None)
    held.replace(Tokens("a", "mpr_0", lifetime), asked=100, lot=lot)
    assert not held.due(100 + 0.79 * lifetime)
    assert held.due(100 + lifetime - min(30, lifetime / 10))
    assert held.good(100 + lifetime - 1)
    assert not held.good(100 + lifetime)
    held.replace(Tokens("mps_a", None, lifetime), asked=100, lot=lot)
    assert not held.due(100 + lifetime)  # an opaque one lives on while it is used


def test_a_token_that_lives_is_used_when_it_cannot_be_renewed():
    world, kept = World(*[LOST] * 3), []
    session = Session(Tokens("old", "mpr_0"), kept.append)
    with pytest.raises(ServiceUnreachable):
        world.holds(session.fresh())
    session.held.replace(Tokens("old", "mpr_0", 10**9), asked=-(10**9) + 1e6, lot=0.0)
    assert World(*[LOST] * 3).holds(session.fresh()) == "old"
    assert kept == []


def test_an_ended_session_is_forgotten_and_one_of_many_renews_it():
    kept = []
    session = Session(Tokens("old", "mpr_0"), kept.append)
    assert World(SIGNED_IN).holds(session.another("old")) == "access"
    assert World().holds(session.another("old")) == "access"
    with pytest.raises(RefreshRefused):
        World(problem(401, "refresh_refused")).holds(session.another("access"))
    assert [tokens and tokens.refresh_token for tokens in kept] == ["mpr_1", None]
    for conversation in (session.fresh(), session.another("access")):
        with pytest.raises(RefreshRefused):
            World().holds(conversation)
    assert World().holds(session.end()) is None


def test_an_opaque_token_that_was_refused_has_ended():
    session = Session(Tokens("mps_0", None), [].append)
    assert World().holds(session.fresh()) == "mps_0"
    with pytest.raises(RefreshRefused):
        World().holds(session.another("mps_0"))
    assert session.held.tokens is None


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (problem(409, "email_taken"), EmailTaken),
        (problem(403, "ticket_refused"), TicketRefused),
        (problem(422, "input_refused", errors=[{"pointer": "/email", "code": "x", "detail": "y"}, 3]), InputRefused),
        (Answer(404, {}, 0), ServiceUnreachable),
        (Answer(502, {}, 0), ServiceUnreachable),
    ],
)
def test_a_problem_becomes_the_error_of_its_code(answer, kind):
    assert type(refusal_of(answer)) is kind


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=4)


@pytest.mark.slow
@given(
    st.integers(300, 599),
    st.dictionaries(st.sampled_from(["code", "detail", "errors", "ticket", "position", "wait", "state"]), JSON),
    st.sampled_from(["waiting", "input_refused", "ticket_refused", "busy", "internal", None]),
)
def test_whatever_an_answer_holds_it_becomes_an_error_that_tells_no_secret(status, members, code):
    error = refusal_of(Answer(status, members | ({"code": code} if code else {}), 0))
    assert isinstance(error, MapaeError)


def test_tokens_are_not_shown():
    shown = repr(Tokens("access-text", "mpr_text")) + repr(Request("/", {"password": "secret"}, "bearer-text"))
    assert "text" not in shown
    assert "secret" not in shown
    assert json.dumps(shown)
