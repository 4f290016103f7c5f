"""Find the operation of a request: exact paths in one look-up, paths with names by pattern."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from mapae.web.calls import NO_PARAMETERS, Operation
from mapae.web.refusals import MethodNotAllowed

Found = tuple[Operation, Mapping[str, str]]


class Table:
    """Operations by method and path. A GET answers HEAD too (RFC 9110 §9.3.2)."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._exact: dict[tuple[str, str], Found] = {}
        self._patterns: list[tuple[str, re.Pattern[str], Operation]] = []
        self._methods: dict[str, list[str]] = {}
        for operation in operations:
            for method in ("GET", "HEAD") if operation.method == "GET" else (operation.method,):
                self._methods.setdefault(operation.path, []).append(method)
                if "{" in operation.path:
                    pattern = re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", operation.path))
                    self._patterns.append((method, pattern, operation))
                else:
                    self._exact[method, operation.path] = (operation, NO_PARAMETERS)

    def exact(self, method: str, path: str) -> Operation | None:
        """Return the operation of a path without names; None where there is none, or not with this method."""
        found = self._exact.get((method, path))
        return None if found is None else found[0]

    def find(self, method: str, path: str) -> Found | None:
        """Return the operation and the names in its path; None when no operation has this path.

        Raises:
            MethodNotAllowed: the path has operations, but none with this method.
        """
        found = self._exact.get((method, path))
        return found if found is not None else self._find_slowly(method, path)

    def _find_slowly(self, method: str, path: str) -> Found | None:
        allowed = self._methods.get(path, [])
        for each, pattern, operation in self._patterns:
            names = pattern.fullmatch(path)
            if names is not None and each == method:
                return operation, names.groupdict()
            if names is not None:
                allowed = self._methods[operation.path]
        if allowed:
            raise MethodNotAllowed(sorted(set(allowed)))
        return None
