"""Edwards points that must never be public keys (RFC 8032 §5.1.3, §5.2.3, RFC 8725 §3.4).

With a small-order public key one signature fits every message; OpenSSL does not look. Integers only, run once per key.
"""

from __future__ import annotations

from dataclasses import dataclass

from mapae.errors import KeyRefused


@dataclass(frozen=True, slots=True)
class Edwards:
    """A curve a·x² + y² = 1 + d·x²·y² over the field of `p` elements."""

    p: int
    a: int
    d: int
    size: int
    cofactor: int


_P25519 = 2**255 - 19
_P448 = 2**448 - 2**224 - 1
CURVES = {
    "Ed25519": Edwards(_P25519, -1, -121665 * pow(121666, -1, _P25519) % _P25519, 32, 8),
    "Ed448": Edwards(_P448, 1, -39081 % _P448, 57, 4),
}


def refuse_weak_point(crv: str, encoded: bytes) -> None:
    """Refuse a public key that is not canonical, not on its curve, or of small order.

    Raises:
        KeyRefused: the key must not be used.
    """
    curve = CURVES[crv]
    number = int.from_bytes(encoded, "little")
    y = number & ((1 << (8 * curve.size - 1)) - 1)
    if len(encoded) != curve.size or y >= curve.p:
        raise KeyRefused(f"the {crv} public key is not the canonical encoding of a point")
    x = _x_of(curve, y)
    if x is None or (x == 0 and number >> (8 * curve.size - 1)):
        raise KeyRefused(f"the {crv} public key is not a point of the curve")
    point: tuple[int, int] = (x, y)
    for _doubling in range(curve.cofactor.bit_length() - 1):
        point = _double(curve, point)
    if point == (0, 1):
        raise KeyRefused(f"the {crv} public key is a point of small order; with it one signature fits every message")


def _x_of(curve: Edwards, y: int) -> int | None:
    """Either square root for `y`; the sign changes nothing about the order."""
    p = curve.p
    square = (1 - y * y) * pow(curve.a - curve.d * y * y, -1, p) % p
    if p % 4 == 3:
        x = pow(square, (p + 1) // 4, p)
    else:  # p = 5 (mod 8)
        x = pow(square, (p + 3) // 8, p)
        if x * x % p != square:
            x = x * pow(2, (p - 1) // 4, p) % p
    return x if x * x % p == square else None


def _double(curve: Edwards, point: tuple[int, int]) -> tuple[int, int]:
    p, (x, y) = curve.p, point
    product = curve.d * x * x * y * y % p
    return (
        2 * x * y * pow(1 + product, -1, p) % p,
        (y * y - curve.a * x * x) * pow(1 - product, -1, p) % p,
    )
