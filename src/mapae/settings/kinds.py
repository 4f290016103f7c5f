"""How the text of a setting becomes a value, and back: one function for each kind of value."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from mapae.settings.board_url import EXAMPLE, read_board_url
from mapae.settings.postgres_url import EXAMPLE as POSTGRES_EXAMPLE
from mapae.settings.postgres_url import check_postgres_url

FIRST_PARTY = "mapae"
"""The client id of Mapae's own pages, of mounted applications, and of callers that name none."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(?:\d{1,9}[smhdw])+", re.ASCII)
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value.

    Attributes:
        form: what may be written, in words.
        read: text from a flag or the environment, or a value of a TOML file, to the value; raises ValueError with
            what to write instead.
        write: the value to text that `read` reads.
    """

    form: str
    read: Callable[[object], object]
    write: Callable[..., str] = str


def duration_text(seconds: int) -> str:
    """Write seconds the way a setting is written: 600 is "10m", 90061 is "1d1h1m1s"."""
    if seconds == 0:
        return "0s"
    parts = []
    for unit in "dhms":
        count, seconds = divmod(seconds, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`: localhost, *.localhost, 127.0.0.0/8, ::1."""
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def words(example: str, longest: int = 200) -> Kind:
    """Text in one line, of at most `longest` characters."""
    form = f"text of at most {longest} characters"

    def read(given: object) -> str:
        text = _text(given, example)
        if len(text) > longest or not text.isprintable():
            raise ValueError(f"write {form}, in one line")
        return text

    return Kind(form, read)


def whole(lowest: int, highest: int) -> Kind:
    """A whole number from `lowest` to `highest`."""
    form = f"a whole number from {lowest} to {highest}"

    def read(given: object) -> int:
        if isinstance(given, str) and re.fullmatch(r"-?\d{1,12}", given.strip(), re.ASCII):
            given = int(given)
        if isinstance(given, int) and not isinstance(given, bool) and lowest <= given <= highest:
            return given
        raise ValueError(f"write {form}")

    return Kind(form, read)


def switch() -> Kind:
    """True or false."""

    def read(given: object) -> bool:
        if isinstance(given, bool):
            return given
        match given.strip().lower() if isinstance(given, str) else None:
            case "true" | "on" | "yes" | "1":
                return True
            case "false" | "off" | "no" | "0":
                return False
            case _:
                raise ValueError("write true or false")

    return Kind("true or false", read, lambda value: str(value).lower())


def duration(lowest: int, highest: int) -> Kind:
    """A length of time from `lowest` to `highest` seconds, written with units."""
    form = f"a duration from {duration_text(lowest)} to {duration_text(highest)}"

    def read(given: object) -> int:
        bare = given if isinstance(given, int) and not isinstance(given, bool) else None
        text = "" if bare is not None else _text(given, "10m").lower().replace(" ", "")
        if bare is not None or (text.isascii() and text.isdigit()):
            raise ValueError(f'add a unit: "{text or bare}s", or minutes "m", hours "h", days "d", weeks "w"')
        if not _DURATION.fullmatch(text) or len(text) > 40:
            raise ValueError('write a duration, like "90s", "10m", "1h30m" or "30d"')
        seconds = sum(int(count) * _UNITS[unit] for count, unit in re.findall(r"(\d+)([smhdw])", text))
        if not lowest <= seconds <= highest:
            raise ValueError(f"write {form}")
        return seconds

    return Kind(form, read, duration_text)


def word_or(word: str, other: Kind) -> Kind:
    """A word like "off" or "auto" that stands for `None`, or else a value of another kind."""

    def read(given: object) -> object:
        if isinstance(given, str) and given.strip().lower() == word:
            return None
        try:
            return other.read(given)
        except ValueError as error:
            raise ValueError(f'{error}, or "{word}"') from None

    return Kind(f'"{word}", or {other.form}', read, lambda value: word if value is None else other.write(value))


def choice(*choices: str) -> Kind:
    """One of a few words."""
    form = "one of " + ", ".join(choices)

    def read(given: object) -> str:
        for each in choices:
            if isinstance(given, str) and given.strip().lower() == each.lower():
                return each
        raise ValueError(f"write {form}")

    return Kind(form, read)


def several(*choices: str) -> Kind:
    """Different words out of a few, the most wanted first; in the environment separated by commas."""
    form = "one or more of " + ", ".join(choices)

    def read(given: object) -> tuple[str, ...]:
        found = _listed(given)
        if not found or len(set(found)) != len(found) or not set(found) <= set(choices):
            raise ValueError(f"write {form}, each once")
        return found

    return Kind(form, read, ",".join)


def clients() -> Kind:
    """Clients and the kind of access token each of them gets; in the environment separated by commas."""
    form = 'clients with the kind of their tokens, like "phone=jwt" or "kiosk=opaque"'

    def read(given: object) -> tuple[str, ...]:
        found = tuple(text.replace(" ", "") for text in _listed(given))
        if not all(re.fullmatch(r"[A-Za-z0-9._-]{1,64}=(jwt|opaque)", text) for text in found):
            raise ValueError(f"write {form}")
        names = [text.rpartition("=")[0] for text in found]
        if len(set(names)) != len(names):
            raise ValueError("write each client once")
        if FIRST_PARTY in names:
            raise ValueError(f'leave out "{FIRST_PARTY}": what it gets is the setting access_token')
        return found

    return Kind(form, read, ",".join)


def networks() -> Kind:
    """Addresses and networks, none or more; in the environment separated by commas."""

    def read(given: object) -> tuple[str, ...]:
        found = _listed(given)
        try:
            for text in found:
                ipaddress.ip_network(text)
        except ValueError:
            raise ValueError('write addresses or networks, like "10.0.0.0/8" or "192.0.2.7"') from None
        return found

    return Kind("addresses or networks, like 10.0.0.0/8", read, ",".join)


def file_path(example: str) -> Kind:
    """A path of a file or directory; a leading ~ is the home directory."""

    def read(given: object) -> Path:
        if isinstance(given, Path):
            return given
        text = _text(given, example)
        if "\0" in text:
            raise ValueError(f'write a path, like "{example}"')
        return Path(text).expanduser()

    return Kind(f'a path, like "{example}"', read)


def bind_address() -> Kind:
    """An address or host name to listen on."""
    form = "an address or a host name, like 127.0.0.1, ::1 or 0.0.0.0"

    def read(given: object) -> str:
        text = _text(given, "127.0.0.1").removeprefix("[").removesuffix("]")
        try:
            ipaddress.ip_address(text)
        except ValueError:
            if len(text) > 253 or not _HOST_NAME.fullmatch(text):
                raise ValueError(f"write {form}, without a port") from None
        return text

    return Kind(form, read)


def issuer() -> Kind:
    """The `iss` of all tokens: an https URL without query and fragment; http only for loopback (RFC 8414 §2)."""

    def read(given: object) -> str:
        text = _text(given, "https://id.example.com")
        try:
            url = urlsplit(text)
            usable = url.scheme in ("http", "https") and url.hostname and url.port != 0
        except ValueError:
            url, usable = urlsplit(""), False
        if not usable or not text.isascii() or any(letter.isspace() for letter in text):
            raise ValueError('write a URL, like "https://id.example.com"')
        if url.username is not None or url.query or url.fragment or text.endswith(("?", "#")):
            raise ValueError("leave out user name, query and fragment")
        if text.endswith("/"):
            raise ValueError("leave out the slash at the end: tokens carry the issuer letter by letter")
        if url.netloc != url.netloc.lower():
            raise ValueError("write the host name in lower case: tokens carry the issuer letter by letter")
        if url.scheme == "http" and not is_loopback(url.hostname or ""):
            raise ValueError("write https: tokens over plain http can be read on the way (http is for localhost only)")
        return text

    return Kind("an https URL (http only for localhost), without a slash at the end", read)


def database_url() -> Kind:
    """Where the database is: `sqlite:///` and a path, or a URL of PostgreSQL."""
    advice = (
        'write "sqlite:///" and a path: "sqlite:///mapae-data/mapae.db", or "sqlite:////var/lib/mapae/mapae.db"; '
        f'or PostgreSQL: "{POSTGRES_EXAMPLE}"'
    )

    def read(given: object) -> str:
        text = _text(given, "sqlite:///mapae-data/mapae.db")
        if text.startswith(("postgresql://", "postgres://")):
            check_postgres_url(text)
            return text
        if not text.startswith("sqlite:///") or text == "sqlite:///" or any(sign in text for sign in "?#\0"):
            raise ValueError(advice)
        return text

    return Kind(f'a URL, like "sqlite:///mapae-data/mapae.db" or "{POSTGRES_EXAMPLE}"', read)


def board() -> Kind:
    """Where the board is: "memory", or the URL of a Valkey or Redis server."""

    def read(given: object) -> str:
        text = _text(given, EXAMPLE)
        if text.lower() == "memory":
            return "memory"
        try:
            read_board_url(text)
        except ValueError as error:
            raise ValueError(f'{error}, or "memory"') from None
        return text

    return Kind(f'"memory", or a URL, like "{EXAMPLE}"', read)


def prefix() -> Kind:
    """What names on a shared server begin with."""
    form = "1 to 40 letters, digits and the signs . _ - :"

    def read(given: object) -> str:
        text = _text(given, "mapae")
        if not re.fullmatch(r"[A-Za-z0-9._:-]{1,40}", text):
            raise ValueError(f"write {form}")
        return text

    return Kind(form, read)


def secret(least: int) -> Kind:
    """A secret of at least so many characters, none of them a space."""
    form = f"at least {least} letters, digits and signs, without spaces"

    def read(given: object) -> str:
        text = _text(given, "a long random text")
        if not re.fullmatch(rf"[\x21-\x7e]{{{least},500}}", text):
            raise ValueError(f"write {form}")
        return text

    return Kind(form, read)


def colour() -> Kind:
    """A colour as #RRGGBB."""

    def read(given: object) -> str:
        text = _text(given, "#7A4E12")
        if not re.fullmatch(r"#[0-9A-Fa-f]{6}", text):
            raise ValueError('write a colour, like "#7A4E12"')
        return text.upper()

    return Kind('a colour, like "#7A4E12"', read)


def contact() -> Kind:
    """Whom to tell about a weakness: an e-mail address or a URI (RFC 9116 §2.5.3)."""
    form = 'an e-mail address or an https URL, like "security@example.com"'

    def read(given: object) -> str:
        text = _text(given, "security@example.com")
        if re.fullmatch(r"[^\s@:/]+@[^\s@:/]+", text):
            text = f"mailto:{text}"
        if not re.fullmatch(r"(mailto:[^\s@]+@[^\s@]+|https://\S+|tel:\+[0-9-]+)", text):
            raise ValueError(f"write {form}")
        return text

    return Kind(form, read)


def _text(given: object, example: str) -> str:
    if isinstance(given, str) and given.strip():
        return given.strip()
    raise ValueError("is empty: give it a value or remove it" if given == "" else f'write text, like "{example}"')


def _listed(given: object) -> tuple[str, ...]:
    if isinstance(given, str):
        given = given.split(",") if given.strip() else []
    if not isinstance(given, list | tuple) or not all(isinstance(item, str) for item in given):
        return ("",)
    return tuple(str(item).strip() for item in given)
