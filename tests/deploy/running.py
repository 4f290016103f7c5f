"""A Mapae that something else starts: a shell that takes rights away first, or what the image's steps installed."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from servers import Connection, free_port

USER = 10001
"""Who runs Mapae in the image: nobody that the machine knows."""
AS_USER = f"setpriv --reuid {USER} --regid {USER} --clear-groups --no-new-privs --bounding-set=-all"


def need_to_become_another_user() -> None:
    """Skip where the kernel or the owner of this checkout does not let us play a container."""
    if os.geteuid() != 0 or not (shutil.which("unshare") and shutil.which("setpriv")):
        pytest.skip("needs root, unshare and setpriv")
    tried = ["unshare", "--mount", *AS_USER.split(), sys.executable, "-c", "import mapae"]
    if subprocess.run(tried, capture_output=True, check=False).returncode != 0:
        pytest.skip("no mount namespace is allowed here, or another user cannot read this checkout")


@contextmanager
def serves(command: list, settings: dict[str, str], folder: Path):
    """Start it on a free port, wait until it is ready, end it with SIGTERM, and see that it ends well."""
    port = free_port()
    process = subprocess.Popen(
        command, cwd=folder, env=settings | {"MAPAE_PORT": str(port), "MAPAE_ISSUER": f"http://localhost:{port}"},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        until = time.monotonic() + 60
        while not ready(port):
            assert process.poll() is None, process.stdout.read()
            assert time.monotonic() < until
            time.sleep(0.05)
        yield port
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=40)
        assert process.returncode == 0, output
        assert "Traceback" not in output
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        process.stdout.close()


def ready(port: int) -> bool:
    try:
        with Connection(port) as connection:
            return connection.ask("GET", "/readyz").status == 200
    except OSError:
        return False
