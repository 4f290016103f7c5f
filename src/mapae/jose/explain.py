"""Say in words what a verifier accepts."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from mapae.jose.jwks import KeySet
from mapae.jose.jws import KeySource
from mapae.jose.key import Key
from mapae.jose.live_keys import LiveKeys
from mapae.jose.policy import ANY, Expected, Policy
from mapae.jose.quirks import QUIRKS


def explain(policy: Policy, keys: KeySource | LiveKeys) -> str:
    """Write a policy down, one rule a line."""
    return "\n".join(f"- {line}" for line in _lines(policy, keys))


def explain_each(explanations: Mapping[str, str]) -> str:
    """Write down the policies of several issuers, each under its name."""
    return "\n".join(f"{name}:\n{textwrap.indent(words, '  ')}" for name, words in explanations.items())


def _lines(policy: Policy, keys: KeySource | LiveKeys) -> Iterator[str]:
    yield f"signed by {_keys(keys)}"
    yield (
        "of any ordinary kind (typ JWT, or none)"
        if policy.typ is None
        else f"of the kind {policy.typ} (typ) and no other"
    )
    yield _named("issued by", "iss", policy.issuer)
    yield _named("meant for", "aud", policy.audience)
    yield f"not expired (exp, required), with {policy.leeway} seconds of leeway"
    yield "not before its time (nbf and iat, where given)"
    if policy.max_age is not None:
        yield f"at most {policy.max_age} seconds old (iat, required)"
    if policy.required:
        yield f"with the claims {', '.join(sorted(policy.required))}"
    if policy.asks_revocation:
        yield "not revoked: asked at every check"
    yield f"at most {policy.max_length} characters long"
    for name, end in policy.quirks:
        yield f"until {datetime.fromtimestamp(end, UTC):%Y-%m-%d %H:%M} UTC, the quirk {name}: {QUIRKS[name]}"
    if policy.memo_bytes:
        yield f"its signature is checked once and remembered in at most {policy.memo_bytes} bytes; all else every time"
    else:
        yield "its signature is checked every time"


def _keys(keys: KeySource | LiveKeys) -> str:
    if isinstance(keys, Key):
        return f"the {keys.alg} key{f' {keys.kid}' if keys.kid else ''}"
    if isinstance(keys, KeySet):
        return f"one of {len(keys)} keys ({', '.join(sorted({key.alg for key in keys}))}), chosen by kid"
    if isinstance(keys, LiveKeys):
        return f"one of the keys of {keys.origin}, fetched when needed, chosen by kid"
    return "the key that its source finds by kid"


def _named(words: str, claim: str, expected: Expected) -> str:
    if expected is None:
        return f"without {claim}"
    if expected is ANY:
        return f"{words} anyone ({claim} is not checked here)"
    return f"{words} {expected if isinstance(expected, str) else ' or '.join(sorted(expected))} ({claim})"
