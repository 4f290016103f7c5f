"""Who is calling, as far as the network tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mapae.sessions.session import device_of, place_of


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Visitor:
    """The caller of a flow.

    Attributes:
        address: the IP address, already resolved through trusted proxies; empty when unknown.
        user_agent: the `User-Agent` field, capped by the edge.
        language: `en` or `ko`.
        known: the proofs of a browser that has signed in before, as it sent them.
        present: tells whether the caller still waits for the answer.
    """

    address: str = ""
    user_agent: str = ""
    language: str = "en"
    known: str = ""
    present: Callable[[], bool] = field(default=_always, compare=False)

    @property
    def device(self) -> str:
        """The family of browser and system, for example `Firefox · Linux`."""
        return device_of(self.user_agent)

    @property
    def place(self) -> str:
        """The network the caller came from, coarse on purpose: `203.0.113.*`."""
        return place_of(self.address)


CONSOLE = Visitor(user_agent="mapae CLI")
"""The operator at the command line."""
