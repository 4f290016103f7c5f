"""Put a mutant into a running process: by exchanging code where functions live, or by changing what is imported."""

from __future__ import annotations

import ast
import functools
import gc
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

Live = Mapping[tuple[str, int], Sequence[FunctionType]]


class CannotExchange(Exception):
    """The changed function wants other variables of its surroundings, or nothing of it is alive yet."""


def live_functions(path: Path) -> Live:
    """Find every function of a module that exists now, closures too, by name and first line."""
    found: dict[tuple[str, int], list[FunctionType]] = {}
    for thing in _everything():
        if type(thing) is FunctionType and thing.__code__.co_filename == str(path):
            found.setdefault((thing.__code__.co_qualname, thing.__code__.co_firstlineno), []).append(thing)
    return found


def cached_functions() -> Sequence[functools._lru_cache_wrapper]:
    """Find every function that keeps its results: what it said before a change, or in another test, counts no more."""
    return [thing for thing in _everything() if isinstance(thing, functools._lru_cache_wrapper)]  # noqa: SLF001


def _everything() -> Sequence[object]:
    """List what lives, also what the collector was told to pass over, as the tests' own set-up does."""
    gc.unfreeze()
    living = gc.get_objects()
    gc.freeze()
    return living


def exchange(tree: ast.Module, path: Path, live: Live, where: str) -> None:
    """Give every living function that `where` belongs to the code of the changed module.

    Raises:
        CannotExchange: the module has to be imported anew instead.
    """
    outermost = where.split(".", maxsplit=1)[0]
    exchanged = 0
    for code in _codes(compile(tree, str(path), "exec")):
        if code.co_qualname.split(".")[0] != outermost:
            continue
        for function in live.get((code.co_qualname, code.co_firstlineno), ()):
            if function.__code__.co_freevars != code.co_freevars:
                raise CannotExchange
            function.__code__ = code
            exchanged += 1
    if not exchanged:
        raise CannotExchange


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


class _Loader(SourceFileLoader):
    tree: ast.Module

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 (importlib's signature)
        return compile(self.tree, self.path, "exec")


class ImportChanged(MetaPathFinder):
    """Import one module from a changed tree."""

    def __init__(self, name: str, tree: ast.Module) -> None:
        self._name, self._tree = name, tree

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None:
            return None
        spec.loader = _Loader(fullname, spec.origin)
        spec.loader.tree = self._tree
        return spec

    def install(self) -> None:
        """Stand before every other way of importing."""
        sys.meta_path.insert(0, self)
