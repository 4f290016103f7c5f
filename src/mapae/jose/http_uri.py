"""One spelling for the URI of a request, so that two spellings of it are equal (RFC 3986 §6.2, RFC 9449 §4.3)."""

from __future__ import annotations

import re

from mapae.errors import ClaimRefused

MAX_URI = 4096
_DEFAULT_PORT = {"http": "80", "https": "443"}
_URI = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9A-F:.]+\]|[A-Z0-9._~!$&'()*+,;=%-]+)(?::(?P<port>[0-9]{0,5}))?(?P<path>/[!-~]*)?",
    re.IGNORECASE,
)
_ESCAPE = re.compile(r"%(?:([0-9A-Fa-f]{2}))?")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def normal_uri(uri: object, name: str = "htu") -> str:
    """Write an http or https URI in its normal form, without query and fragment.

    Scheme and host become lower case, the ordinary port is left out, an empty path becomes "/", escapes are written
    in upper case and only where they are needed, and dot segments are resolved.

    Args:
        uri: an absolute URI.
        name: what the URI is, for the message.

    Raises:
        ClaimRefused: it is no such URI, names a user, or has more than 4096 characters.
    """
    if not isinstance(uri, str) or len(uri) > MAX_URI:
        raise ClaimRefused(f"must be a URI of at most {MAX_URI} characters", claim=name)
    found = _URI.fullmatch(uri.partition("#")[0].partition("?")[0])
    if found is None:
        raise ClaimRefused("must be an absolute http or https URI without a user name", claim=name)
    scheme, host = found["scheme"].lower(), _escaped(found["host"], name).lower()
    port = str(int(found["port"])) if found["port"] else ""
    authority = host if port in {"", _DEFAULT_PORT[scheme]} else f"{host}:{port}"
    return f"{scheme}://{authority}{_resolved(_escaped(found['path'] or '/', name))}"


def _escaped(text: str, name: str) -> str:
    def write(found: re.Match[str]) -> str:
        if found[1] is None:
            raise ClaimRefused("holds a percent sign that begins no escape", claim=name)
        character = chr(int(found[1], 16))
        return character if character in _UNRESERVED else found[0].upper()

    return _ESCAPE.sub(write, text)


def _resolved(path: str) -> str:
    """Remove dot segments (RFC 3986 §5.2.4)."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)
