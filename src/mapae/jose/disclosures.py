"""Claims behind digests: hide them, and put those that were disclosed back in their places (RFC 9901 §4.2, §7.1)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import new as new_hash
from typing import Any

from mapae.errors import ClaimRefused, Malformed, TooLarge
from mapae.jose.base64url import decode, encode
from mapae.jose.strict_json import MAX_DEPTH, plain, read_object, write_object

HASHES: Mapping[str, str] = {"sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512"}
"""The accepted values of `_sd_alg`, and their names in hashlib."""

MAX_DISCLOSURES = 1000
MAX_DISCLOSURE = 16 * 1024
ALWAYS_OPEN = frozenset({"iss", "aud", "exp", "nbf", "cnf", "status", "vct", "_sd_alg"})
"""Claims that decide whether the whole is valid, so nobody may leave them out (RFC 9901 §9.7)."""

_DIGESTS, _PLACE, _HASH = "_sd", "...", "_sd_alg"
_RESERVED = frozenset({_DIGESTS, _PLACE, _HASH})


@dataclass(frozen=True, slots=True)
class Selective:
    """A value that the holder may keep to herself: a member of an object, or an element of an array."""

    value: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One hidden value, with the salt that keeps it from being guessed.

    Attributes:
        text: as it stands in the SD-JWT.
        name: the claim's name; None for an element of an array.
        value: the value, in which further digests may be.
    """

    text: str = field(repr=False)
    name: str | None
    value: Any = field(repr=False)

    def digest(self, sd_alg: str) -> str:
        """Compute the digest that stands in its place."""
        return digest_of(self.text, sd_alg)


def digest_of(text: str, sd_alg: str) -> str:
    """Hash ASCII text, and write the digest as base64url."""
    return encode(new_hash(HASHES[sd_alg], text.encode()).digest())


def write_disclosure(parts: list[Any]) -> Disclosure:
    """Write a disclosure from its salt, its name (for a member) and its value.

    Raises:
        Malformed: the value holds something that JSON cannot carry exactly.
    """
    text = encode(write_object(plain({"d": parts}, "disclosure"), "disclosure")[5:-1])
    return read_disclosure(text)


def read_disclosure(text: str) -> Disclosure:
    """Read one disclosure.

    Raises:
        TooLarge: it has more than 16384 characters.
        Malformed: it is not the canonical base64url of an array of salt, name and value, or of salt and value.
    """
    if len(text) > MAX_DISCLOSURE:
        raise TooLarge(f"a disclosure has more than {MAX_DISCLOSURE} characters")
    raw = decode(text, "disclosure")
    members = read_object(b'{"d":' + raw + b"}", "disclosure")
    parts = members["d"] if len(members) == 1 else None
    match parts:
        case [str(), value]:
            return Disclosure(text, None, value)
        case [str(), str(name), value] if name not in _RESERVED:
            return Disclosure(text, name, value)
    raise Malformed("a disclosure is an array of a salt, a name that is not reserved, and a value (RFC 9901 §4.2)")


# Hiding ---------------------------------------------------------------------------------------------------------------


def random_salt() -> str:
    """Make a salt of 128 random bits."""
    return secrets.token_urlsafe(16)


@dataclass(slots=True)
class Concealer:
    """Takes `Selective` values out of claims and keeps their disclosures.

    Attributes:
        sd_alg: the hash.
        decoys: how many digests of nothing to add wherever something is hidden, so that nobody can count.
        salt: makes a new salt at each call.
        disclosures: what was taken out, inner ones first.
    """

    sd_alg: str
    decoys: int = 0
    salt: Callable[[], str] = random_salt
    disclosures: list[Disclosure] = field(default_factory=list)

    def conceal(self, value: Any) -> Any:
        """Return a copy of the value with digests in place of what is selective.

        Raises:
            Malformed: a member has a reserved name, or a value cannot be written as JSON.
        """
        if isinstance(value, Mapping):
            return self._object(value)
        if isinstance(value, list | tuple):
            return self._array(value)
        return value

    def _object(self, members: Mapping[str, Any]) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        digests: list[str] = []
        for name, member in members.items():
            if name in _RESERVED:
                raise Malformed("the name is reserved (RFC 9901 section 4.1)", claim=str(name))
            if isinstance(member, Selective):
                digests.append(self._hide([self.salt(), name, self.conceal(member.value)]))
            else:
                shown[name] = self.conceal(member)
        if digests:
            # Sorted, so that the order says nothing about the order of the claims.
            shown[_DIGESTS] = sorted([*digests, *(self._decoy() for _each in range(self.decoys))])
        return shown

    def _array(self, elements: Iterable[Any]) -> list[Any]:
        shown: list[Any] = []
        hidden = False
        for element in elements:
            if isinstance(element, Selective):
                hidden = True
                shown.append({_PLACE: self._hide([self.salt(), self.conceal(element.value)])})
            else:
                shown.append(self.conceal(element))
        for _each in range(self.decoys if hidden else 0):
            shown.insert(secrets.randbelow(len(shown) + 1), {_PLACE: self._decoy()})
        return shown

    def _hide(self, parts: list[Any]) -> str:
        disclosure = write_disclosure(parts)
        self.disclosures.append(disclosure)
        return disclosure.digest(self.sd_alg)

    def _decoy(self) -> str:
        return digest_of(secrets.token_urlsafe(32), self.sd_alg)


# Putting back ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unfolded:
    """Claims with everything that was disclosed back in its place.

    Attributes:
        claims: the claims, without any digest.
        disclosed: for each value that was behind a digest, its place as a JSON Pointer (RFC 6901) and the disclosures
            that lead to it, the outermost first.
    """

    claims: dict[str, Any] = field(repr=False)
    disclosed: Mapping[str, tuple[Disclosure, ...]] = field(repr=False)


def unfold(payload: Mapping[str, Any], disclosures: Iterable[Disclosure]) -> Unfolded:
    """Put each disclosed value in the place of its digest (RFC 9901 §7.1).

    Args:
        payload: the payload of the issuer-signed JWT, already verified.
        disclosures: those that came with it.

    Raises:
        Malformed: a digest stands there twice, a disclosure fits nowhere or in the wrong kind of place, a name is there
            twice or reserved, or the whole nests too deep.
        ClaimRefused: `_sd_alg` is not a known hash, or a claim was hidden that must be open.
    """
    return _Unfolding(sd_alg_of(payload), disclosures).run(payload)


def sd_alg_of(payload: Mapping[str, Any]) -> str:
    """Read the hash of a payload; SHA-256 where it names none.

    Raises:
        ClaimRefused: it is not a known hash.
    """
    sd_alg = payload.get(_HASH, "sha-256")
    if not isinstance(sd_alg, str) or sd_alg not in HASHES:
        raise ClaimRefused(f"must be one of {', '.join(HASHES)}", claim=_HASH)
    return sd_alg


class _Unfolding:
    def __init__(self, sd_alg: str, disclosures: Iterable[Disclosure]) -> None:
        self._by_digest: dict[str, Disclosure] = {}
        self._seen: set[str] = set()
        self._disclosed: dict[str, tuple[Disclosure, ...]] = {}
        for disclosure in disclosures:
            if self._by_digest.setdefault(disclosure.digest(sd_alg), disclosure) is not disclosure:
                raise Malformed("a disclosure is there twice")

    def run(self, payload: Mapping[str, Any]) -> Unfolded:
        claims = self._object({name: value for name, value in payload.items() if name != _HASH}, "", (), 1)
        if not self._seen.issuperset(self._by_digest):
            raise Malformed("a disclosure has no digest that it belongs to")
        return Unfolded(claims, self._disclosed)

    def _value(self, value: Any, path: str, chain: tuple[Disclosure, ...], depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise Malformed(f"the claims nest deeper than {MAX_DEPTH}")
        if isinstance(value, dict):
            return self._object(value, path, chain, depth)
        if isinstance(value, list):
            return self._array(value, path, chain, depth)
        return value

    def _object(
        self, members: Mapping[str, Any], path: str, chain: tuple[Disclosure, ...], depth: int
    ) -> dict[str, Any]:
        open_members: dict[str, Any] = {}
        for name, member in members.items():
            if name in {_PLACE, _HASH}:
                raise Malformed("the name is reserved (RFC 9901 section 4.1)", claim=name)
            if name != _DIGESTS:
                open_members[name] = self._value(member, f"{path}/{_escaped(name)}", chain, depth + 1)
        for digest in _texts(members.get(_DIGESTS, [])):
            disclosure = self._take(digest)
            if disclosure is None:
                continue
            name = self._name(disclosure, open_members, top=depth == 1)
            place, links = f"{path}/{_escaped(name)}", (*chain, disclosure)
            self._disclosed[place] = links
            open_members[name] = self._value(disclosure.value, place, links, depth + 1)
        return open_members

    def _array(self, elements: list[Any], path: str, chain: tuple[Disclosure, ...], depth: int) -> list[Any]:
        open_elements: list[Any] = []
        for element in elements:
            place, links = f"{path}/{len(open_elements)}", chain
            if isinstance(element, dict) and _PLACE in element:
                if len(element) != 1:
                    raise Malformed("stands beside other members", claim=_PLACE)
                disclosure = self._take(_texts([element[_PLACE]])[0])
                if disclosure is None:
                    continue
                if disclosure.name is not None:
                    raise Malformed("the disclosure of a member stands in an array")
                element, links = disclosure.value, (*chain, disclosure)  # noqa: PLW2901 (the value for its place)
                self._disclosed[place] = links
            open_elements.append(self._value(element, place, links, depth + 1))
        return open_elements

    def _take(self, digest: str) -> Disclosure | None:
        if digest in self._seen:
            raise Malformed("a digest is there twice")
        self._seen.add(digest)
        return self._by_digest.get(digest)

    @staticmethod
    def _name(disclosure: Disclosure, beside: Mapping[str, Any], *, top: bool) -> str:
        name = disclosure.name
        if name is None:
            raise Malformed("the disclosure of an array element stands in an object")
        if name in beside:
            raise Malformed("a disclosure names a member that is there already")
        if top and name in ALWAYS_OPEN:
            raise ClaimRefused("decides about the whole, so it must not be hidden", claim=name)
        return name


def _texts(digests: object) -> list[str]:
    if not isinstance(digests, list) or not all(isinstance(digest, str) for digest in digests):
        raise Malformed("must hold digests as strings", claim=_DIGESTS)
    return digests


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
