"""Nodes, board and database, killed in turn with SIGKILL while people sign in and out, and what must hold all the time.

A sign-out that was acknowledged stays one, and its token is accepted nowhere from `max_staleness` after it was
acknowledged on; a sign-in that was acknowledged is there afterwards. What was not answered may have happened or not.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import product
from pathlib import Path
from random import Random

from postgres_server import SAFE, PostgresServer, own_server
from servers import PASSWORD, Server, serving, start
from valkey_server import ValkeyServer, running

NODES = 3
STALENESS = 2
RECENT = 6
"""Ended sessions of each person whose tokens are shown again and again."""
LONG = 60


@dataclass
class Told:
    """What one person was told.

    Attributes:
        live: sessions that began.
        ended: the ids of those whose end was acknowledged.
        recent: the last of them, each with the moment of the answer.
        doubtful: sessions whose end was asked for, without an answer.
        lost: how many requests were cut off.
    """

    email: str
    live: list[dict] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    recent: deque[tuple[float, dict]] = field(default_factory=lambda: deque(maxlen=RECENT))
    doubtful: list[dict] = field(default_factory=list)
    lost: int = 0

    def works(self, node: Server, rng: Random, over: threading.Event) -> None:
        """Sign in and out at one node until a connection breaks."""
        with node.connect(timeout=10) as connection:
            while not over.is_set():
                leaving = self.live.pop(rng.randrange(len(self.live))) if self.live and rng.random() < 0.5 else None
                try:
                    if leaving is None:
                        body = {"email": self.email, "password": PASSWORD}
                        answer = connection.ask("POST", "/v1/sign-in", json_body=body)
                    else:
                        answer = connection.ask("POST", "/v1/sign-out", token=leaving["access_token"])
                except (OSError, HTTPException):
                    self.lost += 1
                    self.doubtful += [leaving] if leaving else []
                    return
                if answer.status == 200:
                    self.live.append(answer.members)
                elif answer.status == 204:
                    self.ended.append(leaving["session"])
                    self.recent.append((time.monotonic(), leaving))
                else:
                    assert answer.status in {401, 503}, answer.body  # without a database, or stale
                    self.doubtful += [leaving] if leaving else []
                    over.wait(0.1)  # nobody asks on and on where nothing works


@dataclass
class Machines:
    """A database that keeps what it has acknowledged, a board, nodes, and one person at each node.

    Attributes:
        kills: how often each kind was killed.
        shown: how often the token of a session that had ended was shown, later than the bound allows it.
    """

    database: PostgresServer
    board: ValkeyServer
    nodes: list[Server]
    stack: ExitStack
    told: list[Told]
    kills: Counter[str] = field(default_factory=Counter)
    shown: int = 0

    def kill_one(self, number: int, rng: Random, *, within: tuple[float, float]) -> None:
        """Let people work at all nodes until one of the machines is killed, and start it again."""
        over = threading.Event()
        kind = ("database", "board", "node")[number % 3]
        victim = {"database": self.database, "board": self.board, "node": self.nodes[number // 3 % NODES]}[kind]
        with ThreadPoolExecutor(NODES) as people:
            dice = [Random(rng.random()) for _ in self.told]
            working = [people.submit(*each, over) for each in zip(self._works(), self.nodes, dice, strict=True)]
            threading.Event().wait(rng.uniform(*within))  # not to wait for anything: this is the moment of the kill
            victim.kill()
            killed = time.monotonic()
            while kind == "database" and time.monotonic() - killed < STALENESS + 0.5:
                self.refuse_what_has_ended()
                over.wait(0.2)
            over.set()
            for each in working:
                each.result(LONG)
        if isinstance(victim, Server):
            self.nodes[self.nodes.index(victim)] = self._started_again(victim)
        else:
            victim.start()
        self.kills[kind] += 1
        self.refuse_what_has_ended()

    def _works(self):
        return [each.works for each in self.told]

    def _started_again(self, node: Server) -> Server:
        settings = {name: value for name, value in node.settings.items() if name.startswith("MAPAE_")}
        again = start(node.data, port=node.port, **settings)
        self.stack.callback(again.stop)
        return again

    def refuse_what_has_ended(self) -> None:
        """Show the tokens of ended sessions to every node that answers: beyond the bound, none is accepted."""
        for node in self.nodes:
            with node.connect(timeout=10) as connection:
                for ended, session in [each for told in self.told for each in told.recent]:
                    asked = time.monotonic()
                    try:
                        status = connection.ask("GET", "/v1/me", token=session["access_token"]).status
                    except (OSError, HTTPException):
                        break
                    if asked - ended > STALENESS:
                        self.shown += 1
                        assert status != 200, f"accepted {asked - ended:.1f} s after its session was ended"

    def miss_nothing(self) -> None:
        """Compare the database with what was acknowledged."""
        revoked = dict(self.database.run("SELECT sid, revoked_ms FROM session"))
        doubtful = {session["session"] for told in self.told for session in told.doubtful}
        ended = [sid for told in self.told for sid in told.ended]
        assert all(revoked.get(sid) is not None for sid in ended), "a sign-out was lost"
        live = [session["session"] for told in self.told for session in told.live]
        assert all(sid in revoked for sid in live), "a sign-in was lost"
        assert all(revoked[sid] is None for sid in live), "a session ended that nobody ended"
        over = {sid for sid, moment in revoked.items() if moment is not None}
        assert over <= {*ended, *doubtful}, "a session ended that nobody ended"

    def know_everything(self) -> None:
        """Wait until every node judges the newest sessions as it must."""
        for told, node in product(self.told, self.nodes):
            for _, session in told.recent:
                _until_it_knows(node, session, 401)
            for session in told.live[-RECENT:]:
                _until_it_knows(node, session, 200)

    @property
    def answers(self) -> dict[str, int]:
        """What was acknowledged and what was not, counted."""
        return {
            "sign-outs": sum(len(told.ended) for told in self.told),
            "live sessions": sum(len(told.live) for told in self.told),
            "requests cut off": sum(told.lost for told in self.told),
            "ended tokens shown": self.shown,
        }


def _until_it_knows(node: Server, session: dict, status: int) -> None:
    until = time.monotonic() + LONG
    with node.connect(timeout=10) as connection:
        while True:
            try:
                answer = connection.ask("GET", "/v1/me", token=session["access_token"])
                if answer.status == status:
                    return
                assert status != 401 or answer.status != 200, "it lives again"
            except (OSError, HTTPException):
                connection.close()
            assert time.monotonic() < until, f"still {answer.status}"
            time.sleep(0.02)


@contextmanager
def machines(postgres_programs: Path, valkey_program: Path, folder: Path) -> Iterator[Machines]:
    """Start all of them, and end them."""
    with ExitStack() as stack:
        database = stack.enter_context(own_server(postgres_programs, *SAFE))
        board = stack.enter_context(running(ValkeyServer(valkey_program, folder / "valkey")))
        shared = {
            "MAPAE_ACCESS_TTL": "1h",  # so that nothing is refused only because it has expired
            "MAPAE_BOARD": board.url,
            "MAPAE_DATABASE": database.url(),
            "MAPAE_ISSUER": "http://localhost:9999",
            "MAPAE_MAX_STALENESS": f"{STALENESS}s",
            "MAPAE_PASSWORD_HASH": "argon2id",
            "MAPAE_ARGON2_MEMORY_KIB": "7168",
            "MAPAE_ARGON2_TIME": "1",
        }
        nodes: list[Server] = []
        for number in range(NODES):
            data = folder / f"node{number}" / "mapae-data"
            data.parent.mkdir()
            nodes.append(stack.enter_context(serving(data, **shared)))
            shared["MAPAE_SECRET_FILE"] = str(nodes[0].data / "secret")
        told = [Told(f"person{number}@example.com") for number in range(NODES)]
        for person, node in zip(told, nodes, strict=True):
            with node.connect() as connection:
                person.live.append(connection.sign_up(person.email))
        yield Machines(database, board, nodes, stack, told)
