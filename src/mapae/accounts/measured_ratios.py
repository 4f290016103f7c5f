"""Measure on this machine how other hash schemes compare with bcrypt, for the equal cost of every sign-in."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import pbkdf2_hmac, scrypt

import bcrypt
from argon2.low_level import Type, hash_secret_raw

from mapae.accounts.work_plan import Ratios

_TRIES = 3
_BCRYPT_COST = 6
_ITERATIONS = 8_000
_N, _R = 16_384, 8  # 16 MiB, past the caches, as in real hashes
_KIB = 19_456


def measure_ratios(clock: Callable[[], float]) -> Ratios:
    """Return the ratios of this machine, in about a quarter of a second.

    Args:
        clock: seconds from any beginning, such as `time.perf_counter`.
    """
    salt = b"$2b$%02d$" % _BCRYPT_COST + b"." * 22
    one_round = _quickest(clock, lambda: bcrypt.hashpw(b"", salt)) / 2**_BCRYPT_COST
    return Ratios(
        pbkdf2_sha256=one_round * _ITERATIONS / _quickest(clock, lambda: pbkdf2_hmac("sha256", b"", salt, _ITERATIONS)),
        pbkdf2_sha1=one_round * _ITERATIONS / _quickest(clock, lambda: pbkdf2_hmac("sha1", b"", salt, _ITERATIONS)),
        scrypt=one_round * _N * _R / _quickest(clock, lambda: scrypt(b"", salt=salt, n=_N, r=_R, p=1)),
        argon2=one_round * _KIB / _quickest(clock, lambda: hash_secret_raw(b"", salt, 1, _KIB, 1, 32, Type.ID)),
    )


def _quickest(clock: Callable[[], float], compute: Callable[[], object]) -> float:
    """Return the shortest of a few tries: the one that other programs disturbed least."""
    seconds = []
    for _ in range(_TRIES):
        began = clock()
        compute()
        seconds.append(clock() - began)
    return max(min(seconds), 1e-9)
