"""Log lines: one JSON object a line, or text on a terminal.

A line has keys from a fixed list and values that are plain words and numbers. Nothing takes a header, a query, a body
or a path, so no token, password, e-mail or one-time link can get in. Lines are written together at the end of the
event loop's turn.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from types import MappingProxyType, TracebackType
from typing import Literal

import msgspec

from mapae.errors import MapaeError
from mapae.settings import Settings

Level = Literal["debug", "info", "warning", "error"]
Value = str | int | float | bool | None
_RANKS: Mapping[str, int] = MappingProxyType({"debug": 10, "info": 20, "warning": 30, "error": 40})
_COLOURS: Mapping[str, str] = MappingProxyType({"debug": "2", "info": "36", "warning": "33", "error": "31"})
_TRUSTED = ("mapae", "uvicorn")
"""Loggers whose messages hold nothing a caller sent."""
_encode = msgspec.json.Encoder().encode


class Log:
    """Writes log lines of at least one level."""

    def __init__(self, write: Callable[[bytes], object], *, level: Level, text: bool) -> None:
        """Write lines with `write`: as text for people, or else as JSON."""
        self._write = write
        self._rank = _RANKS[level]
        self._text = text
        self._waiting: list[bytes] = []
        self._second = 0
        self._second_text = ""

    def wants(self, level: Level) -> bool:
        """Say whether lines of `level` are written at all."""
        return _RANKS[level] >= self._rank

    def line(self, level: Level, event: str, **fields: Value) -> None:
        """Write one line; fields that are None are left out."""
        if _RANKS[level] < self._rank:
            return
        now = time.time()
        members: dict[str, Value] = {"ts": self._timestamp(now), "level": level, "event": event}
        members.update((name, value) for name, value in fields.items() if value is not None)
        self._add(_as_text(members) if self._text else _encode(members) + b"\n")

    def request(self, kind: str, *, request_id: str, seconds: float, code: str | None) -> None:
        """Write the line of one request, which is at level info; written out because it is the one that costs.

        Args:
            kind: method, route and status as members of a JSON object.
            request_id: made by us, so nothing in it needs to be escaped; the same goes for `code`.
        """
        if self._text:
            members = msgspec.json.decode(f"{{{kind}}}")
            self.line("info", "request", **members, code=code, request_id=request_id, dur_s=round(seconds, 6))
            return
        tail = "" if code is None else f',"code":"{code}"'
        moment = self._timestamp(time.time())
        self._add(
            f'{{"ts":"{moment}","level":"info","event":"request",{kind},"request_id":"{request_id}",'
            f'"dur_s":{seconds:.6f}{tail}}}\n'.encode()
        )

    def flush(self) -> None:
        """Write the lines that wait."""
        if self._waiting:
            lines = b"".join(self._waiting)
            self._waiting.clear()
            self._write(lines)

    def _add(self, line: bytes) -> None:
        self._waiting.append(line)
        if len(self._waiting) > 1:
            return
        try:
            asyncio.get_running_loop().call_soon(self.flush)
        except RuntimeError:
            self.flush()

    def _timestamp(self, now: float) -> str:
        second = int(now)
        if second != self._second:
            self._second, self._second_text = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._second_text}.{int((now - second) * 1000):03d}Z"


def open_log(settings: Settings) -> Log:
    """Return the log that `settings` ask for, on standard output."""
    text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stdout.isatty())
    return Log(_write_to_standard_output, level=settings.log_level, text=text)


def _write_to_standard_output(lines: bytes) -> None:
    try:
        sys.stdout.flush()
        os.write(sys.stdout.fileno(), lines)
    except (OSError, ValueError):
        return  # nobody reads any more; there is nowhere to say so


def error_fields(error: BaseException) -> dict[str, Value]:
    """Return what a log may know of `error`: its kind, where it happened, and its message when it is one of ours.

    Messages of other libraries may repeat what a caller sent, so they stay out.
    """
    message = str(error) if isinstance(error, MapaeError | OSError) else None
    return {"error": type(error).__name__, "message": message, "at": _frames(error.__traceback__)}


def _frames(trace: TracebackType | None) -> str:
    return " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(traceback.extract_tb(trace)[-8:]))


def _as_text(members: Mapping[str, Value]) -> bytes:
    level, event = str(members["level"]), members["event"]
    rest = "  ".join(f"{name}={value}" for name, value in members.items() if name not in {"ts", "level", "event"})
    moment = str(members["ts"])[11:19]
    return f"\x1b[2m{moment}\x1b[0m \x1b[{_COLOURS[level]}m{event}\x1b[0m  {rest}\n".encode("utf-8", "replace")


class LogHandler(logging.Handler):
    """Writes what other code reports through `logging` into a `Log`."""

    def __init__(self, log: Log) -> None:
        """Write into `log`."""
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write `record`, without the message of a foreign exception."""
        level: Level = "error"
        for name in ("debug", "info", "warning"):
            if record.levelno <= _RANKS[name]:
                level = name
                break
        error = record.exc_info[1] if record.exc_info else None
        fields = error_fields(error) if error is not None else {}
        if record.name.startswith(_TRUSTED):
            fields["message"] = record.getMessage()
        self._log.line(level, record.name, **fields)


def route_logging(log: Log) -> None:
    """Send the whole process's `logging` into `log`; for a process that is ours alone."""
    root = logging.getLogger()
    root.handlers[:] = [LogHandler(log)]
    root.setLevel(logging.DEBUG if log.wants("debug") else logging.INFO)
    network = logging.getLogger("uvicorn")
    network.handlers[:], network.propagate = [], True
    network.setLevel(logging.ERROR)
