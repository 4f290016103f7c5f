"""fastapi-users with SQLAlchemy and its JWT strategy, as its documentation sets it up."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from measure.load import http

from peers.fastapi_pyjwt import uvicorn
from peers.peer import BENCH, BIN, FORM, LIFETIME, PASSWORD, Operation, Peer, People, Session, as_form, write_people


@dataclass
class FastApiUsers(Peer):
    name: str = "fastapi-users"
    title: str = "fastapi-users + SQLAlchemy"
    store: str = "SQLite"
    algorithm: str = "HS256"
    remark: str = "has no refresh; bcrypt instead of Argon2"
    operations: tuple[Operation, ...] = ("who", "sign_in")
    ready_path: str = "/openapi.json"
    distributions: tuple[str, ...] = ("fastapi-users", "sqlalchemy", "aiosqlite", "fastapi", "uvicorn", "bcrypt")

    def prepare(self, folder: Path, people: People) -> None:
        write_people(folder, people)
        subprocess.run(
            [BIN / "python", BENCH / "apps" / "fastapi_users_sqlalchemy.py"],
            env=os.environ | self._environment(folder),
            check=True,
        )

    def command(self, folder: Path, port: int) -> tuple[Sequence[str | Path], Mapping[str, str]]:
        return uvicorn("fastapi_users_sqlalchemy:app", port), self._environment(folder)

    def sign_in_request(self, email: str) -> bytes:
        return http("POST", "/auth/jwt/login", body=as_form(username=email, password=PASSWORD), kind=FORM)

    def who_request(self, session: Session) -> bytes:
        return http("GET", "/users/me", headers={"Authorization": f"Bearer {session.access}"})

    def _environment(self, folder: Path) -> dict[str, str]:
        return {"BENCH_FOLDER": str(folder), "BENCH_LIFETIME": str(LIFETIME), "BENCH_DATABASE": self.database}
