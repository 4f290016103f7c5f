"""Read a posted form strictly: one encoding, a bounded size, every field known, once; and say what is wrong with it.

Source: HTML Standard, application/x-www-form-urlencoded; RFC 9110 §8.3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from mapae.errors import (
    Busy,
    EmailTaken,
    FieldMistake,
    InputRefused,
    PasswordRefused,
    Refused,
    SignInRefused,
    TooManyAttempts,
)
from mapae.web.bodies import read_body
from mapae.web.pages.moments import duration
from mapae.web.pages.page import Page, Rejection
from mapae.web.refusals import ContentTypeUnsupported, RequestRefused

FORM_TYPE: Final = "application/x-www-form-urlencoded"

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


async def read_form(request: Request, fields: Collection[str]) -> dict[str, str]:
    """Return the value of each of `fields`; a field that was not sent is the empty text.

    Raises:
        RequestRefused: the body is not a form, is too large, or its encoding is broken.
        InputRefused: a field is unknown or was sent twice.
    """
    body = await read_body(request.scope, request.receive)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if (body and content_type != FORM_TYPE) or "content-encoding" in request.headers:
        raise ContentTypeUnsupported
    pairs = parse_form(body)
    if mistakes := tuple(_names_wrong([name for name, _ in pairs], known=fields)):
        raise InputRefused(*mistakes)
    return dict.fromkeys(fields, "") | dict(pairs)


def parse_form(body: bytes) -> list[tuple[str, str]]:
    """Return names and values in order.

    Raises:
        RequestRefused: the body is not percent-encoded UTF-8.
    """
    if not body:
        return []
    try:
        text = body.decode("ascii")
        if _BROKEN_ESCAPE.search(text):
            raise RequestRefused("the form has a broken percent escape")
        return parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=32)
    except ValueError:
        raise RequestRefused("the form is not percent-encoded UTF-8") from None


def _names_wrong(names: list[str], *, known: Collection[str]) -> Iterable[FieldMistake]:
    for name in dict.fromkeys(names):
        if name not in known:
            yield FieldMistake(f"/{name[:40]}", "unknown", "is not a field of this form")
        elif names.count(name) > 1:
            yield FieldMistake(f"/{name}", "repeated", "was sent more than once")


def missing(page: Page, values: Mapping[str, str], *fields: str) -> Rejection | None:
    """Return what to say about those of `fields` that were left empty; None when all are filled."""
    empty = [(field, page.t(f"mistake.{field}_missing")) for field in fields if not values[field].strip()]
    return Rejection(422, empty) if empty else None


def refusals(page: Page, *checks: Callable[[], object]) -> Rejection | None:
    """Return everything that `checks` refuse at once, so that nobody has to send a form twice to hear it."""
    found: list[tuple[str, str]] = []
    for check in checks:
        try:
            check()
        except (InputRefused, PasswordRefused) as error:
            found += rejection(page, error).mistakes
    return Rejection(422, found) if found else None


def rejection(page: Page, error: Refused, *, chosen_in: str = "password") -> Rejection:
    """Return what to say about `error`, in the language of `page`.

    Args:
        chosen_in: the field that holds a new password, where the form has one.

    Raises:
        Refused: `error` itself, when it is not about what was typed.
    """
    match error:
        case SignInRefused():
            return Rejection(422, [("", page.t("mistake.credentials"))])
        case EmailTaken():
            return Rejection(422, [("email", page.t("mistake.email_taken"))])
        case PasswordRefused(why=why):
            return Rejection(422, [(chosen_in, _password_words(page, why))])
        case InputRefused(mistakes=mistakes):
            return Rejection(422, [_field_words(page, mistake) for mistake in mistakes])
        case TooManyAttempts() | Busy():
            seconds = error.retry_after or 1
            name = "wait" if isinstance(error, TooManyAttempts) else "busy"
            sentence = page.t(f"mistake.{name}", when=duration(seconds, page.language))
            return Rejection(429 if name == "wait" else 503, [("", sentence)], seconds)
        case _:
            raise error


def _field_words(page: Page, mistake: FieldMistake) -> tuple[str, str]:
    field = mistake.pointer.removeprefix("/")
    match mistake.code:
        case "email_invalid" | "email_missing" as code:
            return field, page.t(f"mistake.{code}")
        case "name_invalid":
            return field, page.t("mistake.name_invalid")
        case _:
            return "", page.t("mistake.field", field=field)


def _password_words(page: Page, why: str) -> str:
    policy = page.service.password_policy
    key = f"new_password.{why}"
    return page.t(key if page.has(key) else "new_password.other", n=policy.min_length, most=policy.max_length)
