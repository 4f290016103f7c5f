"""Hash passwords, and check them at a cost that says nothing about the account.

Everything that hashes here blocks for a quarter of a second or so on purpose: call it in the hash pool.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from secrets import token_bytes
from typing import Literal

import bcrypt
from argon2.low_level import Type, hash_secret

from mapae.accounts.secret_text import hashable, normal_bytes
from mapae.accounts.stored_hashes import (
    Argon2,
    Bcrypt,
    BcryptSha256,
    NotAHash,
    Scheme,
    StoredHash,
    inner_digest,
    read_hash,
)
from mapae.accounts.work_plan import (
    MOST_MEMORY_KIB,
    MOST_WORK,
    CheckDecoy,
    CheckStored,
    Ratios,
    memory_kib_of,
    plan,
    work_of,
)
from mapae.errors import FieldMistake, InputRefused, PasswordRefused


@dataclass(frozen=True, slots=True)
class Verdict:
    """What checking a password showed.

    Attributes:
        matches: the account's password is this one.
        needs_rehash: it matched, and its hash is not of the present kind: store `Hashing.hash(password)` instead.
    """

    matches: bool
    needs_rehash: bool = False


@dataclass(frozen=True, slots=True)
class Hashing:
    """How passwords are hashed at present.

    Attributes:
        kind: `bcrypt` (over the whole password) or `argon2id`.
        bcrypt_cost: the base-two logarithm of its rounds.
        argon2_memory_kib: memory of one Argon2id hash.
        argon2_time: its passes.
        argon2_parallelism: its lanes.
        imported_bcrypt_truncates: accept, for imported bcrypt hashes only, a password longer than the 72 bytes bcrypt
            looks at when those 72 match. The system the hash came from did; the next sign-in cures it.
        ratios: what other schemes cost on this machine.
    """

    kind: Literal["bcrypt", "argon2id"] = "bcrypt"
    bcrypt_cost: int = 12
    argon2_memory_kib: int = 65_536
    argon2_time: int = 3
    argon2_parallelism: int = 1
    imported_bcrypt_truncates: bool = False
    ratios: Ratios = field(default_factory=Ratios)

    def __post_init__(self) -> None:
        if not 4 <= self.bcrypt_cost <= 16:
            raise ValueError("bcrypt_cost lies between 4 and 16")
        if self.argon2_time < 1 or self.argon2_parallelism < 1 or self.argon2_memory_kib < 8 * self.argon2_parallelism:
            raise ValueError("Argon2id needs one pass, one lane and 8 KiB for each lane (RFC 9106 §3.1)")

    @property
    def decoy(self) -> StoredHash:
        """A hash of the present kind that no password has, to spend the same work on."""
        if self.kind == "bcrypt":
            return BcryptSha256(self.bcrypt_cost, "." * 22, "." * 31)
        memory, time, lanes = self.argon2_memory_kib, self.argon2_time, self.argon2_parallelism
        encoded = f"$argon2id$v=19$m={memory},t={time},p={lanes}${'A' * 22}${'A' * 43}"
        return Argon2("argon2id", memory, time, lanes, encoded)

    def hash(self, password: str) -> str:
        """Return the hash to store for `password`, with a fresh salt.

        Raises:
            PasswordRefused: it is too long or is no text; nothing was hashed.
        """
        if not hashable(password):
            raise PasswordRefused("too_long", "the password is longer than 1024 characters or is not Unicode text")
        if self.kind == "argon2id":
            return self._argon2id(password)
        salt = bcrypt.gensalt(self.bcrypt_cost)
        modular = bcrypt.hashpw(inner_digest(password, salt.decode()[7:]), salt).decode()
        return BcryptSha256(self.bcrypt_cost, modular[7:29], modular[29:]).text

    def verify(self, password: str, stored: str | None) -> bool:
        """Say whether `stored` is the hash of `password`, at the cost of `check`."""
        return check(password, stored, self).matches

    def needs_rehash(self, stored: str) -> bool:
        """Say whether `stored` differs from what `hash` would write now: another scheme, or another cost."""
        try:
            return not self.is_present(read_hash(stored))
        except NotAHash:
            return True

    def is_present(self, stored: StoredHash) -> bool:
        """Say whether `stored` has the scheme and the parameters of this hashing."""
        match stored:
            case BcryptSha256(cost=cost):
                return self.kind == "bcrypt" and cost == self.bcrypt_cost
            case Argon2(variant="argon2id", memory_kib=memory, time=time, parallelism=lanes):
                present = (self.argon2_memory_kib, self.argon2_time, self.argon2_parallelism)
                return self.kind == "argon2id" and (memory, time, lanes) == present
            case _:
                return False

    def _argon2id(self, password: str) -> str:
        return hash_secret(
            normal_bytes(password),
            token_bytes(16),
            time_cost=self.argon2_time,
            memory_cost=self.argon2_memory_kib,
            parallelism=self.argon2_parallelism,
            hash_len=32,
            type=Type.ID,
        ).decode()


def check(password: str, stored: str | None, hashing: Hashing) -> Verdict:
    """Check a sign-in's password; it costs the same whatever is stored, unless that is dearer than the present kind.

    Args:
        password: what was typed.
        stored: the account's hash. None where no account was found, it has no password, or it may not sign in: pass
            `Account.sign_in_hash`. A text that is no usable hash counts as None.
        hashing: the present kind.

    A password that is too long to be anybody's is answered without any hash: that depends on the password alone.
    """
    if not hashable(password):
        return Verdict(matches=False)
    usable = _usable(stored, hashing)
    matches = False
    match plan(usable, present_work=work_of(hashing.decoy, hashing.ratios), ratios=hashing.ratios):
        case CheckStored(found, fillers):
            matches = _matches(password, found, hashing)
            for cost in fillers:
                bcrypt.hashpw(b"", b"$2b$%02d$" % cost + b"." * 22)
        case CheckDecoy():
            hashing.decoy.matches(password)
    return Verdict(matches, needs_rehash=matches and usable is not None and not hashing.is_present(usable))


def _matches(password: str, stored: StoredHash, hashing: Hashing) -> bool:
    matches = stored.matches(password)
    if isinstance(stored, Bcrypt) and not hashing.imported_bcrypt_truncates:
        # The work is spent first: a long password must not be quicker to refuse.
        return matches and stored.looks_at_all_of(password)
    return matches


def _usable(stored: str | None, hashing: Hashing) -> StoredHash | None:
    if stored is None:
        return None
    try:
        found = read_hash(stored)
    except NotAHash:
        return None
    return found if hashing.is_present(found) or _affordable(found, hashing.ratios) else None


def _affordable(stored: StoredHash, ratios: Ratios) -> bool:
    return work_of(stored, ratios) <= MOST_WORK and memory_kib_of(stored) <= MOST_MEMORY_KIB


def recognise(stored: str) -> Scheme:
    """Return the scheme of a hash that another system made, for an import; nothing is computed.

    Raises:
        InputRefused: no known form (`hash_unknown`), or so costly that one sign-in would take seconds or hundreds of
            megabytes (`hash_too_costly`).
    """
    try:
        found = read_hash(stored)
    except NotAHash as mistake:
        what = f"{mistake}; bcrypt, Argon2, scrypt and Django's PBKDF2 can be imported"
        raise InputRefused(FieldMistake("/password_hash", "hash_unknown", what)) from None
    if not _affordable(found, Ratios()):
        what = "checking it would cost more than bcrypt at cost 16 or 256 MiB; import the account without its password"
        raise InputRefused(FieldMistake("/password_hash", "hash_too_costly", what))
    return found.scheme
