"""A server is killed at any moment, amid work, and started again; then each client compares what it was told.

Several clients sign up, refresh and end sessions at once; after a random while the server and its workers are ended
with SIGKILL and started again on the same data directory. A client whose last request was not answered accepts that it
happened or that it did not, but nothing between.
"""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from killed.rows import nothing_is_half_made
from killed.witness import Witness
from servers import Server, start

CLIENTS = 4


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
"""100 rounds in all on SQLite, a quarter of them on PostgreSQL."""
SETTINGS = {
    "MAPAE_ISSUER": "https://id.example.com",  # the same for every port
    "MAPAE_REFRESH_WINDOW": "1s",
    "MAPAE_TRUSTED_PROXIES": "127.0.0.1",
}


def kill_amid_work(
    focus: Focus, data: Path, url: str | None, *, chosen: int, rounds: int, go_on: Callable[[], bool] = lambda: True
) -> Iterator[tuple[int, int, int]]:
    """Kill so many times; after each yield the kills, the answers that were kept, and the requests that were cut off.

    Args:
        url: of a PostgreSQL, which goes on while its nodes are killed; None for the file in the data directory.
        chosen: the seed of all choices; the moments vary all the same.
        go_on: asked before each kill.
    """
    clients = [Witness(number) for number in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as pool, ExitStack() as stack:
        for client in clients:
            stack.callback(client.leaves)
        server = started(data, url, stack)
        for number in range(rounds):
            if not go_on():
                break
            rng = random.Random(f"{chosen} {focus.name} {number}")
            killed_amid_work(server, clients, pool, focus=focus, rng=rng)
            server = started(data, url, stack, workers="2" if number % 4 == 3 else "1")
            for client in clients:
                client.connects(server, random.Random(rng.random()))
            together(pool, [client.compares for client in clients])
            answered, lost = sum(client.answered for client in clients), sum(client.lost for client in clients)
            yield number + 1, answered, lost
        together(pool, [partial(client.compares, everything=True) for client in clients])
        assert server.stop() == 0
    nothing_is_half_made(data, url, [person.email for client in clients for person in client.people])


def started(data, url, stack: ExitStack, *, workers: str = "1") -> Server:
    """Start a server that ends with `stack` at the latest."""
    settings = SETTINGS | ({"MAPAE_DATABASE": url} if url else {})
    server = start(data, **settings, MAPAE_WORKERS=workers)
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
