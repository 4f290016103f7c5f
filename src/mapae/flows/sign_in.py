"""Sign in with e-mail and password."""

from __future__ import annotations

from mapae.accounts.account import normalise_email
from mapae.accounts.activity import Activity
from mapae.errors import Conflict, Refused, SignInRefused
from mapae.flows.check_password import check_password
from mapae.flows.gate import SIGN_IN_SHARE, entering, joining
from mapae.flows.issue import Tokens, check_client, first_tokens, new_session
from mapae.flows.poll import NO_TURN, Turn
from mapae.flows.service import Service
from mapae.flows.status_lists import ready_place
from mapae.flows.visitor import Visitor
from mapae.settings.kinds import FIRST_PARTY
from mapae.storage import accounts, activity, sessions


async def sign_in(
    service: Service,
    email: str,
    password: str,
    *,
    visitor: Visitor,
    turn: Turn = NO_TURN,
    client_id: str = FIRST_PARTY,
) -> Tokens:
    """Begin a session for whoever knows the password of `email`.

    Args:
        client_id: the program that asks; the setting `clients` says which kind of token it gets.
        turn: the caller's ticket or pass, where there is a waiting line.

    Raises:
        Waiting: there is a line, and the caller has a place in it.
        TooManyPlaces: there is a line, and the caller's network has taken many places just now.
        TicketRefused: what the caller showed does not count.
        InputRefused: `email` is not an e-mail address at all, or nobody has named the client.
        SignInRefused: they do not match an active account; unknown, wrong and disabled look the same and cost the same.
        TooManyAttempts: failures for this e-mail or from this address have to slow down.
        Busy: no capacity to check the password now; nothing was counted as a failure.
    """
    check_client(service, client_id)
    email = normalise_email(email)
    moment = service.moment()
    now_ms = moment.now_ms
    async with entering(service, turn, share=SIGN_IN_SHARE, address=visitor.address) as entry:
        account = await accounts.load_account_by_email(service.database, email)
        account = await check_password(service, account, email, password, visitor=visitor)
    await ready_place(service)
    session, first_token = new_session(
        service,
        account.id,
        epoch=account.epoch,
        role=account.role,
        visitor=visitor,
        now_ms=now_ms,
        client_id=client_id,
    )
    record = Activity(
        now_ms, "sign_in", "ok", account_id=account.id, sid=session.sid, device=session.device, place=session.place
    )
    try:
        await sessions.add_session(
            service.database,
            session,
            password_hash=account.password_hash,
            also=(activity.recorded(record), *entry.spent()),
        )
    except Conflict:
        # Since we looked at the account it was disabled, deleted, signed out everywhere, or got another password.
        raise SignInRefused from None
    service.tally.count("sign_ins", method="password", outcome="ok")
    return first_tokens(service, session, first_token, account=account, moment=moment, visitor=visitor)


def turned_away(service: Service, email: str, *, turn: Turn, address: str, client_id: str = FIRST_PARTY) -> Refused:
    """Give a newcomer a place, where `line_stands`, and return the refusal that says so; as in `sign_in`.

    Raises:
        InputRefused: see `sign_in`.
    """
    check_client(service, client_id)
    normalise_email(email)
    return joining(service, turn, address)
