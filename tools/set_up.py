"""Make the virtual environment that a make target needs, once.

    python3 tools/set_up.py serve|dev|docs|fuzz|bench

`serve` and `dev` share `.venv` (everything in `serve` is in `dev`); `docs` has its own, because the site builder's
dependencies are nobody else's, and so have `fuzz`, which changes the code it imports, and `bench`, whose packages are what
Mapae is compared with. Every package is pinned and checked against its hash in `requirements/`; Mapae itself is installed in place, without fetching anything. A
mark in the environment remembers what was installed, so that a second run costs a few milliseconds, and a changed lock
file is noticed.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = {
    "serve": ROOT / ".venv",
    "dev": ROOT / ".venv",
    "docs": ROOT / ".cache" / "docs-venv",
    "fuzz": ROOT / ".cache" / "fuzz-venv",
    "bench": ROOT / ".cache" / "bench-venv",
}
PROVIDED_BY = {"serve": ("serve", "dev"), "dev": ("dev",), "docs": ("docs",), "fuzz": ("fuzz",), "bench": ("bench",)}
NEEDS_THE_PROJECT = ("serve", "dev", "fuzz", "bench")


def main(name: str) -> None:
    environment = ENVIRONMENTS[name]
    cache = ROOT / ".cache"
    cache.mkdir(exist_ok=True)
    with (cache / "set-up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two targets at once (make -j, two terminals) take turns
        if not works(environment):
            create(environment)
        if not any(marked(environment, provider) for provider in PROVIDED_BY[name]):
            say(f"installing requirements/{name}.txt into {environment.relative_to(ROOT)}")
            install(environment, "--require-hashes", "-r", str(ROOT / "requirements" / f"{name}.txt"))
            mark(environment, name)
        if name in NEEDS_THE_PROJECT and not marked(environment, "project"):
            install(environment, "--no-deps", "--no-build-isolation", "-e", str(ROOT))
            mark(environment, "project")


def works(environment: Path) -> bool:
    """Say whether the environment's interpreter still starts: a Python that was upgraded away leaves a broken link."""
    python = environment / "bin" / "python"
    if not python.exists():
        return False
    return subprocess.run([python, "-c", ""], check=False, capture_output=True).returncode == 0


def create(environment: Path) -> None:
    if environment.exists():
        say(f"{environment.relative_to(ROOT)} has no working Python: making it again")
        shutil.rmtree(environment)
    # pip comes from the interpreter that runs this: Debian's Python cannot put one into an environment by itself.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)


def install(environment: Path, *arguments: str) -> None:
    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python")]
    quiet = ["--quiet", "--quiet", "--disable-pip-version-check", "--no-input"]
    subprocess.run([*pip, "install", *quiet, *arguments], check=True)


def fingerprint(name: str) -> str:
    source = ROOT / "pyproject.toml" if name == "project" else ROOT / "requirements" / f"{name}.txt"
    return hashlib.sha256(source.read_bytes()).hexdigest()


def marked(environment: Path, name: str) -> bool:
    path = environment / f"installed-{name}"
    return path.exists() and path.read_text() == fingerprint(name)


def mark(environment: Path, name: str) -> None:
    (environment / f"installed-{name}").write_text(fingerprint(name))


def say(text: str) -> None:
    print(f"set-up: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036  (PYTHON=... may name an older one)
        sys.exit(f"Mapae needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}.")
    if len(sys.argv) != 2 or sys.argv[1] not in ENVIRONMENTS:
        sys.exit(__doc__)
    try:
        main(sys.argv[1])
    except subprocess.CalledProcessError as error:
        sys.exit(f"set-up: a command ended with exit code {error.returncode}; its own message is above")
