"""Sign-up, sign-in, and what a failure costs; through a real SQLite file."""

from dataclasses import replace

import bcrypt
import pytest

from mapae.errors import EmailTaken, InputRefused, NotFound, PasswordRefused, Revoked, SignInRefused, TooManyAttempts
from mapae.flows.account import change_password, delete_account, who_am_i
from mapae.flows.attempts import SIGN_UPS_PER_ADDRESS
from mapae.flows.authenticate import authenticate
from mapae.flows.follow import poll
from mapae.flows.manage_accounts import (
    IMPORTED_AT_ONCE,
    ImportedAccount,
    find_account,
    import_accounts,
    set_account_state,
)
from mapae.flows.read_activity import my_activity
from mapae.flows.sign_up import SignUpClosed, sign_up
from mapae.storage.accounts import list_accounts
from mapae.storage.activity import ActivityFilter, list_activity

from .conftest import FIREFOX

pytestmark = pytest.mark.anyio


async def test_a_sign_up_opens_an_account_and_its_first_session(service, jane):
    tokens = await jane.signs_up()
    principal = authenticate(service, tokens.access_token)
    account = await who_am_i(service, principal)
    assert (account.email, account.state, account.role) == (jane.email, "active", "user")
    assert principal.sid == tokens.sid
    assert tokens.scope == "account"


async def test_the_access_token_says_what_rfc_9068_and_revocation_need(service, jane, clock):
    tokens = await jane.signs_up()
    claims = authenticate(service, tokens.access_token).claims
    assert claims.iss == claims.aud == service.settings.issuer
    assert claims.sub == tokens.account_id
    assert (claims.sid, claims.client_id, claims.scope) == (tokens.sid, "mapae", "account")
    assert (claims.iat, claims.exp) == (int(clock.now), int(clock.now) + service.settings.access_ttl)
    assert (claims.epo, claims.rsq) == (0, 0)
    assert claims.jti


async def test_the_same_email_in_another_spelling_is_the_same_account(service, jane, person):
    await jane.signs_up()
    with pytest.raises(EmailTaken):
        await person(service, email="Jane@EXAMPLE.com").signs_up()


async def test_a_refused_sign_up_leaves_nothing_behind(service, jane, person):
    with pytest.raises(PasswordRefused):
        await person(service, password="short").signs_up()
    with pytest.raises(InputRefused):
        await sign_up(service, jane.email, jane.password, visitor=jane.browser, name="a\x00b")
    with pytest.raises(NotFound):
        await find_account(service, jane.email)
    await jane.signs_up()


@pytest.mark.slow
async def test_a_network_that_opens_many_accounts_has_to_wait_and_others_do_not(service, person, clock):
    for number in range(SIGN_UPS_PER_ADDRESS.free + 1):
        await person(service, email=f"n{number}@example.com").signs_up()
    with pytest.raises(TooManyAttempts):
        await person(service, email="one.more@example.com").signs_up()
    await person(service, email="other@example.com", browser=replace(FIREFOX, address="198.51.100.9")).signs_up()
    clock.move(SIGN_UPS_PER_ADDRESS.longest_wait_ms / 1000)
    await person(service, email="one.more@example.com").signs_up()


@pytest.mark.slow
async def test_this_machine_may_open_as_many_accounts_as_it_likes(service, person):
    here = replace(FIREFOX, address="127.0.0.1")
    for number in range(SIGN_UPS_PER_ADDRESS.free + 2):
        await person(service, email=f"n{number}@example.com", browser=here).signs_up()


async def test_the_right_password_signs_in_and_a_wrong_one_does_not(service, jane):
    await jane.signs_up()
    assert (await jane.signs_in()).refresh_token
    with pytest.raises(SignInRefused):
        await jane.signs_in(password=jane.password + "!")


async def test_unknown_wrong_and_disabled_are_refused_in_the_same_words(service, jane, person):
    await jane.signs_up()
    other = person(service, email="kim@example.com")
    await other.signs_up()
    await set_account_state(service, await find_account(service, other.email), "disabled")
    said = set()
    for who, password in ((person(service, email="nobody@example.com"), None), (jane, "wrong horse"), (other, None)):
        with pytest.raises(SignInRefused) as refused:
            await who.signs_in(password=password)
        said.add((str(refused.value), refused.value.code, refused.value.retry_after))
    assert len(said) == 1
    page = await list_activity(service.database, ActivityFilter(event="sign_in_failed"))
    assert {row.reason for row in page.rows} == {"unknown_account", "wrong_password", "account_disabled"}


@pytest.mark.slow
async def test_failures_slow_down_the_next_attempt_and_a_wait_ends_by_itself(service, jane, clock):
    await jane.signs_up()
    waited = None
    for _ in range(8):
        try:
            await jane.signs_in(password="wrong horse")
        except SignInRefused:
            continue
        except TooManyAttempts as slowed:
            waited = slowed
            break
    assert waited is not None
    assert waited.retry_after >= 1
    clock.move(waited.retry_after)
    assert await jane.signs_in()


@pytest.mark.slow
async def test_an_attempt_that_has_to_wait_is_told_the_same_for_an_unknown_account(service, jane, person):
    await jane.signs_up()
    said = []
    for who, network in ((jane, "198.51.100.1"), (person(service, email="nobody@example.com"), "198.51.100.2")):
        for _ in range(9):
            try:
                await who.signs_in(password="wrong horse", address=network)
            except (SignInRefused, TooManyAttempts) as refused:
                said.append((who is jane, type(refused), refused.retry_after))
    assert [rest for known, *rest in said if known] == [rest for known, *rest in said if not known]


@pytest.mark.slow
async def test_one_account_of_ones_own_does_not_reset_the_count_of_a_network(service, jane, person):
    await jane.signs_up()
    with pytest.raises(TooManyAttempts):  # noqa: PT012
        for number in range(60):
            await jane.signs_in()
            with pytest.raises(SignInRefused):
                await person(service, email=f"victim{number}@example.com").signs_in()


async def test_an_imported_hash_works_and_is_replaced_at_the_next_sign_in(service, jane):
    stored = bcrypt.hashpw(jane.password.encode(), bcrypt.gensalt(4)).decode().replace("$2b$", "$2y$")
    assert await import_accounts(service, [ImportedAccount(jane.email, stored)]) == (1, [])
    assert await import_accounts(service, [ImportedAccount(jane.email, stored)]) == (0, [jane.email])
    await jane.signs_in()
    account = await find_account(service, jane.email)
    assert account.password_hash != stored
    await jane.signs_in()


@pytest.mark.slow
async def test_a_long_import_leaves_out_what_is_taken_and_saves_all_others(service, jane):
    await jane.signs_up()
    rows = [ImportedAccount(f"number{number}@example.com", None) for number in range(2 * IMPORTED_AT_ONCE + 9)]
    rows[3] = rows[-1] = ImportedAccount(jane.email, None)
    rows[IMPORTED_AT_ONCE + 1] = rows[IMPORTED_AT_ONCE]
    told = []
    saved, taken = await import_accounts(service, rows, progress=told.append)
    assert (saved, taken) == (len(rows) - 3, [jane.email, rows[IMPORTED_AT_ONCE].email, jane.email])
    assert told == [IMPORTED_AT_ONCE, 2 * IMPORTED_AT_ONCE, len(rows)]
    assert len(await list_accounts(service.database, limit=1000)) == saved + 1
    imports = await list_activity(service.database, ActivityFilter(event="account_imported"), limit=1000)
    assert len({row.account_id for row in imports.rows}) == saved


async def test_an_import_with_one_bad_line_saves_nothing(service, jane):
    rows = [ImportedAccount(jane.email, None), ImportedAccount("kim@example.com", "md5:0123")]
    with pytest.raises(InputRefused):
        await import_accounts(service, rows)
    with pytest.raises(NotFound):
        await find_account(service, jane.email)


async def test_a_closed_server_refuses_sign_ups(settings, clock, jane):
    jane.service.settings = replace(settings, sign_up="closed")
    with pytest.raises(SignUpClosed):
        await jane.signs_up()


@pytest.mark.slow
async def test_a_changed_password_ends_the_other_sessions_and_keeps_this_one(service, jane):
    await jane.signs_up()
    here, there = await jane.signs_in(), await jane.signs_in()
    principal = authenticate(service, here.access_token)
    await change_password(service, principal, jane.password, "another horse, and quite tired", visitor=jane.browser)
    await poll(service)
    authenticate(service, here.access_token)
    with pytest.raises(Revoked):
        authenticate(service, there.access_token)
    with pytest.raises(SignInRefused):
        await jane.signs_in()
    await jane.signs_in(password="another horse, and quite tired")
    events = [row.event for row in (await my_activity(service, principal)).rows]
    assert "password_changed" in events


@pytest.mark.slow
async def test_the_current_password_is_needed_to_change_it(service, jane):
    principal = authenticate(service, (await jane.signs_up()).access_token)
    with pytest.raises(SignInRefused):
        await change_password(
            service, principal, "not the password", "another horse, quite tired", visitor=jane.browser
        )
    with pytest.raises(PasswordRefused):
        await change_password(service, principal, jane.password, "short", visitor=jane.browser)
    await jane.signs_in()


async def test_a_deleted_account_is_gone_and_its_email_is_free(service, jane):
    tokens = await jane.signs_up()
    principal = authenticate(service, tokens.access_token)
    with pytest.raises(SignInRefused):
        await delete_account(service, principal, "not the password", visitor=jane.browser)
    await delete_account(service, principal, jane.password, visitor=jane.browser)
    with pytest.raises(NotFound):
        await who_am_i(service, principal)
    with pytest.raises(SignInRefused):
        await jane.signs_in()
    assert (await jane.signs_up()).account_id != tokens.account_id
