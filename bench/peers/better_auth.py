"""better-auth: sessions in a table behind a cookie."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from measure.load import http
from measure.node import node

from peers.peer import BENCH, PASSWORD, Peer, People, Session, as_json, cookies_of, node_environment, write_people


@dataclass
class BetterAuth(Peer):
    name: str = "better-auth"
    title: str = "better-auth"
    store: str = "SQLite"
    algorithm: str = "opaque"
    remark: str = "a session cookie looked up in the database; its refresh extends the session, nothing rotates"
    ready_path: str = "/api/auth/ok"
    packages: tuple[str, ...] = ("better-auth", "bcrypt")

    def prepare(self, folder: Path, people: People) -> None:
        write_people(folder, people)
        subprocess.run(
            [node(), BENCH / "node" / "better_auth.mjs", "prepare"],
            env=os.environ | node_environment(folder, 1, BENCH_DATABASE=self.database),
            check=True,
        )

    def command(self, folder: Path, port: int) -> tuple[Sequence[str | Path], Mapping[str, str]]:
        environment = node_environment(folder, port, BENCH_DATABASE=self.database)
        return [node(), BENCH / "node" / "better_auth.mjs"], environment

    def sign_in_request(self, email: str) -> bytes:
        return http("POST", "/api/auth/sign-in/email", body=as_json(email=email, password=PASSWORD))

    def signed_in(self, head: bytes, body: bytes) -> Session:
        del body
        return Session(cookie=cookies_of(head))

    def who_request(self, session: Session) -> bytes:
        return http("GET", "/api/auth/get-session?disableRefresh=true", headers={"Cookie": session.cookie})

    def refresh_request(self, session: Session) -> bytes:
        return http("GET", "/api/auth/get-session", headers={"Cookie": session.cookie})

    def refreshed(self, session: Session, head: bytes, body: bytes) -> None:
        """The cookie stays the same."""
