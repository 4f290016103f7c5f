"""The six ways, and what one run of the experiment does with each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Letter = Literal["A", "B", "C", "D", "E", "F"]
LETTERS: tuple[Letter, ...] = ("A", "B", "C", "D", "E", "F")
NODES = 3
PASSWORD = "a horse of bronze, five strong"  # noqa: S105 - of accounts that live as long as the experiment
BCRYPT_COST = 10
TOKEN_SECONDS = 600
"""How long the tokens of modes D and E are valid."""
SESSION_COOKIE, NODE_COOKIE = "session", "node"
COUNTS_PATH, WHO_PATH, READY_PATH = "/lab/counts", "/who", "/readyz"
SIGN_IN_PATH, SIGN_OUT_PATH = "/v1/sign-in", "/v1/sign-out"


@dataclass(frozen=True, slots=True)
class Mode:
    """One way of knowing who asks.

    Attributes:
        sticky: the balancer sends whoever has the node's cookie back to that node.
        valkey: the nodes need a Valkey or Redis server.
        mapae: each node has the whole of Mapae in it, on one database for all.
    """

    sticky: bool = False
    valkey: bool = False
    mapae: bool = False


MODES: Mapping[Letter, Mode] = MappingProxyType(
    {
        "A": Mode(),
        "B": Mode(sticky=True),
        "C": Mode(valkey=True),
        "D": Mode(),
        "E": Mode(mapae=True),
        "F": Mode(valkey=True, mapae=True),
    }
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much one run does with each mode.

    Attributes:
        users: how many people are signed in.
        lines: connections of the load; each has one request in flight.
        warm_seconds: of load before anything is counted.
        seconds: of load that counts.
        kill_seconds: of load in which a node is killed.
        sign_outs: how many people sign out.
        sign_out_seconds: how long a signed-out credential is tried at most.
        lease_seconds: `max_staleness` of Mapae.
    """

    users: int
    lines: int
    warm_seconds: float
    seconds: float
    kill_seconds: float
    sign_outs: int
    sign_out_seconds: float
    lease_seconds: int


FULL = Plan(
    users=90,
    lines=8,
    warm_seconds=2.0,
    seconds=6.0,
    kill_seconds=4.0,
    sign_outs=20,
    sign_out_seconds=10.0,
    lease_seconds=10,
)
QUICK = Plan(
    users=24,
    lines=8,
    warm_seconds=0.5,
    seconds=1.2,
    kill_seconds=1.5,
    sign_outs=6,
    sign_out_seconds=2.5,
    lease_seconds=3,
)
