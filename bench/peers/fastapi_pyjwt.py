"""The application that FastAPI's tutorial builds: OAuth2 with password, bearer JWT, PyJWT."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from measure.load import http

from peers.peer import BENCH, BIN, FORM, LIFETIME, PASSWORD, Operation, Peer, People, Session, as_form, write_people


@dataclass
class FastApiPyJwt(Peer):
    name: str = "fastapi"
    title: str = "FastAPI tutorial + PyJWT"
    store: str = "memory"
    algorithm: str = "HS256"
    remark: str = (
        "its tutorial has no refresh, keeps users in a dict and hashes on the event loop; bcrypt instead of Argon2"
    )
    operations: tuple[Operation, ...] = ("who", "sign_in")
    ready_path: str = "/openapi.json"
    distributions: tuple[str, ...] = ("fastapi", "pyjwt", "uvicorn", "bcrypt")

    def prepare(self, folder: Path, people: People) -> None:
        write_people(folder, people)

    def command(self, folder: Path, port: int) -> tuple[Sequence[str | Path], Mapping[str, str]]:
        return uvicorn("fastapi_pyjwt:app", port), {"BENCH_FOLDER": str(folder), "BENCH_LIFETIME": str(LIFETIME)}

    def sign_in_request(self, email: str) -> bytes:
        return http("POST", "/token", body=as_form(username=email, password=PASSWORD), kind=FORM)

    def who_request(self, session: Session) -> bytes:
        return http("GET", "/users/me/", headers={"Authorization": f"Bearer {session.access}"})


def uvicorn(app: str, port: int) -> Sequence[str | Path]:
    """Return the command that serves `bench/apps/` with uvicorn, one worker, no access log."""
    return [
        BIN / "python", "-m", "uvicorn", app, "--app-dir", BENCH / "apps", "--port", str(port),
        "--no-access-log", "--log-level", "warning",
    ]  # fmt: skip
