"""The OpenAPI document, made from the table of operations (OpenAPI 3.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

import mapae
from mapae.settings import Settings
from mapae.web.answers import ProblemDocument
from mapae.web.calls import Operation
from mapae.web.operations import OPERATIONS
from mapae.web.problems import PROBLEMS, Words

Schema = Mapping[str, Any]
_REF = "#/components/schemas/{name}"

_ACCESS_PROBLEMS = ("token_missing", "token_expired", "token_revoked", "credentials_twice", "csrf_refused")
_BODY_PROBLEMS = ("json_malformed", "body_too_slow", "body_too_large", "content_type_unsupported", "input_refused")
_OWN_PROBLEMS = ("internal", "not_ready", "storage_failed")

BEARER_FORMATS = {
    frozenset({"jwt"}): "JWT",
    frozenset({"opaque"}): "opaque",
    frozenset({"jwt", "opaque"}): "JWT or opaque",
}
SECURITY_SCHEMES: Schema = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "The access token (RFC 6750)."},
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-mapae",
        "description": "The access token in a cookie; unsafe methods must come from this service's own origin.",
    },
    "refreshCookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-mapae-refresh",
        "description": "The refresh token in a cookie.",
    },
}
_SECURITY: Mapping[str, list[dict[str, list[str]]]] = {
    "access": [{"bearer": []}, {"cookie": []}],
    "refresh": [{}, {"refreshCookie": []}],
    "any": [{"bearer": []}, {"cookie": []}, {"refreshCookie": []}, {}],
    "none": [],
}


def openapi_document(settings: Settings) -> dict[str, Any]:
    """Return the document that describes every operation of this service."""
    kinds = _kinds(OPERATIONS)
    references, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    schemas = dict(zip(kinds, references, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{settings.brand} API",
            "version": mapae.__version__,
            "description": "Sign up, sign in, stay signed in. Errors are problem documents (RFC 9457).",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": settings.issuer}],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _security_schemes(settings)},
    }


def _security_schemes(settings: Settings) -> Schema:
    bearer = {**SECURITY_SCHEMES["bearer"], "bearerFormat": BEARER_FORMATS[settings.access_token_kinds]}
    return {**SECURITY_SCHEMES, "bearer": bearer}


def _kinds(operations: Iterable[Operation]) -> list[type[msgspec.Struct]]:
    found: dict[type[msgspec.Struct], None] = {ProblemDocument: None}
    for operation in operations:
        found.update({kind: None for kind in (operation.body, operation.answer) if kind is not None})
    return list(found)


def _described(operation: Operation, schemas: Mapping[type[msgspec.Struct], Schema]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary.en,
        "x-summary-ko": operation.summary.ko,
        "tags": [operation.path.split("/")[1].removeprefix(".") if operation.path.startswith("/v1") else "service"],
        "security": _SECURITY[operation.access],
        "responses": {str(operation.status): _success(operation, schemas), **_problems(operation, schemas)},
    }
    if operation.parameters or operation.query:
        described["parameters"] = [*_path_parameters(operation), *_query_parameters(operation)]
    if operation.body is not None:
        described["requestBody"] = {
            "required": operation.body_required,
            "content": {"application/json": {"schema": schemas[operation.body]}},
        }
    return described


def _path_parameters(operation: Operation) -> Iterable[Schema]:
    for name, about in operation.parameters.items():
        yield {"name": name, "in": "path", "required": True, **_told(about), "schema": {"type": "string"}}


def _query_parameters(operation: Operation) -> Iterable[Schema]:
    for name, field in operation.query.items():
        yield {"name": name, "in": "query", "required": False, **_told(field.about), "schema": field.schema}


def _told(words: Words) -> Schema:
    return {"description": words.en, "x-description-ko": words.ko}


def _success(operation: Operation, schemas: Mapping[type[msgspec.Struct], Schema]) -> Schema:
    success: dict[str, Any] = {"description": operation.summary.en}
    if operation.may_set_cookies:
        success["headers"] = {
            "Set-Cookie": {"description": "The tokens, when they travel as cookies.", "schema": {"type": "string"}}
        }
    if operation.answer is not None:
        success["content"] = {operation.media_type: {"schema": schemas[operation.answer]}}
    elif operation.status != 204:
        kind = "object" if operation.media_type == "application/json" else "string"
        success["content"] = {operation.media_type: {"schema": {"type": kind}}}
    return success


def _problems(operation: Operation, schemas: Mapping[type[msgspec.Struct], Schema]) -> dict[str, Schema]:
    by_status: dict[int, list[str]] = {}
    for code in problem_codes(operation):
        by_status.setdefault(PROBLEMS[code].status, []).append(code)
    return {
        str(status): {
            "description": "; ".join(f"`{code}`: {PROBLEMS[code].title.en}" for code in codes),
            "content": {"application/problem+json": {"schema": schemas[ProblemDocument]}},
        }
        for status, codes in sorted(by_status.items())
    }


def problem_codes(operation: Operation) -> list[str]:
    """Return every code that `operation` may answer with; any other token error has the status of those named."""
    codes = [*operation.problems]
    if operation.access in {"access", "any"}:
        codes += _ACCESS_PROBLEMS
    if operation.may_set_cookies and operation.access not in {"access", "any"}:
        codes.append("csrf_refused")
    if operation.body is not None:
        codes += _BODY_PROBLEMS
    if operation.path.startswith("/v1"):
        codes += _OWN_PROBLEMS
    return list(dict.fromkeys(codes))
