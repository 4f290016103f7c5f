"""RSA keys from smart cards that made primes by a known pattern (CVE-2017-15361); they can be factored.

Such a prime is a power of 65537 modulo a product of small primes, plus a multiple of it. So the modulus is a power of
65537 modulo each of them, which hardly ever happens by chance.
"""

from __future__ import annotations

from mapae.errors import KeyRefused

_GENERATOR = 65537
_PRIMES = (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107,
           109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167)  # fmt: skip


def _powers(prime: int) -> frozenset[int]:
    powers, power = set(), 1
    while power not in powers:
        powers.add(power)
        power = power * _GENERATOR % prime
    return frozenset(powers)


_POWERS = {prime: powers for prime in _PRIMES if len(powers := _powers(prime)) < prime - 1}


def refuse_guessable_primes(modulus: int) -> None:
    """Refuse an RSA modulus that follows the pattern.

    Raises:
        KeyRefused: the key must not be used; whoever has it should make a new one.
    """
    if all(modulus % prime in powers for prime, powers in _POWERS.items()):
        raise KeyRefused("the primes of this RSA key follow a known pattern, and can be found (CVE-2017-15361)")
