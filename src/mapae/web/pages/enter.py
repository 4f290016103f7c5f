"""Ways in and out: the start page, sign-up, sign-in, the administrator's one-time link, sign-out."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from mapae.accounts.account import normalise_email
from mapae.errors import LinkRefused, Refused, TicketRefused, Waiting
from mapae.flows import admin_link
from mapae.flows.gate import TooManyPlaces
from mapae.flows.sign_in import sign_in as sign_in_flow
from mapae.flows.sign_out import sign_out as sign_out_flow
from mapae.flows.sign_up import sign_up as sign_up_flow
from mapae.guard import Principal
from mapae.web.cookies import cleared_ticket
from mapae.web.pages.forms import missing, read_form, refusals, rejection
from mapae.web.pages.local_paths import local_path
from mapae.web.pages.page import Page, Rejection
from mapae.web.pages.signed_in import SignInFirst, forget_tokens, keep_tokens, leave_old_session, presence
from mapae.web.pages.wait import before_room, begin_again, keep_cookies, room_before, to_room, turn_of


async def start(page: Page) -> Response:
    """Send people to their account, which sends those who are not signed in to sign in."""
    return page.redirect("/account")


async def sign_in(page: Page) -> Response:
    """Show the form, or read it; whoever is signed in already goes on."""
    if page.request.method != "POST":
        next_path = local_path(page.request.query_params.get("next", ""))
        onward = await _onward_if_signed_in(page, next_path)
        if onward is not None:
            return onward
        room, cookies = await room_before(page, next_path, form="sign-in")
        return room or keep_cookies(_sign_in_form(page, {"next": next_path}), cookies)
    typed = await read_form(page.request, ("email", "password", "next"))
    refused = missing(page, typed, "email", "password")
    if refused is None:
        turn = turn_of(page)
        try:
            async with page.attended() as visitor:
                tokens = await sign_in_flow(page.service, typed["email"], typed["password"], visitor=visitor, turn=turn)
        except Waiting as held:
            return to_room(page, held, local_path(typed["next"]), form="sign-in")
        except TooManyPlaces:
            return before_room(page, local_path(typed["next"]), form="sign-in")
        except TicketRefused:
            return begin_again(page, local_path(typed["next"]), form="sign-in")
        except Refused as error:
            refused = rejection(page, error)
        else:
            await leave_old_session(page)
            response = _onward(page, local_path(typed["next"]))
            keep_tokens(page, response, tokens)
            return keep_cookies(response, cleared_ticket() if turn.text else ())
    return _sign_in_form(page, typed, refused)


async def sign_up(page: Page) -> Response:
    """Show the form, or read it and open an account."""
    if page.settings.sign_up != "open":
        return page.render("closed.html", {}, status=403)
    if page.request.method != "POST":
        next_path = local_path(page.request.query_params.get("next", ""))
        onward = await _onward_if_signed_in(page, next_path)
        if onward is not None:
            return onward
        room, cookies = await room_before(page, next_path, form="sign-up")
        return room or keep_cookies(_sign_up_form(page, {"next": next_path}), cookies)
    typed = await read_form(page.request, ("name", "email", "password", "next"))
    refused = _new_account_refusals(page, typed)
    if refused is None:
        turn = turn_of(page)
        try:
            async with page.attended() as visitor:
                tokens = await sign_up_flow(
                    page.service, typed["email"], typed["password"], visitor=visitor, name=typed["name"], turn=turn
                )
        except Waiting as held:
            return to_room(page, held, local_path(typed["next"]), form="sign-up")
        except TooManyPlaces:
            return before_room(page, local_path(typed["next"]), form="sign-up")
        except TicketRefused:
            return begin_again(page, local_path(typed["next"]), form="sign-up")
        except Refused as error:
            refused = rejection(page, error)
        else:
            await leave_old_session(page)
            response = _onward(page, local_path(typed["next"]), flash="signed_up")
            keep_tokens(page, response, tokens)
            return keep_cookies(response, cleared_ticket() if turn.text else ())
    return _sign_up_form(page, typed, refused)


async def set_up(page: Page) -> Response:
    """Show the form behind the one-time link, or redeem the link and open the administrator's account.

    Raises:
        LinkRefused: the link is unknown, was used, or has expired.
    """
    if page.request.method != "POST":
        token = page.request.query_params.get("token", "")
        await admin_link.check_admin_link(page.service, token)
        return _set_up_form(page, {"token": token})
    typed = await read_form(page.request, ("token", "email", "password"))
    refused = _new_account_refusals(page, typed)
    if refused is None:
        try:
            tokens = await admin_link.redeem_admin_link(
                page.service, typed["token"], typed["email"], typed["password"], visitor=page.visitor
            )
        except LinkRefused:
            raise
        except Refused as error:
            refused = rejection(page, error)
        else:
            await leave_old_session(page)
            response = page.redirect("/account", flash="set_up_done")
            keep_tokens(page, response, tokens)
            return response
    return _set_up_form(page, typed, refused)


async def sign_out(page: Page, principal: Principal) -> Response:
    """Ask, or end this session."""
    if page.request.method != "POST":
        return page.render("sign_out.html", {})
    await read_form(page.request, ())
    await sign_out_flow(page.service, principal, visitor=page.visitor)
    response = page.redirect("/sign-in", flash="signed_out")
    forget_tokens(response)
    return response


def _new_account_refusals(page: Page, typed: Mapping[str, str]) -> Rejection | None:
    context = (page.settings.brand, typed["email"], typed.get("name", ""))
    return missing(page, typed, "email", "password") or refusals(
        page,
        lambda: normalise_email(typed["email"]),
        lambda: page.service.password_policy.check(typed["password"], context=context),
    )


async def _onward_if_signed_in(page: Page, next_path: str) -> Response | None:
    try:
        found = await presence(page)
    except SignInFirst as absent:
        page.flash = page.flash or absent.flash
        return None
    response = _onward(page, next_path)
    if found.renewed is not None:
        keep_tokens(page, response, found.renewed)
    return response


def _onward(page: Page, next_path: str, *, flash: str = "") -> Response:
    return page.redirect_to(next_path or page.path("/account"), flash=flash)


def _sign_in_form(page: Page, typed: Mapping[str, str], refused: Rejection | None = None) -> Response:
    values = {
        "typed": {"email": typed.get("email", "")},
        "next": local_path(typed.get("next", "")),
        "sign_up_open": page.settings.sign_up == "open",
    }
    return page.form("sign_in.html", values, refused=refused)


def _sign_up_form(page: Page, typed: Mapping[str, str], refused: Rejection | None = None) -> Response:
    values = {
        "typed": {"email": typed.get("email", ""), "name": typed.get("name", "")},
        "next": local_path(typed.get("next", "")),
        "shortest": page.settings.password_min_length,
    }
    return page.form("sign_up.html", values, refused=refused)


def _set_up_form(page: Page, typed: Mapping[str, str], refused: Rejection | None = None) -> Response:
    values = {
        "typed": {"email": typed.get("email", "")},
        "token": typed["token"],
        "shortest": page.settings.password_min_length,
    }
    return page.form("set_up.html", values, refused=refused, here=page.path("/setup", token=typed["token"]))
