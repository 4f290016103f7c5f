"""What commands print: results on standard output (as text, or as JSON with `"v":1`), talk on standard error."""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

import click

JSON_VERSION = 1

HEADER_COLOUR, PAYLOAD_COLOUR, SIGNATURE_COLOUR = (168, 58, 15), (11, 92, 173), (15, 107, 92)
"""The colours of the three parts of a token; each part also has a label, so colour is never the only sign."""


def wants_colour() -> bool:
    """Whether to colour standard output: on a terminal, unless NO_COLOR is set; FORCE_COLOR wins."""
    if os.environ.get("FORCE_COLOR"):
        return True
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: tuple[int, int, int] | str | None = None, *, bold: bool = False, dim: bool = False) -> str:
    """Colour `text` where colours are wanted."""
    return click.style(text, fg=colour, bold=bold or None, dim=dim or None) if wants_colour() else text


def result(text: str) -> None:
    """Print a result for a person."""
    click.echo(text, color=wants_colour())


def result_json(members: Mapping[str, object]) -> None:
    """Print a result for a program: one JSON object in one line, with the version of its form."""
    click.echo(json.dumps({"v": JSON_VERSION, **members}, ensure_ascii=False, default=str))


def talk(text: str) -> None:
    """Tell a person something beside the result."""
    click.echo(text, err=True)


def printable(text: str) -> str:
    """Keep what a token holds from moving the cursor or changing colours."""
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text)


def width_of(text: str) -> int:
    """Count the columns `text` takes on a terminal; Korean letters take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def table(rows: Iterable[Sequence[str]], *, head: Sequence[str] = (), indent: str = "") -> str:
    """Lay out rows in columns."""
    lines = [list(row) for row in ([head] if head else [])] + [list(row) for row in rows]
    widths = [max(width_of(line[at]) for line in lines) for at in range(len(lines[0]))] if lines else []
    laid = []
    for number, line in enumerate(lines):
        cells = [cell + " " * (width - width_of(cell)) for cell, width in zip(line, widths, strict=True)]
        text = indent + "  ".join(cells).rstrip()
        laid.append(paint(text, bold=True) if head and number == 0 else text)
    return "\n".join(laid)


class Step(Protocol):
    """Tells how many of all are done."""

    def __call__(self, done: int, total: int | None = None, label: str | None = None) -> None:
        """Show that `done` of all are done; `total` where it was not known before, `label` where it changes."""
        ...


@contextmanager
def progress(label: str, total: int, *, after: float = 1.0) -> Iterator[Step]:
    """Show a progress bar on standard error: only on a terminal, and only when the work takes longer than `after`.

    Args:
        label: what is being done.
        total: how many there are.
        after: seconds.
    """
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda _done, _total=None, _label=None: None
        return
    import time

    from rich.console import Console
    from rich.progress import Progress

    began = time.monotonic()
    bar = Progress(console=Console(stderr=True), transient=True)
    task = bar.add_task(label, total=total)

    def step(done: int, total: int | None = None, label: str | None = None) -> None:
        if not bar.live.is_started and time.monotonic() - began >= after:
            bar.start()
        bar.update(task, completed=done, total=total, description=label)

    try:
        yield step
    finally:
        bar.stop()
