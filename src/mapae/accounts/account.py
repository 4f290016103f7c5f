"""One person's account, and the e-mail that names it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from email_validator import EmailNotValidError, validate_email

from mapae.errors import FieldMistake, InputRefused

Role = Literal["user", "admin"]
State = Literal["active", "disabled"]

EMAIL_LIMIT = 254
"""Octets of an address on the wire (RFC 5321 §4.5.3.1.3, less its angle brackets)."""
_PLAIN = re.compile("[a-z0-9]+(?:[._-][a-z0-9]+)*", re.ASCII)
"""What stands before the @ of nearly every address; nothing about it depends on the domain."""
_PLAIN_LIMIT = 64


@dataclass(frozen=True, slots=True)
class Account:
    """One row of the accounts.

    Attributes:
        id: base64url of 16 random bytes.
        email: normalised by `normalise_email`; unique.
        name: what the person wants to be called; may be empty.
        role: `admin` may use the console.
        state: a `disabled` account cannot sign in.
        epoch: access tokens with a smaller `epo` are refused.
        created_ms: when the account was opened.
        password_hash: as `Hashing.hash` wrote it or another system did; None where there is no password.
        password_changed_ms: when the person last chose a password.
        language: `en` or `ko`.
    """

    id: str
    email: str
    name: str
    role: Role
    state: State
    epoch: int
    created_ms: int
    password_hash: str | None
    password_changed_ms: int | None
    language: str

    @property
    def sign_in_hash(self) -> str | None:
        """The hash a sign-in is checked against: None for a disabled account, so that nothing matches it."""
        return self.password_hash if self.state == "active" else None

    def with_upgraded_hash(self, password_hash: str) -> Account:
        """Return the account with the same password hashed anew; its age does not change."""
        return replace(self, password_hash=password_hash)


def scope_of(role: Role) -> str:
    """Return the scopes that a role gets, separated by spaces."""
    return "account admin" if role == "admin" else "account"


def normalise_email(text: str) -> str:
    """Return the one spelling of an e-mail address that accounts are found by: NFC, lower case, domain in Unicode.

    Nothing is looked up: whether mail arrives is not known here.

    Raises:
        InputRefused: this is not an e-mail address; the mistake says why.

    Source: RFC 5321 §4.1.2, RFC 6531 §3.3.
    """
    trimmed = text.strip()
    if len(trimmed) > EMAIL_LIMIT:
        raise _refusal(f"is longer than {EMAIL_LIMIT} characters; write a shorter address")
    try:
        local, _, domain = trimmed.partition("@")
        if len(trimmed) <= _PLAIN_LIMIT and _PLAIN.fullmatch(local) is not None:
            return f"{local}@{_normalised_domain(domain)}"
        return _normalised(trimmed)
    except EmailNotValidError:
        # The library's own sentence may repeat what was typed, so it is not passed on.
        raise _refusal(_cure(trimmed)) from None


def _normalised(email: str) -> str:
    return validate_email(email, check_deliverability=False, strict=True).normalized.lower()


@lru_cache(maxsize=256)
def _normalised_domain(domain: str) -> str:
    """Most people share few domains: a tenth of a millisecond, which counts where a crowd is at the door."""
    return _normalised(f"a@{domain}").removeprefix("a@")


def _cure(text: str) -> str:
    local, at, domain = text.rpartition("@")
    if not text:
        return "is missing; write an e-mail address such as name@example.com"
    if not at:
        return "has no @; write an e-mail address such as name@example.com"
    if not local:
        return "has nothing before the @; write an e-mail address such as name@example.com"
    if "." not in domain:
        return "needs a full domain after the @, such as example.com"
    return "is not an e-mail address that can be used; write one such as name@example.com"


def _refusal(what: str) -> InputRefused:
    return InputRefused(FieldMistake("/email", "email_invalid", what))
