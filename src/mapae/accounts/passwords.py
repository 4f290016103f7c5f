"""Which passwords may be chosen: long enough, and not one an attacker tries first. Nothing else is asked of them.

No rules about kinds of characters, no expiry, no hints (NIST SP 800-63B-4 §3.1.1.2; ASVS 5.0 6.2). Lists and patterns
are compared with the password as a whole: a long one may contain a common word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mapae.accounts.common_passwords import fold, is_common
from mapae.accounts.hashing import Hashing, Verdict, check, recognise
from mapae.accounts.secret_text import CHARACTER_LIMIT, hashable
from mapae.errors import PasswordRefused

__all__ = ["Hashing", "PasswordPolicy", "Verdict", "check", "recognise"]

_RUN = 4
"""Neighbouring characters from this many on are a run: `1234`, `aaaa`, `qwer`."""
_UNGUESSED = 8
"""Characters that must be left when everything expected has been taken out."""
_KEYBOARD_ROWS = (
    "1234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔ",
    "ㅁㄴㅇㄹㅎㅗㅓㅏㅣ",
    "ㅋㅌㅊㅍㅠㅜㅡ",
)
_KEY_NEIGHBOURS = frozenset(pair for row in map(fold, _KEYBOARD_ROWS) for pair in pairwise(row))


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """What a new password has to be.

    Attributes:
        min_length: least number of characters; 15 where the password is the only factor, 8 beside a second one.
        max_length: greatest number; never less than 64.
    """

    min_length: int = 15
    max_length: int = CHARACTER_LIMIT

    def __post_init__(self) -> None:
        if not 8 <= self.min_length <= 64 <= self.max_length <= CHARACTER_LIMIT:
            raise ValueError(f"8 <= min_length <= 64 <= max_length <= {CHARACTER_LIMIT}")

    def check(self, password: str, *, context: Sequence[str] = ()) -> None:
        """Refuse a password that would be guessed soon; return for any other.

        Args:
            password: what the person chose.
            context: what an attacker expects here: the service's name, the e-mail, the person's name.

        Raises:
            PasswordRefused: `why` is `too_short`, `too_long`, `not_text`, `repeated`, `sequence`, `common` or
                `context`.

        Source: NIST SP 800-63B-4 §3.1.1.2; ASVS 5.0 6.2.1, 6.2.4, 6.2.9, 6.2.11.
        """
        self._check_length(password)
        folded = fold(password)
        unit = _unit(folded)
        if len(unit) < min(_UNGUESSED, len(folded)):
            raise PasswordRefused("repeated", "the password repeats a few characters; choose one that does not")
        rest = _without_runs(unit)
        if len(rest) < _RUN:
            raise PasswordRefused("sequence", "the password is only sequences such as 1234 or qwerty; choose another")
        if any(map(is_common, {folded, unit, rest, rest.strip(" !?.*-_#@")} - {""})):
            raise PasswordRefused("common", "the password is one of those tried first; choose one nobody else has")
        if _is_expected(folded, _expected_words(context)):
            raise PasswordRefused(
                "context", "the password is little more than the name of this service, your name or your e-mail"
            )

    def _check_length(self, password: str) -> None:
        if len(password) > self.max_length:
            raise PasswordRefused("too_long", f"the password is longer than {self.max_length} characters")
        if not hashable(password):
            raise PasswordRefused("not_text", "the password is not Unicode text of at most 4096 bytes")
        # A syllable typed as three letters on one system and as one on another counts the same.
        if len(unicodedata.normalize("NFC", password)) < self.min_length:
            raise PasswordRefused(
                "too_short",
                f"the password is shorter than {self.min_length} characters; a few unrelated words make a good one",
            )


def _unit(text: str) -> str:
    """Return the shortest piece that `text` is a repetition of; the last copy may be cut short.

    One character may be missing even where there are but two copies: they are words with a space between.
    """
    for period in range(1, (len(text) + 1) // 2 + 1):
        if text[period:] == text[:-period]:
            return text[:period]
    return text


def _without_runs(text: str) -> str:
    """Return `text` without its runs of equal, consecutive or neighbouring characters."""
    kept: list[str] = []
    start = 0
    while start < len(text):
        end = _run_end(text, start)
        if end - start < _RUN:
            kept.append(text[start])
            end = start + 1
        start = end
    return "".join(kept)


def _run_end(text: str, start: int) -> int:
    ends = [start + 1]
    for follows in (_equal, _ascends, _descends, _next_key, _previous_key):
        end = start + 1
        while end < len(text) and follows(text[end - 1], text[end]):
            end += 1
        ends.append(end)
    return max(ends)


def _equal(first: str, second: str) -> bool:
    return first == second


def _ascends(first: str, second: str) -> bool:
    return ord(second) - ord(first) == 1


def _descends(first: str, second: str) -> bool:
    return _ascends(second, first)


def _next_key(first: str, second: str) -> bool:
    return (first, second) in _KEY_NEIGHBOURS


def _previous_key(first: str, second: str) -> bool:
    return _next_key(second, first)


def _expected_words(context: Iterable[str]) -> list[str]:
    """Return the words of the context, longest first, so that a whole address goes before its parts."""
    folded = [fold(text).strip() for text in context]
    words = {word for text in folded for word in (text, *re.split(r"[\W_]+", text))}
    return sorted((word for word in words if len(word) >= _RUN), key=len, reverse=True)


def _is_expected(folded: str, words: Sequence[str]) -> bool:
    rest = folded
    for word in words:
        rest = rest.replace(word, "")
    return len(rest) < min(_UNGUESSED, len(folded))
