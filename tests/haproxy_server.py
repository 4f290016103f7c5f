"""A real HAProxy with the project's own configuration, as a process of its own, in front of nodes on this machine."""

import datetime as dt
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPSConnection
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from servers import Connection

CONFIGURATION = Path(__file__).resolve().parent.parent / "deploy" / "haproxy" / "haproxy.cfg"
WAIT_SECONDS = 30


def write_certificate(path: Path) -> None:
    """Write a certificate for localhost and its key into one file, as HAProxy wants them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)


class SecureConnection(Connection):
    """One kept-alive https connection to the proxy."""

    def __init__(self, port: int, *, certificate: Path, timeout: float = 60) -> None:
        """Prepare a connection that believes `certificate` and no other."""
        super().__init__(port, timeout=timeout)
        trust = ssl.create_default_context(cafile=certificate)
        self._http = HTTPSConnection("localhost", port, timeout=timeout, context=trust)


@dataclass
class Haproxy:
    """A running HAProxy, its three addresses, and the certificate it shows."""

    http_port: int
    https_port: int
    certificate: Path
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """What people would type."""
        return f"https://localhost:{self.https_port}"

    def connect(self, *, timeout: float = 60) -> SecureConnection:
        """Return a connection to it."""
        return SecureConnection(self.https_port, certificate=self.certificate, timeout=timeout)

    def until_it_sends_to(self, nodes: int) -> None:
        """Wait until so many different nodes answer through it."""
        seen: set[str] = set()
        until = time.monotonic() + WAIT_SECONDS
        while len(seen) < nodes:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, f"only {seen} answer; {self.log.read_text()[-2000:]}"
            try:
                with self.connect() as connection:
                    answer = connection.ask("GET", "/livez")
            except OSError:
                time.sleep(0.02)  # it does not listen yet
                continue
            if answer.status == 200:
                seen.add(answer.worker)


@contextmanager
def proxying(
    program: Path, folder: Path, nodes: Sequence[int], *, http_port: int, https_port: int
) -> Iterator[Haproxy]:
    """Start HAProxy in front of the nodes on these ports of 127.0.0.1, and end it."""
    folder.mkdir()
    certificate, log = folder / "certificate", folder / "log"
    write_certificate(certificate)
    environment = {f"NODE{number}": f"127.0.0.1:{port}" for number, port in enumerate(nodes, 1)}
    environment |= {"PROXY_HTTP": f"127.0.0.1:{http_port}", "PROXY_HTTPS": f"127.0.0.1:{https_port}"}
    with log.open("wb") as said:
        process = subprocess.Popen(
            [program, "-db", "-f", CONFIGURATION],
            cwd=folder,
            env=environment | {"PROXY_CERT": str(certificate)},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
    try:
        yield Haproxy(http_port, https_port, certificate, log, process)
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(WAIT_SECONDS)


def find_haproxy() -> Path | None:
    """Return HAProxy's program, or None where it is not installed; Debian keeps it off the PATH of plain users."""
    found = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
    return Path(found) if found else None
