"""The command line in this process, in a directory of its own, over real files."""

import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from mapae.cli.main import mapae
from mapae.flows.open_service import open_service
from mapae.flows.sign_in import sign_in
from mapae.flows.visitor import Visitor
from mapae.settings import load_settings

PASSWORD = "a long enough passphrase"
FIREFOX = Visitor("203.0.113.9", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        """The one line of JSON it printed."""
        members = json.loads(self.out)
        assert members["v"] == 1
        return members


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty directory to work in, where passwords are cheap to hash."""
    for name in [*os.environ]:
        if name.startswith(("MAPAE_", "LC_", "LANG", "XDG_", "FORCE_COLOR")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    monkeypatch.chdir(tmp_path)
    Path("mapae.toml").write_text('bcrypt_cost = 10\nhash_queue_seconds = "60s"\n', "utf-8")
    return tmp_path


@pytest.fixture
def run(home):
    """Run a command line and return what it did."""

    def runner(*args, give=None, env=None, code=0):
        done = CliRunner().invoke(mapae, [str(arg) for arg in args], input=give, env=env)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        ran = Ran(done.exit_code, done.stdout, done.stderr)
        assert ran.code == code, ran
        return ran

    return runner


@pytest.fixture
def jane(run):
    """The id of an account that exists."""
    return run("user", "create", "jane@example.com", "--name", "Jane", "--json", give=PASSWORD).json["account"]["id"]


@pytest.fixture
def signed_in(jane):
    """Sign Jane in on a device and return her tokens."""

    async def sign_in_here():
        async with open_service(load_settings({}, os.environ)) as service:
            return await sign_in(service, "jane@example.com", PASSWORD, visitor=FIREFOX)

    return lambda: asyncio.run(sign_in_here())
