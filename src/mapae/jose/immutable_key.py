"""What every key has in common: nobody changes it, and nothing shows its secret by accident."""

from __future__ import annotations

from abc import ABC
from typing import NoReturn, Self


class ImmutableKey(ABC):
    """A key that is what it was made as.

    Attributes:
        alg: the algorithm, by its registered name.
        kid: the key's id.
    """

    __slots__ = ()

    alg: str
    kid: str | None

    def _become(self, **members: object) -> None:
        """Set the members once, while the key is being made."""
        for name, value in members.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a key is immutable")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a key is immutable")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.alg} kid={self.kid!r}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is not pickled; write key.to_jwk(private=True) where you really mean to store it")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self
