"""Tickets and passes: whoever forges, copies, keeps or borrows one is refused, and told why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.admission.ticket import LEEWAY, LENGTH, PASS_LIFETIME, TICKET_LIFETIME, UNBOUND, TicketOffice
from mapae.errors import TicketRefused
from mapae.jose import jwt
from mapae.jose.key import Key

NOW = 1_800_000_000
NUMBER = b"n" * 16
OFFICE = TicketOffice(b"k" * 32, issuer="https://id.example.com")
TICKET = OFFICE.ticket(NOW * 1000 + 123, NUMBER, cookie="cookie", now=NOW)
PASS = OFFICE.pass_for(OFFICE.read(TICKET, cookie="cookie", now=NOW), now=NOW)


def refused(text, *, cookie="cookie", now=NOW, office=OFFICE):
    with pytest.raises(TicketRefused) as refusal:
        office.read(text, cookie=cookie, now=now)
    return refusal.value.why


def test_a_ticket_tells_when_its_holder_came():
    ticket = OFFICE.read(TICKET, cookie="cookie", now=NOW + 3_600)
    assert (ticket.arr, ticket.iat, ticket.number, ticket.passed) == (NOW * 1000 + 123, NOW, NUMBER, False)
    assert len(TICKET) == len(PASS) == LENGTH
    assert ticket.place // 100_000 == ticket.arr // 100


def test_a_pass_has_the_place_of_its_ticket_and_ends_after_five_minutes():
    ticket = OFFICE.read(TICKET, cookie="cookie", now=NOW)
    passed = OFFICE.read(PASS, cookie="cookie", now=NOW + PASS_LIFETIME)
    assert (passed.place, passed.number, passed.passed) == (ticket.place, ticket.number, True)
    assert OFFICE.read(PASS, cookie="cookie", now=NOW + PASS_LIFETIME + LEEWAY - 1)
    assert refused(PASS, now=NOW + PASS_LIFETIME + LEEWAY) == "expired"


def test_a_ticket_for_a_program_needs_no_cookie():
    text = OFFICE.ticket(NOW * 1000, NUMBER, cookie=None, now=NOW)
    assert OFFICE.read(text, cookie=None, now=NOW).cnf == UNBOUND


def test_no_character_of_a_ticket_can_be_another():
    for at, letter in enumerate(TICKET):
        other = "A" if letter != "A" else "B"
        assert refused(TICKET[:at] + other + TICKET[at + 1 :]) == "forged"


@pytest.mark.parametrize("cookie", [None, "", "another", "cookie "])
def test_a_copied_ticket_is_refused(cookie):
    assert refused(TICKET, cookie=cookie) == "copied"


def test_an_expired_ticket_is_refused():
    assert OFFICE.read(TICKET, cookie="cookie", now=NOW + TICKET_LIFETIME + LEEWAY - 1)
    assert refused(TICKET, now=NOW + TICKET_LIFETIME + LEEWAY) == "expired"


def test_a_ticket_from_the_future_is_refused():
    assert OFFICE.read(TICKET, cookie="cookie", now=NOW - LEEWAY)
    assert refused(TICKET, now=NOW - LEEWAY - 1) == "future"


def test_a_ticket_of_another_service_is_refused():
    other = TicketOffice(b"k" * 32, issuer="https://other.example.com")
    assert refused(TICKET, office=other) == "forged"
    assert refused(TICKET, office=TicketOffice(b"o" * 32, issuer="https://id.example.com")) == "forged"


@pytest.mark.parametrize(
    "text",
    [
        "mpp_" + TICKET[4:],
        "mpt_" + PASS[4:],
        "",
        "가나다",
        "a.b.c",
        TICKET + "=",
        TICKET * 3,
        jwt.sign({"arr": "1", "cnf": ""}, Key.from_secret(b"k" * 32, alg="HS256"), now=NOW, lifetime=60),
        TICKET[:-1],
        TICKET[:-22] + "A" * 22,
    ],
)
def test_what_is_no_ticket_is_refused(text):
    assert refused(text) == "forged"


@given(st.integers(0, len(TICKET) - 1), st.characters())
def test_a_ticket_with_one_letter_changed_is_refused(at, letter):
    changed = TICKET[:at] + letter + TICKET[at + 1 :]
    if changed != TICKET:
        assert refused(changed) == "forged"


@given(st.text())
def test_any_text_at_all_is_refused(text):
    assert refused(text) == "forged"
