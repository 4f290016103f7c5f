"""Bad input, everywhere: a 4xx that names the field, and nothing changed."""

import asyncio

import msgspec
import pytest

from mapae.web.bodies import BODY_LIMIT, parse_body, read_body
from mapae.web.operations import OPERATIONS
from mapae.web.refusals import BodyTooSlow, JsonMalformed

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

WITH_BODY = [operation for operation in OPERATIONS if operation.body is not None]
JSON = {"content-type": "application/json"}


def example(operation):
    """A body that the operation would accept."""
    values = {
        "email": "new@example.com",
        "password": "a horse of bronze, five strong",
        "current_password": "a horse of bronze, five strong",
        "new_password": "another horse, of silver this time",
        "refresh_token": "mpr_unknown",
        "ticket": "no.such.ticket",
    }
    return {name: value for name, value in values.items() if name in operation.body.__struct_fields__}


def written(operation, **changes):
    return msgspec.json.encode(example(operation) | changes)


def first_field(operation):
    return next(iter(example(operation)))


MALFORMED = {
    "not JSON": b"{",
    "text after the end": b"{} {}",
    "bad UTF-8": b'{"email": "\xff"}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"email": "a"}'.encode("utf-16"),
    "a member twice": b'{"email": "a", "email": "b"}',
    "a member twice in other letters": b'{"email": "a", "\\u0065mail": "b"}',
    "a lone surrogate": b'{"email": "\\ud800"}',
    "NaN": b'{"email": NaN}',
    "a deep nest": b"[" * 5000,
    "a deep nest of objects": b'{"a":' * 2000 + b"1" + b"}" * 2000,
    "an array": b"[]",
    "null": b"null",
    "a string": b'"x"',
    "a control character": b'{"email": "\x01"}',
    "a single quote": b"{'email': 'a'}",
    "a comment": b"{} // x",
}


async def refused(api, operation, *, content, headers=None):
    """The answer to a body sent by somebody signed in, whose state is the same before and after."""
    tokens = await api.signed_up()
    before = await state(api, tokens)
    sent = (headers or JSON) | (api.bearer(tokens) if operation.access == "access" else {})
    answer = await api.request(operation.method, operation.path, content=content, headers=sent)
    assert await state(api, tokens) == before
    return answer


async def state(api, tokens):
    headers = api.bearer(tokens)
    return [(await api.get(path, headers=headers)).json() for path in ("/v1/me", "/v1/sessions", "/v1/me/activity")]


def pointers(answer):
    return {error["pointer"]: error["code"] for error in answer.json()["errors"]}


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda operation: operation.name)
@pytest.mark.parametrize("broken", MALFORMED)
async def test_what_is_not_strict_json_is_refused(api, operation, broken):
    answer = await refused(api, operation, content=MALFORMED[broken])
    assert api.refusal(answer) == (400, "json_malformed")


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda operation: operation.name)
@pytest.mark.parametrize("value", [None, 1, 1.5, True, [], {}, ["a"], 10**30], ids=repr)
async def test_a_wrong_type_is_pointed_at(api, operation, value):
    name = first_field(operation)
    answer = await refused(api, operation, content=written(operation, **{name: value}))
    assert api.refusal(answer) == (422, "input_refused")
    assert pointers(answer) == {f"/{name}": "type"}


@pytest.mark.parametrize("operation", [one for one in WITH_BODY if one.body_required], ids=lambda one: one.name)
async def test_every_missing_field_is_pointed_at(api, operation):
    answer = await refused(api, operation, content=b"{}")
    assert api.refusal(answer) == (422, "input_refused")
    required = {f"/{field.encode_name}" for field in msgspec.structs.fields(operation.body) if field.required}
    assert pointers(answer) == dict.fromkeys(required, "required")


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda operation: operation.name)
@pytest.mark.parametrize(
    "name", ["x", "", "a/b~c", "__class__", "가", "x" * 5000], ids=["x", "''", "/~", "_", "가", "long"]
)
async def test_an_unknown_field_is_pointed_at(api, operation, name):
    answer = await refused(api, operation, content=written(operation, **{name: 1}))
    assert api.refusal(answer) == (422, "input_refused")
    assert pointers(answer) == {f"/{name[:64].replace('~', '~0').replace('/', '~1')}": "unknown"}


async def test_the_nearest_name_is_suggested(api):
    answer = await api.post("/v1/sign-in", json={"email": "a@example.com", "pasword": "x"})
    details = {error["pointer"]: error["detail"] for error in answer.json()["errors"]}
    assert details == {"/pasword": "unknown field; did you mean password?", "/password": "this field is required"}


async def test_every_mistake_is_told_at_once(api):
    answer = await api.post("/v1/sign-up", json={"email": 1, "name": "x" * 300, "delivery": "pigeon", "x": 1})
    assert pointers(answer) == {
        "/email": "type",
        "/password": "required",
        "/name": "too_long",
        "/delivery": "value",
        "/x": "unknown",
    }


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda operation: operation.name)
async def test_a_body_over_the_limit_is_refused(api, operation):
    answer = await refused(api, operation, content=b" " * (BODY_LIMIT + 1) + written(operation))
    assert api.refusal(answer) == (413, "body_too_large")


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda operation: operation.name)
async def test_a_body_over_the_limit_is_refused_without_an_announced_length(api, operation):
    async def pieces():
        for _ in range(20):
            yield b" " * 1024

    answer = await refused(api, operation, content=pieces())
    assert api.refusal(answer) == (413, "body_too_large")


@pytest.mark.parametrize("operation", WITH_BODY, ids=lambda operation: operation.name)
@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/json; charset=euc-kr"},
        {"content-type": "application/jsonx"},
        {"content-type": ""},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
    ids=["text", "form", "charset", "nearly", "none", "compressed"],
)
async def test_another_content_type_is_refused(api, operation, headers):
    answer = await refused(api, operation, content=written(operation), headers=headers)
    assert api.refusal(answer) == (415, "content_type_unsupported")


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"']
)
async def test_json_may_be_named_in_any_case_with_its_charset(api, content_type):
    body = msgspec.json.encode({"email": api.EMAIL, "password": api.PASSWORD})
    answer = await api.post("/v1/sign-up", content=body, headers={"content-type": content_type})
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "email",
    [
        "",
        " ",
        "jane",
        "jane@",
        "@example.com",
        "jane@example",
        "a@b@c.example",
        "jane@exa mple.com",
        "jane@\u0000.com",
        "x" * 400,
    ],
    ids=repr,
)
async def test_what_is_no_email_is_pointed_at(api, email):
    for path in ("/v1/sign-up", "/v1/sign-in"):
        answer = await api.post(path, json={"email": email, "password": api.PASSWORD})
        assert api.refusal(answer) == (422, "input_refused")
        assert pointers(answer) == {"/email": "email_invalid"}


@pytest.mark.parametrize("name", ["a\u0000b", "\u202egnp"], ids=repr)
async def test_a_name_that_would_deceive_is_pointed_at(api, name):
    answer = await api.sign_up(name=name)
    assert api.refusal(answer) == (422, "input_refused")
    assert pointers(answer) == {"/name": "name_invalid"}


@pytest.mark.parametrize(
    "password", ["x" * 1025, "x" * 4096, "\u0000" * 20, "가" * 2000], ids=["1025", "4096", "NUL", "가"]
)
async def test_a_password_of_any_text_is_no_fault_of_ours(api, password):
    await api.signed_up()
    assert api.refusal(await api.sign_in(password=password))[0] in {403, 422}


@pytest.mark.parametrize("sid", ["x", "%00", "%ff", "..", "a" * 3000, "%2F", "가"], ids=repr)
async def test_an_odd_session_id_is_just_not_found(api, sid):
    tokens = await api.signed_up()
    answer = await api.delete(f"/v1/sessions/{sid}", headers=api.bearer(tokens))
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "token",
    ["x", "a.b.c", "." * 5000, "a" * 100_000, "\xff", "eyJhbGciOiJub25lIn0.e30."],
    ids=["x", "abc", "dots", "long", "byte", "none"],
)
async def test_any_text_as_a_token_is_refused_as_invalid(api, token):
    answer = await api.get("/v1/me", headers=[(b"authorization", b"Bearer " + token.encode("latin-1"))])
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert api.problem(answer)["code"].startswith("token_")


def test_a_body_is_read_whole_or_not_at_all():
    class Kind(msgspec.Struct, forbid_unknown_fields=True):
        name: str

    assert parse_body(b'{"name": "x"}', Kind) == Kind("x")
    with pytest.raises(JsonMalformed):
        parse_body(b'{"name": "x"', Kind)


async def test_a_body_that_never_comes_is_not_waited_for():
    with pytest.raises(BodyTooSlow):
        await read_body({"headers": []}, asyncio.Event().wait, seconds=0.01)


async def test_a_client_that_leaves_in_the_middle_is_let_go():
    messages = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]

    async def receive():
        return messages.pop(0)

    with pytest.raises(JsonMalformed):
        await read_body({"headers": []}, receive)
