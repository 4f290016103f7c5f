"""One program's session: what is done when, for clients with and without an event loop."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from mapae.client.conversation import Conversation, Manners, Place, renewing, signing_in, signing_out
from mapae.client.tokens import Held, Tokens
from mapae.errors import Busy, RefreshRefused, ServiceUnreachable

TIMEOUT = 10.0
DEADLINE = 300.0

Keep = Callable[[Tokens | None], object]
Progress = Callable[[Place], object]


def nobody(_: object) -> None:
    """Tell nobody."""


class Session:
    """Holds the tokens; each method is a conversation, of which one at a time may be held.

    Attributes:
        held: the tokens and their age.
    """

    __slots__ = ("_keep", "_manners", "held")

    def __init__(self, tokens: Tokens | None, keep: Keep) -> None:
        """Begin with tokens of unknown age, or none."""
        self.held = Held(tokens)
        self._keep = keep
        self._manners = Manners(time.monotonic, random.SystemRandom().random)

    def begin(self, email: str, password: str, *, client_id: str, deadline: float, ticket: str) -> Conversation[Tokens]:
        """Sign in; see `Client.sign_in`."""
        ends = self._manners.clock() + deadline
        steps = signing_in(email, password, client_id=client_id, ticket=ticket, ends=ends, manners=self._manners)
        return self._hold(*(yield from steps))

    def fresh(self) -> Conversation[str]:
        """Return an access token that is good for a while; see `Client.access_token`."""
        if self.held.due(self._manners.clock()):
            try:
                yield from self._renew()
            except (ServiceUnreachable, Busy):
                if not self.held.good(self._manners.clock()):
                    raise
        return self._signed_in().access_token

    def another(self, refused: str) -> Conversation[str]:
        """Return another access token than `refused`; see `Client.renew`."""
        if self._signed_in().access_token == refused:
            yield from self._renew()
        return self._signed_in().access_token

    def end(self) -> Conversation[None]:
        """Sign out; see `Client.sign_out`."""
        if self.held.tokens is not None:
            yield from signing_out(self.held.tokens)
            self._forget()

    def _renew(self) -> Conversation[None]:
        refresh_token = self._signed_in().refresh_token
        if refresh_token is None:
            self._forget()
            raise RefreshRefused("an opaque token cannot be renewed; sign in again")
        try:
            self._hold(*(yield from renewing(refresh_token, manners=self._manners)))
        except RefreshRefused:
            self._forget()
            raise

    def _signed_in(self) -> Tokens:
        if self.held.tokens is None:
            raise RefreshRefused("nobody is signed in here")
        return self.held.tokens

    def _hold(self, tokens: Tokens, asked: float) -> Tokens:
        self.held.replace(tokens, asked=asked, lot=self._manners.lot())
        self._keep(tokens)
        return tokens

    def _forget(self) -> None:
        self.held = Held(None)
        self._keep(None)
