"""Open an account: the part that sign-up, the console and the set-up link share."""

from __future__ import annotations

from collections.abc import Sequence

from mapae.accounts.account import Account, Role, normalise_email
from mapae.errors import FieldMistake, InputRefused
from mapae.flows.new_password import check_new_password
from mapae.flows.service import Service
from mapae.storage import accounts
from mapae.storage.database import Statement

NAME_LIMIT = 200
"""Characters of a display name."""


async def open_account(
    service: Service,
    account_id: str,
    email: str,
    password: str,
    *,
    now_ms: int,
    name: str = "",
    role: Role = "user",
    language: str = "en",
    also: Sequence[Statement] = (),
) -> Account:
    """Save a new account with its e-mail and password, and `also` in the same transaction.

    Raises:
        InputRefused: the e-mail or the name cannot be used.
        PasswordRefused: the password cannot be used, with the reason.
        EmailTaken: another account has this e-mail.
        Busy: no capacity to hash the password now.
    """
    address, name = normalise_email(email), _display_name(name)
    await check_new_password(service, password, email=address, name=name)
    password_hash = await service.hash_pool.run(service.hashing.hash, password)
    account = Account(
        id=account_id,
        email=address,
        name=name,
        role=role,
        state="active",
        epoch=0,
        created_ms=now_ms,
        password_hash=password_hash,
        password_changed_ms=now_ms,
        language=language,
    )
    await accounts.add_account(service.database, account, also=also)
    return account


def _display_name(name: str) -> str:
    trimmed = " ".join(name.split())
    if len(trimmed) > NAME_LIMIT or not trimmed.isprintable():
        what = f"use at most {NAME_LIMIT} printable characters"
        raise InputRefused(FieldMistake("/name", "name_invalid", what))
    return trimmed
