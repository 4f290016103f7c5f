"""What `decode` demands of claims, as far as its options go."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from mapae.compat.pyjwt.exceptions import Missing
from mapae.errors import ClaimRefused, Expired, NotYetValid, WrongAudience, WrongIssuer
from mapae.jose.claims import check_audience, check_date, check_text

CHECKS = ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")
_KNOWN = {*(f"verify_{claim}" for claim in CHECKS), "verify_signature", "require", "strict_aud"}
_KNOWN.add("enforce_minimum_key_length")


@dataclass(frozen=True, slots=True)
class Demands:
    """The arguments and options of one call.

    Attributes:
        signature: whether the signature is checked.
        checks: the claims that are checked.
        require: the claims that must be there.
        strict_aud: whether `aud` must be one text, equal to `audience`.
        audience: the accepted audience, or several.
        issuer: the accepted issuer, or several.
        subject: the accepted subject.
        leeway: seconds by which clocks may differ.
    """

    signature: bool
    checks: frozenset[str]
    require: tuple[str, ...]
    strict_aud: bool
    audience: str | Iterable[str] | None
    issuer: str | Collection[str] | None
    subject: str | None
    leeway: float

    @classmethod
    def of(
        cls,
        options: Mapping[str, Any] | None,
        *,
        audience: str | Iterable[str] | None,
        issuer: str | Collection[str] | None,
        subject: str | None,
        leeway: float | timedelta,
    ) -> Demands:
        """Read the arguments of a call.

        Raises:
            TypeError: an argument has a wrong type, or an option is unknown.
        """
        given = dict(options or {})
        if unknown := set(given) - _KNOWN:
            raise TypeError(f"there is no option {', '.join(sorted(map(str, unknown)))}; there are {sorted(_KNOWN)}")
        signature = bool(given.get("verify_signature", True))
        required = given.get("require") or ()
        if isinstance(required, str):
            raise TypeError('options["require"] takes several: write ["exp", "iat"]')
        if audience is not None and not isinstance(audience, Iterable):
            raise TypeError("audience= is a text or several")
        if issuer is not None and not isinstance(issuer, Collection):
            raise TypeError("issuer= is a text or several")
        return cls(
            signature=signature,
            checks=frozenset(claim for claim in CHECKS if given.get(f"verify_{claim}", signature)),
            require=tuple(required),
            strict_aud=bool(given.get("strict_aud", False)),
            audience=audience,
            issuer=issuer,
            subject=subject,
            leeway=leeway.total_seconds() if isinstance(leeway, timedelta) else leeway,
        )


def check_claims(payload: Mapping[str, Any], demands: Demands, *, now: float, needs_expiry: bool) -> None:
    """Check the claims of a token.

    Args:
        payload: the claims.
        demands: what the caller demands.
        now: seconds since 1970.
        needs_expiry: whether a token without `exp` is refused.

    Raises:
        TokenError: a claim is missing or not accepted.
    """
    for claim in demands.require:
        if payload.get(claim) is None:
            raise Missing("", claim=claim)
    for claim in ("exp", "nbf", "iat"):
        if claim in demands.checks:
            _check_date(payload, claim, demands.leeway, now=now, needed=needs_expiry and claim == "exp")
    if "iss" in demands.checks:
        _check_issuer(payload, demands.issuer)
    if "aud" in demands.checks:
        _check_audience(payload, demands)
    for claim in ("sub", "jti"):
        if claim in demands.checks and claim in payload:
            check_text(payload[claim], claim)
    if (
        "sub" in demands.checks
        and demands.subject is not None
        and payload.get("sub", demands.subject) != demands.subject
    ):
        raise ClaimRefused("not the expected subject", claim="sub")


_NO_EXP = (
    ": it would be good for ever, also for a thief. Give every token an exp, or accept this one with "
    'options={"verify_exp": False}, or with pyjwt.legacy(no_expiry_until="YYYY-MM-DD") for a while'
)


def _check_date(payload: Mapping[str, Any], claim: str, leeway: float, *, now: float, needed: bool) -> None:
    if claim not in payload:
        if needed:
            raise Missing(_NO_EXP, claim=claim)
        return
    date = check_date(payload[claim], claim)
    # "not now <" and not ">=": a now or a leeway that is no number must not pass.
    if claim == "exp" and not now < date + leeway:
        raise Expired("the token has expired (RFC 7519 section 4.1.4)", claim=claim)
    if claim != "exp" and not now >= date - leeway:
        raise NotYetValid("the token is not valid yet", claim=claim)


def _check_issuer(payload: Mapping[str, Any], issuer: str | Collection[str] | None) -> None:
    if issuer is None:
        return
    if "iss" not in payload:
        raise Missing("", claim="iss")
    iss = check_text(payload["iss"], "iss")
    if iss not in ({issuer} if isinstance(issuer, str) else issuer):
        raise WrongIssuer("not the expected issuer", claim="iss")


def _check_audience(payload: Mapping[str, Any], demands: Demands) -> None:
    audience = demands.audience
    if "aud" not in payload:
        if audience is not None:
            raise Missing("", claim="aud")
        return
    named = check_audience(payload["aud"])
    if audience is None:
        raise WrongAudience("no audience is expected; name it with audience= to accept it", claim="aud")
    if demands.strict_aud and not (isinstance(audience, str) and payload["aud"] == audience):
        raise WrongAudience("is not exactly the expected audience", claim="aud")
    if set(named).isdisjoint({audience} if isinstance(audience, str) else audience):
        raise WrongAudience("does not name this audience", claim="aud")
