"""Read accounts of another system from CSV or JSON lines, and say everything that is wrong with them, line by line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mapae.accounts.account import normalise_email
from mapae.accounts.hashing import recognise
from mapae.errors import InputRefused
from mapae.flows.manage_accounts import ImportedAccount

FIELDS = ("email", "password_hash", "name")
NAME_LIMIT = 200

Form = Literal["csv", "jsonl"]


@dataclass(frozen=True, slots=True)
class RowMistake:
    """What is wrong with one line.

    Attributes:
        line: its number, from 1.
        field: the column, or "" for the whole line.
        what: what is wrong and what to write instead; never the value.
    """

    line: int
    field: str
    what: str


@dataclass(frozen=True, slots=True)
class Rows:
    """What a file holds.

    Attributes:
        good: accounts that can be imported, each with its line.
        mistakes: everything that is wrong, in the order of the lines.
    """

    good: tuple[tuple[int, ImportedAccount], ...]
    mistakes: tuple[RowMistake, ...]


def read_rows(octets: bytes, form: Form | None = None) -> Rows:
    """Read and check every line.

    Args:
        octets: UTF-8 text: CSV with a head line of column names, or one JSON object a line.
        form: which of the two; None finds out.
    """
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets[: error.start].count(b"\n") + 1
        return Rows((), (RowMistake(line, "", "is not UTF-8"),))
    chosen = form or ("jsonl" if text.lstrip().startswith("{") else "csv")
    mistakes: list[RowMistake] = []
    good: list[tuple[int, ImportedAccount]] = []
    seen: dict[str, int] = {}
    for line, members in _json_lines(text, mistakes) if chosen == "jsonl" else _csv_lines(text, mistakes):
        account = _checked(line, members, mistakes)
        if account is None:
            continue
        first = seen.setdefault(account.email, line)
        if first == line:
            good.append((line, account))
        else:
            mistakes.append(RowMistake(line, "email", f"is the same as in line {first}"))
    return Rows(tuple(good), tuple(sorted(mistakes, key=lambda mistake: mistake.line)))


Line = tuple[int, dict[str, object]]


def _json_lines(text: str, mistakes: list[RowMistake]) -> Iterator[Line]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            members = json.loads(line)
        except (ValueError, RecursionError):
            members = None
        if isinstance(members, dict):
            yield number, members
        else:
            mistakes.append(RowMistake(number, "", "is not a JSON object"))


def _csv_lines(text: str, mistakes: list[RowMistake]) -> Iterator[Line]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        head = [name.strip().lower() for name in next(reader, [])]
        if "email" not in head:
            mistakes.append(RowMistake(1, "", f"the first line must name the columns: {','.join(FIELDS)}"))
            return
        before = reader.line_num
        for cells in reader:
            number, before = before + 1, reader.line_num
            if not cells:
                continue
            if len(cells) != len(head):
                mistakes.append(RowMistake(number, "", f"has {len(cells)} columns, the first line {len(head)}"))
                continue
            yield number, dict(zip(head, cells, strict=True))
    except csv.Error as error:
        mistakes.append(RowMistake(reader.line_num, "", f"is not CSV: {error}"))


def _checked(line: int, members: dict[str, object], mistakes: list[RowMistake]) -> ImportedAccount | None:
    found: list[RowMistake] = [
        RowMistake(line, str(name)[:40], f"unknown; write {', '.join(FIELDS)}")
        for name in members
        if name not in FIELDS
    ]
    texts = {name: _text(members.get(name)) for name in FIELDS}
    found += [RowMistake(line, name, "must be text") for name, text in texts.items() if text is None]
    email, stored, name = (texts[field] or "" for field in FIELDS)
    if texts["email"] is not None:
        try:
            email = normalise_email(email)
        except InputRefused as refused:
            found.append(RowMistake(line, "email", refused.mistakes[0].what))
    if stored:
        try:
            recognise(stored)
        except InputRefused as refused:
            found.append(RowMistake(line, "password_hash", refused.mistakes[0].what))
    name = " ".join(name.split())
    if len(name) > NAME_LIMIT or not name.isprintable():
        found.append(RowMistake(line, "name", f"use at most {NAME_LIMIT} printable characters"))
    mistakes += found
    return None if found else ImportedAccount(email, stored or None, name)


def _text(value: object) -> str | None:
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else None
