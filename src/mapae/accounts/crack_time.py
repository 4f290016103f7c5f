"""How long a stolen password hash holds out: published cracking speeds, and the arithmetic on them.

All speeds are of one graphics card running hashcat; several cards divide the time almost evenly. Times are for trying
every candidate; on average half of that is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Card = Literal["RTX 4090", "RTX 5090"]


@dataclass(frozen=True, slots=True)
class Fast:
    """One plain, unsalted digest: what a hash function alone gives."""

    name: Literal["MD5", "NTLM", "SHA-256", "SHA-512"]


@dataclass(frozen=True, slots=True)
class BcryptScheme:
    """bcrypt with 2**cost rounds."""

    cost: int


@dataclass(frozen=True, slots=True)
class Argon2idScheme:
    """Argon2id with `memory_kib` KiB and `time` passes, one lane."""

    memory_kib: int
    time: int


@dataclass(frozen=True, slots=True)
class Pbkdf2Scheme:
    """PBKDF2 with HMAC-SHA-256."""

    iterations: int


@dataclass(frozen=True, slots=True)
class ScryptScheme:
    """scrypt with cost n, block size r and parallelism p."""

    n: int
    r: int
    p: int


CrackedScheme = Fast | BcryptScheme | Argon2idScheme | Pbkdf2Scheme | ScryptScheme


@dataclass(frozen=True, slots=True)
class Source:
    """Where the figures of one card were published.

    Attributes:
        what: the benchmark and its version.
        url: where it is.
    """

    what: str
    url: str


@dataclass(frozen=True, slots=True)
class Speeds:
    """Published guesses per second of one card.

    Attributes:
        fast: by plain hash function.
        bcrypt_cost_5: bcrypt at 32 rounds.
        pbkdf2_999: PBKDF2-HMAC-SHA-256 at 999 iterations.
        scrypt_16_mib: scrypt at n=16384, r=8, p=1.
        memory_bandwidth: bytes per second of the card's memory, as its maker states it.
        source: of all but the bandwidth.
    """

    fast: MappingProxyType[str, float]
    bcrypt_cost_5: float
    pbkdf2_999: float
    scrypt_16_mib: float
    memory_bandwidth: float
    source: Source


SPEEDS: MappingProxyType[Card, Speeds] = MappingProxyType(
    {
        "RTX 4090": Speeds(
            MappingProxyType({"MD5": 164.1e9, "NTLM": 288.5e9, "SHA-256": 21_975.5e6, "SHA-512": 7_483.4e6}),
            bcrypt_cost_5=184.0e3,
            pbkdf2_999=8_865.7e3,
            scrypt_16_mib=7_126.0,
            memory_bandwidth=1_008e9,
            source=Source(
                "Chick3nman, hashcat v6.2.6 benchmark on the RTX 4090",
                "https://gist.github.com/Chick3nman/32e662a5bb63bc4f51b847bb422222fd",
            ),
        ),
        "RTX 5090": Speeds(
            MappingProxyType({"MD5": 220.6e9, "NTLM": 340.1e9, "SHA-256": 28_353.3e6, "SHA-512": 10_048.6e6}),
            bcrypt_cost_5=304.8e3,
            pbkdf2_999=11_157.2e3,
            scrypt_16_mib=7_760.0,
            memory_bandwidth=1_792e9,
            source=Source(
                "Chick3nman, hashcat v6.2.6-851 benchmark on the RTX 5090 FE",
                "https://gist.github.com/Chick3nman/09bac0775e6393468c2925c1e1363d5c",
            ),
        ),
    }
)
"""The one table. Everything below is arithmetic on it."""

ARGON2_SOURCE = Source(
    "bound by memory bandwidth, bandwidth / (1024 m (3t - 1)), times the share that hashcat 7.0.0 reached on the "
    "RTX 4090: 1703/s at 64 MiB, t=3, p=1",
    "https://tobtu.com/minimum-password-settings/",
)

_ARGON2_SHARE_OF_BOUND = 1_703 / (1_008e9 / (1_024 * 65_536 * (3 * 3 - 1)))


def guesses_per_second(scheme: CrackedScheme, card: Card) -> float:
    """Return how many candidates one `card` tries in a second."""
    speeds = SPEEDS[card]
    match scheme:
        case Fast(name):
            return speeds.fast[name]
        case BcryptScheme(cost):
            return speeds.bcrypt_cost_5 * 2.0 ** (5 - cost)
        case Argon2idScheme(memory_kib, time):
            bound = speeds.memory_bandwidth / (1_024 * memory_kib * (3 * time - 1))
            return bound * _ARGON2_SHARE_OF_BOUND
        case Pbkdf2Scheme(iterations):
            return speeds.pbkdf2_999 * 999 / iterations
        case ScryptScheme(n, r, p):
            return speeds.scrypt_16_mib * (16_384 * 8) / (n * r * p)


def candidates(alphabet: int, length: int) -> int:
    """Return how many secrets of `length` symbols there are, each drawn at random from `alphabet` symbols."""
    return int(alphabet**length)


@dataclass(frozen=True, slots=True)
class Holdout:
    """How long one scheme holds out against one card.

    Attributes:
        scheme: how the secret was hashed.
        card: the attacker's.
        guesses_per_second: published, or scaled from a published figure.
        seconds: to try every candidate.
        scaled: the speed was computed from a figure at other parameters.
        sources: of the figures.
    """

    scheme: CrackedScheme
    card: Card
    guesses_per_second: float
    seconds: float
    scaled: bool
    sources: tuple[Source, ...]


DEFAULT_SCHEMES: tuple[CrackedScheme, ...] = (
    Fast("MD5"),
    Fast("SHA-256"),
    BcryptScheme(10),
    BcryptScheme(12),
    Argon2idScheme(19_456, 2),
    Argon2idScheme(65_536, 3),
    Pbkdf2Scheme(600_000),
    ScryptScheme(131_072, 8, 1),
)


def report(
    guesses: int, *, card: Card = "RTX 5090", schemes: Sequence[CrackedScheme] = DEFAULT_SCHEMES
) -> tuple[Holdout, ...]:
    """Return how long `guesses` candidates take under each scheme.

    Args:
        guesses: how many: those of `candidates`, or the rank of a password in a leaked list.
        card: the attacker's.
        schemes: how the secret may have been hashed.
    """
    return tuple(_holdout(guesses, scheme, card) for scheme in schemes)


def _holdout(guesses: int, scheme: CrackedScheme, card: Card) -> Holdout:
    speed = guesses_per_second(scheme, card)
    sources = (SPEEDS[card].source, ARGON2_SOURCE) if isinstance(scheme, Argon2idScheme) else (SPEEDS[card].source,)
    return Holdout(scheme, card, speed, guesses / speed, not isinstance(scheme, Fast), sources)
