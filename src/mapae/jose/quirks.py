"""Named exceptions from the rules, for one issuer and until a day: so that its old tokens can run out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from mapae.errors import AlgorithmRefused, Malformed
from mapae.jose.base64url import decode
from mapae.jose.key import Key

QUIRKS: Mapping[str, str] = MappingProxyType(
    {
        "padded": 'segments may end in "=" (against RFC 7515 section 2)',
        "int_sub": "sub may be a whole number and is read as text (against RFC 7519 section 4.1.2)",
        "EdDSA": "EdDSA may name an Ed25519 or Ed448 key (the older name, RFC 9864)",
    }
)
_OLDER_NAMES = ("Ed25519", "Ed448")


def ends_of(quirks: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    """Read quirks and their ends, the earliest first.

    Args:
        quirks: a name of `QUIRKS` to the moment when it ends: a datetime with a zone, or seconds since 1970.

    Raises:
        ValueError: there is no such quirk, or its end is no moment.
    """
    ends = []
    for name, end in quirks.items():
        if name not in QUIRKS:
            raise ValueError(f"no such quirk; there are {', '.join(QUIRKS)}")
        if isinstance(end, datetime):
            if end.tzinfo is None:
                raise ValueError("the end of a quirk is a datetime with a zone; write datetime(2027, 1, 1, tzinfo=UTC)")
            ends.append((name, end.timestamp()))
        elif type(end) is int:
            ends.append((name, float(end)))
        else:
            raise ValueError("a quirk needs an end: a datetime with a zone, or whole seconds since 1970")
    return tuple(sorted(ends, key=lambda pair: pair[1]))


def decode_padded(text: str, name: str = "token") -> bytes:
    """Read base64url as `decode` does, with or without its padding.

    Raises:
        Malformed: it is neither.
    """
    bare = text.rstrip("=")
    if bare != text and len(text) % 4:
        raise Malformed(f"the {name} is not canonical base64url (RFC 7515 section 2)")
    return decode(bare, name)


def find_by_older_name(find: Callable[[str | None, str], Key]) -> Callable[[str | None, str], Key]:
    """Let "EdDSA" find the key of either curve."""

    def found(kid: str | None, alg: str) -> Key:
        if alg == "EdDSA":
            for name in _OLDER_NAMES:
                try:
                    return find(kid, name)
                except AlgorithmRefused:
                    continue
        return find(kid, alg)

    return found
