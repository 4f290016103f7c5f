"""The client for programs with an event loop."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from mapae.client.conversation import Conversation, Heard, Pause, Place
from mapae.client.exchange import Request
from mapae.client.one_session import OneSession
from mapae.client.session import DEADLINE, Progress, nobody
from mapae.client.tokens import Tokens
from mapae.errors import ServiceUnreachable

T = TypeVar("T")


class AsyncClient(OneSession[asyncio.Lock]):
    """One program's session at one service; several tasks of one event loop may use it.

    Attributes:
        tokens: the session; None when nobody is signed in.
    """

    _new_lock = asyncio.Lock

    async def sign_in(
        self,
        email: str,
        password: str,
        *,
        deadline: float = DEADLINE,
        progress: Progress = nobody,
        ticket: str = "",
        client_id: str = "",
    ) -> Tokens:
        """Begin a session; where there is a waiting line, wait in it as the service asks.

        Args:
            email: whose.
            password: theirs; it is kept only until this returns.
            deadline: seconds for all of it. When the next wait would end later, what stands in the way is raised.
            progress: called with the place in the line each time it is known.
            ticket: that of an earlier `Waiting`, to keep its place.
            client_id: the name of this program in the service's settings; empty where it has none of its own.

        Raises:
            SignInRefused: the e-mail and the password do not match an active account.
            Waiting: the turn does not come before the deadline; its `ticket` keeps the place for a day.
            TooManyAttempts: earlier failures have to slow down for longer than the deadline.
            Refused: as the service says.
            ServiceUnreachable: no usable answer before the deadline.
        """
        async with self._one_at_a_time:
            steps = self._session.begin(email, password, deadline=deadline, ticket=ticket, client_id=client_id)
            return await self._run(steps, progress)

    async def access_token(self) -> str:
        """Return an access token that is good for a while, renewed where it is time to.

        Raises:
            RefreshRefused: the session has ended, or there is none; sign in again.
            ServiceUnreachable: it cannot be renewed now, and the present one has expired.
        """
        async with self._one_at_a_time:
            return await self._run(self._session.fresh(), nobody)

    async def renew(self, refused: str) -> str:
        """Return another access token than `refused`, which some server has answered with 401.

        Raises:
            RefreshRefused, ServiceUnreachable: as for `access_token`.
        """
        async with self._one_at_a_time:
            return await self._run(self._session.another(refused), nobody)

    async def sign_out(self) -> None:
        """End the session and forget its tokens.

        Raises:
            ServiceUnreachable: no usable answer; the tokens are kept, to try again.
        """
        async with self._one_at_a_time:
            await self._run(self._session.end(), nobody)

    async def _run(self, steps: Conversation[T], progress: Progress) -> T:
        try:
            step = next(steps)
            while True:
                match step:
                    case Request():
                        step = steps.send(await self._heard(step))
                    case Pause(seconds):
                        await asyncio.sleep(seconds)
                        step = next(steps)
                    case Place():
                        progress(step)
                        step = next(steps)
        except StopIteration as result:
            done: T = result.value
            return done

    async def _heard(self, request: Request) -> Heard:
        try:
            return await asyncio.to_thread(self._exchange, request)
        except ServiceUnreachable as error:
            return error
