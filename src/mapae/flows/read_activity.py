"""Read what happened."""

from __future__ import annotations

from mapae.accounts.activity import Activity
from mapae.errors import FieldMistake, InputRefused
from mapae.flows.service import Service
from mapae.guard import Principal
from mapae.storage.activity import ActivityFilter, ActivityPage, list_activity

NOTICE_MS = 14 * 86_400_000
"""For how long an account is told that one of its sessions was ended because a token came back twice."""


async def my_activity(
    service: Service, principal: Principal, *, after: str | None = None, limit: int = 50
) -> ActivityPage:
    """Return what happened to the account of `principal`, the newest first.

    Raises:
        InputRefused: `after` is not what a page before said.
    """
    wanted = ActivityFilter(account_id=principal.account_id)
    try:
        return await list_activity(service.database, wanted, after=after, limit=limit)
    except ValueError:
        what = "write the value that the page before gave as `after`, or leave it out"
        raise InputRefused(FieldMistake("/after", "after_invalid", what)) from None


async def notices(service: Service, principal: Principal) -> tuple[Activity, ...]:
    """Return what the owner has to be told: sessions that were ended because an old refresh token came back."""
    wanted = ActivityFilter(
        event="refresh_reused", account_id=principal.account_id, from_ms=service.now_ms() - NOTICE_MS
    )
    return (await list_activity(service.database, wanted, limit=5)).rows
