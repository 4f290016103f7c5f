"""The one-time link with which the first administrator sets the server up."""

from __future__ import annotations

import secrets

from mapae.accounts.activity import Activity
from mapae.errors import LinkRefused
from mapae.flows.issue import Tokens, first_tokens, new_id, new_session
from mapae.flows.open_account import open_account
from mapae.flows.service import Service
from mapae.flows.status_lists import ready_place
from mapae.flows.visitor import CONSOLE, Visitor
from mapae.storage import accounts, activity, links, sessions
from mapae.storage.links import Link

LIFETIME_MS = 30 * 60 * 1000
PURPOSE = "first_admin"


async def admin_exists(service: Service) -> bool:
    """Tell whether the server has an administrator."""
    return bool(await accounts.list_accounts(service.database, role="admin", limit=1))


async def create_admin_link(service: Service) -> str:
    """Return a link that works once, within 30 minutes, and opens an administrator's account.

    It is built from the issuer, never from the address the server listens on. A new link takes the place of an
    unused one.
    """
    token, now_ms = secrets.token_urlsafe(32), service.now_ms()
    await links.withdraw_links(service.database, purpose=PURPOSE)
    await links.add_link(
        service.database,
        token,
        Link(PURPOSE, None, now_ms, now_ms + LIFETIME_MS),
        also=(activity.recorded(Activity(now_ms, "link_created", "ok", device=CONSOLE.device, detail=PURPOSE)),),
    )
    return f"{service.settings.issuer.rstrip('/')}/setup?token={token}"


async def check_admin_link(service: Service, token: str) -> None:
    """Raise LinkRefused unless the link still works; looking at it does not use it up."""
    if await links.load_link(service.database, token, purpose=PURPOSE, now_ms=service.now_ms()) is None:
        raise LinkRefused


async def redeem_admin_link(
    service: Service, token: str, email: str, password: str, *, visitor: Visitor, name: str = ""
) -> Tokens:
    """Open an administrator's account and its first session; the link is used up only if all of it succeeds.

    Raises:
        LinkRefused: the link is unknown, used, or older than 30 minutes.
        InputRefused: the e-mail or the name cannot be used.
        PasswordRefused: the password cannot be used, with the reason.
        EmailTaken: another account has this e-mail.
    """
    await check_admin_link(service, token)
    moment = service.moment()
    now_ms = moment.now_ms
    await ready_place(service)
    session, first_token = new_session(service, new_id(), epoch=0, role="admin", visitor=visitor, now_ms=now_ms)
    record = Activity(
        now_ms,
        "link_redeemed",
        "ok",
        account_id=session.account_id,
        sid=session.sid,
        device=session.device,
        place=session.place,
        detail=PURPOSE,
    )
    account = await open_account(
        service,
        session.account_id,
        email,
        password,
        now_ms=now_ms,
        name=name,
        role="admin",
        language=visitor.language,
        also=(
            links.redeemed(token, purpose=PURPOSE, now_ms=now_ms),
            sessions.added(session),
            activity.recorded(record),
        ),
    )
    return first_tokens(service, session, first_token, account=account, moment=moment, visitor=visitor)
