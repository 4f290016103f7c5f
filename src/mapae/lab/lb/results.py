"""What was measured of each mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mapae.lab.lb.modes import Letter, Plan
from mapae.lab.lb.tools import Tools


@dataclass(frozen=True, slots=True)
class Load:
    """How requests of people who are signed in went, while nothing was broken.

    Attributes:
        per_second: answers a second.
        processor_us: processor time of the nodes and Valkey for an answer, in microseconds; None where it is not told.
        refused_share: of answers that took somebody for a stranger: 0 to 1.
        store_operations: what was asked of Valkey and of the database, for each answer.
    """

    per_second: float
    p50_ms: float
    p99_ms: float
    answers: int
    processor_us: float | None
    refused_share: float
    failed: int
    store_operations: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class SignOuts:
    """How soon a credential was refused by every node after its owner had signed out.

    Attributes:
        tried: how many people signed out.
        ended: whose credential all nodes refused within the time that was waited.
        median_ms: of those, from the answer to the refusal by the last node; None where there were none.
        waited_seconds: for how long at most.
    """

    tried: int
    ended: int
    median_ms: float | None
    slowest_ms: float | None
    waited_seconds: float


@dataclass(frozen=True, slots=True)
class Kill:
    """What the end of one node by SIGKILL cost.

    Attributes:
        users: how many people were signed in before.
        lost: whom no node knew afterwards.
        failed: requests of the load without an answer, or answered with a fault of the servers', around that moment.
        answers: all requests of the load around that moment.
    """

    users: int
    lost: int
    failed: int
    answers: int


@dataclass(frozen=True, slots=True)
class Outage:
    """Which share of people was served while a store was stopped.

    Attributes:
        store: "valkey" or "database".
        at_once: the share right after it was stopped: 0 to 1.
        later: the share after the lease had run out; None where that makes no difference.
        later_seconds: how long after.
    """

    store: str
    at_once: float
    later: float | None = None
    later_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Measured:
    """One mode.

    Attributes:
        request_bytes: a whole request, with the credential.
        credential_bytes: the header field that carries the credential.
        outages: in the order in which the stores were stopped; none for a mode without a store.
    """

    load: Load
    sign_outs: SignOuts
    kill: Kill
    request_bytes: int
    credential_bytes: int
    outages: tuple[Outage, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run.

    Attributes:
        missing: the modes that could not be measured here, because `tools` has no Valkey.
    """

    plan: Plan
    tools: Tools
    measured: Mapping[Letter, Measured]
    missing: Sequence[Letter]
