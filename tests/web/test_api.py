"""Every operation of the API through the real application: what works, and what is refused."""

import asyncio
import time

import pytest

from mapae.flows.follow import poll
from mapae.flows.manage_accounts import find_account, set_account_state
from mapae.settings import Settings
from mapae.web.app import create_app

pytestmark = pytest.mark.anyio

NEW_PASSWORD = "another horse, of silver this time"


async def me(api, tokens):
    return await api.get("/v1/me", headers=api.bearer(tokens))


@pytest.mark.slow
async def test_signing_up_opens_an_account_and_a_session(api):
    answer = await api.sign_up(name="Jane")
    tokens = answer.json()
    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 600
    assert tokens["refresh_token"].startswith("mpr_")
    found = (await me(api, tokens)).json()
    assert (found["email"], found["name"], found["role"]) == (api.EMAIL, "Jane", "user")
    assert (found["id"], found["session"], found["scope"]) == (tokens["account"], tokens["session"], "account")
    assert found["created_at"].endswith("Z")


async def test_signing_in_begins_another_session(api):
    first = await api.signed_up()
    second = await api.signed_in()
    assert second["account"] == first["account"]
    assert second["session"] != first["session"]


async def test_an_email_opens_one_account(api):
    await api.signed_up()
    assert api.refusal(await api.sign_up("JANE@example.com")) == (409, "email_taken")


async def test_a_common_password_is_refused_with_the_reason(api):
    answer = await api.sign_up(password="password12345678")
    assert api.refusal(answer) == (422, "password_refused")
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "/password"
    assert api.refusal(await api.sign_in(password="password12345678")) == (403, "sign_in_refused")


@pytest.mark.slow
async def test_closed_sign_up_is_refused(settings, api):
    async with create_closed(settings) as closed:
        answer = await type(api)(closed).sign_up()
        assert api.refusal(answer) == (403, "sign_up_closed")


def create_closed(settings):
    class Closed:
        async def __aenter__(self):
            values = {name: getattr(settings, name) for name in ("issuer", "bcrypt_cost", "log_level")}
            self.app = create_app(Settings(**values, data=settings.data / "closed", sign_up="closed"))
            self.open = self.app.running()
            await self.open.__aenter__()
            return self.app

        async def __aexit__(self, *error):
            await self.open.__aexit__(*error)

    return Closed()


@pytest.mark.slow
async def test_unknown_wrong_and_disabled_get_the_same_answer(app, api):
    await api.signed_up("disabled@example.com")
    await api.signed_up()
    disabled = await find_account(app.service, "disabled@example.com")
    await set_account_state(app.service, disabled, "disabled")
    answers = [
        await api.sign_in("nobody@example.com"),
        await api.sign_in(password="not the right one, sorry"),
        await api.sign_in("disabled@example.com"),
    ]
    seen = set()
    for answer in answers:
        document = answer.json()
        document.pop("instance")
        headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
        headers["content-length"] = str(len(answer.content) - len(answer.headers["x-request-id"]))
        seen.add((answer.status_code, str(sorted(document.items())), str(sorted(headers.items()))))
    assert len(seen) == 1
    assert api.refusal(answers[0]) == (403, "sign_in_refused")


@pytest.mark.slow
async def test_failures_have_to_slow_down(api):
    await api.signed_up()
    for _ in range(100):
        answer = await api.sign_in(password="not the right one, sorry")
        if answer.status_code != 403:
            break
    assert api.refusal(answer) == (429, "too_many_attempts")
    assert int(answer.headers["retry-after"]) >= 1


async def test_a_refresh_gives_the_next_tokens(api):
    first = await api.signed_up()
    answer = await api.refresh(first["refresh_token"])
    second = answer.json()
    assert answer.status_code == 200
    assert second["refresh_token"] != first["refresh_token"]
    assert second["session"] == first["session"]
    assert (await me(api, second)).status_code == 200


async def test_a_new_token_used_at_once_keeps_its_place(api):
    first = await api.signed_up()
    second = (await api.refresh(first["refresh_token"])).json()
    third = (await api.refresh(second["refresh_token"])).json()
    assert "refresh_token" not in third
    assert third["access_token"] != second["access_token"]


@pytest.mark.slow
async def test_fifty_refreshes_at_once_have_one_successor(api):
    token = (await api.signed_up())["refresh_token"]
    answers = await asyncio.gather(*(api.refresh(token) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("token", ["", "x", "mpr_", "mpr_" + "A" * 91, "\u0000", "가", "mpr_" + "/" * 91], ids=repr)
async def test_an_invented_refresh_token_is_refused(api, token):
    answer = await api.refresh(token)
    assert api.refusal(answer) == (401, "refresh_refused")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_a_refresh_without_any_token_asks_for_one(api):
    answer = await api.post("/v1/refresh")
    assert api.refusal(answer) == (401, "token_missing")


async def test_sign_out_ends_the_session(app, api):
    tokens = await api.signed_up()
    answer = await api.post("/v1/sign-out", headers=api.bearer(tokens))
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-length" not in answer.headers
    await poll(app.service)
    refused = await me(api, tokens)
    assert api.refusal(refused) == (401, "token_revoked")
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    assert api.refusal(await api.refresh(tokens["refresh_token"])) == (401, "refresh_refused")


async def test_sign_out_works_with_the_refresh_token_alone(api):
    tokens = await api.signed_up()
    body = {"refresh_token": tokens["refresh_token"]}
    assert (await api.post("/v1/sign-out", json=body)).status_code == 204
    assert api.refusal(await api.refresh(tokens["refresh_token"])) == (401, "refresh_refused")


async def test_sign_out_needs_to_know_which_session(api):
    assert api.refusal(await api.post("/v1/sign-out")) == (401, "token_missing")
    tokens = await api.signed_up()
    body = {"refresh_token": tokens["refresh_token"]}
    answer = await api.post("/v1/sign-out", json=body, headers=api.bearer(tokens))
    assert api.refusal(answer) == (400, "credentials_twice")


async def test_sign_out_everywhere_ends_every_session(app, api):
    first = await api.signed_up()
    second = await api.signed_in()
    answer = await api.post("/v1/sign-out-everywhere", headers=api.bearer(first))
    assert (answer.status_code, answer.json()) == (200, {"ended": 2})
    await poll(app.service)
    for tokens in (first, second):
        assert api.refusal(await me(api, tokens)) == (401, "token_revoked")


async def test_sessions_are_listed_with_device_and_place(api):
    first = await api.signed_up()
    second = await api.signed_in()
    answer = await api.get("/v1/sessions", headers=api.bearer(second))
    found = {session["id"]: session for session in answer.json()["sessions"]}
    assert found.keys() == {first["session"], second["session"]}
    assert [found[tokens["session"]]["current"] for tokens in (first, second)] == [False, True]
    assert found[first["session"]]["device"] == "Firefox · Linux"
    assert found[first["session"]]["place"] == "203.0.113.*"
    assert found[first["session"]]["expires_at"] > found[first["session"]]["created_at"]


async def test_one_session_can_end_another_but_nobody_elses(app, api):
    first = await api.signed_up()
    second = await api.signed_in()
    stranger = await api.signed_up("stranger@example.com")
    path = f"/v1/sessions/{first['session']}"
    assert api.refusal(await api.delete(path, headers=api.bearer(stranger))) == (404, "not_found")
    assert (await api.delete(path, headers=api.bearer(second))).status_code == 204
    assert api.refusal(await api.delete(path, headers=api.bearer(second))) == (404, "not_found")
    await poll(app.service)
    assert api.refusal(await me(api, first)) == (401, "token_revoked")
    assert (await me(api, second)).status_code == 200


@pytest.mark.slow
async def test_a_changed_password_ends_the_other_sessions(app, api):
    first = await api.signed_up()
    second = await api.signed_in()
    body = {"current_password": api.PASSWORD, "new_password": NEW_PASSWORD}
    answer = await api.put("/v1/me/password", json=body, headers=api.bearer(second))
    assert answer.status_code == 204
    await poll(app.service)
    assert api.refusal(await me(api, first)) == (401, "token_revoked")
    assert (await me(api, second)).status_code == 200
    assert api.refusal(await api.sign_in()) == (403, "sign_in_refused")
    assert (await api.sign_in(password=NEW_PASSWORD)).status_code == 200


async def test_a_changed_password_can_keep_the_other_sessions(app, api):
    first = await api.signed_up()
    second = await api.signed_in()
    body = {"current_password": api.PASSWORD, "new_password": NEW_PASSWORD, "end_other_sessions": False}
    assert (await api.put("/v1/me/password", json=body, headers=api.bearer(second))).status_code == 204
    await poll(app.service)
    assert (await me(api, first)).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize(
    ("current", "new", "refusal"),
    [
        ("not the right one, sorry", NEW_PASSWORD, (403, "sign_in_refused")),
        (None, "short", (422, "password_refused")),
    ],
    ids=["wrong", "too short"],
)
async def test_a_password_is_not_changed_for_anybody(api, current, new, refusal):
    tokens = await api.signed_up()
    body = {"current_password": current or api.PASSWORD, "new_password": new}
    answer = await api.put("/v1/me/password", json=body, headers=api.bearer(tokens))
    assert api.refusal(answer) == refusal
    assert [error["pointer"] for error in answer.json().get("errors", [])] in ([], ["/new_password"])
    assert (await api.sign_in()).status_code == 200


async def test_an_account_can_be_deleted_with_its_password(app, api):
    tokens = await api.signed_up()
    wrong = await api.post("/v1/me/delete", json={"password": "not the right one"}, headers=api.bearer(tokens))
    assert api.refusal(wrong) == (403, "sign_in_refused")
    right = await api.post("/v1/me/delete", json={"password": api.PASSWORD}, headers=api.bearer(tokens))
    assert right.status_code == 204
    await poll(app.service)
    assert api.refusal(await me(api, tokens)) == (401, "token_revoked")
    assert api.refusal(await api.sign_in()) == (403, "sign_in_refused")
    assert api.refusal(await api.refresh(tokens["refresh_token"])) == (401, "refresh_refused")


@pytest.mark.slow
async def test_activity_is_read_page_by_page_and_is_ones_own(api):
    await api.signed_up("stranger@example.com")
    tokens = await api.signed_up()
    for _ in range(3):
        await api.signed_in()
    headers = api.bearer(tokens) | {"accept-language": "ko"}
    first = (await api.get("/v1/me/activity?limit=3", headers=headers)).json()
    rest = (await api.get("/v1/me/activity", params={"after": first["next"]}, headers=headers)).json()
    found = [*first["activity"], *rest["activity"]]
    assert [one["event"] for one in found] == ["sign_in", "sign_in", "sign_in", "sign_up"]
    assert rest["next"] is None
    assert found[-1]["text"] == "가입했어요"
    assert found[0]["device"] == "Firefox · Linux"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/limit"),
        ("limit=1000", "/limit"),
        ("limit=x", "/limit"),
        ("limit=1&limit=2", "/limit"),
        ("after=x", "/after"),
        ("after=99999999999999999999.a", "/after"),
        ("page=2", "/page"),
        ("limit=%00", "/limit"),
    ],
)
async def test_a_wrong_query_is_pointed_at(api, query, pointer):
    tokens = await api.signed_up()
    answer = await api.get(f"/v1/me/activity?{query}", headers=api.bearer(tokens))
    assert api.refusal(answer) == (422, "input_refused")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


PROTECTED = [
    ("GET", "/v1/me"),
    ("GET", "/v1/me/activity"),
    ("PUT", "/v1/me/password"),
    ("POST", "/v1/me/delete"),
    ("GET", "/v1/sessions"),
    ("DELETE", "/v1/sessions/someone"),
    ("POST", "/v1/sign-out-everywhere"),
]


@pytest.mark.parametrize(("method", "path"), PROTECTED)
async def test_without_a_token_one_is_asked_for_without_an_error(api, method, path):
    answer = await api.request(method, path)
    assert api.refusal(answer) == (401, "token_missing")
    assert answer.headers["www-authenticate"] == 'Bearer realm="https://id.example.com"'


@pytest.mark.parametrize(("method", "path"), PROTECTED)
async def test_a_forged_token_is_refused_as_invalid(api, method, path):
    tokens = await api.signed_up()
    head, payload, signature = tokens["access_token"].split(".")
    forged = f"{head}.{payload}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
    answer = await api.request(method, path, headers={"authorization": f"Bearer {forged}"})
    assert api.refusal(answer) == (401, "token_signature")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_an_expired_token_is_told_so(app, api):
    tokens = await api.signed_up()
    earlier = time.time()
    app.service.clock = lambda: earlier - 3600
    old = await api.signed_in()
    app.service.clock = time.time
    assert (await me(api, tokens)).status_code == 200
    answer = await me(api, old)
    assert api.refusal(answer) == (401, "token_expired")
    assert 'error_description="The access token has expired."' in answer.headers["www-authenticate"]


async def test_an_unknown_path_of_the_api_is_a_problem_document(api):
    assert api.refusal(await api.get("/v1/nothing")) == (404, "not_found")
    page = await api.get("/nothing")
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("POST", "/v1/me", "GET, HEAD"), ("GET", "/v1/sign-in", "POST"), ("GET", "/v1/sessions/x", "DELETE")],
)
async def test_a_wrong_method_is_told_which_work(api, method, path, allowed):
    answer = await api.request(method, path)
    assert api.refusal(answer) == (405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


async def test_head_gets_the_headers_of_get_without_the_body(api):
    tokens = await api.signed_up()
    full = await me(api, tokens)
    head = await api.head("/v1/me", headers=api.bearer(tokens))
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == full.headers["content-length"]


async def test_every_answer_of_the_api_carries_the_security_headers(api):
    for answer in (await api.get("/v1/me"), await api.get("/livez"), await api.get("/.well-known/jwks.json")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["strict-transport-security"].startswith("max-age=")


async def test_requests_have_ids_of_their_own(api):
    ids = {(await api.get("/livez")).headers["x-request-id"] for _ in range(10)}
    assert len(ids) == 10


async def test_before_the_start_and_after_the_end_nothing_is_served(settings, api):
    app = create_app(settings)
    async with type(api)(app) as early:
        answer = await early.get("/v1/me")
        assert early.refusal(answer) == (503, "not_ready")
        assert answer.headers["retry-after"] == "1"
