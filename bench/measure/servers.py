"""Server processes: start one, learn when it answers, what it costs, and end it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from measure.load import HOST, Failed, ask, http

_TICKS = os.sysconf("SC_CLK_TCK")
_START_LIMIT = 60.0


@dataclass
class Server:
    """A running peer.

    Attributes:
        started: seconds from the start of its process to its first answer.
    """

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    started: float = 0.0

    def pids(self) -> list[int]:
        """List the process and all its descendants."""
        return tree(self.process.pid)

    def cpu_seconds(self) -> float:
        """Add up the processor time of the tree, that of children which have ended included."""
        return cpu_seconds(self.process.pid)

    def memory_bytes(self) -> int:
        """Add up the proportional set size of the tree: shared pages are split among their users."""
        return sum(_pss(pid) for pid in self.pids())

    def stop(self) -> None:
        if self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def end_on_sigterm() -> None:
    """Have SIGTERM end this program as an error would, so that every server it has started is ended too, by its pid."""

    def end(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not cut that short
        sys.exit(143)

    signal.signal(signal.SIGTERM, end)


def start(
    command: Sequence[str | Path], *, environment: Mapping[str, str], folder: Path, port: int, ready_path: str
) -> Server:
    """Start a server and wait for its first answer, whatever that says.

    Raises:
        Failed: it ended, or did not answer within a minute; the text has the last lines of its log.
    """
    log = folder / "server.log"
    with log.open("ab") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env=os.environ | dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    server = Server(process, port, log)
    try:
        _await_answer(server, http("GET", ready_path), began)
    except BaseException:
        server.stop()
        raise
    return server


def _await_answer(server: Server, request: bytes, began: float) -> None:
    while time.perf_counter() - began < _START_LIMIT:
        if (code := server.process.poll()) is not None:
            raise Failed(f"ended at once with exit code {code}: {_tail(server.log)}")
        try:
            ask(server.port, request)
        except (OSError, Failed):
            time.sleep(0.005)
            continue
        server.started = time.perf_counter() - began
        return
    raise Failed(f"did not answer within {_START_LIMIT:.0f} seconds: {_tail(server.log)}")


def tree(pid: int) -> list[int]:
    """List a process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def cpu_seconds(pid: int) -> float:
    """Add up the processor time of a process and all its descendants, that of those which have ended included."""
    ticks = 0
    for each in tree(pid):
        if fields := _stat(each):
            ticks += sum(int(field) for field in fields[11:15])  # utime stime cutime cstime
    return ticks / _TICKS


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the name, from `state` on; nothing for a process that has gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-1500:]
