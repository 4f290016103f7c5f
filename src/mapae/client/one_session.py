"""What the two clients have in common: whose session it is, and how it is prepared."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Generic, TypeVar

from mapae.client.exchange import Exchange
from mapae.client.session import TIMEOUT, Keep, Session, nobody
from mapae.client.tokens import Tokens

Lock = TypeVar("Lock")


class OneSession(Generic[Lock]):
    """One program's session at one service.

    Attributes:
        tokens: the session; None when nobody is signed in.
    """

    _new_lock: Callable[[], Lock]

    def __init__(
        self,
        service: str,
        *,
        tokens: Tokens | None = None,
        keep: Keep = nobody,
        timeout: float = TIMEOUT,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Prepare to sign in.

        Args:
            service: its address, by https.
            tokens: a session from before; it is renewed before its first use.
            keep: called with the session whenever it changes, to store it; with None when it has ended.
            timeout: seconds for one request and its whole answer.
            context: the certificates that are trusted; the system's when left out.

        Raises:
            ValueError: the address makes no sense.
        """
        self._exchange = Exchange(service, timeout=timeout, context=context)
        self._session = Session(tokens, keep)
        self._one_at_a_time = self._new_lock()

    @property
    def tokens(self) -> Tokens | None:
        """The session; None when nobody is signed in."""
        return self._session.held.tokens
