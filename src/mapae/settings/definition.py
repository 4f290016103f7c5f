"""The settings as a value: one frozen object that every flow reads."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from mapae.settings.kinds import FIRST_PARTY, is_loopback

MINUTE, HOUR, DAY = 60, 3600, 86_400

DEFAULT_PORT = 8100


def usable_cores() -> int:
    """Count the processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A complete configuration. Durations are seconds, sizes are in the unit of the name; `None` means off or default.

    `load_settings` reads one from flags, environment and files and checks it; `Settings(...)` in code is not checked.
    `catalogue.py` says what each setting does and which values it takes.

    Attributes:
        origins: where the values that were set came from, by name; not a setting.
    """

    # service
    issuer: str = f"http://localhost:{DEFAULT_PORT}"
    audience: str | None = None
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    workers: int = 1
    trusted_proxies: tuple[str, ...] = ()
    tls_cert: Path | None = None
    tls_key: Path | None = None
    # storage
    data: Path = Path("mapae-data")
    database: str | None = None
    database_connections: int = 10
    secret_file: Path | None = None
    board: str = "memory"
    board_prefix: str = "mapae"
    activity_retention: int = 180 * DAY
    # log
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "text"] = "auto"
    # tokens
    algorithm: Literal["ES256", "Ed25519", "RS256", "PS256"] = "ES256"
    access_token: Literal["jwt", "opaque"] = "jwt"  # noqa: S105  # the name of a kind
    clients: tuple[str, ...] = ()
    access_ttl: int = 10 * MINUTE
    leeway: int = 5
    max_staleness: int = 30
    feed_secret: str | None = None
    status_lists: bool = False
    # sessions
    idle_ttl: int = 14 * DAY
    absolute_ttl: int = 90 * DAY
    refresh_window: int = 20
    strict_refresh: bool = False
    recover_max: int | None = None
    # passwords
    password_hash: Literal["bcrypt", "argon2id"] = "bcrypt"  # noqa: S105  # the name of a scheme
    bcrypt_cost: int = 12
    argon2_memory_kib: int = 65_536
    argon2_time: int = 3
    argon2_parallelism: int = 1
    password_min_length: int = 15
    password_max_age: int | None = None
    hash_threads: int = field(default_factory=usable_cores)
    hash_queue_seconds: int = 2
    gate: bool = True
    # keys
    key_signs_for: int = 90 * DAY
    key_announced_for: int = DAY
    # pages
    sign_up: Literal["open", "closed"] = "open"
    brand: str = "Mapae"
    accent: str = "#7A4E12"
    languages: tuple[str, ...] = ("en", "ko")
    security_contact: str | None = None

    origins: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    def origin(self, name: str) -> str:
        """Say where the value of the setting `name` came from, such as "mapae.toml:7" or "default"."""
        return self.origins.get(name, "default")

    @property
    def database_url(self) -> str:
        """The URL of the database: as set, or the file `mapae.db` in the data directory."""
        return self.database or f"sqlite:///{self.data / 'mapae.db'}"

    @property
    def token_audience(self) -> str:
        """The `aud` of access tokens: as set, or the issuer."""
        return self.audience or self.issuer

    def access_token_of(self, client_id: str) -> Literal["jwt", "opaque"] | None:
        """Say which kind of access token a client gets at its next sign-in; None for a client that nobody named."""
        if client_id == FIRST_PARTY:
            return self.access_token
        for kind in ("jwt", "opaque"):
            if f"{client_id}={kind}" in self.clients:
                return kind
        return None

    @property
    def access_token_kinds(self) -> frozenset[str]:
        """The kinds of access token that sign-ins hand out: one, or both."""
        return frozenset((self.access_token, *(client.rpartition("=")[2] for client in self.clients)))

    @property
    def issuer_is_loopback(self) -> bool:
        """Whether only this machine can reach the issuer."""
        return is_loopback(urlsplit(self.issuer).hostname or "")

    @property
    def host_is_loopback(self) -> bool:
        """Whether the service listens for this machine only."""
        return is_loopback(self.host)
