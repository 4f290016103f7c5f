"""The data directory: the database, the master secret, and a `.gitignore` that keeps both out of git."""

from __future__ import annotations

import base64
import binascii
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from mapae.errors import FileExposed, KeyRefused, StorageFailed
from mapae.settings import Settings
from mapae.storage.secret_file import check_secret_file, read_secret_file, sync_folder, write_secret_file

__all__ = [
    "DataDirectory",
    "check_secret_file",
    "load_master_secret",
    "open_data_directory",
    "prepare_directory",
    "read_master_secret",
]

SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """An open data directory.

    Attributes:
        path: the directory.
        secret: the master secret, 32 bytes.
        fresh: the secret was made just now, by this process.
    """

    path: Path
    secret: bytes = field(repr=False)
    fresh: bool


def load_master_secret(settings: Settings) -> bytes:
    """Return the master secret: of `secret_file` where that is set, else of the data directory, made when missing.

    Raises:
        FileExposed: its file can be read by others or is tracked by git; the message says the cure.
        KeyRefused: what the file holds is not a master secret.
        StorageFailed: the file or the directory cannot be used.
    """
    if settings.secret_file is None:
        return open_data_directory(settings.data).secret
    prepare_directory(settings.data)
    return read_master_secret(settings.secret_file)


def open_data_directory(path: Path) -> DataDirectory:
    """Return the data directory at `path`, made when missing, with its master secret, made when missing.

    Raises:
        FileExposed: the secret can be read by others or is tracked by git; the message says the cure.
        KeyRefused: what its file holds is not a master secret.
        StorageFailed: the directory cannot be used.
    """
    prepare_directory(path)
    file = path / "secret"
    try:
        fresh = not file.exists() and write_secret_file(file, _written(secrets.token_bytes(SECRET_BYTES)))
    except OSError as error:
        raise _unusable(path, error) from error
    return DataDirectory(path, read_master_secret(file), fresh)


def prepare_directory(path: Path) -> None:
    """Make the data directory with mode 0700 and its `.gitignore`; an existing one is closed to others.

    Raises:
        FileExposed: others may write to it, and it is not ours to close.
        StorageFailed: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            _close(path)
        ignore = path / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", "ascii")
            sync_folder(path)
    except OSError as error:
        raise _unusable(path, error) from error


def read_master_secret(path: Path) -> bytes:
    """Return the master secret that a file holds: base64url of 32 bytes, as text.

    Raises:
        FileExposed: the file can be read by others or is tracked by git; the message says the cure.
        KeyRefused: the file holds something else.
        StorageFailed: there is no such file, or it cannot be read.
    """
    text = read_secret_file(path).strip()
    try:
        secret = base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise KeyRefused(
            f"{path} does not hold a master secret: base64url of {SECRET_BYTES} random bytes, 43 characters; "
            "put back the right file, or make one for a new database with `openssl rand -base64 32 | tr '+/' '-_'`"
        )
    return secret


def _written(secret: bytes) -> bytes:
    return base64.urlsafe_b64encode(secret).rstrip(b"=") + b"\n"


def _close(path: Path) -> None:
    try:
        path.chmod(0o700)
    except PermissionError:
        # A volume that an orchestrator mounted for us: each file in it is closed by itself.
        if path.stat().st_mode & stat.S_IWOTH:
            raise FileExposed(f"everybody may write to {path}; run `chmod 700 {path}` as its owner") from None


def _unusable(path: Path, error: OSError) -> StorageFailed:
    return StorageFailed(
        f"data directory {path}: {error.strerror}; "
        "check that the user that runs Mapae may write there, or set `data` to another directory"
    )
