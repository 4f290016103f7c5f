"""The password hashes Mapae can check: its own, and those that accounts bring along from other systems.

    $bcrypt-sha256$v=2,t=2b,r=12$salt$digest     ours: bcrypt over the whole password (passlib's published format)
    $argon2id$v=19$m=65536,t=3,p=1$salt$digest   ours by setting, and everybody's (PHC string; argon2i, argon2d too)
    $2a$ $2b$ $2y$                               bcrypt over the first 72 bytes
    $scrypt$ln=17,r=8,p=1$salt$digest            scrypt (PHC string)
    pbkdf2_sha256$ pbkdf2_sha1$ scrypt$ argon2$ bcrypt$ bcrypt_sha256$     Django's

Reading a hash never computes one. What a hash would cost is known from its parameters, so that a hostile one is refused
before it is tried.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import pbkdf2_hmac, scrypt, sha256
from typing import Literal

import bcrypt
from argon2.exceptions import VerifyMismatchError
from argon2.low_level import Type, verify_secret

from mapae.accounts.secret_text import normal_bytes, raw_bytes

BCRYPT_LIMIT = 72
"""Bytes of a password that bcrypt itself looks at."""

Scheme = Literal["bcrypt-sha256", "bcrypt", "argon2id", "argon2i", "argon2d", "scrypt", "pbkdf2-sha256", "pbkdf2-sha1"]


@dataclass(frozen=True, slots=True)
class BcryptSha256:
    """Our own bcrypt: bcrypt(base64(HMAC-SHA-256(salt, password))), so that every byte counts, NUL too.

    The inner hash is keyed with the salt: a bare digest leaked elsewhere cannot be tried against it.
    """

    cost: int
    salt: str
    digest: str

    @property
    def scheme(self) -> Scheme:
        """The name of its scheme."""
        return "bcrypt-sha256"

    @property
    def text(self) -> str:
        """The hash as it is stored."""
        return f"$bcrypt-sha256$v=2,t=2b,r={self.cost}${self.salt}${self.digest}"

    def matches(self, password: str) -> bool:
        """Say whether this is the hash of `password`, after the work of one bcrypt."""
        return bcrypt.checkpw(
            inner_digest(password, self.salt), f"$2b${self.cost:02}${self.salt}{self.digest}".encode()
        )


@dataclass(frozen=True, slots=True)
class Bcrypt:
    """Another system's bcrypt over the password itself, or over the hex digest of it (Django's bcrypt_sha256)."""

    cost: int
    modular: str
    prehashed: bool

    @property
    def scheme(self) -> Scheme:
        """The name of its scheme."""
        return "bcrypt"

    def matches(self, password: str) -> bool:
        """Say whether this is the hash of `password`; only its first 72 bytes are looked at."""
        secret = raw_bytes(password)
        if self.prehashed:
            secret = sha256(secret).hexdigest().encode()
        return bcrypt.checkpw(secret[:BCRYPT_LIMIT], self.modular.encode())

    def looks_at_all_of(self, password: str) -> bool:
        """Say whether no byte of `password` lies beyond what bcrypt looks at."""
        return self.prehashed or len(raw_bytes(password)) <= BCRYPT_LIMIT


@dataclass(frozen=True, slots=True)
class Argon2:
    """Argon2 in its PHC string (RFC 9106); memory in KiB."""

    variant: Literal["argon2id", "argon2i", "argon2d"]
    memory_kib: int
    time: int
    parallelism: int
    encoded: str

    @property
    def scheme(self) -> Scheme:
        """The name of its scheme."""
        return self.variant

    def matches(self, password: str) -> bool:
        """Say whether this is the hash of `password`."""
        kind = {"argon2id": Type.ID, "argon2i": Type.I, "argon2d": Type.D}[self.variant]
        try:
            return verify_secret(self.encoded.encode(), normal_bytes(password), kind)
        except VerifyMismatchError:
            return False


@dataclass(frozen=True, slots=True)
class Scrypt:
    """scrypt (RFC 7914)."""

    n: int
    r: int
    p: int
    salt: bytes
    digest: bytes

    @property
    def scheme(self) -> Scheme:
        """The name of its scheme."""
        return "scrypt"

    @property
    def memory_kib(self) -> int:
        """What one computation holds."""
        return 128 * self.r * (self.n + self.p + 2) // 1024 + 1

    def matches(self, password: str) -> bool:
        """Say whether this is the hash of `password`."""
        found = scrypt(
            raw_bytes(password),
            salt=self.salt,
            n=self.n,
            r=self.r,
            p=self.p,
            maxmem=self.memory_kib * 1024 + 65_536,
            dklen=len(self.digest),
        )
        return hmac.compare_digest(found, self.digest)


@dataclass(frozen=True, slots=True)
class Pbkdf2:
    """PBKDF2 with HMAC (RFC 8018 §5.2), as Django writes it."""

    hash_name: Literal["sha256", "sha1"]
    iterations: int
    salt: bytes
    digest: bytes

    @property
    def scheme(self) -> Scheme:
        """The name of its scheme."""
        return "pbkdf2-sha256" if self.hash_name == "sha256" else "pbkdf2-sha1"

    def matches(self, password: str) -> bool:
        """Say whether this is the hash of `password`."""
        found = pbkdf2_hmac(self.hash_name, raw_bytes(password), self.salt, self.iterations, len(self.digest))
        return hmac.compare_digest(found, self.digest)


StoredHash = BcryptSha256 | Bcrypt | Argon2 | Scrypt | Pbkdf2


class NotAHash(ValueError):
    """The text is none of the forms above, or one with a part that cannot be."""


def read_hash(stored: str) -> StoredHash:
    """Return the parts of a stored hash.

    Raises:
        NotAHash: it has none of the known forms.
    """
    if len(stored) <= 1024:
        for form, reader in _FORMS:
            if found := form.fullmatch(stored):
                return reader(found)
    raise NotAHash("not a password hash that Mapae knows")


def inner_digest(password: str, salt: str) -> bytes:
    """Return what `BcryptSha256` gives to bcrypt: 44 characters without NUL, whatever the password."""
    return base64.b64encode(hmac.digest(salt.encode(), normal_bytes(password), sha256))


def _bcrypt_sha256(found: re.Match[str]) -> StoredHash:
    return BcryptSha256(_cost(found["cost"]), found["salt"], _without_spare_bits(found["digest"], 2))


def _bcrypt(found: re.Match[str], *, prehashed: bool = False) -> StoredHash:
    # $2a$ and $2y$ differ from $2b$ only in bugs that the library does not have.
    # Spare bits at the end of salt and digest are ignored by most implementations, but not by ours: clear them.
    salt, digest = _without_spare_bits(found["salt"], 4), _without_spare_bits(found["digest"], 2)
    return Bcrypt(_cost(found["cost"]), f"$2b${found['cost']}${salt}{digest}", prehashed)


def _without_spare_bits(text: str, bits: int) -> str:
    return text[:-1] + _BCRYPT_ALPHABET[_BCRYPT_ALPHABET.index(text[-1]) >> bits << bits]


def _cost(text: str) -> int:
    cost = int(text)
    if not 4 <= cost <= 31:
        raise NotAHash("bcrypt's cost lies between 4 and 31")
    return cost


def _argon2(found: re.Match[str]) -> StoredHash:
    memory, time, lanes = int(found["m"]), int(found["t"]), int(found["p"])
    if time < 1 or not 1 <= lanes < 2**24 or not 8 * lanes <= memory < 2**32 or time >= 2**32:
        raise NotAHash("parameters outside RFC 9106 §3.1")
    _unpadded(found["salt"], least=8)
    _unpadded(found["digest"], least=16)
    match found["variant"]:
        case "id":
            return Argon2("argon2id", memory, time, lanes, found["phc"])
        case "i":
            return Argon2("argon2i", memory, time, lanes, found["phc"])
        case _:
            return Argon2("argon2d", memory, time, lanes, found["phc"])


def _scrypt(found: re.Match[str]) -> StoredHash:
    exponent = int(found["ln"])
    if not 1 <= exponent <= 40:
        raise NotAHash("scrypt's ln lies between 1 and 40")
    return _scrypt_parts(2**exponent, found, _unpadded(found["salt"], least=1), _unpadded(found["digest"], least=16))


def _django_scrypt(found: re.Match[str]) -> StoredHash:
    n = int(found["n"])
    if n < 2 or n & (n - 1):
        raise NotAHash("scrypt's n is a power of two")
    return _scrypt_parts(n, found, found["salt"].encode(), _padded(found["digest"]))


def _scrypt_parts(n: int, found: re.Match[str], salt: bytes, digest: bytes) -> StoredHash:
    r, p = int(found["r"]), int(found["p"])
    if r * p >= 2**30 or n.bit_length() > 16 * r:
        raise NotAHash("parameters outside RFC 7914 §2")
    return Scrypt(n, r, p, salt, digest)


def _pbkdf2(found: re.Match[str], *, hash_name: Literal["sha256", "sha1"]) -> StoredHash:
    iterations = int(found["iterations"])
    if iterations < 1:
        raise NotAHash("PBKDF2 needs at least one iteration")
    return Pbkdf2(hash_name, iterations, found["salt"].encode(), _padded(found["digest"]))


def _unpadded(text: str, *, least: int) -> bytes:
    octets = _padded(text + "=" * (-len(text) % 4), least=least)
    if base64.b64encode(octets).decode().rstrip("=") != text:
        raise NotAHash("a part is not base64 in its one canonical form")
    return octets


def _padded(text: str, *, least: int = 16) -> bytes:
    try:
        octets = base64.b64decode(text, validate=True)
    except ValueError:
        raise NotAHash("a part is not base64") from None
    if not least <= len(octets) <= 128:
        raise NotAHash("the salt or the digest has an unusual length")
    return octets


_BCRYPT_ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_B64 = r"[A-Za-z0-9+/]{1,172}"
_DIGITS = r"[1-9][0-9]{0,9}"
_BCRYPT_REST = r"(?P<cost>[0-3][0-9])\$(?P<salt>[./A-Za-z0-9]{22})(?P<digest>[./A-Za-z0-9]{31})"
_PHC_ARGON2 = (
    rf"(?P<phc>\$argon2(?P<variant>id|i|d)\$(?:v=(?:16|19)\$)?"
    rf"m=(?P<m>{_DIGITS}),t=(?P<t>{_DIGITS}),p=(?P<p>{_DIGITS})\$(?P<salt>{_B64})\$(?P<digest>{_B64}))"
)
_DJANGO_TAIL = r"\$(?P<salt>[!-#%-~]{1,128})\$"

_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], StoredHash]], ...] = (
    (
        re.compile(
            r"\$bcrypt-sha256\$v=2,t=2b,r=(?P<cost>[0-9]{1,2})"
            r"\$(?P<salt>[./A-Za-z0-9]{21}[.Oeu])\$(?P<digest>[./A-Za-z0-9]{31})"
        ),
        _bcrypt_sha256,
    ),
    (re.compile(_PHC_ARGON2), _argon2),
    (re.compile(r"(?:bcrypt\$)?\$2[aby]\$" + _BCRYPT_REST), _bcrypt),
    (re.compile(r"bcrypt_sha256\$\$2[aby]\$" + _BCRYPT_REST), partial(_bcrypt, prehashed=True)),
    (
        re.compile(
            rf"\$scrypt\$ln=(?P<ln>[0-9]{{1,2}}),r=(?P<r>{_DIGITS}),p=(?P<p>{_DIGITS})\$(?P<salt>{_B64})\$(?P<digest>{_B64})"
        ),
        _scrypt,
    ),
    (
        re.compile(rf"pbkdf2_sha256\$(?P<iterations>{_DIGITS}){_DJANGO_TAIL}(?P<digest>[A-Za-z0-9+/]+={{0,2}})"),
        partial(_pbkdf2, hash_name="sha256"),
    ),
    (
        re.compile(rf"pbkdf2_sha1\$(?P<iterations>{_DIGITS}){_DJANGO_TAIL}(?P<digest>[A-Za-z0-9+/]+={{0,2}})"),
        partial(_pbkdf2, hash_name="sha1"),
    ),
    (
        re.compile(
            rf"scrypt\$(?P<n>{_DIGITS}){_DJANGO_TAIL}(?P<r>{_DIGITS})\$(?P<p>{_DIGITS})\$(?P<digest>[A-Za-z0-9+/]+={{0,2}})"
        ),
        _django_scrypt,
    ),
    (re.compile("argon2" + _PHC_ARGON2), _argon2),
)
