"""How failed sign-ins slow down the next one: a wait that grows, never a door that stays shut.

Each sign-in is counted under two subjects: the e-mail that was typed, whether or not an account has it, and the network
it came from. The flow waits for the longer of the two. An attempt that is refused for being early does not count, so
nobody can lengthen somebody else's wait by knocking.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from hashlib import sha256

_SECOND = 1_000
_MINUTE = 60 * _SECOND
_DAY = 24 * 60 * _MINUTE


@dataclass(frozen=True, slots=True)
class AttemptPolicy:
    """How quickly failures slow things down; all times in milliseconds.

    Attributes:
        free: failures that cost no wait.
        first_wait_ms: the wait after the first failure that is not free; each further one doubles it.
        longest_wait_ms: where the doubling ends.
        limit: consecutive failures after which nothing is tried for `rest_ms` (NIST SP 800-63B-4 §3.2.2: at most 100).
        rest_ms: this long after the last failure the count begins again.
    """

    free: int
    first_wait_ms: int = _SECOND
    longest_wait_ms: int = 15 * _MINUTE
    limit: int = 100
    rest_ms: int = _DAY

    def __post_init__(self) -> None:
        if not 0 <= self.free < self.limit:
            raise ValueError("free must be at least 0 and less than limit")
        if not 0 < self.first_wait_ms <= self.longest_wait_ms <= self.rest_ms:
            raise ValueError("the waits must be in order: 0 < first_wait_ms <= longest_wait_ms <= rest_ms")


PER_ACCOUNT = AttemptPolicy(free=5, limit=80)
"""For one e-mail: 80 guesses before a day's rest, the last 64 of them a quarter of an hour apart.

Not the full 100: the known devices of the account have the other twenty.
"""

PER_ADDRESS = AttemptPolicy(free=20, limit=1_000, rest_ms=60 * _MINUTE)
"""For one network, which may be a whole office behind one address."""


@dataclass(frozen=True, slots=True)
class Attempts:
    """The failures counted under one subject.

    Attributes:
        failures: consecutive failures.
        last_failed_ms: when the last one was; None before the first.
    """

    failures: int = 0
    last_failed_ms: int | None = None


def wait_ms(failures: int, last_failed_ms: int | None, *, now_ms: int, policy: AttemptPolicy) -> int:
    """Return how many milliseconds the next attempt has to wait; 0 when it may be made now.

    A clock that was set back lengthens no wait beyond its full length.
    """
    if last_failed_ms is None or failures <= policy.free:
        return 0
    wait = _full_wait_ms(failures, policy)
    return max(0, wait - max(0, now_ms - last_failed_ms))


def _full_wait_ms(failures: int, policy: AttemptPolicy) -> int:
    if failures >= policy.limit:
        return policy.rest_ms
    # 2**40 is past every cap; without the bound a large count would build a large integer.
    return min(policy.first_wait_ms << min(failures - policy.free - 1, 40), policy.longest_wait_ms)


def email_subject(email: str) -> str:
    """Return the name a normalised e-mail is counted under: a digest, so that typing errors are not kept as text."""
    return "e:" + sha256(email.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def is_loopback(address: str) -> bool:
    """Tell whether `address` is this machine's own."""
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def address_subject(address: str) -> str:
    """Return the name a network is counted under: one IPv4 address, or an IPv6 /64 because a host owns all of it.

    Text that is no IP address counts under one shared name.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "a:unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return f"a:{ipaddress.IPv6Network((parsed, 64), strict=False)}"
        return f"a:{parsed.ipv4_mapped}"
    return f"a:{parsed}"
