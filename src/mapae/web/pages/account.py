"""What somebody who signed in sees and does: their sessions, their password, the end of their account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mapae.accounts.account import Account
from mapae.accounts.password_age import age_days, reminder_due
from mapae.errors import NotFound, Refused, SignInRefused
from mapae.flows import account as own_account
from mapae.flows.read_activity import notices
from mapae.flows.sign_out import end_other_sessions, end_session, list_sessions
from mapae.guard import Principal
from mapae.sessions.session import Session
from mapae.web.pages.forms import missing, read_form, rejection
from mapae.web.pages.moments import DAY, ago, moment_text
from mapae.web.pages.page import Page, Rejection
from mapae.web.pages.signed_in import SignInFirst, forget_tokens

MOST, ENOUGH = 0.99, 20
"""How soon a sign-out is known to this process: said for so many of those measured, once there are enough."""


async def account(page: Page, principal: Principal) -> Response:
    """Show the account, its sessions, and what its owner should know."""
    owner = await _owner(page, principal)
    now_ms = page.service.now_ms()
    return page.render(
        "account.html",
        {
            "account": owner,
            "sessions": _rows(page, await list_sessions(page.service, principal), here=principal.sid, now_ms=now_ms),
            "applied": page.service.from_elsewhere.within(MOST, least=ENOUGH),
            "notices": [*await _reuse_notices(page, principal, owner), *_age_notices(page, owner, now_ms=now_ms)],
        },
    )


async def end_one(page: Page, principal: Principal) -> Response:
    """End another session; one that has ended already is no mistake of the reader."""
    await read_form(page.request, ())
    try:
        await end_session(page.service, principal, page.request.path_params["sid"], visitor=page.visitor)
    except NotFound:
        return page.redirect("/account")
    return page.redirect("/account", flash="session_ended")


async def end_others(page: Page, principal: Principal) -> Response:
    """End every session but this one."""
    await read_form(page.request, ())
    await end_other_sessions(page.service, principal, visitor=page.visitor)
    return page.redirect("/account", flash="others_ended")


async def change_password(page: Page, principal: Principal) -> Response:
    """Show the form, or read it and change the password."""
    owner = await _owner(page, principal)
    if page.request.method != "POST":
        return _password_form(page, owner)
    typed = await read_form(page.request, ("current", "new"))
    refused = missing(page, typed, "current", "new")
    if refused is None:
        try:
            await own_account.change_password(
                page.service, principal, typed["current"], typed["new"], visitor=page.visitor
            )
        except SignInRefused:
            refused = Rejection(422, [("current", page.t("mistake.current_wrong"))])
        except Refused as error:
            refused = rejection(page, error, chosen_in="new")
        else:
            return page.redirect("/account", flash="password_changed")
    return _password_form(page, owner, refused)


async def delete_account(page: Page, principal: Principal) -> Response:
    """Show what will be lost and ask for the password, or delete the account."""
    owner = await _owner(page, principal)
    if page.request.method != "POST":
        return page.form("delete.html", {"email": owner.email})
    typed = await read_form(page.request, ("password",))
    refused = missing(page, typed, "password")
    if refused is None:
        try:
            await own_account.delete_account(page.service, principal, typed["password"], visitor=page.visitor)
        except SignInRefused:
            refused = Rejection(422, [("password", page.t("mistake.current_wrong"))])
        except Refused as error:
            refused = rejection(page, error)
        else:
            response = page.redirect("/sign-in", flash="account_deleted")
            forget_tokens(response)
            return response
    return page.form("delete.html", {"email": owner.email}, refused=refused)


async def change_password_well_known(page: Page) -> Response:
    """Send password managers to the form (W3C, A Well-Known URL for Changing Passwords)."""
    return page.redirect_to(page.path("/account/password"), status=302)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the owner of an account should know."""

    title: str
    what: str
    tone: str = "warn"


async def _owner(page: Page, principal: Principal) -> Account:
    try:
        return await own_account.who_am_i(page.service, principal)
    except NotFound:
        raise SignInFirst from None


def _rows(page: Page, sessions: Sequence[Session], *, here: str, now_ms: int) -> list[dict[str, object]]:
    """Return what the page shows of each session, this one first."""
    return [
        {
            "sid": each.sid,
            "device": each.device,
            "place": each.place,
            "created_ms": each.created_ms,
            "seen": ago(now_ms if each.sid == here else each.seen_ms, now_ms, page.language),
            "here": each.sid == here,
        }
        for each in sorted(sessions, key=lambda each: each.sid != here)
    ]


async def _reuse_notices(page: Page, principal: Principal, owner: Account) -> list[Notice]:
    """Tell of sessions that were ended because a token came back twice, until the password is changed."""
    return [
        Notice(
            page.t("account.reused_title"),
            page.t(
                "account.reused",
                when=moment_text(each.at_ms, page.language),
                device=each.device or page.t("account.unknown_device"),
            ),
            tone="bad",
        )
        for each in await notices(page.service, principal)
        if each.at_ms > (owner.password_changed_ms or 0)
    ]


def _age_notices(page: Page, owner: Account, *, now_ms: int) -> list[Notice]:
    limit, changed_ms = page.settings.password_max_age, owner.password_changed_ms
    if limit is None or changed_ms is None or not reminder_due(changed_ms, now_ms=now_ms, max_age_ms=limit * 1000):
        return []
    return [
        Notice(
            page.t("account.old_password_title", n=age_days(changed_ms, now_ms=now_ms)),
            page.t("account.old_password", limit=limit // DAY),
        )
    ]


def _password_form(page: Page, owner: Account, refused: Rejection | None = None) -> Response:
    limit = page.settings.password_max_age
    return page.form(
        "password.html",
        {
            "email": owner.email,
            "shortest": page.settings.password_min_length,
            "reminder_days": None if limit is None else limit // DAY,
        },
        refused=refused,
    )
