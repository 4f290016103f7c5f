"""What a crowd needs before it comes: accounts with hashes of the right cost, and sessions of those who are in."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from mapae.accounts.hashing import Hashing
from mapae.flows.issue import first_tokens, new_session
from mapae.flows.manage_accounts import ImportedAccount, find_account, import_accounts
from mapae.flows.open_service import open_service
from mapae.flows.visitor import Visitor
from mapae.lab.crowd.people import email
from mapae.lab.http_wire import request
from mapae.settings.definition import Settings
from mapae.storage import sessions

PASSWORD = "tango lantern 42 orchard"  # noqa: S105 - everybody's in the experiment
_AT_ONCE = 500
_WHO = 64


@dataclass(frozen=True, slots=True)
class Prepared:
    """Requests of those who are signed in already.

    Attributes:
        who: each asks who its session belongs to.
        refresh: each exchanges a refresh token that has never been used.
    """

    who: list[bytes]
    refresh: list[bytes]


async def make_accounts(settings: Settings, prefix: str, *, people: int, progress: Callable[[int], None]) -> None:
    """Fill the database of `settings` with `people` who may sign in.

    All have the same password and the same stored hash of the full cost; each sign-in checks it anew.
    """
    stored = Hashing(bcrypt_cost=settings.bcrypt_cost).hash(PASSWORD)
    async with open_service(settings) as service:
        everybody = [ImportedAccount(email(prefix, number), stored) for number in range(people)]
        await import_accounts(service, everybody, progress=progress)


async def open_sessions(settings: Settings, prefix: str, *, people: int, refreshes: int) -> Prepared:
    """Begin `refreshes` sessions, shared out among some of the `people` who have accounts."""
    async with open_service(settings) as service:
        owners = [await find_account(service, email(prefix, number)) for number in range(min(people, _WHO))]
        visitor = Visitor("127.0.0.1", "mapae-lab")
        who, refresh = [], []
        for begin in range(0, refreshes, _AT_ONCE):
            moment, rows = service.moment(), []
            for number in range(begin, min(begin + _AT_ONCE, refreshes)):
                owner = owners[number % len(owners)]
                session, first = new_session(
                    service, owner.id, epoch=owner.epoch, role=owner.role, visitor=visitor, now_ms=moment.now_ms
                )
                rows.append(sessions.added(session))
                tokens = first_tokens(service, session, first, account=owner, moment=moment, visitor=visitor)
                body = json.dumps({"refresh_token": tokens.refresh_token}).encode()
                refresh.append(request("POST", "/v1/refresh", body=body))
                bearer = [("Authorization", f"Bearer {tokens.access_token}")]
                who.append(request("GET", "/v1/me", headers=bearer))
            await service.database.commit(*rows)
    return Prepared(who[:_WHO], refresh)
