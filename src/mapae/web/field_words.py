"""What is wrong with a field, in every language: one row for each code of a `FieldMistake` or a refused password."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mapae.web.problems import Words

FIELD_WORDS: Mapping[str, Words] = MappingProxyType(
    {
        "required": Words("This field is required.", "꼭 필요한 항목이에요."),
        "unknown": Words("This field is unknown.", "알 수 없는 항목이에요."),
        "type": Words("This value has the wrong type.", "값의 종류가 맞지 않아요."),
        "value": Words("This field does not know that value.", "이 항목에 쓸 수 없는 값이에요."),
        "too_long": Words("This value is too long.", "너무 길어요."),
        "too_short": Words("This value is too short.", "너무 짧아요."),
    }
)


def words_for_field(code: str) -> Words | None:
    """Return the words of a `FieldMistake`'s code; None when only the mistake itself can say it."""
    return FIELD_WORDS.get(code)


PASSWORD_WORDS: Mapping[str, Words] = MappingProxyType({})


def words_for_password(why: str) -> Words | None:
    """Return the words for why a password was refused; None when only the error itself can say it."""
    return PASSWORD_WORDS.get(why)
