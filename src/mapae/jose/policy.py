"""What a verifier demands of the registered claims (RFC 7519 §4.1, RFC 8725 §3.8, §3.9)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal

from mapae.errors import ClaimRefused, Expired, NotYetValid, WrongAudience, WrongIssuer
from mapae.jose.claims import ABSENT, MAX_DATE, check_audience, check_date, check_text


class Anything(Enum):
    """The type of `ANY`."""

    ANY = "any"


ANY: Final = Anything.ANY
"""Accept any issuer or audience. Write it out only where another check takes its place."""

Expected = str | Collection[str] | Literal[Anything.ANY] | None

Registered = tuple[Any, Any, Any, Any, Any, Any]
"""iss, aud, exp, nbf, iat (each may be ABSENT), and the result."""

Judge = Callable[[Registered, float], tuple[Any, float, float]]
"""Registered claims and now to: the result, the first moment of its validity, the end of it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The demands, taken apart.

    Attributes:
        issuer: the accepted `iss`.
        audience: the accepted `aud`.
        required: claims that must be there, beside `exp`.
        leeway: seconds by which clocks may differ.
        max_age: the greatest age in seconds since `iat`.
        typ: the only accepted kind of token, or None.
        max_length: the greatest number of characters.
        memo_bytes: what verified tokens may take.
        quirks: exceptions and their ends, the earliest first.
        asks_revocation: whether somebody is asked at every check.
    """

    issuer: Expected
    audience: Expected
    required: frozenset[str] = frozenset()
    leeway: int = 5
    max_age: int | None = None
    typ: str | None = None
    max_length: int = 16 * 1024
    memo_bytes: int = 0
    quirks: tuple[tuple[str, float], ...] = ()
    asks_revocation: bool = False

    def issuers(self) -> frozenset[str]:
        """Return the accepted issuers that have a name."""
        return _names(self.issuer, "issuer")

    def audiences(self) -> frozenset[str]:
        """Return the accepted audiences that have a name."""
        return _names(self.audience, "audience")


def judge_of(policy: Policy) -> Judge:
    """Prepare the judgement of dates, issuer and audience: it returns, or raises the reason.

    Raises:
        ValueError: an expected issuer or audience is no text.
    """
    check_issuer, check_aud = _issuer_check(policy), _audience_check(policy)
    leeway, max_age = policy.leeway, policy.max_age

    def judge(registered: Registered, now: float) -> tuple[Any, float, float]:
        iss, aud, exp, nbf, iat, result = registered
        valid_until = _date(exp, "exp") + leeway
        # "not now <" and not ">=": a now that is no number must not pass.
        if not now < valid_until:
            raise Expired("the token has expired (RFC 7519 section 4.1.4)", claim="exp")
        valid_from: float = -MAX_DATE
        if iat is not ABSENT or max_age is not None:
            valid_from = _date(iat, "iat") - leeway
            if max_age is not None:
                valid_until = min(valid_until, iat + max_age + leeway)
                if not now < valid_until:
                    raise Expired(f"the token is older than {max_age} seconds", claim="iat")
        if nbf is not ABSENT:
            valid_from = max(valid_from, _date(nbf, "nbf") - leeway)
        if not now >= valid_from:
            raise NotYetValid("the token is not valid yet (RFC 7519 sections 4.1.5 and 4.1.6)")
        check_issuer(iss)
        check_aud(aud)
        return result, valid_from, valid_until

    return judge


def _date(value: Any, claim: str) -> float:
    if value is ABSENT:
        raise ClaimRefused("is required and missing", claim=claim)
    return check_date(value, claim)


def _names(expected: Expected, what: str) -> frozenset[str]:
    if expected is None or expected is ANY:
        return frozenset()
    names: frozenset[Any] = frozenset({expected} if isinstance(expected, str) else expected)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"{what}= is a string or several, None for tokens without one, or ANY")
    return names


def _issuer_check(policy: Policy) -> Callable[[Any], None]:
    expected, accepted = policy.issuer, policy.issuers()

    def check(iss: Any) -> None:
        if type(iss) is str and iss in accepted:
            return
        if iss is not ABSENT:
            check_text(iss, "iss")
        if expected is ANY or (expected is None and iss is ABSENT):
            return
        if expected is None:
            raise WrongIssuer("no issuer is expected; name it with issuer= to accept it", claim="iss")
        raise WrongIssuer("missing" if iss is ABSENT else "not the expected issuer", claim="iss")

    return check


def _audience_check(policy: Policy) -> Callable[[Any], None]:
    expected, accepted = policy.audience, policy.audiences()

    def check(aud: Any) -> None:
        if type(aud) is str and aud in accepted:
            return
        named = () if aud is ABSENT else check_audience(aud)
        if expected is ANY or (expected is None and aud is ABSENT) or not accepted.isdisjoint(named):
            return
        if expected is None:
            raise WrongAudience("no audience is expected; name it with audience= to accept it", claim="aud")
        raise WrongAudience("missing" if aud is ABSENT else "does not name this audience", claim="aud")

    return check
