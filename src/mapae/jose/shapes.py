"""Claims of a shape that was seen before, decoded into a type made for their names.

An issuer writes the same few names again and again. Decoding into a type that has them as its fields takes half as
long as decoding into a dict; and the decoder itself then says that each of them is there, and that the registered ones
are of the right type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from types import new_class
from typing import Any, ClassVar

import msgspec

from mapae.jose.claims import Claims

Decode = Callable[[bytes], Any]

_ORDINARY: dict[str, Any] = {"iss": str, "sub": str, "aud": str, "exp": int, "iat": int, "jti": str}
_FLAT = str | int | float | bool | None
_MAX_COMMAS = 63


class _Shaped(Claims, frozen=True, eq=False, gc=False, kw_only=True):
    """Claims whose members are fields; a type for each shape says which.

    Nothing in JSON is UNSET, so no payload can set what is inherited and not used.
    """

    _members: msgspec.UnsetType = msgspec.UNSET  # type: ignore[assignment]
    _fields: ClassVar[dict[str, str]]

    def __getitem__(self, name: str) -> Any:
        return getattr(self, self._fields[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    @property
    def aud(self) -> tuple[str, ...]:
        """The one audience."""
        return (self["aud"],)


@lru_cache(maxsize=256)
def _decoder_for(names: tuple[str, ...]) -> Decode | None:
    """Make a type of claims with these names and return its decoder; None where a name would have to be escaped."""
    fields = {name: name if name in _ORDINARY else f"_{at}" for at, name in enumerate(names)}
    fields["aud"] = "_aud"
    body: dict[str, Any] = {name: None for name in ("sub", "nbf", "jti") if name not in fields}
    body["__module__"] = __name__
    body["__annotations__"] = {field: _ORDINARY.get(name, _FLAT) for name, field in fields.items()}
    body["_fields"] = fields
    renamed = {field: name for name, field in fields.items()}
    options = {"frozen": True, "gc": False, "rename": renamed}
    try:
        kind = new_class("Claims", (_Shaped,), options, lambda namespace: namespace.update(body))
    except ValueError:
        return None
    return msgspec.json.Decoder(kind).decode


class Shapes:
    """The shapes that a verifier has met, by their number of commas.

    Attributes:
        decoders: the decoder of a shape; None where none is of use, as several shapes have as many commas.
    """

    __slots__ = ("_last", "decoders")

    def __init__(self) -> None:
        self.decoders: dict[int, Decode | None] = {}
        self._last: dict[int, tuple[str, ...]] = {}

    def learn(self, members: dict[str, Any]) -> None:
        """Note the names of an accepted payload without a comma inside a value: twice in turn, they are a shape.

        Args:
            members: flat ones; `iss`, `aud`, `exp` and `iat` are there, `nbf` is not.
        """
        commas = len(members) - 1
        if commas > _MAX_COMMAS or commas in self.decoders:
            return
        names = (*members,)
        if self._last.get(commas) == names:
            self.decoders[commas] = _decoder_for(names)
        self._last[commas] = names

    def give_up(self, commas: int) -> None:
        """Use no decoder for a number of commas that payloads of another shape have too."""
        self.decoders[commas] = None
