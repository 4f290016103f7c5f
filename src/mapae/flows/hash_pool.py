"""The only place where work leaves the event loop: a few threads of low priority that hash passwords.

Hashing a password takes a quarter of a second of a core on purpose. Run on the event loop, or in a pool without
a bound, it would stop everything else. So there are as many threads as cores, each at nice +10 because the event
loop comes first, and a queue no longer than can be served within the deadline. Whoever does not fit is told so at
once, before anything is hashed. Nobody hashes for a caller who has gone or who has waited past the deadline.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, ParamSpec, Self, TypeVar

from mapae.errors import Busy

P = ParamSpec("P")
T = TypeVar("T")

_NICE = 10
_REMEMBERED = 4_096
"""Finished jobs whose times are kept until somebody takes them."""
_WEIGHT = 0.2
"""Of the newest service time in the moving average."""
_SLOWER_SECONDS = 60.0
"""How long hashes must be slower before that counts as the usual: a crowd's first seconds take the cores from them."""
_FIRST_GUESS = 0.25
"""Seconds one job is taken to need until one has been measured: bcrypt at cost 12 on a common core."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The times of one finished job, in seconds: in the queue, and on a thread."""

    waited: float
    worked: float


@dataclass(frozen=True, slots=True)
class PoolState:
    """What a hash pool is doing, for metrics.

    Attributes:
        threads: how many jobs can run at once.
        depth: jobs that wait for a thread.
        in_flight: jobs on a thread.
        queue_limit: how many may wait at present.
        service_seconds: the moving average of one job's time on a thread.
        usual_seconds: the same, once it has been so long for a minute, or has become shorter.
        finished: jobs done since the start.
        refused: turned away because the queue was full.
        dropped: given up before hashing because they had waited past the deadline.
        abandoned: given up before hashing because the caller had gone.
    """

    threads: int
    depth: int
    in_flight: int
    queue_limit: int
    service_seconds: float
    usual_seconds: float
    finished: int
    refused: int
    dropped: int
    abandoned: int

    @property
    def capacity(self) -> float:
        """Jobs a second, as usual."""
        return self.threads / self.usual_seconds

    def has_room(self, share: float = 1.0) -> bool:
        """Return whether one job more can wait in this share of the queue, or be begun at once."""
        # A free thread always takes a job, so one slow measurement cannot make the pool refuse for ever.
        return self.depth + self.in_flight < self.threads + self.queue_limit * share


@dataclass(slots=True, eq=False)
class _Job(Generic[T]):
    future: Future[T]
    compute: Callable[[], T]
    queued_at: float
    wanted: Callable[[], bool]


class HashPool:
    """A fixed number of low-priority threads with a bounded queue.

    Args:
        threads: how many; None for one for each core this program may use.
        deadline: seconds from asking to the answer that callers are ready to wait.
        queue_limit: the longest the queue may be; None to compute it from the deadline and the measured service time.
        clock: seconds from any beginning, never set back.
    """

    def __init__(
        self,
        threads: int | None = None,
        *,
        deadline: float = 2.0,
        queue_limit: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deadline = deadline
        self._clock = clock
        self._fixed_limit = queue_limit
        self._queue: deque[_Job[object]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._in_flight = 0
        self._service = self._usual = _FIRST_GUESS
        self._measured = False
        self._counts = {"finished": 0, "refused": 0, "dropped": 0, "abandoned": 0}
        self._times: deque[Finished] = deque(maxlen=_REMEMBERED)
        count = usable_cores() if threads is None else threads
        if count < 1 or deadline <= 0:
            raise ValueError("a hash pool needs at least one thread and a deadline above zero")
        self._threads = [
            threading.Thread(target=self._work, name=f"mapae-hash-{number}", daemon=True) for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, compute: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return `compute(*args, **kwargs)`, computed on a hashing thread.

        Cancelling the caller takes the job out of the queue; one that has begun is finished and its result dropped.

        Raises:
            Busy: the queue is full (at once), or the job was not begun within the deadline, or the pool is closed.
                Nothing was computed; `retry_after` says when there will be room.
        """
        return await self.run_for(_always, compute, *args, **kwargs)

    async def run_for(
        self, wanted: Callable[[], bool], compute: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Do the same as `run`, unless nobody wants the result any more when its turn comes.

        Args:
            wanted: asked on the hashing thread just before the work begins; what has begun is finished.

        Raises:
            Busy: as for `run`; or nobody wanted the result.
        """
        job: _Job[T] = _Job(Future(), lambda: compute(*args, **kwargs), self._clock(), wanted)
        job.future.add_done_callback(lambda future: self._forget_cancelled(job, future))
        with self._changed:
            if self._closing or not self.state.has_room():
                self._counts["refused"] += 1
                raise self._busy()
            self._queue.append(job)  # type: ignore[arg-type]
            self._changed.notify()
        return await asyncio.wrap_future(job.future)

    @property
    def state(self) -> PoolState:
        """The present state, consistent in itself."""
        with self._changed:
            return PoolState(
                threads=len(self._threads),
                depth=len(self._queue),
                in_flight=self._in_flight,
                queue_limit=self._queue_limit(),
                service_seconds=self._service,
                usual_seconds=self._usual,
                **self._counts,
            )

    def take_finished(self) -> tuple[Finished, ...]:
        """Return the times of the jobs finished since the last call, oldest first, for a histogram.

        Where nobody asks, the oldest are forgotten.
        """
        with self._changed:
            taken = tuple(self._times)
            self._times.clear()
        return taken

    async def close(self) -> None:
        """Refuse what waits, let what runs finish, and end the threads."""
        with self._changed:
            self._closing = True
            left = list(self._queue)
            self._queue.clear()
            self._changed.notify_all()
        for job in left:
            if job.future.set_running_or_notify_cancel():
                job.future.set_exception(Busy("the service is closing", retry_after=1))
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # What follows up to _work is called with self._changed held.

    def _queue_limit(self) -> int:
        """Return how many jobs can wait and still be answered within the deadline; at least one for each thread."""
        if self._fixed_limit is not None:
            return self._fixed_limit
        threads = len(self._threads)
        return max(threads, int(threads * (self._deadline - self._service) / self._service))

    def _busy(self) -> Busy:
        ahead = len(self._queue) + self._in_flight
        seconds = math.ceil(ahead * self._service / len(self._threads))
        return Busy("passwords are being checked at full capacity", retry_after=max(1, seconds))

    def _note(self, finished: Finished) -> None:
        self._counts["finished"] += 1
        self._in_flight -= 1
        self._times.append(finished)
        weight, slowly = (_WEIGHT, min(1.0, finished.worked / _SLOWER_SECONDS)) if self._measured else (1.0, 1.0)
        self._measured = True
        self._service = max(1e-4, self._service + weight * (finished.worked - self._service))
        self._usual = min(self._service, self._usual + slowly * (self._service - self._usual))

    def _forget_cancelled(self, job: _Job[T], future: Future[T]) -> None:
        """Give a cancelled job's place in the queue to somebody else."""
        if not future.cancelled():
            return
        with self._changed, contextlib.suppress(ValueError):
            self._queue.remove(job)  # type: ignore[arg-type]
            self._counts["abandoned"] += 1

    def _work(self) -> None:
        _lower_priority()
        while (job := self._next_job()) is not None:
            began = self._clock()
            if not job.future.set_running_or_notify_cancel():
                self._release("abandoned")
            elif began - job.queued_at > self._deadline:
                self._drop(job, "dropped")
            elif not job.wanted():
                self._drop(job, "abandoned")
            else:
                self._compute(job, began)
            del job  # or the thread would keep the last password alive while it waits

    def _next_job(self) -> _Job[object] | None:
        with self._changed:
            while not self._queue:
                if self._closing:
                    return None
                self._changed.wait()
            self._in_flight += 1
            return self._queue.popleft()

    def _release(self, counted: str) -> None:
        with self._changed:
            self._in_flight -= 1
            self._counts[counted] += 1

    def _drop(self, job: _Job[object], counted: str) -> None:
        with self._changed:
            refusal = self._busy()
        self._release(counted)
        job.future.set_exception(refusal)

    def _compute(self, job: _Job[object], began: float) -> None:
        result: object = None
        failure: BaseException | None = None
        try:
            result = job.compute()
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller, who gets it below
            failure = error
        times = Finished(began - job.queued_at, self._clock() - began)
        with self._changed:
            self._note(times)
        if failure is None:
            job.future.set_result(result)
        else:
            job.future.set_exception(failure)


def _always() -> bool:
    return True


def usable_cores() -> int:
    """Return how many cores this program may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _lower_priority() -> None:
    """Give this thread nice +10. Only Linux has a nice value for each thread; elsewhere the priority stays."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError):
        nice = min(19, os.getpriority(os.PRIO_PROCESS, 0) + _NICE)
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)
