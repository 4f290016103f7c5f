"""Tokens that differ a little from good ones, the same for the same seed: in their text, or inside and signed again."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from make_hostile_tokens import Forge, b64

from differing.oddities import NOW
from differing.peers import AUDIENCE, ISSUER, Case

HOSTILE = Path(__file__).resolve().parents[2] / "tests" / "vectors" / "hostile"
GOOD = {"iss": ISSUER, "sub": "user-42", "aud": AUDIENCE, "exp": NOW + 900, "iat": NOW, "jti": "t-1"}
# RSA signatures take their time, and disagreements have nothing to do with them.
KEYS = ("HS256", "ES256", "Ed25519")
NAMES = ("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope")
PARAMETERS = ("alg", "typ", "kid", "crit", "b64", "cty", "enc", "zip", "jku", "jwk", "x")
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 1.5, NOW, NOW + 5, NOW + 6, NOW - 5, NOW - 6, NOW + 900, NOW * 1000, 253402300799,
    253402300800, 10**30, "", "x", "api", ISSUER, "JWT", "at+jwt", "HS256", str(NOW + 900), [], [""], ["api"],
    ["api", 1], ["exp"], {}, {"a": 1}, {"api": True}, "\ud800", "\x00", "é",
)  # fmt: skip
RAW = (b"NaN", b"Infinity", b"-Infinity", b"1e400", b"1E2", b"-0", b"0.0", b"01", b"1800000900.0", b"18000009e2")
CHARACTERS = 'AQgwz09-_.=+/ \n\t\x00é\u200b~%{"'


def hostile() -> list[Case]:
    """Read the frozen corpus."""
    lines = [line for path in sorted(HOSTILE.glob("*.jsonl")) for line in path.read_text().splitlines()]
    return [(case["key"], case["token"]) for case in map(json.loads, lines)]


def mutations(seed: int) -> Iterator[Case]:
    """Write tokens without end."""
    forge = Forge(json.loads((HOSTILE / "keys.json").read_text()))
    chance = random.Random(seed)
    while True:
        key = chance.choice(KEYS)
        match chance.randrange(5):
            case 0:
                yield key, _text(forge.token(key), chance)
            case 1:
                yield key, forge.token(key, {"alg": key} | _changes(PARAMETERS, chance))
            case 2:
                yield key, forge.token(key, None, _with_raw(GOOD | _changes(NAMES, chance), chance))
            case 3:
                yield key, forge.token(key, None, _left_out(chance))
            case _:
                yield key, _signed_text(forge, key, chance)


def _changes(names: tuple[str, ...], chance: random.Random) -> dict[str, Any]:
    return {chance.choice(names): chance.choice(VALUES) for _ in range(chance.choice((1, 1, 1, 2)))}


def _with_raw(claims: dict[str, Any], chance: random.Random) -> bytes:
    """Write claims as JSON, now and then with a number that no encoder writes, or a member twice."""
    octets = json.dumps(claims, separators=(",", ":")).encode()
    match chance.randrange(4):
        case 0:
            name = chance.choice(NAMES).encode()
            return octets[:-1] + b',"%s":%s}' % (b"o" + name, chance.choice(RAW))
        case 1:
            date = chance.choice(("exp", "nbf", "iat"))
            rest = {name: value for name, value in claims.items() if name != date}
            octets = json.dumps(rest, separators=(",", ":")).encode()
            return octets[:-1] + b',"%s":%s}' % (date.encode(), chance.choice(RAW))
        case _:
            return octets


def _left_out(chance: random.Random) -> dict[str, Any]:
    gone = chance.choice(list(GOOD))
    return {name: value for name, value in GOOD.items() if name != gone}


def _text(token: str, chance: random.Random) -> str:
    if chance.randrange(8) == 0:
        message, _, signature = token.rpartition(".")
        return f"{message}.{signature.replace('-', '+').replace('_', '/')}"  # the other alphabet of base64
    at = chance.randrange(len(token) + 1)
    return token[:at] + chance.choice(CHARACTERS) + token[at + chance.randrange(2) :]


def _signed_text(forge: Forge, key: str, chance: random.Random) -> str:
    """Change the octets or the base64url of the payload, and sign what came of it."""
    octets = json.dumps(GOOD, separators=(",", ":")).encode()
    if chance.randrange(2):
        at = chance.randrange(len(octets) + 1)
        put = chance.choice((b" ", b"\n", b"\xff", b"\x00", b'"', b",", b"{", b"\xc3\xa9", b"\xed\xa0\x80"))
        return forge.token(key, None, octets[:at] + put + octets[at + chance.randrange(2) :])
    text = b64(octets)
    at = chance.randrange(len(text) + 1)
    return forge.segments(key, b64(b'{"alg":"%s"}' % key.encode()), text[:at] + chance.choice("=+/ \n!Az") + text[at:])
