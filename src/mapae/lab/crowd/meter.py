"""What a server process costs: processor time, of its hashing threads apart from the rest, and memory. Linux only."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

_NICE = 16
"""Where the nice value stands in `stat`, counted behind the name of the thread."""


class Used(NamedTuple):
    """Processor time and memory of one process.

    Attributes:
        hashing: seconds of processor time of the threads with lowered priority.
        rest: the same of all others, the event loop above all.
        resident: bytes of memory.
    """

    hashing: float
    rest: float
    resident: int


def used_by(pid: int) -> Used:
    """Return what the process has used since it began."""
    hashing = rest = 0.0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            seconds = int((thread / "schedstat").read_text().split()[0]) / 1e9
            nice = int((thread / "stat").read_text().rpartition(")")[2].split()[_NICE])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if nice > 0:
            hashing += seconds
        else:
            rest += seconds
    fields = Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()
    return Used(hashing, rest, int(fields[0]) * 1024)
