"""Does git track this file? A secret that was committed is known to everybody who has the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

PATIENCE = 5.0
"""Seconds to wait for git."""


def is_tracked(path: Path) -> bool:
    """Tell whether git tracks `path`; without git on the machine, whether the repository's index names it."""
    real = path.resolve()
    repository = next((folder for folder in real.parents if (folder / ".git").exists()), None)
    if repository is None:
        return False
    tracked = _asked_git(real)
    return _in_index(repository, real) if tracked is None else tracked


def _asked_git(path: Path) -> bool | None:
    """Return git's answer; None when there is no git, or it does not want to answer here."""
    git = shutil.which("git")
    if git is None:
        return None
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        answer = subprocess.run(  # noqa: S603  (a fixed command; the path stands after `--`)
            [git, "ls-files", "--error-unmatch", "--", path.name],
            cwd=path.parent,
            env=environ,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return {0: True, 1: False}.get(answer.returncode)


def _in_index(repository: Path, path: Path) -> bool:
    """Look for the name in the index file, formats 2 and 3 (gitformat-index): two bytes of flags, the name, a NUL.

    Format 4 shortens names, and a linked work tree keeps its index elsewhere: both count as not tracked.
    """
    try:
        index = (repository / ".git" / "index").read_bytes()
    except OSError:
        return False
    name = os.fsencode(path.relative_to(repository).as_posix())
    place = index.find(name + b"\0")
    while place > 0:
        length = int.from_bytes(index[place - 2 : place], "big") & 0xFFF
        extended_length = int.from_bytes(index[place - 4 : place - 2], "big") & 0xFFF
        if min(len(name), 0xFFF) in {length, extended_length}:
            return True
        place = index.find(name + b"\0", place + 1)
    return False
