"""The claims of a token (RFC 7519 §4): an immutable mapping, and the rules of the registered claims."""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from math import isfinite
from types import MappingProxyType
from typing import Any, Final

import msgspec

from mapae.errors import ClaimRefused

MAX_DATE: Final = 253402300799
"""The last second of the year 9999."""

ABSENT: Final = object()


class _StructMapping(msgspec.StructMeta, ABCMeta):
    """The metaclass of a msgspec.Struct that is a Mapping too."""


class Claims(msgspec.Struct, Mapping[str, Any], frozen=True, eq=False, gc=False, metaclass=_StructMapping):
    """The claims of a verified token, read-only.

    The registered claims are attributes (`claims.sub`, `claims.expires_at`); each claim is a member (`claims["s"]`).
    Arrays are tuples and objects are read-only mappings, all the way down. `repr` shows names, never values.
    """

    _members: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self._members[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def __repr__(self) -> str:
        return f"<Claims {' '.join(self)}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(name, ...) for name in self]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and dict(self) == dict(other)

    def __ne__(self, other: object) -> bool:
        return not self == other  # said here, as a Struct brings an own one that knows nothing of members

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Callable[[dict[str, Any]], Claims], tuple[dict[str, Any]]]:
        return _frozen_claims, (self.to_dict(),)

    def __copy__(self) -> Claims:
        return self

    def __deepcopy__(self, memo: object) -> Claims:
        return self

    @property
    def iss(self) -> str | None:
        """The issuer (RFC 7519 §4.1.1)."""
        return self._members.get("iss")

    @property
    def sub(self) -> str | None:
        """The subject (RFC 7519 §4.1.2)."""
        return self._members.get("sub")

    @property
    def aud(self) -> tuple[str, ...]:
        """The audiences, none to many (RFC 7519 §4.1.3)."""
        aud = self._members.get("aud", ())
        return (aud,) if isinstance(aud, str) else aud

    @property
    def exp(self) -> int | float | None:
        """The expiry, in seconds since 1970 (RFC 7519 §4.1.4)."""
        return self._members.get("exp")

    @property
    def nbf(self) -> int | float | None:
        """The first second of validity (RFC 7519 §4.1.5)."""
        return self._members.get("nbf")

    @property
    def iat(self) -> int | float | None:
        """The second of issue (RFC 7519 §4.1.6)."""
        return self._members.get("iat")

    @property
    def jti(self) -> str | None:
        """The token's own id (RFC 7519 §4.1.7); the right key for a replay list, as a signature can have twins."""
        return self._members.get("jti")

    @property
    def expires_at(self) -> datetime | None:
        """`exp` as a time with a zone."""
        return _moment(self.exp)

    @property
    def not_before(self) -> datetime | None:
        """`nbf` as a time with a zone."""
        return _moment(self.nbf)

    @property
    def issued_at(self) -> datetime | None:
        """`iat` as a time with a zone."""
        return _moment(self.iat)

    def to_dict(self) -> dict[str, Any]:
        """Copy the claims into a plain dict of dicts and lists."""
        return {name: _thawed(value) for name, value in self.items()}


def _frozen_claims(members: dict[str, Any]) -> Claims:
    return Claims(frozen(members))


def _moment(date: float | None) -> datetime | None:
    return None if date is None else datetime.fromtimestamp(date, UTC)


def frozen(members: dict[str, Any]) -> dict[str, Any]:
    """Copy members with every array as a tuple and every object as a read-only mapping."""
    return {name: _frozen(value) for name, value in members.items()}


def _frozen(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(map(_frozen, value))
    if isinstance(value, Mapping):
        return MappingProxyType(frozen(dict(value)))
    return value


def _thawed(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_thawed(member) for member in value]
    if isinstance(value, Mapping):
        return {name: _thawed(member) for name, member in value.items()}
    return value


def check_date(value: object, claim: str) -> int | float:
    """Check a NumericDate (RFC 7519 §2).

    Raises:
        ClaimRefused: it is not a finite number of seconds up to the year 9999.
    """
    if type(value) is int or (type(value) is float and isfinite(value)):
        if -MAX_DATE <= value <= MAX_DATE:
            return value
        raise ClaimRefused(
            "outside the years that a NumericDate can mean; it counts seconds, not milliseconds", claim=claim
        )
    what = "text" if isinstance(value, str) else "no number"
    raise ClaimRefused(
        f"must be a NumericDate, a JSON number of seconds without quotation marks (RFC 7519 section 2); this is {what}",
        claim=claim,
    )


def check_text(value: object, claim: str) -> str:
    """Check a claim that is a string (RFC 7519 §4.1).

    Raises:
        ClaimRefused: it is not a string.
    """
    if isinstance(value, str):
        return value
    raise ClaimRefused('must be a string (RFC 7519 section 4.1): "42", not 42', claim=claim)


def check_audience(value: object) -> tuple[str, ...]:
    """Check `aud`: one string or a non-empty array of strings (RFC 7519 §4.1.3).

    Raises:
        ClaimRefused: it is something else.
    """
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple) and value and all(isinstance(member, str) for member in value):
        return tuple(value)
    raise ClaimRefused("must be a string or a non-empty array of strings (RFC 7519 section 4.1.3)", claim="aud")


def check_registered(members: Mapping[str, Any]) -> None:
    """Check the types of all registered claims that are there.

    Raises:
        ClaimRefused: one has a wrong type.
    """
    for name in ("exp", "nbf", "iat"):
        if name in members:
            check_date(members[name], name)
    for name in ("iss", "sub", "jti"):
        if name in members:
            check_text(members[name], name)
    if "aud" in members:
        check_audience(members["aud"])
