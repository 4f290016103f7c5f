"""Open an account and sign in to it."""

from __future__ import annotations

from mapae.accounts.activity import Activity
from mapae.errors import Refused
from mapae.flows import attempts
from mapae.flows.gate import SIGN_UP_SHARE, entering
from mapae.flows.issue import Tokens, check_client, first_tokens, new_id, new_session
from mapae.flows.open_account import open_account
from mapae.flows.poll import NO_TURN, Turn
from mapae.flows.service import Service
from mapae.flows.status_lists import ready_place
from mapae.flows.visitor import Visitor
from mapae.settings.kinds import FIRST_PARTY
from mapae.storage import activity, sessions


class SignUpClosed(Refused):
    """Sign-up is closed on this server; ask its administrator for an account."""

    code = "sign_up_closed"


async def sign_up(
    service: Service,
    email: str,
    password: str,
    *,
    visitor: Visitor,
    name: str = "",
    turn: Turn = NO_TURN,
    client_id: str = FIRST_PARTY,
) -> Tokens:
    """Open an account for `email` and begin its first session.

    Args:
        client_id: the program that asks; the setting `clients` says which kind of token it gets.
        turn: the caller's ticket or pass, where there is a waiting line.

    Raises:
        Waiting: there is a line, and the caller has a place in it.
        TooManyPlaces: there is a line, and the caller's network has taken many places just now.
        TicketRefused: what the caller showed does not count.
        SignUpClosed: the setting `sign_up` is `closed`.
        InputRefused: the e-mail or the name cannot be used, or nobody has named the client.
        PasswordRefused: the password cannot be used, with the reason.
        EmailTaken: another account has this e-mail.
        TooManyAttempts: too many sign-ups came from this address.
        Busy: no capacity to hash the password now.
    """
    if service.settings.sign_up == "closed":
        raise SignUpClosed
    check_client(service, client_id)
    moment = service.moment()
    now_ms = moment.now_ms
    await ready_place(service)
    session, first_token = new_session(
        service, new_id(), epoch=0, role="user", visitor=visitor, now_ms=now_ms, client_id=client_id
    )
    async with (
        attempts.admitted_sign_up(service, visitor, now_ms=now_ms) as counted,
        entering(service, turn, share=SIGN_UP_SHARE, address=visitor.address) as entry,
    ):
        account = await open_account(
            service,
            session.account_id,
            email,
            password,
            now_ms=now_ms,
            name=name,
            language=visitor.language,
            also=(
                sessions.added(session),
                activity.recorded(
                    Activity(
                        now_ms,
                        "sign_up",
                        "ok",
                        account_id=session.account_id,
                        sid=session.sid,
                        device=session.device,
                        place=session.place,
                    )
                ),
                *entry.spent(),
                *counted,
            ),
        )
    service.tally.count("sign_ups", outcome="ok")
    return first_tokens(service, session, first_token, account=account, moment=moment, visitor=visitor)
