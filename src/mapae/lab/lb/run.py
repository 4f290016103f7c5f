"""The whole experiment: one mode after the other, each in a folder that is removed at the end."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from mapae.lab.lb.line import Broken
from mapae.lab.lb.measure import STEPS, measure
from mapae.lab.lb.modes import MODES, Letter, Plan
from mapae.lab.lb.results import Measured, Report
from mapae.lab.lb.tools import Tools
from mapae.lab.servers import LabFailed
from mapae.web import event_loop

Progress = Callable[[Letter, int, int], None]
"""Told the mode at work, how many steps are done, and how many there are."""


def run(letters: Sequence[Letter], plan: Plan, tools: Tools, *, progress: Progress) -> Report:
    """Measure the modes one after the other; everything that was started is ended and removed, also on a signal.

    Raises:
        LabFailed: a server did not start or went away unasked.
        KeyboardInterrupt: Ctrl-C, or SIGTERM.
    """
    folder = Path(tempfile.mkdtemp(prefix="mapae-lab-"))
    try:
        return event_loop.run(_run(letters, plan, tools, folder, progress))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _run(letters: Sequence[Letter], plan: Plan, tools: Tools, folder: Path, progress: Progress) -> Report:
    working = asyncio.current_task()
    assert working is not None  # noqa: S101 - this is a coroutine
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, working.cancel)
    possible = [letter for letter in letters if tools.valkey is not None or not MODES[letter].valkey]
    measured: dict[Letter, Measured] = {}
    for number, letter in enumerate(possible):

        def step(taken: int, letter: Letter = letter, done: int = number * STEPS) -> None:
            progress(letter, done + taken, len(possible) * STEPS)

        step(0)
        try:
            measured[letter] = await measure(letter, plan, tools, folder / letter, step=step)
        except* (Broken, LabFailed) as failures:
            raise LabFailed(f"mode {letter}: {failures.exceptions[0]}") from None
    return Report(plan=plan, tools=tools, measured=measured, missing=[each for each in letters if each not in measured])
