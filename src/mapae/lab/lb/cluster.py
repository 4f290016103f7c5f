"""Three nodes of one mode, what is behind them, and the balancer in front of them."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

import mapae
from mapae.accounts.hashing import Hashing
from mapae.flows.manage_accounts import ImportedAccount, import_accounts
from mapae.flows.open_service import open_service
from mapae.lab.lb.line import Line, request
from mapae.lab.lb.modes import BCRYPT_COST, COUNTS_PATH, MODES, NODES, PASSWORD, READY_PATH, Letter, Plan
from mapae.lab.lb.node import NodePlan
from mapae.lab.lb.people import email_of
from mapae.lab.lb.proxies import launch_balancer
from mapae.lab.lb.stores import Valkey, launch_valkey
from mapae.lab.lb.tools import Tools
from mapae.lab.servers import Server, environment_for, free_port, launch, until_it_answers
from mapae.settings import load_settings

_NODE = [sys.executable, "-m", "mapae.lab.lb.start_node"]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Three nodes behind a balancer.

    Attributes:
        database: the URL of the database that the nodes share; empty in the modes without Mapae.
    """

    balancer: Server
    nodes: Sequence[Server]
    valkey: Valkey | None
    database: str

    @property
    def living(self) -> list[Server]:
        """The nodes that run."""
        return [node for node in self.nodes if node.runs]

    def processor_seconds(self) -> float:
        """Return the processor time that the nodes and Valkey have used so far."""
        servers = list(self.nodes)
        if self.valkey is not None and self.valkey.server is not None:
            servers.append(self.valkey.server)
        return sum([server.processor_seconds() for server in servers])

    async def store_operations(self) -> Mapping[str, int]:
        """Return how often each store was asked anything so far."""
        found = {} if self.valkey is None else {"valkey": await self.valkey.operations()}
        if self.database:
            found["database"] = sum([await _database_operations(node.port) for node in self.living])
        return found


async def _database_operations(port: int) -> int:
    with Line(port) as line:
        return int(json.loads((await line.ask(request("GET", COUNTS_PATH))).body)["database"])


@asynccontextmanager
async def running(letter: Letter, plan: Plan, tools: Tools, folder: Path) -> AsyncIterator[Cluster]:
    """Start everything that the mode needs in `folder`, and end all of it whatever happens.

    Raises:
        LabFailed: something did not start.
    """
    mode = MODES[letter]
    async with AsyncExitStack() as stack:
        valkey = await _valkey(tools, folder / "valkey", stack) if mode.valkey else None
        ports = [free_port() for _ in range(NODES)]
        balancer = launch_balancer(
            tools.balancer, tools.program, folder=folder / "balancer", nodes=ports, sticky=mode.sticky
        )
        stack.callback(balancer.kill)
        url = "" if valkey is None else valkey.url
        shared = folder / "shared"
        shared.mkdir()
        if mode.mapae:
            settings = _settings(letter, plan, shared, issuer=f"http://localhost:{balancer.port}", board=url)
            database = await _open_accounts(settings, shared, plan.users)
        else:
            settings, database = {}, ""
            _write_accounts(shared, plan.users)
        nodes = []
        for number, port in enumerate(ports, 1):
            own = NodePlan(letter, f"n{number}", port, str(shared / "accounts"), str(shared / "key"), url)
            environment = environment_for(shared, port=port, settings=settings)
            written = folder / own.name / "plan"  # and not an argument: a URL may hold a password
            written.parent.mkdir()
            written.write_bytes(msgspec.json.encode(own))
            node = launch(own.name, [*_NODE, written], folder=written.parent, port=port, environment=environment)
            stack.callback(node.kill)
            nodes.append(node)
        for server in (*nodes, balancer):
            await until_it_answers(server, READY_PATH)
        yield Cluster(balancer, nodes, valkey, database)


async def _valkey(tools: Tools, folder: Path, stack: AsyncExitStack) -> Valkey:
    valkey = launch_valkey(tools.valkey, folder) if isinstance(tools.valkey, Path) else Valkey(str(tools.valkey), None)
    if valkey.server is not None:
        stack.callback(valkey.server.kill)
    await valkey.operations()  # it answers
    return valkey


def _settings(letter: Letter, plan: Plan, shared: Path, *, issuer: str, board: str) -> dict[str, str]:
    settings = {
        "MAPAE_ISSUER": issuer,
        "MAPAE_DATABASE": f"sqlite:///{shared}/data/mapae.db",
        "MAPAE_ACCESS_TOKEN": "opaque" if letter == "F" else "jwt",
        "MAPAE_MAX_STALENESS": f"{plan.lease_seconds}s",
        "MAPAE_BCRYPT_COST": str(BCRYPT_COST),
        "MAPAE_HASH_QUEUE_SECONDS": "30s",
    }
    return settings | ({"MAPAE_BOARD": board} if board else {})


async def _open_accounts(settings: Mapping[str, str], shared: Path, count: int) -> str:
    """Make the database with everybody's account, and return its URL."""
    opened = load_settings({}, environment_for(shared, port=free_port(), settings=settings), ())
    hashed = Hashing(bcrypt_cost=BCRYPT_COST).hash(PASSWORD)
    async with open_service(opened) as service:
        await import_accounts(service, [ImportedAccount(email_of(number), hashed) for number in range(count)])
    return opened.database_url


def _write_accounts(shared: Path, count: int) -> None:
    """Write everybody's hash, and a key that signs, for the nodes without Mapae."""
    hashed = Hashing(bcrypt_cost=BCRYPT_COST).hash(PASSWORD)
    (shared / "accounts").write_bytes(msgspec.json.encode({email_of(number): hashed for number in range(count)}))
    key = shared / "key"
    key.touch(0o600)
    key.write_text(json.dumps(mapae.Key.generate("ES256").to_jwk(private=True)))
