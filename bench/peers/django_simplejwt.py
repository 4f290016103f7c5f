"""Django REST framework with simplejwt: rotation with the blacklist on."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from measure.load import http

from peers.peer import BENCH, BIN, LIFETIME, PASSWORD, Peer, People, Session, as_json, write_people


@dataclass
class DjangoSimpleJwt(Peer):
    name: str = "django"
    title: str = "Django + simplejwt"
    store: str = "SQLite"
    algorithm: str = "HS256"
    remark: str = "granian over WSGI, a thread for each core; ROTATE_REFRESH_TOKENS and BLACKLIST_AFTER_ROTATION"
    ready_path: str = "/"
    distributions: tuple[str, ...] = (
        "django", "djangorestframework", "djangorestframework-simplejwt", "granian", "bcrypt",
    )  # fmt: skip

    def prepare(self, folder: Path, people: People) -> None:
        write_people(folder, people)
        subprocess.run(
            [BIN / "python", BENCH / "apps" / "django_simplejwt.py"],
            env=os.environ | _environment(folder) | {"BENCH_PASSWORD": PASSWORD},
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def command(self, folder: Path, port: int) -> tuple[Sequence[str | Path], Mapping[str, str]]:
        threads = str(len(os.sched_getaffinity(0)))
        command = [
            BIN / "granian", "--interface", "wsgi", "--port", str(port), "--blocking-threads", threads,
            "--no-access-log", "--log-level", "warning", "--working-dir", BENCH / "apps",
            "django_simplejwt:application",
        ]  # fmt: skip
        return command, _environment(folder)

    def sign_in_request(self, email: str) -> bytes:
        return http("POST", "/api/token/", body=as_json(username=email, password=PASSWORD))

    def signed_in(self, head: bytes, body: bytes) -> Session:
        del head
        answer = json.loads(body)
        return Session(answer["access"], answer["refresh"])

    def who_request(self, session: Session) -> bytes:
        return http("GET", "/api/me/", headers={"Authorization": f"Bearer {session.access}"})

    def refresh_request(self, session: Session) -> bytes:
        return http("POST", "/api/token/refresh/", body=as_json(refresh=session.refresh))


def _environment(folder: Path) -> dict[str, str]:
    return {"BENCH_FOLDER": str(folder), "BENCH_LIFETIME": str(LIFETIME)}
