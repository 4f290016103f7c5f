"""Settings and secrets on the command line: flags for settings; secrets only from files, pipes or prompts."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mapae.cli.commands import option
from mapae.cli.language import say

if TYPE_CHECKING:
    from mapae.settings import Settings

Function = Callable[..., None]

WHERE = ("data", "database", "secret_file")
"""The settings that say where everything is; every command that opens the service has their flags."""


def settings_options(*, every: bool = False) -> Callable[[Function], Function]:
    """Add `--config` and the flags of settings; the function gets the checked `settings` as its first argument.

    Args:
        every: all settings, not only those of `WHERE`.
    """

    def add(function: Function) -> Function:
        from mapae.settings import SETTINGS

        chosen = [setting for setting in SETTINGS.values() if every or setting.name in WHERE]

        @wraps(function)
        def with_settings(*args: object, config: str | None, **given: Any) -> None:  # noqa: ANN401
            flags = {setting.name: given.pop(f"set_{setting.name}") for setting in chosen}
            function(read_settings(flags, config), *args, **given)

        decorated: Function = with_settings
        for setting in reversed(chosen):
            decorated = option(
                setting.flag,
                f"set_{setting.name}",
                metavar=_metavar(setting.kind.form),
                help=f"{setting.en} [{setting.default}]" if setting.default else setting.en,
                ko=f"{setting.ko} [{setting.default}]" if setting.default else setting.ko,
            )(decorated)
        return option(
            "--config",
            metavar="FILE",
            help="Read this settings file instead of ./mapae.toml.",
            ko="./mapae.toml 대신 읽을 설정 파일이에요.",
        )(decorated)

    return add


def read_settings(flags: dict[str, object], config: str | None) -> Settings:
    """Read the settings for this command line.

    Raises:
        SettingsRefused: with every mistake.
    """
    from mapae.settings import load_settings

    environ = dict(os.environ) | ({"MAPAE_CONFIG": config} if config else {})
    return load_settings(flags, environ)


def _metavar(form: str) -> str:
    if form.startswith("one of "):
        return "|".join(form.removeprefix("one of ").split(", "))
    for start, name in (("a whole number", "N"), ("a duration", "TIME"), ("a path", "PATH"), ("true or false", "BOOL")):
        if start in form:
            return name
    return "TEXT"


def read_secret(path: str | None, *, prompt: str, confirm: bool = False) -> str:
    """Read a secret from a file, from standard input ("-", or when it is a pipe), or from a hidden prompt.

    Raises:
        click.UsageError: there is nowhere to read it from, or it is empty.
    """
    if path not in (None, "-"):
        text = read_file(str(path)).decode("utf-8", "strict")
    elif path is None and sys.stdin.isatty():
        text = click.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True)
    else:
        text = sys.stdin.read()
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise click.UsageError(say(f"{prompt}: nothing was given.", f"{prompt}: 아무것도 받지 못했어요."))
    return text


def read_file(path: str, *, limit: int = 1 << 26) -> bytes:
    """Read a file, or standard input for "-".

    Raises:
        click.UsageError: it cannot be read, or is larger than `limit` octets.
    """
    try:
        octets = sys.stdin.buffer.read(limit + 1) if path == "-" else _bounded(Path(path), limit)
    except OSError as error:
        why = error.strerror or str(error)
        raise click.UsageError(say(f"{path} cannot be read: {why}.", f"{path}: 읽을 수 없어요({why}).")) from None
    if len(octets) > limit:
        raise click.UsageError(say(f"{path} is too large.", f"{path}: 너무 커요."))
    return octets


def _bounded(path: Path, limit: int) -> bytes:
    with path.open("rb") as file:
        return file.read(limit + 1)


def write_private(path: Path, octets: bytes, *, replace: bool = False) -> None:
    """Write a file that only its owner can read (mode 0600), whole or not at all.

    Raises:
        click.UsageError: it exists already and may not be replaced, or cannot be written.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        if path.exists() and not replace:
            raise click.UsageError(say(f"{path} exists already.", f"{path}: 이미 있는 파일이에요."))
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        why = error.strerror or str(error)
        raise click.UsageError(say(f"{path} cannot be written: {why}.", f"{path}: 쓸 수 없어요({why}).")) from None


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be undone; `yes` answers beforehand.

    Raises:
        click.UsageError: nobody can be asked and `--yes` was not given.
        click.Abort: the answer was no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} {say('Add --yes to do it.', '하려면 --yes를 붙이세요.')}")
    click.confirm(question, abort=True, err=True)
