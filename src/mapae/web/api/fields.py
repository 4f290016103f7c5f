"""Fields that several bodies share, with what the API document says about them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from msgspec import Meta

Email = Annotated[str, Meta(description="E-mail address.", examples=["jane@example.com"], max_length=512)]
Password = Annotated[
    str,
    Meta(
        description="The password, whole; every character counts.",
        max_length=4096,
        extra_json_schema={"format": "password"},
    ),
]
NewPassword = Annotated[
    str,
    Meta(
        description="A new password. Any characters, no rules of composition; common passwords are refused.",
        max_length=4096,
        extra_json_schema={"format": "password"},
    ),
]
Name = Annotated[str, Meta(description="What the person wants to be called.", examples=["Jane"], max_length=200)]
Delivery = Annotated[
    Literal["bearer", "cookie"],
    Meta(
        description=(
            "`bearer` puts the tokens in the answer. `cookie` sets them as `__Host-` cookies that no script can read "
            "and leaves them out of the answer."
        )
    ),
]
Moment = Annotated[datetime, Meta(description="RFC 3339, in UTC.", tz=True)]


def moment(ms: int) -> datetime:
    """Return milliseconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(ms / 1000, tz=UTC)
