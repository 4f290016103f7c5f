"""The API reference: the OpenAPI document as a page, written on the server, without a script."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from mapae.web.openapi import openapi_document
from mapae.web.pages.page import Page
from mapae.web.problems import PROBLEMS, Language

Node = Mapping[str, Any]
"""One object of an OpenAPI document."""

_CODE = re.compile(r"`([a-z_]+)`: ")
_METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Member:
    """One row of a table: a field of a body, or a parameter."""

    name: str
    type: str
    required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One status an operation answers with.

    Attributes:
        problems: what may have gone wrong, as the registry names it; empty for success.
    """

    status: str
    meaning: str
    problems: Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    signed_in: bool
    parameters: Sequence[Member]
    body: Sequence[Member]
    answers: Sequence[Answer]


async def reference(page: Page) -> Response:
    """Show every operation of the API."""
    document = openapi_document(page.settings)
    return page.render("reference.html", {"operations": list(operations(document, language=page.language))})


def operations(document: Node, *, language: str) -> Iterator[Operation]:
    """Yield the operations of an OpenAPI 3.1 document in its own order.

    Source: OpenAPI Specification 3.1 §4.8.8 to §4.8.10.
    """
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield _operation(document, path, method, item=item, language=language)


def _operation(document: Node, path: str, method: str, *, item: Node, language: str) -> Operation:
    operation: Node = item[method]
    parameters = [_resolved(document, each) for each in (*item.get("parameters", ()), *operation.get("parameters", ()))]
    body = _resolved(document, operation.get("requestBody", {}))
    schema: Node = next((content.get("schema", {}) for content in body.get("content", {}).values()), {})
    return Operation(
        id=operation.get("operationId") or f"{method}{path}".replace("/", "-"),
        method=method.upper(),
        path=path,
        summary=_summary(operation, language),
        description=operation.get("description", ""),
        signed_in=any(bool(each) for each in operation.get("security", document.get("security", ()))),
        parameters=[
            Member(
                each["name"],
                _type(document, each.get("schema", {})),
                each.get("required", False),
                _description(document, each, language),
            )
            for each in parameters
        ],
        body=list(_members(document, schema, language)),
        answers=[
            _answer(status, _resolved(document, each), operation=operation, language=language)
            for status, each in operation.get("responses", {}).items()
        ],
    )


def _answer(status: str, answer: Node, *, operation: Node, language: str) -> Answer:
    """Return the answer in `language` where the registry or the operation knows its words in it."""
    meaning = answer.get("description", "")
    found = [PROBLEMS[code] for code in _CODE.findall(meaning) if code in PROBLEMS]
    if meaning == operation.get("summary"):
        meaning = _summary(operation, language)
    known: Language = "ko" if language == "ko" else "en"
    return Answer(status, meaning, [{"code": each.code, "title": each.title.into(known)} for each in found])


def _summary(operation: Node, language: str) -> str:
    summary: str = operation.get(f"x-summary-{language}") or operation.get("summary", "")
    return summary


def _members(document: Node, schema: Node, language: str) -> Iterator[Member]:
    resolved = _resolved(document, schema)
    required = resolved.get("required", ())
    for name, member in resolved.get("properties", {}).items():
        yield Member(name, _type(document, member), name in required, _description(document, member, language))


def _description(document: Node, node: Node, language: str) -> str:
    told = node if "description" in node else _resolved(document, node)
    description: str = told.get(f"x-description-{language}") or told.get("description", "")
    return description


def _type(document: Node, schema: Node) -> str:
    resolved = _resolved(document, schema)
    choices = resolved.get("anyOf") or resolved.get("oneOf")
    if choices:
        return " | ".join(dict.fromkeys(_type(document, each) for each in choices))
    if "enum" in resolved:
        return " | ".join(str(each) for each in resolved["enum"])
    kind = resolved.get("type", "any")
    if kind == "array":
        return f"{_type(document, resolved.get('items', {}))}[]"
    return " | ".join(kind) if isinstance(kind, list) else str(kind)


def _resolved(document: Node, node: Node) -> Node:
    """Follow `$ref` inside the document (RFC 6901)."""
    while "$ref" in node:
        target: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        node = target
    return node
