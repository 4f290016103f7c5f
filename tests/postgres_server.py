"""A real PostgreSQL as a process of its own, and one that all workers of a test run share."""

import fcntl
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from servers import free_port

WAIT_SECONDS = 60
FAST = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum=off",
    "max_connections=400",
    "deadlock_timeout=50ms",
    "shared_buffers=512MB",
    "max_wal_size=4GB",
)
"""For tests that are not about power cuts."""
SAFE = ("fsync=on", "max_connections=200")


@dataclass
class PostgresServer:
    """A server on a port of its own; `folder` is made by `prepare` and holds all its files."""

    programs: Path
    folder: Path
    settings: tuple[str, ...] = FAST
    port: int = field(default_factory=free_port)
    passfile: str | None = None
    process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres", **more: object) -> str:
        """What the setting `database` says."""
        query = "&".join(f"{name}={value}" for name, value in more.items())
        return f"postgresql://mapae@127.0.0.1:{self.port}/{database}" + (f"?{query}" if query else "")

    def prepare(self) -> None:
        """Make an empty cluster; a server of PostgreSQL refuses to run as root, so root gives the folder away."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if (account := other_account()) is not None:
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        made = [self.programs / "initdb", "-D", self.folder / "cluster", "-U", "mapae", "-A", "trust", "-E", "UTF8"]
        run_apart([*made, "--locale=C", "--no-sync"], self.folder)

    def start(self) -> None:
        """Start it, on the same port as before, and return once it answers."""
        settings = [f"-c{setting}" for setting in (*self.settings, "listen_addresses=127.0.0.1")]
        command = [self.programs / "postgres", "-D", self.folder / "cluster", "-p", str(self.port), *settings]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "-k", ""],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # a group of its own, so that its children can be killed with it
                **apart(),
            )
        until = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=5, passfile=self.passfile).close()
            except psycopg.OperationalError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < until, (self.folder / "log").read_text()
                time.sleep(0.02)
            else:
                return

    def stop(self, how: int = signal.SIGINT) -> None:
        """End it; SIGINT cuts its connections off, SIGTERM waits for them."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(WAIT_SECONDS)

    def kill(self) -> None:
        """End it with all its children at once, as a power cut would."""
        if self.process.poll() is not None:
            return
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")  # each has a group of its own
        pids = [int(pid) for pid in children.read_text().split()] if children.exists() else []
        self.process.kill()
        self.process.wait()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until = time.monotonic() + WAIT_SECONDS
        while any(Path(f"/proc/{pid}").exists() for pid in pids):  # until then the next start would be refused
            assert time.monotonic() < until
            time.sleep(0.005)

    def run(self, sql: str, database: str = "postgres") -> list[tuple]:
        """Run one statement beside the tests and return its rows."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def new_schema(self):
        """Make an empty schema, return the URL of a database that knows no other, and drop it at the end.

        A database of its own would do the same and take a hundred times as long.
        """
        name = f"test_{secrets.token_hex(8)}"
        self.run(f"CREATE SCHEMA {name}")
        try:
            yield self.url(options=f"-csearch_path%3D{name}")
        finally:
            self.run(f"DROP SCHEMA {name} CASCADE")

    @contextmanager
    def new_database(self):
        """Make an empty database, return its name, and drop it at the end."""
        name = f"test_{secrets.token_hex(8)}"
        self.run(f"CREATE DATABASE {name}")
        try:
            yield name
        finally:
            self.run(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def own_server(programs: Path, *settings: str):
    """Start a server for one test, which may stop and kill it."""
    with tempfile.TemporaryDirectory(prefix="mapae-postgres-") as folder:
        Path(folder).chmod(0o755)
        server = PostgresServer(programs, Path(folder) / "server", settings or FAST)
        server.prepare()
        server.start()
        try:
            yield server
        finally:
            server.kill()


@contextmanager
def shared_server(programs: Path, run: str):
    """Return the server of the test run `run`: whoever comes first has it started, whoever goes last has it stopped.

    Every user holds a shared lock on one file; a process of its own waits for the exclusive one and then ends the
    server. So it ends too when the tests are killed.
    """
    folder = Path(tempfile.gettempdir()) / f"mapae-postgres-{run}"
    folder.mkdir(mode=0o755, exist_ok=True)
    with (folder / "users").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        with (folder / "start").open("w") as start:
            fcntl.flock(start, fcntl.LOCK_EX)
            port = folder / "port"
            if not port.exists() or not answers(int(port.read_text())):
                port.unlink(missing_ok=True)  # left behind by a run that was killed with its keeper
                _start_keeper(programs, folder)
        yield PostgresServer(programs, folder / "server", port=int(port.read_text()))


def answers(port: int) -> bool:
    """Say whether anybody listens on a port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def _start_keeper(programs: Path, folder: Path) -> None:
    with (folder / "log").open("wb") as log:
        keeper = subprocess.Popen(
            [sys.executable, __file__, programs, folder],
            cwd=Path(__file__).parent,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    until = time.monotonic() + WAIT_SECONDS
    while not (folder / "port").exists():
        assert keeper.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < until, (folder / "log").read_text()
        time.sleep(0.02)
    keeper.returncode = 0  # nobody waits for it: it outlives this process on purpose


def keep(programs: Path, folder: Path) -> None:
    """Run a server until nobody uses it any more."""
    server = PostgresServer(programs, folder / "server")
    shutil.rmtree(server.folder, ignore_errors=True)
    try:
        server.prepare()
        server.start()
        (folder / "port.new").write_text(str(server.port))
        (folder / "port.new").rename(folder / "port")
        with (folder / "users").open("w") as users:
            fcntl.flock(users, fcntl.LOCK_EX)
    finally:
        if server.process is not None:
            server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def other_account() -> pwd.struct_passwd | None:
    """Return who runs the server in the place of root; None when we are not root."""
    if os.geteuid() != 0:
        return None
    names = {each.pw_name: each for each in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def apart() -> dict[str, object]:
    """Return how to start a program as that account."""
    account = other_account()
    return {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def run_apart(command: list[Path | str], folder: Path) -> None:
    """Run a program as that account to its end."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, **apart())
    assert done.returncode == 0, done.stderr


if __name__ == "__main__":
    keep(Path(sys.argv[1]), Path(sys.argv[2]))
