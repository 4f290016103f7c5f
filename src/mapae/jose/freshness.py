"""The dates of a proof that is made for one moment: DPoP proofs and key bindings (RFC 9449 §4.3, RFC 9901 §7.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mapae.errors import Expired, NotYetValid
from mapae.jose.claims import check_date


def check_fresh(claims: Mapping[str, Any], *, now: float, max_age: int, leeway: int) -> float:
    """Check that a proof was made just now, and return when.

    Args:
        claims: its claims; `iat` is required, `exp` and `nbf` are checked where they are.
        now: seconds since 1970.
        max_age: the greatest age in seconds.
        leeway: seconds by which clocks may differ.

    Raises:
        ClaimRefused: a date is missing or no NumericDate.
        NotYetValid: `iat` or `nbf` lies ahead.
        Expired: `exp` has passed, or `iat` is too long ago.
    """
    iat = check_date(claims.get("iat"), "iat")
    # Written with "not", so that a now that is no number does not pass.
    if not iat <= now + leeway:
        raise NotYetValid("lies ahead", claim="iat")
    if not now <= iat + max_age + leeway:
        raise Expired(f"the proof is older than {max_age} seconds", claim="iat")
    if "exp" in claims and not now < check_date(claims["exp"], "exp") + leeway:
        raise Expired("the proof has expired", claim="exp")
    if "nbf" in claims and not now >= check_date(claims["nbf"], "nbf") - leeway:
        raise NotYetValid("the proof is not valid yet", claim="nbf")
    return iat
