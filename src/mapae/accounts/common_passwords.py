"""Passwords that thousands of people have chosen before: the list that the library `zxcvbn` carries.

Only its list is used, and only as fingerprints: 30 000 passwords in 240 kB. Importing the library itself would load its
other dictionaries and keep some 14 MB.
"""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import importlib.util
import unicodedata
from array import array
from bisect import bisect_left
from functools import cache
from hashlib import blake2b


class ListMissing(RuntimeError):
    """The library that carries the list is not installed, or no longer carries it."""


def is_common(folded: str) -> bool:
    """Say whether a password is on the list; give it as `fold` returns it.

    The first call reads the list (about 50 ms): call `load` when the service opens.

    Raises:
        ListMissing: the list cannot be read.
    """
    fingerprints = load()
    wanted = _fingerprint(folded)
    at = bisect_left(fingerprints, wanted)
    return at < len(fingerprints) and fingerprints[at] == wanted


def fold(password: str) -> str:
    """Return the form in which passwords are compared with lists: no case, no width, no accents' encodings."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", password).casefold())


@cache
def load() -> array[int]:
    """Return the sorted 64-bit fingerprints of the listed passwords, read once.

    Raises:
        ListMissing: the list cannot be read.
    """
    try:
        file = importlib.metadata.distribution("zxcvbn").locate_file("zxcvbn/frequency_lists.py")
    except importlib.metadata.PackageNotFoundError:
        raise ListMissing("install the library zxcvbn: it carries the list of common passwords") from None
    return array("Q", sorted({_fingerprint(fold(password)) for password in read_list(str(file))}))


def read_list(file: str) -> list[str]:
    """Return the passwords listed in one file of the library, run by itself; its other names are forgotten here.

    Raises:
        ListMissing: there is no such file, or no such list in it.
    """
    loader = importlib.machinery.SourceFileLoader("zxcvbn_frequency_lists", file)
    spec = importlib.machinery.ModuleSpec(loader.name, loader)
    module = importlib.util.module_from_spec(spec)
    try:
        loader.exec_module(module)
        return list(module.FREQUENCY_LISTS["passwords"])
    except (OSError, AttributeError, KeyError):
        raise ListMissing("the library zxcvbn no longer carries its list of passwords") from None


def _fingerprint(folded: str) -> int:
    return int.from_bytes(blake2b(folded.encode(), digest_size=8).digest(), "big")
