"""Forged, expired, foreign, copied and future tickets, and absurd places: refused plainly; the honest holder loses
nothing, and whoever tries gains no attempt and costs nobody one."""

import pytest

from mapae.admission.ticket import LEEWAY, PASS_LIFETIME, TICKET_LIFETIME, TicketOffice
from mapae.errors import TicketRefused, Waiting
from mapae.flows import gate
from mapae.flows.poll import NO_TURN, Turn, poll
from mapae.flows.sign_in import sign_in

from .conftest import FIREFOX
from .test_gate import a_ticket, its_turn, jane, rows_of, service  # noqa: F401 - two of them are fixtures

pytestmark = pytest.mark.anyio

NUMBER, COOKIE = b"n" * 16, "C" * 22
SECRET = b"k" * 32
"""Known to the test, and used for another service too."""
STRANGER = TicketOffice(b"o" * 32, issuer="https://id.example.com")


def forged(office, now):
    return STRANGER.ticket(0, NUMBER, cookie=COOKIE, now=now)  # as if its holder had come in 1970


def changed(office, now):
    text = office.ticket(now * 1000, NUMBER, cookie=COOKIE, now=now)
    return f"{text[:8]}AAAA{text[12:]}"  # when its holder came


def foreign(office, now):
    return TicketOffice(SECRET, issuer="https://other.example.com").ticket(now * 1000, NUMBER, cookie=COOKIE, now=now)


def copied(office, now):
    return office.ticket(now * 1000, NUMBER, cookie="another browser", now=now)


def expired(office, now):
    long_ago = now - TICKET_LIFETIME - LEEWAY - 5
    return office.ticket(long_ago * 1000, NUMBER, cookie=COOKIE, now=long_ago)


def expired_pass(office, now):
    ago = now - PASS_LIFETIME - LEEWAY - 5
    ticket = office.read(office.ticket(ago * 1000, NUMBER, cookie=COOKIE, now=ago), cookie=COOKIE, now=ago)
    return office.pass_for(ticket, now=ago)


def future(office, now):
    return office.ticket(now * 1000, NUMBER, cookie=COOKIE, now=now + LEEWAY + 60)


BAD = {
    forged: "forged",
    changed: "forged",
    foreign: "forged",
    copied: "copied",
    expired: "expired",
    expired_pass: "expired",
    future: "future",
}


@pytest.mark.slow
@pytest.mark.parametrize(("bad", "why"), BAD.items(), ids=[each.__name__ for each in BAD])
async def test_a_bad_ticket_is_refused_and_the_honest_holder_is_let_in_as_if_nothing_had_been(service, jane, bad, why):  # noqa: F811
    service.gate.office = TicketOffice(SECRET, issuer=service.settings.issuer)
    honest = Turn((await a_ticket(service, jane)).ticket)
    now = service.gate.now_ms() // 1000
    shown = Turn(bad(service.gate.office, now), COOKIE, browser=True)
    counted = [await rows_of(service, table) for table in ("attempt", "session", "gate_spent")]
    for _ in range(3):
        with pytest.raises(TicketRefused) as polled:
            poll(service, shown)
        with pytest.raises(TicketRefused) as tried:
            await sign_in(service, jane.email, jane.password, visitor=FIREFOX, turn=shown)
        assert polled.value.why == tried.value.why == why
    assert [await rows_of(service, table) for table in ("attempt", "session", "gate_spent")] == counted
    turn = await its_turn(service, honest)
    assert await sign_in(service, jane.email, jane.password, visitor=FIREFOX, turn=turn)


@pytest.mark.slow
@pytest.mark.parametrize("arrived_ms", [-(10**15), 0, 2**53, 2**62])
async def test_an_absurd_place_breaks_nothing(service, jane, arrived_ms):  # noqa: F811
    """Only the service itself can have signed one, by a clock that was wrong."""
    honest = Turn((await a_ticket(service, jane)).ticket)
    text = service.gate.office.ticket(arrived_ms, NUMBER, cookie=None, now=service.gate.now_ms() // 1000)
    for _ in range(2):
        with pytest.raises(Waiting):
            await gate.ask(service, NO_TURN)
    await gate.look(service)
    place = poll(service, Turn(text))
    if arrived_ms > service.gate.now_ms():
        assert place.held.ahead <= 3  # whoever really came
        assert 1 <= place.held.interval <= 30
    else:
        assert place.held is None
    assert await sign_in(service, jane.email, jane.password, visitor=FIREFOX, turn=await its_turn(service, honest))
