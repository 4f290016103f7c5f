"""Write the locked requirements again from pyproject.toml. `make lock` runs it.

uv resolves for every Python from 3.11 on at once. It lives in an environment of its own under `.cache/`, so nothing
needs to be installed by hand. Hashes are kept, addresses are not: a lock file works with any package index.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".cache" / "lock-venv"
LOCKS = {
    "serve": ["--extra", "server", "--extra", "postgres", "--extra", "board", "--group", "build"],
    "dev": ["--extra", "server", "--extra", "postgres", "--extra", "board", "--extra", "fastapi", "--group", "dev"],
    "image": ["--extra", "server", "--extra", "postgres", "--extra", "board", "-c", "requirements/serve.txt"],
    "build": ["--group", "build", "-c", "requirements/serve.txt"],
    "docs": ["--group", "docs"],
    "fuzz": ["--group", "build", "--group", "fuzz"],
    "bench": ["--extra", "server", "--extra", "postgres", "--group", "build", "--group", "bench"],
}
FLAGS = [
    "--universal", "--python-version", "3.11", "--generate-hashes", "--quiet",
    "--no-annotate", "--no-header", "--no-emit-index-url", "--no-emit-find-links",
]  # fmt: skip


def main(arguments: list[str]) -> None:
    if not (ENVIRONMENT / "bin" / "uv").exists():
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", ENVIRONMENT], check=True)
        pip = [sys.executable, "-m", "pip", "--python", ENVIRONMENT / "bin" / "python"]
        subprocess.run([*pip, "install", "--quiet", "--disable-pip-version-check", "uv"], check=True)
    for name, chosen in LOCKS.items():
        output = f"requirements/{name}.txt"
        command = [ENVIRONMENT / "bin" / "uv", "pip", "compile", *FLAGS, "pyproject.toml", *chosen, "-o", output]
        subprocess.run([*command, *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        print(f"lock: {output}")


if __name__ == "__main__":
    main(sys.argv[1:])  # `make lock ARGS=--upgrade` is `python tools/lock.py --upgrade`
