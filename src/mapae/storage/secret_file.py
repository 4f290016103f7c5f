"""A file that only its owner may read: made safely, checked before it is used."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from mapae.errors import FileExposed, StorageFailed
from mapae.storage.git_tracking import is_tracked

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_WRITERS_AND_WORLD = stat.S_IWGRP | stat.S_IRWXO
_LARGEST = 1 << 20


def check_secret_file(path: Path) -> None:
    """Refuse a secret file that others can read, that belongs to somebody else, or that git tracks.

    A file of root's that this process merely reads was put there by whoever runs the machine (a container's secret, a
    systemd credential), and may be readable by a group.

    Raises:
        FileExposed: with the cure.
        StorageFailed: there is no such file, or it cannot be read.
    """
    read_secret_file(path)


def read_secret_file(path: Path) -> bytes:
    """Return the content of a secret file once it has been checked as by `check_secret_file`.

    Raises:
        FileExposed: with the cure.
        StorageFailed: there is no such file, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            # The opened file is judged, not the name: the name may point elsewhere a moment later.
            _check_owner_and_mode(path, os.fstat(file.fileno()))
            content = file.read(_LARGEST)
    except OSError as error:
        raise StorageFailed(
            f"secret file {path}: cannot be read ({error.strerror}); check the path and its owner"
        ) from error
    if is_tracked(path):
        raise FileExposed(
            f"git tracks {path}, so everybody with the repository has it: make a new secret, "
            f"and untrack this one with `git rm --cached {path}` (its history keeps it all the same)"
        )
    return content


def write_secret_file(path: Path, content: bytes) -> bool:
    """Write a file of mode 0600, whole or not at all; tell whether it was made here, False when it exists already.

    Of several processes that do this at once one makes the file, and the others see it complete.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
    finally:
        temporary.unlink()
    sync_folder(path.parent)
    return True


def sync_folder(path: Path) -> None:
    """Make the names in a folder survive a power cut, where the file system can."""
    with contextlib.suppress(OSError):
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _check_owner_and_mode(path: Path, found: os.stat_result) -> None:
    us = os.geteuid()
    if not stat.S_ISREG(found.st_mode):
        raise FileExposed(f"{path} is not a regular file; name a file that holds the secret")
    if found.st_uid not in {us, 0}:
        raise FileExposed(f"{path} belongs to another user, who can read and change it; run `chown {us} {path}`")
    refused = _OTHERS if found.st_uid == us else _WRITERS_AND_WORLD
    if found.st_mode & refused:
        mode = stat.S_IMODE(found.st_mode)
        raise FileExposed(f"{path} has mode {mode:04o}, so others can read or change it; run `chmod 600 {path}`")
