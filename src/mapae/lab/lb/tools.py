"""What the machine has for the experiment: a load balancer, and a Valkey or Redis server."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

Balancer = Literal["haproxy", "nginx", "own"]
BALANCERS: tuple[Balancer, ...] = ("haproxy", "nginx", "own")
"""In the order in which they are looked for; the experiment's own is always there."""
_BESIDE_PATH = "/usr/sbin:/usr/local/sbin:/sbin"
"""Where systems keep such programs that the PATH of plain users does not name."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What is there.

    Attributes:
        program: of the balancer.
        valkey: a program to start, or the URL of a server that runs already; None where there is neither.
        has_client: whether the package that speaks to it is installed (`mapae[board]`).
    """

    balancer: Balancer
    program: Path
    valkey: Path | str | None
    has_client: bool = True


def find_tools(*, balancer: Balancer | None, store: str | None) -> Tools:
    """Look for a balancer and a Valkey or Redis server.

    Args:
        balancer: which one; None for the first that is there.
        store: a program, or the URL of a server that runs; None to look on the PATH.

    Raises:
        LookupError: the balancer that was asked for is not there.
    """
    chosen, program = _choose(balancer)
    if find_spec("valkey") is None:
        return Tools(chosen, program, None, has_client=False)
    if store is not None:
        return Tools(chosen, program, store if "://" in store else Path(store))
    return Tools(chosen, program, _find("valkey-server", "redis-server"))


def _choose(wanted: Balancer | None) -> tuple[Balancer, Path]:
    for kind in (wanted,) if wanted else BALANCERS:
        found = Path(sys.executable) if kind == "own" else _find(kind)
        if found is not None:
            return kind, found
    raise LookupError(wanted)


def _find(*names: str) -> Path | None:
    for name in names:
        if found := shutil.which(name) or shutil.which(name, path=_BESIDE_PATH):
            return Path(found)
    return None
