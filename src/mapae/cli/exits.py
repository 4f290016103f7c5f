"""Exit codes, for scripts; they are stable.

0 well · 1 a fault of ours · 2 usage or configuration · 3 signature · 4 time (exp, nbf) · 5 another claim ·
6 malformed · 7 key not found · 8 revoked · 9 refused by the service
"""

from __future__ import annotations

from mapae.errors import (
    AlgorithmRefused,
    ClaimRefused,
    Conflict,
    Expired,
    FileExposed,
    InputRefused,
    KeyRefused,
    KeyUnknown,
    Malformed,
    MapaeError,
    NotYetValid,
    Refused,
    Revoked,
    SettingsRefused,
    SignatureRefused,
    Stale,
    TooLarge,
    WrongAudience,
    WrongIssuer,
    WrongKind,
)

WELL, FAULT, USAGE, SIGNATURE, TIME, CLAIM, MALFORMED, KEY, REVOKED, REFUSED = range(10)

_CODES: tuple[tuple[tuple[type[MapaeError], ...], int], ...] = (
    ((SettingsRefused, FileExposed, KeyRefused, InputRefused), USAGE),
    ((SignatureRefused, AlgorithmRefused), SIGNATURE),
    ((Expired, NotYetValid), TIME),
    ((WrongIssuer, WrongAudience, WrongKind, ClaimRefused), CLAIM),
    ((Malformed, TooLarge), MALFORMED),
    ((KeyUnknown,), KEY),
    ((Revoked, Stale), REVOKED),
    ((Refused, Conflict), REFUSED),
)


def exit_code(error: MapaeError) -> int:
    """Return the exit code of `error`; 1 for what is nobody's mistake but ours."""
    return next((code for kinds, code in _CODES if isinstance(error, kinds)), FAULT)
