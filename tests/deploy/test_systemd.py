"""The systemd units: accepted by systemd itself, closed by its own measure, and true about Mapae."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from deploy.documents import DEPLOY, settings_from
from deploy.running import AS_USER, USER, need_to_become_another_user, serves
from mapae.settings.load import CREDENTIAL
from mapae.web.process import DRAIN_SECONDS, NOTICE_SECONDS
from servers import Connection
from servers import environment as environment_of_servers

FOLDER = DEPLOY / "systemd"
UNITS = sorted(path for path in FOLDER.iterdir() if path.suffix in (".service", ".timer"))
MOST_EXPOSED = 2.0
"""On systemd's scale from 0 (closed) to 10."""


@pytest.fixture(scope="module")
def analyze() -> str:
    if (program := shutil.which("systemd-analyze")) is None:
        pytest.skip("no systemd-analyze")
    return program


@pytest.fixture(scope="module")
def here(tmp_path_factory) -> Path:
    """The units with the program where it is on this machine; systemd looks whether it can be run."""
    place = tmp_path_factory.mktemp("units")
    for path in UNITS:
        (place / path.name).write_text(path.read_text().replace("/opt/mapae/bin/", f"{Path(sys.executable).parent}/"))
    return place


def unit(name: str) -> dict[str, list[str]]:
    """Return what stands in [Service], each key with all its values."""
    text = (FOLDER / name).read_text()
    section = re.search(r"^\[Service\]\n(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)[1]
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", section, re.MULTILINE):
        found.setdefault(key, []).append(value)
    return found


def environment(name: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for line in unit(name)["Environment"] for pair in line.split())


def test_systemd_accepts_the_units(analyze, here):
    checked = subprocess.run(
        [analyze, "verify", "--man=no", "--recursive-errors=no", *(here / path.name for path in UNITS)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (checked.returncode, checked.stderr) == (0, "")


def test_systemd_finds_the_service_well_closed(analyze, here, measured):
    command = [analyze, "security", "--offline=true", "--no-pager", here / "mapae.service"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    exposure = float(re.search(r"Overall exposure level.*?: ([\d.]+)", shown)[1])
    measured("systemd's exposure of mapae.service, 0 to 10", exposure)
    assert exposure <= MOST_EXPOSED


@pytest.mark.parametrize("name", ["mapae.service", "mapae-backup.service"])
def test_the_service_gets_settings_that_mapae_knows(name, tmp_path):
    settings = settings_from(environment(name), tmp_path)
    (state, *_) = unit(name)["StateDirectory"][0].split()
    assert settings.data == Path("/var/lib") / state / "data"


def test_both_units_see_the_same_data_as_the_same_user():
    service, backup = environment("mapae.service"), environment("mapae-backup.service")
    assert backup.items() <= service.items()
    assert unit("mapae-backup.service")["User"] == ["mapae"], "the name of the other unit's dynamic user"
    target = unit("mapae-backup.service")["ExecStart"][0].split()[-1]
    assert Path(target).parent in {
        Path("/var/lib") / each for each in unit("mapae-backup.service")["StateDirectory"][0].split()
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mapae.service", "mapae-backup.service"])
def test_what_it_runs_is_a_command_of_mapae(name):
    program, command, *_ = unit(name)["ExecStart"][0].split()
    assert program == "/opt/mapae/bin/mapae"
    assert (
        subprocess.run([sys.executable, "-m", "mapae", command, "--help"], capture_output=True, check=False).returncode
        == 0
    )


KEEP_MEMORY_UNWRITABLE = """\
import ctypes, os, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) != 0:  # PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN
    sys.exit("this kernel cannot")
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.slow
def test_it_serves_under_what_the_unit_takes_away():
    """MemoryDenyWriteExecute, ProtectProc, ProcSubset, ProtectSystem, its user, no capability; all without systemd.

    The credential is a file of root's that the group may read, which is what the access list of systemd's looks like.
    """
    need_to_become_another_user()
    tried = [sys.executable, "-c", KEEP_MEMORY_UNWRITABLE, "/bin/true"]
    if subprocess.run(tried, capture_output=True, check=False).returncode != 0:
        pytest.skip("Linux is older than 6.3")
    with tempfile.TemporaryDirectory(prefix="mapae-unit-") as folder:
        place = Path(folder)
        place.chmod(0o755)
        (place / "state").mkdir(mode=0o700)
        os.chown(place / "state", USER, USER)
        (place / "credentials").mkdir()
        credential = place / "credentials" / CREDENTIAL
        credential.write_text("bm90IGEgc2VjcmV0LCAzMiBieXRlcyBvZiBhIHRlc3Q")
        os.chown(credential, 0, USER)
        credential.chmod(0o440)
        script = (
            "set -e; mount -t proc -o subset=pid,hidepid=invisible proc /proc; mount --bind state state; "
            "mount -o remount,ro,bind /; umask 0077; cd state; "
            'exec "$@"'
        )
        own = environment_of_servers(place / "state" / "data", 1, CREDENTIALS_DIRECTORY=str(credential.parent))
        own |= {"HOME": str(place / "state"), "MAPAE_LOG_LEVEL": "info"}
        closed = [sys.executable, "-c", KEEP_MEMORY_UNWRITABLE, shutil.which("setpriv"), *AS_USER.split()[1:]]
        served = [sys.executable, "-m", "mapae", "serve"]
        with (
            serves(["unshare", "--mount", "sh", "-c", script, "sh", *closed, *served], own, place) as port,
            Connection(port) as connection,
        ):
            connection.sign_up("jane@example.com")
            assert not (place / "state" / "data" / "secret").exists(), "the credential was not used"
            assert connection.sign_in("jane@example.com")["access_token"]


def test_the_credential_has_the_name_that_mapae_looks_for():
    assert unit("mapae.service")["LoadCredential"] == [f"{CREDENTIAL}:/etc/mapae/secret"]


def test_it_may_take_as_long_to_end_as_it_needs():
    assert float(unit("mapae.service")["TimeoutStopSec"][0]) > NOTICE_SECONDS + DRAIN_SECONDS
