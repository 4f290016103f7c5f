"""Browsers that are known to an account because they have signed in to it before."""

from __future__ import annotations

import secrets

from mapae.accounts.account import Account
from mapae.admission.known_device import DEVICE_LENGTH, recognise, remember
from mapae.flows.service import Service
from mapae.flows.visitor import Visitor


def recognised(service: Service, account: Account | None, *, visitor: Visitor, now_ms: int) -> str | None:
    """Return the name of the visitor's device if `account` knows it; the work is the same without an account."""
    account_id = "" if account is None else account.id
    return recognise(visitor.known, account_id, key=service.device_key, now=now_ms // 1000)


def remembered(service: Service, account: Account, *, visitor: Visitor, now_ms: int) -> str:
    """Return what the visitor's browser keeps, now that it has signed in to `account`."""
    device = secrets.token_bytes(DEVICE_LENGTH)
    return remember(visitor.known, account.id, device=device, key=service.device_key, now=now_ms // 1000)
