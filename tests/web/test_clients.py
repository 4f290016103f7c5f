"""Clients that get one kind of access token each, over HTTP, beside each other on one service."""

from dataclasses import replace

import pytest

from mapae.flows.session_memory import SessionMemory
from mapae.web.app import create_app
from mapae.web.openapi import openapi_document

pytestmark = pytest.mark.anyio

ACCESS, REFRESH = "__Host-mapae", "__Host-mapae-refresh"
BOTH = ("phone=jwt", "kiosk=opaque")


@pytest.fixture
def settings(settings):
    return replace(settings, clients=BOTH)


async def signed_in(api, client_id=None):
    fields = {} if client_id is None else {"client_id": client_id}
    answer = await api.sign_in(**fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def kind(tokens):
    """What was handed out: the kind of the access token, and whether a refresh token came with it."""
    token = tokens["access_token"]
    return (
        "opaque" if token.startswith("mps_") else "jwt" if token.count(".") == 2 else "?"
    ), "refresh_token" in tokens


@pytest.mark.slow
@pytest.mark.parametrize(("default", "expected"), [("jwt", ("jwt", True)), ("opaque", ("opaque", False))])
async def test_each_client_gets_its_kind_whatever_the_service_hands_out_to_others(
    settings, tmp_path, default, expected, api
):
    made = create_app(replace(settings, access_token=default, data=tmp_path / default))
    async with made.running(), type(api)(made) as caller:
        opened = await caller.sign_up(client_id="kiosk")
        assert (opened.status_code, kind(opened.json())) == (201, ("opaque", False))
        for client_id, kinds in ((None, expected), ("phone", ("jwt", True)), ("kiosk", ("opaque", False))):
            tokens = await signed_in(caller, client_id)
            assert kind(tokens) == kinds
            me = (await caller.get("/v1/me", headers=caller.bearer(tokens))).json()
            assert (me["client_id"], me["session"]) == (client_id or "mapae", tokens["session"])


@pytest.mark.slow
async def test_both_kinds_are_accepted_side_by_side_and_end_each_other(api, app):
    await api.signed_up()
    phone, kiosk, ours = await signed_in(api, "phone"), await signed_in(api, "kiosk"), await signed_in(api)
    app.service.session_memory = SessionMemory()
    listed = (await api.get("/v1/sessions", headers=api.bearer(kiosk))).json()["sessions"]
    assert {each["id"]: each["client_id"] for each in listed}.items() >= {
        (phone["session"], "phone"),
        (kiosk["session"], "kiosk"),
        (ours["session"], "mapae"),
    }
    assert (await api.delete(f"/v1/sessions/{phone['session']}", headers=api.bearer(kiosk))).status_code == 204
    assert api.refusal(await api.get("/v1/me", headers=api.bearer(phone))) == (401, "token_revoked")
    assert (await api.post("/v1/sign-out-everywhere", headers=api.bearer(ours))).status_code == 200
    assert api.refusal(await api.get("/v1/me", headers=api.bearer(kiosk))) == (401, "token_revoked")


@pytest.mark.slow
@pytest.mark.parametrize("client_id", ["nobody", "phone=jwt", "", "Phone"])
async def test_a_client_that_nobody_has_named_is_refused_before_any_password_is_looked_at(api, app, client_id):
    await api.signed_up()
    counted = await app.service.database.fetch("SELECT * FROM attempt")
    for answer in (await api.sign_in(client_id=client_id), await api.sign_up("joe@example.com", client_id=client_id)):
        assert answer.status_code == 422
        assert [(each["pointer"], each["code"]) for each in api.problem(answer)["errors"]] == [
            ("/client_id", "client_unknown")
        ]
    assert await app.service.database.fetch("SELECT * FROM attempt") == counted
    assert len(await app.service.database.fetch("SELECT 1 FROM account")) == 1


async def test_a_refresh_token_is_not_for_a_client_that_says_it_is_another(api):
    await api.signed_up()
    first = (await signed_in(api, "phone"))["refresh_token"]
    body = {"refresh_token": first}
    for other in ("mapae", "kiosk"):
        refused = await api.post("/v1/refresh", json=body | {"client_id": other})
        assert api.refusal(refused) == (401, "refresh_refused")
    answer = await api.post("/v1/refresh", json=body | {"client_id": "phone"})
    assert answer.status_code == 200
    me = await api.get("/v1/me", headers=api.bearer(answer.json()))
    assert me.json()["client_id"] == "phone"
    again = await api.post("/v1/refresh", json=body)
    assert again.json()["refresh_token"] == answer.json()["refresh_token"], "a caller need not say who it is"


@pytest.mark.slow
async def test_sessions_stay_what_they_are_when_the_setting_changes(settings, api):
    """A client is taken out, another one changes over: who is signed in goes on as before."""
    await api.signed_up()
    phone, kiosk = await signed_in(api, "phone"), await signed_in(api, "kiosk")
    changed = create_app(replace(settings, clients=("kiosk=jwt",), access_token="opaque"))
    async with changed.running(), type(api)(changed) as later:
        for tokens in (phone, kiosk):
            assert (await later.get("/v1/me", headers=later.bearer(tokens))).json()["session"] == tokens["session"]
        renewed = await later.refresh(phone["refresh_token"])
        assert (renewed.status_code, kind(renewed.json())) == (200, ("jwt", True))
        assert (await later.sign_in(client_id="phone")).status_code == 422
        assert kind(await signed_in(later, "kiosk")) == ("jwt", True)
        assert (await later.get("/v1/me", headers=later.bearer(kiosk))).status_code == 200
        assert (await later.post("/v1/sign-out", headers=later.bearer(kiosk))).status_code == 204
        assert later.refusal(await later.get("/v1/me", headers=later.bearer(kiosk))) == (401, "token_revoked")


@pytest.mark.slow
@pytest.mark.parametrize(("client_id", "names"), [("phone", {ACCESS, REFRESH}), ("kiosk", {ACCESS})])
async def test_cookies_of_either_kind_pass_the_same_checks(api, browser, client_id, names):
    await api.signed_up()
    answer = await browser.sign_in(delivery="cookie", client_id=client_id)
    assert answer.status_code == 200
    assert {name for name in browser.cookies if name in {ACCESS, REFRESH}} == names
    assert (await browser.get("/v1/me")).json()["client_id"] == client_id
    assert (await browser.get("/account")).status_code == 200
    foreign = await browser.post("/v1/sign-out", headers={"sec-fetch-site": "cross-site"})
    assert browser.refusal(foreign) == (403, "csrf_refused")
    del browser.cookies[ACCESS]
    page = await browser.get("/account")
    assert page.status_code == (200 if client_id == "phone" else 303), "the refresh cookie renews, whoever it is of"


@pytest.mark.parametrize(
    ("clients", "name"), [((), "JWT"), (("a=jwt",), "JWT"), (("a=opaque",), "JWT or opaque"), (BOTH, "JWT or opaque")]
)
def test_the_openapi_document_names_both_kinds_where_both_are_handed_out(settings, clients, name):
    document = openapi_document(replace(settings, clients=clients))
    assert document["components"]["securitySchemes"]["bearer"]["bearerFormat"] == name
