"""Run tests against mutants, each in a child process that ends with the first failure.

The tests are collected once. A child takes over everything, exchanges the code of one function, and runs the tests that
are known to reach the changed line: those that caught a neighbour first, then the quick ones. A change outside of
functions is imported anew, in a child that was forked before anything of ours was imported.
"""

from __future__ import annotations

import os
import pickle
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import anyio  # noqa: F401 (see below)
import coverage
import cryptography.hazmat.primitives.asymmetric.mldsa
import cryptography.hazmat.primitives.serialization.ssh  # noqa: F401
import hypothesis
import msgspec.inspect  # noqa: F401
import psycopg  # noqa: F401
import pydantic  # noqa: F401
import pytest

from mutation.exchange import CannotExchange, ImportChanged, Live, cached_functions, exchange, live_functions
from mutation.mutants import Mutant

ROOT = Path(__file__).resolve().parents[2]
SURVIVED, KILLED, CANNOT = 0, 1, 3
MEMORY = 4 * 1024**3

# What the tests import of others is imported here, before the first fork: each child that imports ours anew has it.

# The same examples at every run, and no time spent on a smaller one that fails as well.
hypothesis.settings.register_profile(
    "mutation",
    database=None,
    deadline=None,
    derandomize=True,
    max_examples=15,
    phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
)
PYTEST = [
    "-q", "-s", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:schemathesis",
    "--hypothesis-profile=mutation", "-W", "ignore::pytest.PytestAssertRewriteWarning",
]  # fmt: skip


class Reach(NamedTuple):
    """What the tests reach.

    Attributes:
        lines: for each file, the numbers of the tests that reach each line.
        seconds: how long each test took.
    """

    lines: Mapping[str, Mapping[int, Sequence[int]]]
    seconds: Sequence[float]


def in_child(act: Callable[[], object], *, seconds: float) -> tuple[int, Any]:
    """Do something in a forked process, and return its exit code and what it returned there.

    A child that takes too long is ended by its own alarm; one that eats memory, by its own limit.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        signal.alarm(max(1, round(seconds)))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        complaints = os.dup(2)
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silence, stream)
        code = KILLED
        try:
            answer = pickle.dumps(act())
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(answer)
            code = SURVIVED
        except CannotExchange:
            code = CANNOT
        except Exception:  # noqa: BLE001 (told to whoever runs this; the exit code says the rest)
            os.write(complaints, traceback.format_exc().encode())
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _pid, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), pickle.loads(answer) if answer else None


class FirstFailure:
    """End this process with the first failure, telling which test it was."""

    def __init__(self, tell: Callable[[str], None] = lambda _test: None) -> None:
        self._tell = tell

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._tell(report.nodeid)
            os._exit(KILLED)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            os._exit(KILLED)


class Trial:
    """A pytest plugin that runs mutants instead of tests, once these are collected."""

    def __init__(self, work: Callable[[Trial], None], folder: Path, say: Callable[[str], None]) -> None:
        self._work = work
        self._say = say
        self._folder = folder
        self._live: dict[Path, Live] = {}
        self._caught: dict[str, list[int]] = {}
        self.items: list[pytest.Item] = []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.items = session.items
        for function in cached_functions():
            function.cache_clear()
        self._work(self)
        return True

    def reach(self) -> Reach:
        """Run every test once and see what each reaches."""
        code, answer = in_child(self._measured, seconds=1800)
        if code != SURVIVED:
            self._say(f"the tests fail without any mutant (exit code {code}); make them pass first")
            sys.exit(1)
        return Reach(*answer)

    def _measured(self) -> tuple[dict[str, dict[int, list[int]]], list[float]]:
        seconds = []
        measuring = coverage.Coverage(data_file=None, config_file=False, include=[f"{self._folder}/*"])
        measuring.start()
        self.items[0].config.pluginmanager.register(FirstFailure(lambda test: self._say(f"fails: {test}")))
        cached = cached_functions()
        for number, item in enumerate(self.items):
            for function in cached:  # or only the first test would be seen to reach it
                function.cache_clear()
            measuring.switch_context(str(number))
            began = time.perf_counter()
            self._run([item])
            seconds.append(time.perf_counter() - began)
        measuring.stop()
        reached = measuring.get_data()
        lines = {
            file: {line: [int(each) for each in by if each] for line, by in reached.contexts_by_lineno(file).items()}
            for file in reached.measured_files()
        }
        return lines, seconds

    def _run(self, items: Sequence[pytest.Item]) -> None:
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)

    def survives(self, mutant: Mutant, path: Path, reach: Reach) -> int:
        """Run the tests that reach a mutant; the code says whether it survived, was killed, or has to be imported."""
        reached = reach.lines.get(str(path), {}).get(mutant.line, ())
        if not mutant.in_function or not reached:
            return CANNOT
        if path not in self._live:
            self._live[path] = live_functions(path)
        caught = self._caught.setdefault(f"{path.name}:{mutant.where}", [])
        first = [number for number in caught if number in set(reached)]
        chosen = [*first, *sorted(set(reached) - set(first), key=lambda number: reach.seconds[number])]
        reading, writing = os.pipe()

        def act() -> None:
            exchange(mutant.tree, path, self._live[path], mutant.where)
            teller = FirstFailure(lambda test: (os.write(writing, test.encode()[:4000]), None)[1])
            self.items[0].config.pluginmanager.register(teller)
            self._run([self.items[number] for number in chosen])

        code, _ = in_child(act, seconds=20 + 10 * sum(reach.seconds[number] for number in chosen))
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            test = pipe.read().decode()
        if test:
            number = next((at for at, item in enumerate(self.items) if item.nodeid == test), None)
            if number is not None:
                caught[:] = [number, *(other for other in caught if other != number)][:8]
        return code


def survives_import(mutant: Mutant, module: str, tests: Sequence[str], *, seconds: float) -> int:
    """Import a changed module and run tests against it; nothing of ours may be imported yet."""

    def act() -> None:
        ImportChanged(module, mutant.tree).install()
        ended = pytest.main([*PYTEST, *tests], plugins=[FirstFailure()])
        if ended != pytest.ExitCode.OK:
            os._exit(KILLED)

    code, _ = in_child(act, seconds=seconds)
    return code
