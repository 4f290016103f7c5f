"""Serve the application over HTTP: one worker is this very process, several are processes that share the port.

Several workers are made by `fork` after the database is in order; each binds the port itself (SO_REUSEPORT), and each
ends when this process is gone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from mapae.settings import Settings
from mapae.web import event_loop
from mapae.web.process import Started, check_address, serve_here
from mapae.web.workers import serve_with_workers


def say_started(started: Started) -> None:
    """Tell a person where the server is, on standard error."""
    lines = [f"Mapae listens on {started.address}"]
    if started.issuer != started.address:
        lines.append(f"  issuer {started.issuer}")
    if started.set_up_link is not None:
        lines += ["Open this link once, within 30 minutes, to become the administrator:", f"  {started.set_up_link}"]
    print(*lines, sep="\n", file=sys.stderr, flush=True)  # noqa: T201


def serve(settings: Settings, *, say: Callable[[Started], None] = say_started) -> int:
    """Serve until a signal ends it; return the exit code: 0 when one did, 1 after a failure.

    Args:
        say: told where the server is, once it answers.

    Raises:
        SettingsRefused: the address is taken, or the certificate cannot be used.
        FileExposed, StorageFailed: see `open_service`.
    """
    check_address(settings)
    if settings.workers > 1:
        return serve_with_workers(settings, say=say)
    return event_loop.run(serve_here(settings, say=say))
