"""How soon a revocation by another process takes effect here: measured, and said only when there is enough to say."""

import pytest

from mapae.flows.authenticate import authenticate
from mapae.flows.follow import poll
from mapae.flows.open_service import open_service
from mapae.flows.sign_out import sign_out_everywhere
from mapae.flows.tally import Histogram

pytestmark = pytest.mark.anyio


async def ends_everywhere(person):
    tokens = await person.signs_in()
    principal = authenticate(person.service, tokens.access_token)
    return await sign_out_everywhere(person.service, principal, visitor=person.browser)


@pytest.mark.slow
async def test_what_another_process_revoked_is_measured_and_ones_own_is_not(settings, clock, jane):
    await jane.signs_up()
    async with open_service(settings, clock=clock) as other:
        await ends_everywhere(jane)
        clock.move(0.2)
        await poll(other)
        assert sum(jane.service.from_elsewhere.buckets) == 0
        assert sum(other.from_elsewhere.buckets) == 1
        assert other.from_elsewhere.within(1, least=1) == 0.25
        await poll(other)
        assert sum(other.from_elsewhere.buckets) == 1, "each is measured once"


async def test_what_was_revoked_before_a_process_started_is_not_measured(settings, clock, jane):
    await jane.signs_up()
    await ends_everywhere(jane)
    clock.move(60)
    async with open_service(settings, clock=clock) as late:
        await poll(late)
        assert sum(late.from_elsewhere.buckets) == 0


@pytest.mark.parametrize(
    ("seconds", "share", "within"),
    [
        ([], 0.99, None),
        ([0.02] * 19, 0.99, None),
        ([0.02] * 20, 0.99, 0.025),
        ([0.025] * 20, 0.99, 0.025),
        ([0.02] * 19 + [0.3], 0.99, 0.5),
        ([0.02] * 19 + [0.3], 0.95, 0.025),
        ([0.02] * 99 + [7], 0.99, 0.025),
        ([31.0] * 20, 0.99, None),
    ],
)
async def test_most_lie_within_a_bound_once_there_are_enough(seconds, share, within):
    measured = Histogram()
    for each in seconds:
        measured.observe(each)
    assert measured.within(share, least=20) == within
