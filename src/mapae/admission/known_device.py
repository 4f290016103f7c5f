"""A browser that has signed in to an account is known to it: its mistakes are counted apart from strangers' guesses.

Whoever hammers an account makes everybody wait who tries its password, its owner too. A browser that has signed in to
this very account holds a proof of that, and does not wait with the strangers: its attempts have a small budget of their
own. When that is used up, or when the proof is anything but right, the browser is a stranger like all others; a proof
never makes anything worse, and it opens nothing by itself.

A proof is base64url of device (12 bytes), the second until which it holds (4), and a tag (16): HMAC-SHA256 over both
and the account. Several accounts may be used in one browser, so that up to `MOST_PROOFS` stand together, with dots
between them, the latest first.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Final

from mapae.admission.attempts import AttemptPolicy
from mapae.errors import Malformed
from mapae.jose.base64url import decode, encode

KNOWN_FOR: Final = 180 * 24 * 3600
"""Seconds for which a browser stays known after its last sign-in."""

MOST_PROOFS: Final = 4
"""Accounts that one browser is known to at the same time."""

DEVICE_LENGTH: Final = 12
"""Bytes of a device's random name."""

PER_DEVICE = AttemptPolicy(free=9, limit=10)
"""For one known device: ten mistakes, without a wait between them, before it is a stranger for a day."""

PER_KNOWN = AttemptPolicy(free=19, limit=20)
"""For all known devices of one account together: with the strangers' eighty no more than a hundred."""

_UNTIL, _TAG = 4, 16
_LENGTH = DEVICE_LENGTH + _UNTIL + _TAG
_TEXT = -(-_LENGTH * 4 // 3)
_PURPOSE = b"mapae known device v1"


@dataclass(frozen=True, slots=True)
class _Proof:
    text: str
    device: bytes
    until: int
    tag: bytes

    def holds(self, account_id: str, *, key: bytes) -> bool:
        return hmac.compare_digest(self.tag, _tag(self.device, self.until, account_id, key))


def recognise(presented: str, account_id: str, *, key: bytes, now: int) -> str | None:
    """Return the name of the device that is known to the account, or None for a stranger.

    Args:
        presented: the proofs, as the browser sent them; any text at all.
        account_id: whose password is tried; the empty text when there is no such account, which no proof is for.
        now: seconds since 1970.
    """
    found = _found(presented, account_id, key=key, now=now)
    return None if found is None else encode(found.device)


def remember(presented: str, account_id: str, *, device: bytes, key: bytes, now: int) -> str:
    """Return the proofs a browser keeps after it has signed in to the account.

    Args:
        presented: the proofs it held until now; those for other accounts stay.
        device: a random name of `DEVICE_LENGTH` bytes, for a browser that the account does not know yet. One that it
            knows keeps its name, and with it what has been counted.
    """
    known = _found(presented, account_id, key=key, now=now)
    name, until = device if known is None else known.device, now + KNOWN_FOR
    proof = encode(name + until.to_bytes(_UNTIL, "big") + _tag(name, until, account_id, key))
    others = [each.text for each in _read(presented, now=now) if not each.holds(account_id, key=key)]
    return ".".join([proof, *others[: MOST_PROOFS - 1]])


def device_subject(device: str) -> str:
    """Return the name that the attempts of one known device are counted under."""
    return f"d:{device}"


def known_subject(account_id: str) -> str:
    """Return the name that the attempts of all known devices of an account are counted under."""
    return f"k:{account_id}"


def _found(presented: str, account_id: str, *, key: bytes, now: int) -> _Proof | None:
    return next((each for each in _read(presented, now=now) if each.holds(account_id, key=key)), None)


def _read(presented: str, *, now: int) -> list[_Proof]:
    """Return what looks like a proof and has not run out; whether it is one, only its tag tells."""
    proofs = []
    for text in presented.split(".", MOST_PROOFS)[:MOST_PROOFS]:
        if len(text) != _TEXT:
            continue
        try:
            octets = decode(text)
        except Malformed:
            continue
        device, rest = octets[:DEVICE_LENGTH], octets[DEVICE_LENGTH:]
        until = int.from_bytes(rest[:_UNTIL], "big")
        if now < until <= now + KNOWN_FOR:
            proofs.append(_Proof(text, device, until, rest[_UNTIL:]))
    return proofs


def _tag(device: bytes, until: int, account_id: str, key: bytes) -> bytes:
    message = b"\0".join((_PURPOSE, device + until.to_bytes(_UNTIL, "big"), account_id.encode()))
    return hmac.digest(key, message, "sha256")[:_TAG]
