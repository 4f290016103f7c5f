"""The stack of the note Mapae began with: Express, jsonwebtoken and bcrypt on Node."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from measure.node import node

from peers.peer import BENCH, Peer, People, node_environment, write_people


@dataclass
class Express(Peer):
    """Attributes:
    keys: `hs256-text`, `rs256-text`, `es256-text` or `es256-prepared`; see `node/express.mjs`.
    """

    keys: str = ""
    store: str = "SQLite"
    packages: tuple[str, ...] = ("express", "jsonwebtoken", "bcrypt")

    def prepare(self, folder: Path, people: People) -> None:
        write_people(folder, people)

    def command(self, folder: Path, port: int) -> tuple[Sequence[str | Path], Mapping[str, str]]:
        return [node(), BENCH / "node" / "express.mjs"], node_environment(folder, port, BENCH_KEYS=self.keys)


EXPRESS_PEERS = (
    Express(
        "express",
        "Express + jsonwebtoken + bcrypt",
        algorithm="ES256",
        keys="es256-text",
        remark="keys as PEM text in every call, as its tutorials do; the same algorithm as Mapae",
    ),
    Express(
        "express-rs256",
        "Express, RSA keys",
        algorithm="RS256",
        keys="rs256-text",
        remark="2048 bits, keys as PEM text in every call: how jsonwebtoken's README shows keys in two parts",
    ),
    Express(
        "express-prepared",
        "Express, keys prepared once",
        algorithm="ES256",
        keys="es256-prepared",
        remark="the same, but createPublicKey and createPrivateKey once at the start",
    ),
    Express(
        "express-hs256",
        "Express, one shared secret",
        algorithm="HS256",
        keys="hs256-text",
        remark="the secret as text; whoever verifies can also forge",
    ),
)
