"""An attacker who hammers an account slows down strangers, not its owner's own browser; through a real SQLite file."""

import asyncio
from dataclasses import replace

import pytest

from mapae.admission.known_device import PER_DEVICE, PER_KNOWN
from mapae.errors import Busy, SignInRefused, TooManyAttempts
from mapae.flows.account import change_password
from mapae.flows.authenticate import authenticate
from mapae.flows.hash_pool import HashPool
from mapae.flows.manage_accounts import find_account, set_account_state
from mapae.flows.sign_in import sign_in

pytestmark = pytest.mark.anyio

THIEF, HOURS = "198.51.100.9", 3600


async def hammer(jane):
    """Guess from one place until even a stranger with the right password has to wait."""
    for _ in range(9):
        with pytest.raises((SignInRefused, TooManyAttempts)):
            await jane.signs_in(password="wrong horse", address=THIEF)
    with pytest.raises(TooManyAttempts):
        await jane.signs_in(address="192.0.2.1")


async def known_browser(jane, *, address="203.0.113.7"):
    """Sign in, and return the browser with what it keeps of it."""
    tokens = await jane.signs_in(address=address)
    return replace(jane.browser, address=address, known=tokens.known_device)


async def tries(jane, browser, password, *, email=None):
    return await sign_in(jane.service, email or jane.email, password, visitor=browser)


async def refused_guesses(jane, browser):
    """Guess wrong until told to wait; return how many guesses were looked at."""
    for number in range(200):
        try:
            await tries(jane, browser, "wrong horse")
        except SignInRefused:
            continue
        except TooManyAttempts:
            return number
    raise AssertionError("nothing ever slowed down")


@pytest.mark.slow
async def test_p7_the_owner_gets_in_at_once_from_a_known_browser_while_somebody_hammers_the_account(jane):
    signed_up = await jane.signs_up()
    browser = replace(jane.browser, known=signed_up.known_device)
    await hammer(jane)
    assert await tries(jane, browser, jane.password)


@pytest.mark.slow
async def test_p7_a_known_browser_is_not_slowed_down_by_failures_from_its_own_network(jane, person):
    await jane.signs_up()
    browser = await known_browser(jane, address=THIEF)
    with pytest.raises(TooManyAttempts):  # noqa: PT012
        for number in range(60):
            with pytest.raises(SignInRefused):
                await person(jane.service, email=f"victim{number}@example.com").signs_in(address=THIEF)
    assert await tries(jane, browser, jane.password)


@pytest.mark.slow
async def test_the_owner_may_be_wrong_a_few_times_while_somebody_hammers_the_account(jane):
    await jane.signs_up()
    browser = await known_browser(jane)
    await hammer(jane)
    for _ in range(3):
        for _ in range(PER_DEVICE.limit - 1):
            with pytest.raises(SignInRefused):
                await tries(jane, browser, "wrong horse")
        assert await tries(jane, browser, jane.password)


@pytest.mark.slow
async def test_p7_the_owners_success_gives_an_attacker_no_new_guesses(jane):
    await jane.signs_up()
    browser = await known_browser(jane)
    await hammer(jane)
    await tries(jane, browser, jane.password)
    with pytest.raises(TooManyAttempts):
        await jane.signs_in(password="wrong horse", address=THIEF)


@pytest.mark.slow
async def test_p7_a_stolen_proof_gives_its_own_small_budget_and_no_more(jane, clock):
    await jane.signs_up()
    stolen = replace(await known_browser(jane), address=THIEF)
    await hammer(jane)
    assert await refused_guesses(jane, stolen) == PER_DEVICE.limit
    clock.move(23 * HOURS)  # the strangers' wait is over, its own is not: it is one of them
    assert await refused_guesses(jane, stolen) <= 1
    clock.move(HOURS)
    await hammer(jane)
    assert await refused_guesses(jane, stolen) == PER_DEVICE.limit


@pytest.mark.slow
async def test_p7_guesses_that_a_stolen_proof_makes_at_once_have_the_same_budget(jane):
    await jane.signs_up()
    stolen, own = await known_browser(jane), await known_browser(jane)
    await hammer(jane)
    answers = await asyncio.gather(*(tries(jane, stolen, "wrong horse") for _ in range(60)), return_exceptions=True)
    assert sum(isinstance(answer, SignInRefused) for answer in answers) == PER_DEVICE.limit
    assert sum(isinstance(answer, TooManyAttempts) for answer in answers) == 60 - PER_DEVICE.limit
    assert await tries(jane, own, jane.password), "what is left for other known devices was taken"


@pytest.mark.slow
async def test_p7_all_known_devices_of_an_account_have_one_budget_together(jane):
    await jane.signs_up()
    browsers = [await known_browser(jane) for _ in range(4)]
    await hammer(jane)
    assert [await refused_guesses(jane, browser) for browser in browsers] == [10, 10, 0, 0]
    assert PER_KNOWN.limit == 20


@pytest.mark.slow
@pytest.mark.parametrize("change", [lambda _: "", lambda known: known[:-2] + "AA", lambda known: known[::-1]])
async def test_a_proof_that_is_none_is_ignored(jane, change):
    await jane.signs_up()
    browser = await known_browser(jane)
    await hammer(jane)
    with pytest.raises(TooManyAttempts):
        await tries(jane, replace(browser, known=change(browser.known)), jane.password)


@pytest.mark.slow
async def test_the_proof_of_another_account_is_ignored_and_kept(jane, person):
    kim = person(jane.service, email="kim@example.com")
    await jane.signs_up()
    await kim.signs_up()
    shared = await known_browser(jane)
    await hammer(kim)
    with pytest.raises(TooManyAttempts):
        await tries(kim, shared, kim.password)
    shared = replace(shared, known=(await tries(jane, shared, jane.password)).known_device)
    await hammer(jane)
    assert await tries(jane, shared, jane.password)


@pytest.mark.slow
async def test_a_browser_of_two_people_is_known_to_both(jane, person):
    kim = person(jane.service, email="kim@example.com")
    await jane.signs_up()
    await kim.signs_up()
    shared = await known_browser(jane)
    shared = replace(shared, known=(await tries(kim, shared, kim.password)).known_device)
    for who in (jane, kim):
        await hammer(who)
        assert await tries(who, shared, who.password)


@pytest.mark.slow
async def test_a_proof_tells_nothing_about_accounts(jane, person):
    """For whoever shows a foreign proof, an unknown account and a disabled one are slowed down alike."""
    kim, nobody = (person(jane.service, email=f"{name}@example.com") for name in ("kim", "nobody"))
    await jane.signs_up()
    await kim.signs_up()
    browser = await known_browser(jane)
    await set_account_state(jane.service, await find_account(jane.service, kim.email), "disabled")
    said = []
    for number, who in enumerate((kim, nobody)):
        for _ in range(8):
            with pytest.raises((SignInRefused, TooManyAttempts)) as refused:
                await tries(jane, replace(browser, address=f"198.51.100.{number}"), "wrong horse", email=who.email)
            said.append((who is kim, type(refused.value), refused.value.retry_after))
    assert [rest for known, *rest in said if known] == [rest for known, *rest in said if not known]


@pytest.mark.slow
async def test_a_known_browser_changes_the_password_while_somebody_hammers_the_account(jane):
    await jane.signs_up()
    browser = await known_browser(jane)
    await hammer(jane)
    principal = authenticate(jane.service, (await tries(jane, browser, jane.password)).access_token)
    new = "another horse of bronze, six strong"
    await change_password(jane.service, principal, jane.password, new, visitor=browser)
    assert await tries(jane, browser, new)


@pytest.mark.slow
async def test_an_attempt_that_was_not_looked_at_costs_a_known_browser_nothing(jane):
    await jane.signs_up()
    browser = await known_browser(jane)
    await hammer(jane)
    jane.service.settings = replace(jane.service.settings, gate=False)  # else it would be given a place in a line
    open_pool, closed_pool = jane.service.hash_pool, HashPool(1)
    await closed_pool.close()
    jane.service.hash_pool = closed_pool
    for _ in range(PER_DEVICE.limit + 1):
        with pytest.raises(Busy):
            await tries(jane, browser, jane.password)
    jane.service.hash_pool = open_pool
    assert await refused_guesses(jane, browser) == PER_DEVICE.limit
