"""What a signed-in program holds, and when it is time to renew it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mapae.errors import ServiceUnreachable

EARLY_SECONDS = 30.0
JITTER = 0.1
"""Of the lifetime, by which renewals are spread: many who signed in together do not all renew together."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """A session of this program. Keep it as you keep a password.

    Attributes:
        access_token: goes into the Authorization header of each request.
        refresh_token: renews the access token; None for an opaque one, which lives on while it is used.
        expires_in: seconds that the access token lives from its issue on.
        account: the account's id.
        session: the session's id.
        scope: space-separated scopes.
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_in: int = 0
    account: str = ""
    session: str = ""
    scope: str = ""


def read_tokens(members: Mapping[str, Any], *, before: str | None) -> Tokens:
    """Return the tokens of an answer.

    Args:
        before: the refresh token to keep where the answer brings none.

    Raises:
        ServiceUnreachable: the answer holds no tokens; something else answers at this address.
    """
    match members:
        case {
            "access_token": str(access_token),
            "expires_in": int(expires_in),
            "account": str(account),
            "session": str(session),
            "scope": str(scope),
        }:
            refresh_token = members.get("refresh_token", before)
            return Tokens(access_token, refresh_token, expires_in, account, session, scope)
        case _:
            raise ServiceUnreachable("the answer holds no tokens; is this the address of a Mapae service?")


class Held:
    """Tokens and their age, by a clock that is never set back: the machine's own time does not matter.

    Attributes:
        tokens: the session; None when nobody is signed in.
    """

    __slots__ = ("_due", "_ends", "tokens")

    def __init__(self, tokens: Tokens | None) -> None:
        """Hold tokens of unknown age: they are renewed before their first use."""
        self.tokens = tokens
        self._due = self._ends = float("-inf")

    def replace(self, tokens: Tokens, *, asked: float, lot: float) -> None:
        """Hold new tokens.

        Args:
            asked: seconds of the clock when they were asked for.
            lot: a random number from 0 up to 1, which spreads the renewals.
        """
        lifetime = tokens.expires_in
        self.tokens = tokens
        self._ends = asked + lifetime
        self._due = self._ends - min(EARLY_SECONDS, lifetime * JITTER) - lot * JITTER * lifetime

    def due(self, now: float) -> bool:
        """Return whether it is time to renew the access token."""
        return self.tokens is not None and self.tokens.refresh_token is not None and now >= self._due

    def good(self, now: float) -> bool:
        """Return whether the access token is known to live."""
        return self.tokens is not None and now < self._ends
