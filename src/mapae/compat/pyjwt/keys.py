"""What people hand over as keys, turned into a `Key` that has one algorithm."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import serialization

from mapae.errors import AlgorithmRefused, KeyRefused
from mapae.jose import key_files
from mapae.jose.algorithms import ALGORITHMS, Hmac
from mapae.jose.key import Key, SecretKey


class InsecureKeyLengthWarning(UserWarning):
    """A secret that is too short was used under a legacy policy."""


@dataclass(frozen=True, slots=True)
class Leniency:
    """What is allowed for a while, and until when, in seconds since 1970; 0: not at all.

    Attributes:
        short_keys_until: secrets shorter than their hash.
        no_expiry_until: tokens without `exp`.
    """

    short_keys_until: float = 0
    no_expiry_until: float = 0


STRICT = Leniency()


def end_of_day(day: str | date | None) -> float:
    """Return when a day ends, in UTC; 0 for None.

    Raises:
        ValueError: it is no date such as "2027-06-30".
    """
    if day is None:
        return 0
    begins = datetime.fromisoformat(day) if isinstance(day, str) else datetime(day.year, day.month, day.day)  # noqa: DTZ001
    if (begins.hour, begins.minute, begins.second, begins.tzinfo) != (0, 0, 0, None):
        raise ValueError('write the last day alone, such as "2027-06-30"')
    return (begins.replace(tzinfo=UTC) + timedelta(days=1)).timestamp()


def prepared(key: Any, alg: str, leniency: Leniency, *, now: float) -> Key:  # noqa: ANN401 (whatever people hand over)
    """Return the key for `alg`.

    Args:
        key: a secret or PEM or OpenSSH text, a key object of `cryptography`, a `Key`, or a `PyJWK`.
        alg: the algorithm.
        leniency: what is allowed for a while.
        now: seconds since 1970.

    Raises:
        KeyRefused: it must not be used with this algorithm.
        AlgorithmRefused: the algorithm is none of ours, or not that of the key.
        TypeError: it is no key.
    """
    own = getattr(key, "mapae_key", key)
    if isinstance(own, Key):
        return own.find(None, alg)
    algorithm = ALGORITHMS.get(alg)
    if algorithm is None:
        raise AlgorithmRefused("there is no such algorithm here; none means no signature and is never accepted")
    if isinstance(key, str):
        key = key.encode("utf-8", "surrogatepass")
    if isinstance(algorithm, Hmac):
        return _secret(key, algorithm, leniency, now=now)
    if isinstance(key, bytes):
        return Key.from_ssh(key, alg) if key.startswith((b"ssh-", b"ecdsa-")) else Key.from_pem(key, alg)
    if hasattr(key, "private_bytes"):
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return Key.from_pem(pem, alg)
    if hasattr(key, "public_bytes"):
        pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        return Key.from_pem(pem, alg)
    raise TypeError(f"a key is PEM text, a key object, a PyJWK or a mapae.Key, not {type(key).__name__}")


def _secret(secret: Any, algorithm: Hmac, leniency: Leniency, *, now: float) -> SecretKey:  # noqa: ANN401
    if not isinstance(secret, bytes):
        raise TypeError(f"a secret is bytes or text, not {type(secret).__name__}")
    if not secret:
        raise KeyRefused("the secret is empty; anybody could sign with it")
    key_files.refuse_key_file(secret)
    if len(secret) >= algorithm.size:
        return Key.from_secret(secret, algorithm.name)
    short = f"{algorithm.name} needs a secret of at least {algorithm.size} octets, this one has {len(secret)}"
    if now < leniency.short_keys_until:
        warnings.warn(
            f"{short}; it can be guessed, and is accepted only until the legacy policy ends",
            InsecureKeyLengthWarning,
            stacklevel=5,
        )
        return SecretKey(algorithm, secret, secret, kid=None)
    raise KeyRefused(
        f"{short} (RFC 7518 section 3.2). Make a new one with secrets.token_bytes({algorithm.size}); for as long as "
        'tokens under the old one live, write jwt = pyjwt.legacy(short_keys_until="YYYY-MM-DD")'
    )


@dataclass(frozen=True, slots=True)
class Accepted:
    """The key of a call to `decode`, with the algorithms that the caller accepts; a token's kid plays no part."""

    key: Any
    algorithms: Collection[str]
    leniency: Leniency
    now: float

    def find(self, kid: str | None, alg: str) -> Key:  # noqa: ARG002 (the caller has chosen the key)
        """Return the key for the token's algorithm.

        Raises:
            AlgorithmRefused: the caller does not accept it, or the key is for another.
            KeyRefused: the key must not be used.
        """
        if alg not in self.algorithms:
            raise AlgorithmRefused("the token's algorithm is none of algorithms=", claim="alg")
        return prepared(self.key, alg, self.leniency, now=self.now)
