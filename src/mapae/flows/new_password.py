"""Check a password that somebody wants to use from now on."""

from __future__ import annotations

import asyncio

from mapae.accounts import common_passwords
from mapae.flows.service import Service


async def check_new_password(service: Service, password: str, *, email: str, name: str) -> None:
    """Let `password` pass if it may be used as a new password of this account.

    Raises:
        PasswordRefused: it may not; the reason says why.
    """
    # The list is read when it is first needed: a server at rest does without it, and the loop does not wait for it.
    await asyncio.to_thread(common_passwords.load)
    service.password_policy.check(password, context=(service.settings.brand, email, name))
