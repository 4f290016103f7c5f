"""Fields that several bodies share, with what the API document says about them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from msgspec import Meta


def about(
    en: str,
    ko: str,
    *,
    example: str | None = None,
    secret: bool = False,
    max_length: int | None = None,
    tz: bool | None = None,
) -> Meta:
    """Return what the API document says about a field, in both languages, and the bounds that are checked.

    Args:
        secret: it is typed where nobody can read along.
        tz: whether a time must name its zone.
    """
    more = {"x-description-ko": ko} | ({"format": "password"} if secret else {})
    examples = None if example is None else [example]
    return Meta(description=en, examples=examples, extra_json_schema=more, max_length=max_length, tz=tz)


Email = Annotated[str, about("E-mail address.", "이메일 주소예요.", example="jane@example.com", max_length=512)]
Password = Annotated[
    str,
    about(
        "The password, whole; every character counts.",
        "비밀번호 전체예요. 모든 글자를 따져요.",
        secret=True,
        max_length=4096,
    ),
]
NewPassword = Annotated[
    str,
    about(
        "A new password. Any characters, no rules of composition; common passwords are refused.",
        "새 비밀번호예요. 어떤 글자든 되고 섞어 쓰라는 규칙은 없지만, 흔한 비밀번호는 거절해요.",
        secret=True,
        max_length=4096,
    ),
]
Name = Annotated[
    str, about("What the person wants to be called.", "불리고 싶은 이름이에요.", example="Jane", max_length=200)
]
Delivery = Annotated[
    Literal["bearer", "cookie"],
    about(
        "`bearer` puts the tokens in the answer. `cookie` sets them as `__Host-` cookies that no script can read "
        "and leaves them out of the answer.",
        "`bearer`면 토큰이 응답에 들어 있어요. `cookie`면 스크립트가 읽을 수 없는 `__Host-` 쿠키로 주고, 응답에는 넣지 "
        "않아요.",
    ),
]
ClientId = Annotated[
    str,
    about(
        "Which of the programs that the setting `clients` names is asking; it decides the kind of the access token.",
        "`clients` 설정에 적은 프로그램 가운데 무엇이 요청하는지예요. 액세스 토큰의 종류가 이것으로 정해져요.",
        max_length=64,
    ),
]
TicketText = Annotated[
    str,
    about(
        "A ticket of the waiting line, or the pass it has become.",
        "대기표예요. 차례가 되어 받은 입장권도 쓸 수 있어요.",
        max_length=512,
    ),
]
Moment = Annotated[datetime, about("RFC 3339, in UTC.", "RFC 3339 형식의 UTC 시각이에요.", tz=True)]


def moment(ms: int) -> datetime:
    """Return milliseconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(ms / 1000, tz=UTC)
