"""node-oidc-provider: refresh with rotation at the token endpoint, and its userinfo endpoint as the protected one."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from measure.load import http
from measure.node import node

from peers.peer import BENCH, FORM, Operation, Peer, People, Session, as_form, node_environment, write_people

SESSIONS = 64


@dataclass
class OidcProvider(Peer):
    """Attributes:
    adapter: `memory` for the one it brings for development, `sqlite` or `postgresql` for one written as its
        documentation asks.
    """

    adapter: str = ""
    algorithm: str = "opaque"
    operations: tuple[Operation, ...] = ("who", "refresh")
    ready_path: str = "/.well-known/openid-configuration"
    packages: tuple[str, ...] = ("oidc-provider",)

    def prepare(self, folder: Path, people: People) -> None:
        write_people(folder, people)

    def command(self, folder: Path, port: int) -> tuple[Sequence[str | Path], Mapping[str, str]]:
        more = {"BENCH_STORE": self.adapter, "BENCH_SESSIONS": str(SESSIONS), "BENCH_DATABASE": self.database}
        return [node(), BENCH / "node" / "oidc_provider.mjs"], node_environment(folder, port, **more)

    def open_sessions(self, port: int, folder: Path, people: People, count: int) -> list[Session]:
        """Take the sessions the server made for itself: it leaves signing in to others."""
        del port, people
        made = json.loads((folder / "sessions.json").read_text())
        return [Session(one["access"], one["refresh"]) for one in made[:count]]

    def who_request(self, session: Session) -> bytes:
        return http("GET", "/me", headers={"Authorization": f"Bearer {session.access}"})

    def refresh_request(self, session: Session) -> bytes:
        body = as_form(grant_type="refresh_token", client_id="bench", refresh_token=session.refresh)
        return http("POST", "/token", body=body, kind=FORM)


_REMARK = (
    "access token looked up at its userinfo endpoint; a refresh signs an ID token (ES256); signing in is not its part"
)
OIDC_PEERS = (
    OidcProvider("oidc-provider", "node-oidc-provider", store="SQLite", adapter="sqlite", remark=_REMARK),
    OidcProvider(
        "oidc-provider-memory",
        "node-oidc-provider, in memory",
        store="memory",
        adapter="memory",
        remark="the in-memory adapter it brings, which it does not recommend for use",
    ),
)
