"""Who is calling, as far as the network tells."""

from __future__ import annotations

from dataclasses import dataclass

from mapae.sessions.session import device_of, place_of


@dataclass(frozen=True, slots=True)
class Visitor:
    """The caller of a flow.

    Attributes:
        address: the IP address, already resolved through trusted proxies; empty when unknown.
        user_agent: the `User-Agent` field, capped by the edge.
        language: `en` or `ko`.
        known: the proofs of a browser that has signed in before, as it sent them.
    """

    address: str = ""
    user_agent: str = ""
    language: str = "en"
    known: str = ""

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
