"""ECDSA signatures, from the two halves side by side (RFC 7518 §3.4) to DER (RFC 3279 §2.2.3) and back.

The octets are moved, never counted with: whether a half lies between 1 and the order is for the primitive to say.
"""

from __future__ import annotations

_INTEGER = [bytes((0x02, length)) for length in range(0x80)]
_SEQUENCE = [bytes((0x30, length)) if length < 0x80 else bytes((0x30, 0x81, length)) for length in range(0x100)]


def to_der(halves: bytes) -> bytes:
    """Write `r` and `s`, of equal length and at most 126 octets each, as a DER sequence of two integers."""
    size = len(halves) // 2
    integers = _integer(halves[:size]) + _integer(halves[size:])
    return _SEQUENCE[len(integers)] + integers


def _integer(magnitude: bytes) -> bytes:
    """Write an unsigned number in as few octets as show that it is not negative (X.690 §8.3)."""
    digits = magnitude.lstrip(b"\x00") or b"\x00"
    if digits[0] & 0x80:
        digits = b"\x00" + digits
    return _INTEGER[len(digits)] + digits


def from_der(der: bytes, size: int) -> bytes:
    """Set the two integers of a signature that was just made side by side, `size` octets each."""
    r_at = 5 if der[1] == 0x81 else 4
    s_at = r_at + der[r_at - 1] + 2
    r, s = der[r_at : s_at - 2].lstrip(b"\x00"), der[s_at:].lstrip(b"\x00")
    return r.rjust(size, b"\x00") + s.rjust(size, b"\x00")
