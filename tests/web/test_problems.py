"""Every error has its row in the registry, in both languages, and becomes the answer the RFCs ask for."""

import ast
import importlib
import json
import pkgutil
from pathlib import Path

import pytest

import mapae
from mapae.errors import (
    Busy,
    Expired,
    FieldMistake,
    InputRefused,
    MapaeError,
    PasswordRefused,
    ScopeMissing,
    Stale,
    TooManyAttempts,
)
from mapae.web.answers import problem_answer
from mapae.web.field_words import FIELD_WORDS, PASSWORD_WORDS
from mapae.web.openapi import problem_codes
from mapae.web.operations import OPERATIONS
from mapae.web.problems import LANGUAGES, PROBLEMS
from mapae.web.refusals import CredentialsTwice, MethodNotAllowed, TokenMissing

ISSUER = "https://id.example.com"
SOURCES = sorted(Path(mapae.__file__).parent.rglob("*.py"))


def every_error():
    for module in pkgutil.walk_packages(mapae.__path__, "mapae."):
        if not module.name.startswith(("mapae.cli", "mapae.__main__")):
            importlib.import_module(module.name)
    found = [MapaeError]
    for kind in found:
        found.extend(kind.__subclasses__())
    return sorted(set(found), key=lambda kind: kind.__name__)


def words_called(*functions, position):
    """The literal at `position` of every call of `functions` in the source."""
    for source in map(Path.read_text, SOURCES):
        if any(f"{function}(" in source for function in functions):
            for node in ast.walk(ast.parse(source)):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") in functions:
                    words = node.args[position : position + 1]
                    yield from (word.value for word in words if isinstance(word, ast.Constant))


def answer(error, language="en", **more):
    made = problem_answer(error, issuer=ISSUER, language=language, request_id="r-1", **more)
    return made.status, json.loads(made.body), {name.decode(): value.decode() for name, value in made.headers}


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_every_error_is_in_the_registry(kind):
    assert kind.code in PROBLEMS


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_problem_is_told_in_both_languages(code):
    problem = PROBLEMS[code]
    assert problem.code == code
    assert 400 <= problem.status < 600
    for words in (problem.title, problem.advice):
        assert words.en.isascii()
        assert '"' not in words.en, "it stands between quotes in WWW-Authenticate"
        assert any("가" <= letter <= "힣" for letter in words.ko)


def test_every_code_of_a_field_has_words():
    codes = set(words_called("FieldMistake", "_refusal", position=1))
    assert codes
    assert codes <= FIELD_WORDS.keys()


def test_every_reason_to_refuse_a_password_has_words():
    whys = set(words_called("PasswordRefused", position=0))
    assert whys
    assert whys <= PASSWORD_WORDS.keys()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_problem_of_an_operation_is_in_the_registry(operation):
    assert set(problem_codes(operation)) <= PROBLEMS.keys()


def test_an_error_that_is_not_ours_tells_nothing_of_itself():
    status, document, _ = answer(KeyError("secret"))
    assert (status, document["code"]) == (500, "internal")
    assert "secret" not in json.dumps(document)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_problem_speaks_the_language_that_was_asked_for(language):
    _, document, headers = answer(Expired("late"), language)
    assert document["title"] == PROBLEMS["token_expired"].title.into(language)
    assert headers["content-language"] == language


def test_a_field_is_pointed_at_in_both_languages():
    error = InputRefused(FieldMistake("/email", "email_invalid", "has no @"))
    _, english, _ = answer(error)
    _, korean, _ = answer(error, "ko")
    assert english["errors"] == [{"pointer": "/email", "code": "email_invalid", "detail": "has no @"}]
    assert korean["errors"][0]["detail"] == FIELD_WORDS["email_invalid"].ko


def test_a_refused_password_points_at_the_field_it_came_from():
    _, document, _ = answer(PasswordRefused("common", "known"), refused_pointer="/new_password")
    assert document["errors"] == [{"pointer": "/new_password", "code": "common", "detail": "known"}]


@pytest.mark.parametrize(
    ("error", "status", "seconds"),
    [(TooManyAttempts(retry_after=40), 429, "40"), (Busy(retry_after=3), 503, "3"), (Busy(), 503, "1")],
    ids=["429", "503", "503 without a time"],
)
def test_waiting_is_told_in_seconds(error, status, seconds):
    found, _, headers = answer(error)
    assert (found, headers["retry-after"]) == (status, seconds)


NOTES = 'scope="notes:read notes:write"'
REALM = f'Bearer realm="{ISSUER}"'


@pytest.mark.parametrize(
    ("error", "status", "field"),
    [
        (TokenMissing(), 401, REALM),
        (Expired("late"), 401, f'{REALM}, error="invalid_token", error_description="The access token has expired."'),
        (Stale("old"), 401, f'{REALM}, error="invalid_token", error_description="stale"'),
        (
            ScopeMissing(["notes:read", "notes:write"]),
            403,
            f'{REALM}, error="insufficient_scope", error_description="The token does not allow this.", {NOTES}',
        ),
        (
            CredentialsTwice(),
            400,
            f'{REALM}, error="invalid_request", error_description="The request carries more than one token."',
        ),
    ],
    ids=["no token", "expired", "stale", "scope", "twice"],
)
def test_a_challenge_follows_rfc_6750(error, status, field):
    found, _, headers = answer(error)
    assert (found, headers["www-authenticate"]) == (status, field)


def test_methods_that_work_are_listed():
    status, _, headers = answer(MethodNotAllowed(["GET", "HEAD"]))
    assert (status, headers["allow"]) == (405, "GET, HEAD")
