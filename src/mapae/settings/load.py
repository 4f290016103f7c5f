"""Settings from flags, the environment and files; every mistake is reported at once.

Order, first wins: flags, `MAPAE_*`, `./mapae.toml`, `$XDG_CONFIG_HOME/mapae/config.toml`, defaults.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType

from mapae.errors import Mistake, SettingsRefused
from mapae.settings.catalogue import SETTINGS, Setting
from mapae.settings.definition import Settings, usable_cores
from mapae.settings.kinds import duration_text

PROJECT_FILE = "mapae.toml"

CREDENTIAL = "secret"

OTHER_VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        "MAPAE_CONFIG": "the settings file to read instead of ./mapae.toml",
        "MAPAE_LANG": "the language of the command line: en or ko",
        "MAPAE_LAB_STORE": "mapae lab lb: the Valkey or Redis server to use, its program or its URL",
        "MAPAE_CHROMIUM": "tests: the browser to use",
        "MAPAE_POSTGRES": "tests: the folder with the programs of the PostgreSQL to use",
        "MAPAE_SCREENSHOTS": "tests: the folder for pictures of the pages",
        "MAPAE_VECTORS": "tests: the folder of published test vectors",
        "MAPAE_SEED": "tests: the seed of random rounds",
    }
)
"""Environment variables that are no settings but known."""


@dataclass(frozen=True, slots=True)
class _Given:
    name: str
    value: object
    where: str


def settings_files(environ: Mapping[str, str], directory: Path | None = None) -> list[Path]:
    """List the settings files to read, first wins; MAPAE_CONFIG must exist, the others may be missing."""
    named = environ.get("MAPAE_CONFIG")
    project = Path(named) if named else (directory or Path()) / PROJECT_FILE
    home = environ.get("XDG_CONFIG_HOME") or (Path(environ["HOME"]) / ".config" if environ.get("HOME") else None)
    person = [Path(home) / "mapae" / "config.toml"] if home else []
    return [path for path in [project, *person] if path.exists() or (named and path == project)]


def load_settings(
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    files: Sequence[Path] | None = None,
) -> Settings:
    """Read all settings and check each one and how they fit together.

    Args:
        flags: values from the command line by the name of the setting; `None` means the flag was not given.
        environ: the environment.
        files: settings files, the first one wins; `None` finds them with `settings_files`.

    Raises:
        SettingsRefused: with every mistake, its file and line (or variable, or flag) and what to write instead.
    """
    mistakes: list[Mistake] = []
    sources = [_from_flags(flags, mistakes), _from_environment(environ, mistakes)]
    sources += [_from_file(path, mistakes) for path in (settings_files(environ) if files is None else files)]
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    for given in (given for source in sources for given in source):
        try:
            value = SETTINGS[given.name].kind.read(given.value)
        except ValueError as error:
            mistakes.append(Mistake(given.where, given.name, str(error)))
            continue
        if given.name not in origins:
            values[given.name], origins[given.name] = value, given.where
    settings = _completed(values, origins)
    refused = {mistake.name for mistake in mistakes}
    mistakes += [mistake for mistake in _disagreements(settings) if mistake.name not in refused]
    if mistakes:
        raise SettingsRefused(sorted(mistakes, key=lambda mistake: _position(mistake.where)))
    return settings


def text_of(settings: Settings, name: str, *, hide_secrets: bool = True) -> str:
    """Write the value of the setting `name` the way it may be written in the environment."""
    setting, value = SETTINGS[name], getattr(settings, name)
    if value is None:
        return setting.default.replace("<data>", str(settings.data))
    if setting.secret and hide_secrets:
        if "://" not in str(value) and value != setting.default:
            return "[REDACTED]"
        return re.sub(r"(//)[^/@]*(@)|(password=)[^&]*", r"\1\3[REDACTED]\2", str(value))
    return setting.kind.write(value)


def _position(where: str) -> tuple[str, int]:
    path, _, line = where.rpartition(":")
    return (path, int(line)) if line.isdigit() else (where, 0)


def _unknown(where: str, name: str, shown: str, known: Sequence[str]) -> Mistake:
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    return Mistake(where, shown, f"unknown; did you mean {near[0]}?" if near else "unknown; see `mapae config show`")


def _from_flags(flags: Mapping[str, object], mistakes: list[Mistake]) -> list[_Given]:
    found = []
    for name, value in flags.items():
        if value is None:
            continue
        if name in SETTINGS:
            found.append(_Given(name, value, SETTINGS[name].flag))
        else:
            mistakes.append(_unknown("command line", name, name, list(SETTINGS)))
    return found


def _from_environment(environ: Mapping[str, str], mistakes: list[Mistake]) -> list[_Given]:
    found: list[_Given] = []
    by_variable = {setting.variable: setting for setting in SETTINGS.values()}
    in_files = {f"{variable}_FILE": setting for variable, setting in by_variable.items() if setting.secret}
    for variable in sorted(variable for variable in environ if variable.startswith("MAPAE_")):
        value = environ[variable]
        if variable in by_variable:
            found.append(_Given(by_variable[variable].name, value, variable))
        elif variable in in_files:
            found += _from_secret_file(in_files[variable], value, variable, mistakes)
        elif variable == "MAPAE_SECRET":
            mistakes.append(
                Mistake(variable, "secret", "environments leak: put it into a file and name that in MAPAE_SECRET_FILE")
            )
        elif variable not in OTHER_VARIABLES:
            known = [*by_variable, *in_files, *OTHER_VARIABLES]
            mistakes.append(_unknown("environment", variable, variable, known))
    return found + _from_systemd(environ)


def _from_systemd(environ: Mapping[str, str]) -> list[_Given]:
    """The master secret as a systemd credential (`LoadCredential=secret:...`), unless MAPAE_SECRET_FILE says other."""
    if directory := environ.get("CREDENTIALS_DIRECTORY"):
        path = Path(directory) / CREDENTIAL
        if path.is_file():
            return [_Given("secret_file", path, f"systemd credential {CREDENTIAL}")]
    return []


def _from_secret_file(setting: Setting, path: object, where: str, mistakes: list[Mistake]) -> list[_Given]:
    try:
        text = Path(str(path)).expanduser().read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "is not a text file"
        mistakes.append(Mistake(where, f"{setting.name}_file", f"cannot be read: {why}"))
        return []
    return [_Given(setting.name, text, where)]


def _from_file(path: Path, mistakes: list[Mistake]) -> list[_Given]:
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        mistakes.append(Mistake(str(path), "file", f"cannot be read: {error.strerror}"))
        return []
    except UnicodeDecodeError:
        mistakes.append(Mistake(str(path), "file", "is not UTF-8"))
        return []
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        where = f"{path}:{line[1]}" if line else f"{path}:{text.count(chr(10)) + 1}"
        mistakes.append(Mistake(where, "TOML", re.sub(r" \(at .*\)$", "", str(error))))
        return []
    in_files = {f"{setting.name}_file": setting for setting in SETTINGS.values() if setting.secret}
    found: list[_Given] = []
    for name, value in table.items():
        where = f"{path}:{_line_of(name, text)}"
        if isinstance(value, dict):
            inner = ", ".join(str(key) for key in value) or "its settings"
            mistakes.append(Mistake(where, f"[{name}]", f"settings have no sections: move {inner} above the section"))
        elif name in SETTINGS:
            found.append(_Given(name, value, where))
        elif name in in_files:
            found += _from_secret_file(in_files[name], value, where, mistakes)
        elif name == "secret":
            mistakes.append(Mistake(where, name, "a settings file is no place for it: set secret_file to its file"))
        else:
            mistakes.append(_unknown(where, name, name, [*SETTINGS, *in_files]))
    return found


def _line_of(name: str, text: str) -> int:
    """Find the line where the top-level key or section `name` begins."""
    key = re.escape(name)
    start = re.compile(rf"""\s*\[*\s*(?:{key}|"{key}"|'{key}')\s*[=.\]]""")
    for number, line in enumerate(text.splitlines(), start=1):
        if start.match(line):
            return number
    return 1


def _completed(values: dict[str, object], origins: dict[str, str]) -> Settings:
    """Fill in the defaults that depend on other settings."""
    if "issuer" not in values and "port" in values:
        scheme = "https" if values.get("tls_cert") else "http"
        values["issuer"] = f"{scheme}://localhost:{values['port']}"
        origins["issuer"] = "default (from port)"
    elif "issuer" not in values and values.get("tls_cert"):
        values["issuer"] = f"https://localhost:{Settings().port}"
        origins["issuer"] = "default (from tls_cert)"
    if values.get("hash_threads") is None:
        workers = values.get("workers", 1)
        values["hash_threads"] = max(1, usable_cores() // (workers if isinstance(workers, int) else 1))
    return Settings(**values, origins=origins)  # type: ignore[arg-type]  # each kind reads its field's type


def _disagreements(settings: Settings) -> list[Mistake]:
    """Find settings that are fine alone but not together; said at the one that was set."""

    def at(*names: str) -> str:
        return next((settings.origins[name] for name in names if name in settings.origins), "default")

    found = []
    if settings.access_ttl > settings.idle_ttl:
        what = f"longer than idle_ttl ({duration_text(settings.idle_ttl)}): tokens would outlive their session"
        found.append(Mistake(at("access_ttl", "idle_ttl"), "access_ttl", what))
    if settings.idle_ttl > settings.absolute_ttl:
        what = f"longer than absolute_ttl ({duration_text(settings.absolute_ttl)}): it could never matter"
        found.append(Mistake(at("idle_ttl", "absolute_ttl"), "idle_ttl", what))
    if settings.key_announced_for >= settings.key_signs_for:
        what = f"must be shorter than key_signs_for ({duration_text(settings.key_signs_for)})"
        found.append(Mistake(at("key_announced_for", "key_signs_for"), "key_announced_for", what))
    if (settings.tls_cert is None) != (settings.tls_key is None):
        missing, present = ("tls_key", "tls_cert") if settings.tls_cert else ("tls_cert", "tls_key")
        found.append(Mistake(at(present), missing, f"missing: {present} needs it"))
    if settings.tls_cert and settings.issuer.startswith("http:"):
        found.append(Mistake(at("issuer", "tls_cert"), "issuer", "write https: tls_cert is set"))
    if settings.argon2_memory_kib < 8 * settings.argon2_parallelism:
        found.append(Mistake(at("argon2_memory_kib"), "argon2_memory_kib", "needs 8 KiB for each lane"))
    return found
