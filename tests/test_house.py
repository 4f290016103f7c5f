"""What a stranger relies on before reading any code: the two commands, the package, its promises about itself."""

import ast
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import zipfile
from collections.abc import Iterator
from email import message_from_bytes
from importlib import import_module
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

import mapae

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "mapae"
NODE_LOCKS = [ROOT / folder / "node" / "package-lock.json" for folder in ("bench", "tests")]
LOCKS = sorted([*ROOT.glob("requirements/*.txt"), *NODE_LOCKS])
GENERATED = {"node_modules", "site", "build", "dist", "__pycache__", "mapae-data"}


def our_files() -> list[Path]:
    """Every text file of the project: what git would keep, told without git."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in GENERATED and (name == ".github" or name[0] != ".")]
        found += [Path(folder) / name for name in names if name != ".git" and not name.startswith(".coverage")]
    return [path for path in found if b"\0" not in path.read_bytes()[:4096]]


# The two commands -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["README.md", "README.ko.md", "CONTRIBUTING.md"])
def test_every_make_target_that_is_mentioned_exists(name):
    mentioned = set(re.findall(r"(?:^\$ |`)make ([a-z-]+)", (ROOT / name).read_text(), re.MULTILINE))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"serve", "test"} <= mentioned <= targets


@pytest.mark.slow
def test_make_serve_starts_the_service_and_stops_it_cleanly(tmp_path):
    if shutil.which("make") is None:
        pytest.skip("no make")
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAPAE_", "MAKE"))}
    environment |= {"MAPAE_DATA": str(tmp_path / "mapae-data"), "MAPAE_PORT": str(port)}
    serving = subprocess.Popen(
        ["make", "serve"], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    try:
        assert answers(f"http://localhost:{port}/readyz", serving)
        os.killpg(serving.pid, signal.SIGTERM)
        said, _ = serving.communicate(timeout=15)
        # make itself dies of the signal that it was sent; the service below it ends in its own time.
        assert b'"event":"stopped","code":"0"' in said
        assert b"Traceback" not in said
    finally:
        if serving.poll() is None:
            os.killpg(serving.pid, signal.SIGKILL)
            serving.wait()


def answers(url: str, server: subprocess.Popen) -> bool:
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            with urlopen(url, timeout=1) as answer:
                return answer.status == 200
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    return False


def test_the_set_up_reads_on_the_oldest_python_it_refuses():
    """A Python that is too old must reach the message that says so: the Makefile asks it only this."""
    assert "sys.version_info < (3, 11)" in (ROOT / "Makefile").read_text()


# The package ----------------------------------------------------------------------------------------------------------


def imported_by(statement: str) -> set[str]:
    script = f"import sys\n{statement}\nprint(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    )


# socket and bcrypt are not named: cryptography itself loads them for X.509 and for SSH keys.
SERVER_MODULES = {
    "asyncio", "sqlite3", "starlette", "uvicorn", "jinja2", "click", "rich", "argon2", "fastapi", "prometheus_client",
    "mapae.storage", "mapae.flows", "mapae.web", "mapae.cli", "mapae.settings", "mapae.coordination",
}  # fmt: skip
ROUND = """\
import mapae
key = mapae.Key.generate("ES256")
mapae.verify(mapae.sign({}, key, issuer="i", audience="a", lifetime=9), key, issuer="i", audience="a")
"""


@pytest.mark.parametrize("statement", ["import mapae", "from mapae import *", "import mapae.guard", ROUND])
@pytest.mark.slow
def test_the_library_loads_no_server_module(statement):
    assert not imported_by(statement) & SERVER_MODULES


def test_the_public_surface_is_what_all_says():
    assert sorted(mapae.__all__) == list(mapae.__all__), "__all__ is sorted"
    assert all(getattr(mapae, name).__doc__ for name in mapae.__all__)
    homes = {
        name: getattr(mapae, name).__module__ for name in mapae.__all__ if hasattr(getattr(mapae, name), "__module__")
    }
    assert all(getattr(import_module(home), name) is getattr(mapae, name) for name, home in homes.items())
    with pytest.raises(AttributeError):
        mapae.decode  # noqa: B018  (what other libraries call it)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built by the real backend from a copy that holds nothing but the sources."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "README.ko.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    return next((source / "dist").glob("*.whl"))


@pytest.mark.slow
def test_the_wheel_carries_every_file_of_the_package(wheel):
    sources = {f"mapae/{path.relative_to(PACKAGE)}" for path in PACKAGE.rglob("*") if path.is_file()}
    expected = {path for path in sources if "__pycache__" not in path}
    assert expected <= set(zipfile.ZipFile(wheel).namelist())
    for kind in ("py.typed", ".html", ".css", ".sql", ".py"):
        assert any(path.endswith(kind) for path in expected), f"no {kind} in the package"


@pytest.mark.slow
def test_the_library_has_exactly_two_dependencies(wheel):
    with zipfile.ZipFile(wheel) as opened:
        metadata = next(name for name in opened.namelist() if name.endswith(".dist-info/METADATA"))
        declared = message_from_bytes(opened.read(metadata))
    unconditional = {
        re.match(r"[\w-]+", each)[0] for each in declared.get_all("Requires-Dist") if "extra ==" not in each
    }
    assert unconditional == {"cryptography", "msgspec"}
    assert {"server", "fastapi"} <= set(declared.get_all("Provides-Extra"))
    assert declared["License-Expression"] == "Apache-2.0"
    assert declared["Requires-Python"] == ">=3.11"


@pytest.mark.slow
def test_the_wheel_signs_and_verifies_with_nothing_but_its_two_dependencies(wheel, tmp_path):
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    installed = Path(import_module("msgspec").__file__).parent.parent
    for pattern in ("msgspec", "cryptography", "cffi", "_cffi_backend*", "pycparser"):
        for found in installed.glob(pattern):
            (site / found.name).symlink_to(found)
    script = (
        f"import sys; sys.path.append({str(site)!r})\n"
        "import mapae\n"
        "key = mapae.Key.generate('ES256')\n"
        "token = mapae.sign({'sub': 'user-42'}, key, issuer='https://id.example', audience='api', lifetime=600)\n"
        "print(mapae.verify(token, key.public(), issuer='https://id.example', audience='api').sub, mapae.__file__)\n"
    )
    ran = subprocess.run([sys.executable, "-I", "-S", "-c", script], check=True, capture_output=True, text=True)
    assert ran.stdout.split() == ["user-42", str(site / "mapae" / "__init__.py")]


def test_what_the_locks_pin_is_what_the_project_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["server"]]
    locked = set(re.findall(r"^([\w-]+)==", (ROOT / "requirements" / "serve.txt").read_text(), re.MULTILINE))
    assert {re.match(r"[\w-]+", each)[0] for each in asked} <= locked


def test_the_public_ci_runs_commands_that_exist_on_every_python_we_name():
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = re.findall(r"^ *- run: (.+)$", workflow, re.MULTILINE)
    assert commands
    for command in commands:
        program, *arguments = command.split()
        assert set(arguments) <= targets if program == "make" else os.access(ROOT / program, os.X_OK), command
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {each.rpartition(" ")[2] for each in project["classifiers"] if "Python :: 3." in each}
    tried = set(re.findall(r'"(3\.\d+)"', workflow))
    assert named <= tried
    assert min(tried, key=lambda version: int(version[2:])) == project["requires-python"].removeprefix(">=")


# The first release of each that runs on Node 24: runners have had no older one since September 2026.
ACTIONS = {"actions/checkout": 5, "actions/setup-python": 6, "actions/upload-artifact": 6}


def test_the_public_ci_uses_actions_that_runners_still_start():
    used = re.findall(r"uses: ([\w/-]+)@v(\d+)$", (ROOT / ".github" / "workflows" / "ci.yml").read_text(), re.MULTILINE)
    assert {name for name, _ in used} == set(ACTIONS)
    assert [(name, version) for name, version in used if int(version) < ACTIONS[name]] == []


# What must be used ----------------------------------------------------------------------------------------------------

# Called by a framework, by the standard library or by applications, under these names.
HOOKS = {"capture_signals", "emit", "format_commands", "list_commands", "makefile", "readable", "readinto"}
# asyncio.Protocol
HOOKS |= {"connection_made", "connection_lost", "data_received", "pause_writing", "resume_writing"}
HOOKS |= {
    "on_message_begin",
    "on_url",
    "on_header",
    "on_headers_complete",
    "on_body",
    "on_message_complete",
}  # httptools


def names_used(tree: ast.AST) -> Iterator[str]:
    """Every name that a file reads, passes or writes as a dotted path in a text."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
                yield name
            case ast.Constant(value=str(text)) if re.fullmatch(r"[\w.:]+", text):
                yield re.split("[.:]", text)[-1]


def names_defined(tree: ast.Module) -> Iterator[str]:
    """Every function, method and class of a file, and what it assigns outside of them."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                # A command of the command line is called by what is typed.
                if not any("command" in ast.unparse(decorator) for decorator in node.decorator_list):
                    yield name
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name


@pytest.mark.slow
def test_nothing_in_the_package_is_there_for_its_tests_alone():
    ours = [path for path in our_files() if not path.is_relative_to(ROOT / "tests")]
    code = {path: ast.parse(path.read_text()) for path in ours if path.suffix == ".py"}
    used = {name for tree in code.values() for name in names_used(tree)} | HOOKS
    used |= {word for path in ours if path.suffix in {".md", ".html"} for word in re.findall(r"\w+", path.read_text())}
    mirror = PACKAGE / "compat"  # has the names of another library, whoever calls them
    unused = {
        f"{path.relative_to(PACKAGE)}: {name}"
        for path, tree in code.items()
        if path.is_relative_to(PACKAGE) and not path.is_relative_to(mirror)
        for name in names_defined(tree)
        if name not in used and not name.startswith("__")
    }
    assert unused == set()


# What must not be in it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_lock_carries_hashes_and_no_address(lock):
    text = lock.read_text()
    assert ("sha256:" if lock.suffix == ".txt" else "sha512-") in text
    entries = re.findall(r"^[\w-]+==.*", text, re.MULTILINE) if lock.suffix == ".txt" else []
    assert all(entry.endswith("\\") for entry in entries), "a version without a hash"
    assert '"resolved"' not in text
    assert not re.search(r"--(index-url|extra-index-url|find-links)|^(?!.*\"url\").*https?://", text, re.MULTILINE)


# Each expression is written so that it does not match itself.
FORBIDDEN = {
    "a path of one machine": re.compile(r"(?<![\w./<~-])/(root|work|home/[a-z]+|Users/\w+)/"),
    "a package index": re.compile(r"files\.python[h]osted|registry\.npm[j]s|pypi\.org/[s]imple"),
    "unfinished work": re.compile(r"\b(TOD[O]|FIXM[E]|XX[X])\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE [K]EY-----\s+[A-Za-z0-9+/=\s]{100}"),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_of_the_project_holds(what):
    holding = [
        f"{path.relative_to(ROOT)}: {found[0]!r}"
        for path in our_files()
        if (found := FORBIDDEN[what].search(path.read_text("utf-8", errors="replace")))
    ]
    assert not holding


def test_each_error_has_a_code_of_its_own():
    errors = import_module("mapae.errors")
    classes = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.MapaeError)]
    codes = [each.code for each in classes]
    assert len(codes) == len(set(codes))


def test_each_error_code_stands_in_the_registry_of_problems():
    errors, problems = import_module("mapae.errors"), import_module("mapae.web.problems")
    classes = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.MapaeError)]
    assert {each.code for each in classes} <= set(problems.PROBLEMS)


@pytest.mark.parametrize("path", sorted(ROOT.glob("changelog.d/*.md")), ids=lambda path: path.name)
def test_news_is_named_after_its_kind(path):
    assert path.name == "README.md" or re.fullmatch(
        r"[a-z0-9-]+\.(added|changed|fixed|removed|security)\.md", path.name
    )
