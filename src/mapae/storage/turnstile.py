"""Let processes that write to one SQLite file take turns."""

from __future__ import annotations

import fcntl
import os
import time


class Turnstile:
    """A gate beside the database file, where a writer stands only until it holds SQLite's write lock.

    SQLite gives its lock to whoever asks at the right moment, so that a busy process can keep a quiet one waiting for
    long. The waiting process holds the gate; the busy one meets it there and lets it go first. The gate is advice
    only: after `patience` seconds a writer walks on without it. The kernel opens the gate of a process that died.
    """

    PAUSE = 0.0005

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def enter(self, patience: float) -> None:
        """Stand in the gate, waiting for at most `patience` seconds."""
        deadline = time.monotonic() + patience
        while not self.enter_at_once() and time.monotonic() < deadline:
            time.sleep(self.PAUSE)

    def enter_at_once(self) -> bool:
        """Stand in the gate if nobody else does."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def leave(self) -> None:
        """Open the gate for the next."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give the file back."""
        os.close(self._file)
