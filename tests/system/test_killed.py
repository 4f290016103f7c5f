"""A server that is killed at any moment keeps everything that it has acknowledged, and leaves nothing half-made.

Several clients sign up, refresh and end sessions at once; after a random while the server and its workers are ended
with SIGKILL and started again on the same data directory. Then each client compares what it was told with what is so.
A client whose last request was not answered accepts that it happened or that it did not, but nothing between.

`MAPAE_SEED=17 pytest tests/system/test_killed.py` plays the choices of a failure again; the moments vary all the same.
"""

import os
import random
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException
from itertools import count

import pytest

from servers import PASSWORD, Connection, Server, start

pytestmark = pytest.mark.slow

CLIENTS = 4
SIGN_INS = 10
"""Of the newest accounts of each client, at the very end; every one has signed in after the kill that followed it."""


@dataclass(frozen=True)
class Focus:
    """What a series of rounds is about.

    Attributes:
        sessions: with how many each client begins a round.
        seconds: the longest time until the server is killed.
        weights: how often a client does what.
    """

    name: str
    rounds: int
    sessions: int
    seconds: float
    weights: dict[str, int]


FOCUSES = (
    Focus("sign-up", 34, 1, 0.4, {"sign_up": 6, "sign_in": 2, "refresh": 1, "sign_out": 1}),
    Focus("refresh", 33, 8, 0.1, {"refresh": 20, "sign_in": 1, "sign_out": 1}),
    Focus(
        "revoke",
        33,
        6,
        0.25,
        {"sign_out": 6, "end_session": 6, "sign_out_everywhere": 2, "change_password": 3, "sign_in": 3},
    ),
)
"""100 rounds in all."""
SETTINGS = {
    "MAPAE_ISSUER": "https://id.example.com",  # the same for every port
    "MAPAE_REFRESH_WINDOW": "1s",
    "MAPAE_TRUSTED_PROXIES": "127.0.0.1",
}


class Lost(Exception):
    """The connection broke before the answer was complete."""


@dataclass
class Held:
    """One session, as its client knows it.

    Attributes:
        state: `live`, `ended`, or `doubtful` when it was asked to end and no answer came.
        used: something was done with it since the last comparison.
    """

    sid: str
    access_token: str
    refresh_token: str
    state: str = "live"
    used: bool = True


@dataclass
class Person:
    """One account, as its owner knows it.

    Attributes:
        state: `there`, or `doubtful` when signing up was not answered.
        wanted: the new password, when changing it was not answered.
        new: the account or its password is newer than the last comparison.
    """

    email: str
    password: str = PASSWORD
    state: str = "doubtful"
    wanted: str | None = None
    new: bool = True
    used: bool = True
    sessions: list[Held] = field(default_factory=list)

    @property
    def live(self) -> list[Held]:
        return [held for held in self.sessions if held.state == "live"]


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

    def _asks(self, method, path, **more):
        try:
            answer = self._connection.ask(method, path, **more)
        except (OSError, HTTPException) as broken:
            self._connection.close()
            raise Lost from broken
        assert answer.status < 500, answer.body
        self.answered += 1
        return answer

    # What is done while the server may be killed ---------------------------------------------------------------------

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
        self._signed_up(person)

    def _signed_up(self, person: Person) -> None:
        answer = self._asks("POST", "/v1/sign-up", json_body={"email": person.email, "password": person.password})
        assert answer.status == 201, answer.body
        person.state = "there"
        self._began(person, answer.members)

    def _began(self, person: Person, members) -> Held:
        person.sessions.append(Held(members["session"], members["access_token"], members["refresh_token"]))
        person.used = True
        return person.sessions[-1]

    def sign_in(self, person: Person | None = None) -> None:
        person = person or self._rng.choice(self.people)
        answer = self._tries(person, person.password)
        assert answer.status == 200, answer.body
        self._began(person, answer.members)

    def _tries(self, person: Person, password: str):
        return self._asks("POST", "/v1/sign-in", json_body={"email": person.email, "password": password})

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
        answer = self._asks("POST", "/v1/refresh", json_body={"refresh_token": held.refresh_token})
        assert answer.status == 200, answer.body
        held.access_token = answer.members["access_token"]
        held.refresh_token = answer.members.get("refresh_token", held.refresh_token)

    def _ends(self, held: list[Held], method: str, path: str, token: str, status: int, **more) -> None:
        for each in held:
            each.state, each.used = "doubtful", True
        answer = self._asks(method, path, token=token, **more)
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

    # What is compared after the restart ------------------------------------------------------------------------------

    def compares(self, *, everything: bool = False) -> None:
        """Compare what was acknowledged with what is there."""
        for person in self.people[-SIGN_INS:] if everything else ():
            person.new = True
        for person in self.people:
            if person.used or everything:
                self._finds(person)
                for held in person.sessions:
                    if held.used or everything:
                        self._finds_session(held)
                        held.used = False
                person.used = person.new = False

    def _finds(self, person: Person) -> None:
        if person.state == "doubtful":
            self._finds_or_signs_up(person)
        elif person.wanted is not None:
            self._finds_one_password(person)
        elif person.new:
            self.sign_in(person)
        doubtful = [held for held in person.sessions if held.state == "doubtful"]
        fates = {self._lives(held) for held in doubtful}
        assert len(fates) <= 1, "of the sessions that one request should have ended, some live and some do not"
        for held in doubtful:
            held.state = "live" if True in fates else "ended"

    def _finds_or_signs_up(self, person: Person) -> None:
        """Either the whole account is there, with its first session and its record, or its e-mail is free."""
        answer = self._tries(person, person.password)
        if answer.status != 200:
            assert answer.members["code"] == "sign_in_refused"
            self._signed_up(person)
            return
        person.state = "there"
        held = self._began(person, answer.members)
        sessions = self._asks("GET", "/v1/sessions", token=held.access_token).members["sessions"]
        events = self._asks("GET", "/v1/me/activity", token=held.access_token).members["activity"]
        assert {each["id"] for each in sessions} == {each["session"] for each in events}
        assert sorted(each["event"] for each in events) == ["sign_in", "sign_up"]

    def _finds_one_password(self, person: Person) -> None:
        """Either the new password counts and the other sessions have ended, or neither."""
        answers = {password: self._tries(person, password) for password in (person.password, person.wanted)}
        (person.password,) = [password for password, answer in answers.items() if answer.status == 200]
        changed = person.password == person.wanted
        person.wanted = None
        for held in person.sessions:
            if held.state == "doubtful":
                assert self._lives(held) is not changed
        self._began(person, answers[person.password].members)

    def _lives(self, held: Held) -> bool:
        """Whether a session lives: its access token says the same as its refresh token."""
        by_access = self._asks("GET", "/v1/me", token=held.access_token).status == 200
        answer = self._asks("POST", "/v1/refresh", json_body={"refresh_token": held.refresh_token})
        assert (answer.status == 200) is by_access, answer.body
        if by_access:
            held.access_token = answer.members["access_token"]
            held.refresh_token = answer.members.get("refresh_token", held.refresh_token)
        return by_access

    def _finds_session(self, held: Held) -> None:
        """The newest refresh token works, or the one before it where its answer was lost; an ended session is over."""
        assert self._lives(held) is (held.state == "live"), f"the session is not {held.state}"

    def is_ready(self, sessions: int) -> None:
        """Have so many sessions to begin the next round with."""
        if not self.people:
            self.sign_up()
        while sum(len(person.live) for person in self.people) < sessions:
            self.sign_in()


def seed() -> int:
    return int(os.environ.get("MAPAE_SEED", time.time_ns() % 1_000_000))


@pytest.mark.parametrize("focus", FOCUSES, ids=lambda focus: focus.name)
def test_whatever_was_acknowledged_before_a_kill_is_there_after_it(focus, data, measured):
    chosen = seed()
    clients = [Client(number) for number in range(CLIENTS)]
    try:
        with ThreadPoolExecutor(CLIENTS) as pool, ExitStack() as stack:
            for client in clients:
                stack.callback(client.leaves)
            server = started(data, stack)
            for number in range(focus.rounds):
                rng = random.Random(f"{chosen} {focus.name} {number}")
                killed_amid_work(server, clients, pool, focus=focus, rng=rng)
                server = started(data, stack, workers="2" if number % 4 == 3 else "1")
                for client in clients:
                    client.connects(server, random.Random(rng.random()))
                together(pool, [client.compares for client in clients])
            together(pool, [partial(client.compares, everything=True) for client in clients])
            assert server.stop() == 0
    except BaseException as broken:
        broken.add_note(f"play the same choices again with MAPAE_SEED={chosen}")
        raise
    nothing_is_half_made(data / "mapae.db", clients)
    answered, lost = sum(client.answered for client in clients), sum(client.lost for client in clients)
    measured(f"kills amid {focus.name}", f"{focus.rounds}; {answered} answers kept, {lost} requests cut off")
    assert lost > focus.rounds  # else the kills came when nobody was asking


def started(data, stack: ExitStack, *, workers: str = "1") -> Server:
    """Start a server that ends with `stack` at the latest."""
    server = start(data, **SETTINGS, MAPAE_WORKERS=workers)
    stack.callback(server.kill)
    return server


def together(pool, works) -> None:
    """Do all of `works` at the same time."""
    for each in [pool.submit(work) for work in works]:
        each.result()


def killed_amid_work(server, clients, pool, *, focus: Focus, rng: random.Random) -> None:
    """Let the clients work until the server is killed."""
    for client in clients:
        client.connects(server, random.Random(rng.random()))
    together(pool, [partial(client.is_ready, focus.sessions) for client in clients])
    moment = rng.uniform(0, focus.seconds)
    working = [pool.submit(client.works, focus.weights) for client in clients]
    threading.Event().wait(moment)  # not to wait for anything: this is the moment of the kill
    server.kill()
    for each in working:
        each.result()


def nothing_is_half_made(file, clients) -> None:
    """Look at the rows themselves: what belongs into one transaction is there together or not at all."""
    with closing(sqlite3.connect(file)) as database:

        def column(sql):
            return sorted(row[0] for row in database.execute(sql))

        assert column("PRAGMA integrity_check") == ["ok"]
        people = sorted(person.email for client in clients for person in client.people)
        assert column("SELECT email FROM account") == people
        accounts = column("SELECT id FROM account")
        assert column("SELECT account_id FROM identity") == accounts
        assert column("SELECT account_id FROM password") == accounts
        assert column("SELECT account_id FROM activity WHERE event = 'sign_up'") == accounts
        begun = column("SELECT sid FROM activity WHERE event IN ('sign_up', 'sign_in')")
        assert column("SELECT sid FROM session") == begun
        ended = (
            "SELECT sid FROM session WHERE revoked_ms IS NOT NULL AND NOT EXISTS (SELECT 1 FROM feed WHERE "
            "at_ms = revoked_ms AND (kind = 'session' AND key = sid OR kind = 'account' AND key = account_id))"
        )
        assert column(ended) == []
        assert column("SELECT key FROM feed WHERE kind = 'session'") == column(
            "SELECT sid FROM session WHERE revoked_ms IS NOT NULL AND reason <> 'sign_out_everywhere'"
        )
        ((head, last),) = database.execute("SELECT (SELECT seq FROM feed_head), (SELECT max(seq) FROM feed)")
        assert last is None or last <= head
