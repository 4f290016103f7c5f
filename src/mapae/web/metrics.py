"""GET /metrics: what this server has counted, for Prometheus.

Flows count in memory (`flows.tally`); here the counts become families with names, units and help. Several workers share
a directory in which each leaves its numbers once a second; whichever is asked adds up its own and the others', so a
scrape sees the whole server. No label holds a person, an address or anything a caller can choose freely.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

import mapae
from mapae.flows.service import Service
from mapae.flows.tally import BOUNDS, Labels
from mapae.keys import schedule
from mapae.storage.sessions import count_sessions
from mapae.web.answers import Answer
from mapae.web.calls import Call, Operation
from mapae.web.head_lines import Header
from mapae.web.problems import Words

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

COUNTERS: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        "sign_ups": ("Accounts opened by sign-up.", ("outcome",)),
        "sign_ins": ("Sign-ins by method and outcome.", ("method", "outcome")),
        "tokens_issued": ("Access tokens handed out; opaque ones have the alg opaque.", ("alg",)),
        "session_lookups": ("Server-side sessions that were not in memory, by where they were read.", ("source",)),
        "token_verifications": ("Access tokens refused, by reason.", ("outcome",)),
        "refreshes": ("Refreshes by what was decided.", ("outcome",)),
        "refresh_reuse_detected": ("Sessions ended because an old refresh token came back.", ()),
        "revocations": ("Revocations written, by kind.", ("kind",)),
        "admission_decisions": ("What the gate decided.", ("decision",)),
        "http_requests": ("Requests answered.", ("method", "route", "status")),
    }
)
"""Every counter: its help and its labels."""

HISTOGRAMS: Mapping[str, str] = MappingProxyType(
    {
        "revocation_propagation": "Time from a revocation to its effect in a worker.",
        "password_hash_duration": "Time one password hash took on its thread.",
        "password_hash_wait": "Time one password hash waited for a thread.",
        "admission_wait": "Time from joining the waiting line to the pass.",
        "http_request_duration": "Time to answer a request.",
    }
)
"""Every histogram, in seconds: its help."""


def _waiting(service: Service) -> float:
    return service.gate.keeper.waiting(service.gate.now_ms())


def _rate(service: Service) -> float:
    return service.gate.keeper.state.rate if _waiting(service) else 0.0


def _wait(service: Service) -> float:
    waiting, rate = _waiting(service), _rate(service)
    return waiting / rate if rate else 0.0


GATE_GAUGES: tuple[tuple[str, str, Callable[[Service], float]], ...] = (
    ("mapae_waiting_tickets", "People in the waiting line of all nodes, as this one knows it.", _waiting),
    ("mapae_admission_rate", "People from the line let in per second, by all nodes together.", _rate),
    (
        "mapae_admission_expected_wait_seconds",
        "How long a newcomer would wait: scale on this, not on the processor.",
        _wait,
    ),
)
"""The gate, which is one for all workers: these are not added up."""


_TEXT: tuple[Header, ...] = (
    (b"content-type", b"text/plain; version=1.0.0; charset=utf-8"),
    (b"cache-control", b"no-store"),
)
LEAVE_EVERY = 1.0
"""Seconds between two times a worker leaves its numbers for the others."""
COUNT_EVERY = 60.0
"""Seconds for which the number of live sessions is remembered: counting reads all of them."""


class Numbers(msgspec.Struct):
    """What one worker has counted, in a form that adds up and that can be left in a file."""

    counts: list[tuple[str, Labels, int]] = []
    observations: dict[str, tuple[list[int], float]] = {}
    queued: int = 0
    hashing: int = 0
    refused: int = 0
    sessions: int = 0
    boards_away: int = 0


def numbers_of(service: Service) -> Numbers:
    """Return what this process has counted so far."""
    tally, pool = service.tally, service.hash_pool
    for finished in pool.take_finished():
        tally.observe("password_hash_duration", finished.worked)
        tally.observe("password_hash_wait", finished.waited)
    state = pool.state
    return Numbers(
        [(each.name, each.labels, count) for each, count in tally.counts.items()],
        {name: (list(histogram.buckets), histogram.total) for name, histogram in tally.observations.items()},
        state.depth,
        state.in_flight,
        state.refused + state.dropped,
        boards_away=0 if service.board.up else 1,
    )


def added(each: Iterable[Numbers]) -> Numbers:
    """Return the sum of several workers' numbers."""
    counts: Counter[tuple[str, Labels]] = Counter()
    total = Numbers()
    for one in each:
        counts.update({(name, labels): count for name, labels, count in one.counts})
        for name, (buckets, seconds) in one.observations.items():
            before, before_seconds = total.observations.get(name, ([0] * len(buckets), 0.0))
            both = [a + b for a, b in zip(before, buckets, strict=True)]
            total.observations[name] = (both, before_seconds + seconds)
        total.queued += one.queued
        total.hashing += one.hashing
        total.refused += one.refused
        total.boards_away += one.boards_away
    total.counts = [(name, labels, count) for (name, labels), count in counts.items()]
    return total


class SharedNumbers:
    """The directory in which the workers of one server leave their numbers for each other."""

    def __init__(self, directory: Path, worker: int) -> None:
        """Leave this worker's numbers under its own name in `directory`."""
        self._directory = directory
        self._mine = directory / f"worker-{worker}.json"

    def leave(self, numbers: Numbers) -> None:
        """Replace this worker's file at once, so that nobody reads half of it."""
        new = self._mine.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(numbers))
        new.replace(self._mine)

    def others(self) -> Iterator[Numbers]:
        """Yield what the other workers left last."""
        for path in self._directory.glob("worker-*.json"):
            if path != self._mine:
                yield msgspec.json.decode(path.read_bytes(), type=Numbers)

    def mine(self) -> Numbers:
        """Return what an earlier process left under this worker's name, so that counters never go back."""
        try:
            left = msgspec.json.decode(self._mine.read_bytes(), type=Numbers)
        except FileNotFoundError:
            return Numbers()
        left.queued = left.hashing = left.boards_away = 0
        return left


class MetricsPage:
    """Answers /metrics for all workers of this server."""

    def __init__(self, shared: SharedNumbers | None = None) -> None:
        """Show one process, or with `shared` the sum of all workers."""
        self._shared = shared
        self._before = shared.mine() if shared else Numbers()
        self._sessions = (0.0, 0)

    async def show(self, call: Call) -> Answer:
        """Show what this server has counted."""
        others = self._shared.others() if self._shared else ()
        numbers = added((self._mine(call.service), *others))
        numbers.sessions = await self._live_sessions(call.service)
        return Answer(200, exposition(call.service, numbers), _TEXT)

    async def keep_leaving(self, service: Service) -> None:
        """Leave this worker's numbers for the others once a second, until cancelled."""
        while self._shared is not None:
            self._shared.leave(self._mine(service))
            await asyncio.sleep(LEAVE_EVERY)

    def _mine(self, service: Service) -> Numbers:
        return added((self._before, numbers_of(service)))

    async def _live_sessions(self, service: Service) -> int:
        counted, sessions = self._sessions
        if not counted or monotonic() - counted >= COUNT_EVERY:
            sessions = await count_sessions(service.database, live_at_ms=service.now_ms())
            self._sessions = (monotonic(), sessions)
        return sessions


def exposition(service: Service, numbers: Numbers) -> bytes:
    """Return `numbers` in the text format of Prometheus."""
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415  only where somebody scrapes

    class Families:
        def collect(self) -> Iterator[Metric]:
            yield from _families(service, numbers)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Families())
    return generate_latest(registry)


def _families(service: Service, numbers: Numbers) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily  # noqa: PLC0415

    build = GaugeMetricFamily("mapae_build_info", "This build.", labels=("version", "python"))
    build.add_metric((mapae.__version__, f"{sys.version_info.major}.{sys.version_info.minor}"), 1)
    yield build
    for name, (about, labels) in COUNTERS.items():
        counter = CounterMetricFamily(f"mapae_{name}", about, labels=labels)
        for found, pairs, count in numbers.counts:
            if found == name:
                counter.add_metric([dict(pairs).get(label, "") for label in labels], count)
        yield counter
    for name, about in HISTOGRAMS.items():
        buckets, seconds = numbers.observations.get(name, ([0] * (len(BOUNDS) + 1), 0.0))
        yield HistogramMetricFamily(f"mapae_{name}_seconds", about, list(_cumulative(buckets)), sum_value=seconds)
    waiting = "Password hashes that wait for a thread."
    yield GaugeMetricFamily("mapae_password_hash_queue_depth", waiting, numbers.queued)
    yield GaugeMetricFamily("mapae_password_hashes_in_flight", "Password hashes on a thread.", numbers.hashing)
    yield CounterMetricFamily("mapae_password_hashes_refused", "Hashes refused for lack of capacity.", numbers.refused)
    yield GaugeMetricFamily("mapae_sessions_active", "Sessions that are live, as of a minute ago.", numbers.sessions)
    board = "Whether the board carries hints between the nodes, for every worker; always 1 in memory."
    yield GaugeMetricFamily("mapae_board_up", board, 0 if numbers.boards_away else 1)
    yield _key_ends(service)
    for name, about, read in GATE_GAUGES:
        yield GaugeMetricFamily(name, about, read(service))


def _cumulative(buckets: Iterable[int]) -> Iterator[tuple[str, float]]:
    so_far = 0
    for bound, count in zip((*map(str, BOUNDS), "+Inf"), buckets, strict=True):
        so_far += count
        yield bound, so_far


def _key_ends(service: Service) -> Metric:
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

    about = "When a signing key stops signing, in seconds since 1970; 0 while its successor is not planned."
    ends = GaugeMetricFamily("mapae_signing_key_not_after_timestamp_seconds", about, labels=("kid", "phase"))
    for key in service.keyring.rows:
        ends.add_metric((key.kid, schedule.phase(key, service.now_ms())), (key.sign_until_ms or 0) / 1000)
    return ends


def metrics_operation(page: MetricsPage) -> Operation:
    """Return the operation that shows `page`."""
    return Operation(
        method="GET",
        path="/metrics",
        name="metrics",
        summary=Words("What this server has counted.", "이 서버가 센 것들이에요."),
        run=page.show,
        media_type="text/plain",
        access="none",
    )
