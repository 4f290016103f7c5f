"""What checking a password costs, and what has to be added so that every check costs the same.

A check that is cheaper for some accounts tells an attacker which accounts these are. Django met that three times: when
the work factor was raised (CVE-2016-2513), for accounts without a usable password (CVE-2024-39329), and on one of its
sign-in paths (CVE-2025-13473).

The unit is one bcrypt round: bcrypt at cost c is 2**c rounds. What remains is spent as bcrypt at the costs that are the
binary digits of the remainder. For an old bcrypt hash that is exact: 2**c + (2**c + 2**(c+1) + ... + 2**(C-1)) = 2**C.
Other schemes are converted by measured ratios, so they come close.
"""

from __future__ import annotations

from dataclasses import dataclass

from mapae.accounts.stored_hashes import Argon2, Bcrypt, BcryptSha256, Pbkdf2, Scrypt, StoredHash

MOST_WORK = 2**16
"""Rounds of the dearest imported hash: bcrypt at cost 16, some seconds."""
MOST_MEMORY_KIB = 262_144
"""Memory of the hungriest imported hash: 256 MiB."""

_CHEAPEST_COST = 4


@dataclass(frozen=True, slots=True)
class Ratios:
    """How much of another scheme takes as long as one bcrypt round on this machine.

    The defaults lie in the middle of what was measured on a small server with OpenSSL 3; machines differ by up to half.

    Attributes:
        pbkdf2_sha256: iterations.
        pbkdf2_sha1: iterations.
        scrypt: n * r * p.
        argon2: KiB * passes.
    """

    pbkdf2_sha256: float = 160.0
    pbkdf2_sha1: float = 200.0
    scrypt: float = 150.0
    argon2: float = 85.0


@dataclass(frozen=True, slots=True)
class CheckStored:
    """Check the password against the stored hash, then spend bcrypt at the costs `fillers`, for nobody to look at."""

    stored: StoredHash
    fillers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CheckDecoy:
    """There is nothing to check: spend one whole hash of the present kind."""


WorkPlan = CheckStored | CheckDecoy
"""How to spend the same on every sign-in."""


def work_of(stored: StoredHash, ratios: Ratios) -> int:
    """Return what one check against `stored` costs, in bcrypt rounds."""
    match stored:
        case BcryptSha256(cost=cost) | Bcrypt(cost=cost):
            return 1 << cost
        case Argon2(memory_kib=memory, time=time):
            return round(memory * time / ratios.argon2)
        case Scrypt(n=n, r=r, p=p):
            return round(n * r * p / ratios.scrypt)
        case Pbkdf2(hash_name="sha256", iterations=iterations):
            return round(iterations / ratios.pbkdf2_sha256)
        case Pbkdf2(iterations=iterations):
            return round(iterations / ratios.pbkdf2_sha1)


def memory_kib_of(stored: StoredHash) -> int:
    """Return what one check against `stored` holds in memory, in KiB."""
    match stored:
        case Argon2(memory_kib=memory) | Scrypt(memory_kib=memory):
            return memory
        case BcryptSha256() | Bcrypt() | Pbkdf2():
            return 4


def plan(stored: StoredHash | None, *, present_work: int, ratios: Ratios) -> WorkPlan:
    """Return how to spend as much as one hash of the present kind costs, or what is stored where that is dearer.

    Args:
        stored: the account's hash; None for no account, no password, or an account that may not sign in.
        present_work: rounds of one hash of the present kind.
        ratios: of this machine.
    """
    if stored is None:
        return CheckDecoy()
    return CheckStored(stored, fillers(present_work - work_of(stored, ratios)))


def fillers(rounds: int) -> tuple[int, ...]:
    """Return bcrypt costs that add up to `rounds`, less than 16 short of it; none for a negative number."""
    return tuple(cost for cost in range(_CHEAPEST_COST, max(rounds, 0).bit_length()) if rounds >> cost & 1)
