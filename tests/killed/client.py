"""Somebody who signs up, refreshes and ends sessions until the connection breaks, and keeps account of the answers."""

import random
import time
from http.client import HTTPException
from itertools import count

from killed.accounts import Held, Person
from servers import PASSWORD, Connection, Server


class Lost(Exception):
    """The connection broke before the answer was complete."""


class Client:
    """Somebody who uses the service on one connection, one request after the other."""

    def __init__(self, number: int) -> None:
        self.people: list[Person] = []
        self.lost = self.answered = 0
        self._number, self._names = number, count()
        self._connection: Connection | None = None

    def connects(self, server: Server, rng: random.Random) -> None:
        self.leaves()
        # Each client has its own network, so that no limit of sign-ups or failures is shared.
        self._connection = server.connect(address=f"10.{self._number}.{rng.randrange(256)}.{rng.randrange(256)}")
        self._rng = rng

    def leaves(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def asks(self, method, path, **more):
        try:
            answer = self._connection.ask(method, path, **more)
        except (OSError, HTTPException) as broken:
            self._connection.close()
            raise Lost from broken
        assert answer.status < 500, answer.body
        self.answered += 1
        return answer

    def works(self, weights: dict[str, int]) -> None:
        """Do one thing after the other until the connection breaks."""
        names = list(weights)
        try:
            while True:
                (name,) = self._rng.choices(names, weights.values())
                getattr(self, name)()
        except Lost:
            self.lost += 1

    def sign_up(self) -> None:
        person = Person(f"person{next(self._names)}.of{self._number}@example.com")
        self.people.append(person)
        self.signed_up(person)

    def signed_up(self, person: Person) -> None:
        answer = self.asks("POST", "/v1/sign-up", json_body={"email": person.email, "password": person.password})
        assert answer.status == 201, answer.body
        person.state = "there"
        self.began(person, answer.members)

    def began(self, person: Person, members) -> Held:
        person.sessions.append(Held(members["session"], members["access_token"], members["refresh_token"]))
        person.used = True
        return person.sessions[-1]

    def sign_in(self, person: Person | None = None) -> None:
        person = person or self._rng.choice(self.people)
        while (answer := self.tries(person, person.password)).status == 429:
            time.sleep(int(answer.headers["Retry-After"]))  # an attempt that a kill cut off counts as a failure
        assert answer.status == 200, answer.body
        self.began(person, answer.members)

    def tries(self, person: Person, password: str):
        return self.asks("POST", "/v1/sign-in", json_body={"email": person.email, "password": password})

    def _some_session(self) -> tuple[Person, Held] | None:
        with_sessions = [person for person in self.people if person.live]
        if not with_sessions:
            self.sign_in()
            return None
        person = self._rng.choice(with_sessions)
        person.used = True
        held = self._rng.choice(person.live)
        held.used = True
        return person, held

    def refresh(self) -> None:
        if (found := self._some_session()) is not None:
            self._refreshed(found[1])

    def _refreshed(self, held: Held) -> None:
        answer = self.asks("POST", "/v1/refresh", json_body={"refresh_token": held.refresh_token})
        assert answer.status == 200, answer.body
        held.access_token = answer.members["access_token"]
        held.refresh_token = answer.members.get("refresh_token", held.refresh_token)

    def _ends(self, held: list[Held], method: str, path: str, token: str, status: int, **more) -> None:
        for each in held:
            each.state, each.used = "doubtful", True
        answer = self.asks(method, path, token=token, **more)
        assert answer.status == status, answer.body
        for each in held:
            each.state = "ended"

    def sign_out(self) -> None:
        if (found := self._some_session()) is not None:
            self._ends([found[1]], "POST", "/v1/sign-out", found[1].access_token, 204)

    def end_session(self) -> None:
        if (found := self._some_session()) is not None:
            person, held = found
            other = self._rng.choice(person.live)
            self._ends([other], "DELETE", f"/v1/sessions/{other.sid}", held.access_token, 204)

    def sign_out_everywhere(self) -> None:
        if (found := self._some_session()) is not None:
            person, held = found
            self._ends(person.live, "POST", "/v1/sign-out-everywhere", held.access_token, 200)

    def change_password(self) -> None:
        if (found := self._some_session()) is not None:
            person, held = found
            person.wanted = f"{PASSWORD} {next(self._names)}"
            body = {"current_password": person.password, "new_password": person.wanted}
            others = [each for each in person.live if each is not held]
            self._ends(others, "PUT", "/v1/me/password", held.access_token, 204, json_body=body)
            person.password, person.wanted, person.new = person.wanted, None, True

    def is_ready(self, sessions: int) -> None:
        """Have so many sessions to begin the next round with."""
        if not self.people:
            self.sign_up()
        while sum(len(person.live) for person in self.people) < sessions:
            self.sign_in()
