"""What is wrong with a field, in every language: a row for each code of a `FieldMistake` and of a refused password.

English answers carry the mistake's own words, which say more; Korean ones carry these.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mapae.web.problems import Words

FIELD_WORDS: Mapping[str, Words] = MappingProxyType(
    {
        "required": Words("This field is required.", "꼭 필요한 항목이에요."),
        "unknown": Words("This field is unknown.", "알 수 없는 항목이에요."),
        "repeated": Words("This field came more than once.", "같은 항목을 두 번 보냈어요."),
        "type": Words("This value has the wrong type.", "값의 종류가 맞지 않아요."),
        "value": Words("This field does not know that value.", "이 항목에 쓸 수 없는 값이에요."),
        "too_long": Words("This value is too long.", "너무 길어요."),
        "too_short": Words("This value is too short.", "너무 짧아요."),
        "email_invalid": Words("This is not an e-mail address.", "이메일 주소가 아니에요."),
        "name_invalid": Words("This name cannot be used.", "쓸 수 없는 이름이에요."),
        "after_invalid": Words("No page said this.", "앞 쪽의 `next` 값이 아니에요."),
        "delivery_refused": Words(
            "A refresh cookie is answered with cookies.", "쿠키로 온 갱신 토큰에는 쿠키로만 답해요."
        ),
        "client_unknown": Words("This service knows no such client.", "이 서비스가 모르는 클라이언트예요."),
        "hash_unknown": Words("This password hash is of an unknown kind.", "알 수 없는 비밀번호 해시예요."),
        "hash_too_costly": Words("This password hash costs too much to check.", "확인이 너무 오래 걸려요."),
    }
)

PASSWORD_WORDS: Mapping[str, Words] = MappingProxyType(
    {
        "too_short": Words("The password is too short.", "너무 짧아요. 상관없는 낱말을 몇 개 이어 보세요."),
        "too_long": Words("The password is too long.", "비밀번호가 너무 길어요."),
        "not_text": Words("The password is not text.", "비밀번호로 쓸 수 없는 글자가 있어요."),
        "repeated": Words("The password repeats a few characters.", "같은 글자가 되풀이되는 비밀번호예요."),
        "sequence": Words("The password is only a sequence.", "1234나 qwerty처럼 이어진 글자뿐이에요."),
        "common": Words("The password is a common one.", "가장 먼저 시도해 보는 흔한 비밀번호예요."),
        "context": Words("The password is easy to guess here.", "서비스나 내 이름, 이메일로 쉽게 짐작할 수 있어요."),
    }
)


def words_for_field(code: str) -> Words | None:
    """Return the words of a `FieldMistake`'s code; None when only the mistake itself can say it."""
    return FIELD_WORDS.get(code)


def words_for_password(why: str) -> Words | None:
    """Return the words for why a password was refused; None when only the error itself can say it."""
    return PASSWORD_WORDS.get(why)
