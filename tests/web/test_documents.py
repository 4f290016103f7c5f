"""Documents at fixed addresses: keys, metadata, health, metrics, the API document."""

import json
import re

import jwt
import openapi_spec_validator
import pytest
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet

from mapae.errors import StorageFailed
from mapae.flows.rotate_keys import rotate_key
from mapae.settings import Settings
from mapae.web.app import create_app
from mapae.web.metrics import COUNTERS, HISTOGRAMS, Numbers, SharedNumbers, added
from mapae.web.openapi import openapi_document
from mapae.web.operations import OPERATIONS
from mapae.web.problems import PROBLEMS

pytestmark = pytest.mark.anyio


async def test_access_tokens_verify_in_other_libraries_with_our_keys(api):
    tokens = await api.signed_up()
    keys = (await api.get("/.well-known/jwks.json")).json()
    issuer = "https://id.example.com"
    head = jwt.get_unverified_header(tokens["access_token"])
    assert (head["alg"], head["typ"]) == ("ES256", "at+jwt")
    key = jwt.PyJWKSet.from_dict(keys)[head["kid"]]
    claims = jwt.decode(tokens["access_token"], key, algorithms=["ES256"], issuer=issuer, audience=issuer)
    assert claims["sub"] == tokens["account"]
    again = joserfc_jwt.decode(tokens["access_token"], KeySet.import_key_set(keys), algorithms=["ES256"])
    assert again.claims == claims
    assert claims.keys() >= {"iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "sid", "epo", "rsq"}


async def test_the_keys_may_be_kept_for_five_minutes_and_are_public_only(api):
    answer = await api.get("/.well-known/jwks.json")
    assert answer.headers["content-type"] == "application/json"
    assert "max-age=300" in answer.headers["cache-control"]
    assert "stale-while-revalidate" in answer.headers["cache-control"]
    assert answer.headers["access-control-allow-origin"] == "*"
    for key in answer.json()["keys"]:
        assert key.keys() >= {"kid", "kty", "alg", "use"}
        assert not key.keys() & {"d", "p", "q", "dp", "dq", "qi", "k"}


@pytest.mark.slow
@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
async def test_unchanged_keys_are_not_sent_again(api, form):
    etag = (await api.get("/.well-known/jwks.json")).headers["etag"]
    assert re.fullmatch(r'"[0-9a-f]{32}"', etag)
    answer = await api.get("/.well-known/jwks.json", headers={"if-none-match": form.format(etag)})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)


async def test_changed_keys_have_another_etag_and_old_tokens_go_on(app, api):
    tokens = await api.signed_up()
    before = await api.get("/.well-known/jwks.json")
    await rotate_key(app.service)
    after = await api.get("/.well-known/jwks.json", headers={"if-none-match": before.headers["etag"]})
    assert after.status_code == 200
    assert len(after.json()["keys"]) >= len(before.json()["keys"])
    assert (await api.get("/v1/me", headers=api.bearer(tokens))).status_code == 200


@pytest.mark.parametrize("path", ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"])
@pytest.mark.slow
async def test_the_metadata_claims_only_what_is_there(api, path):
    metadata = (await api.get(path)).json()
    assert metadata["issuer"] == "https://id.example.com"
    assert metadata["grant_types_supported"] == metadata["response_types_supported"] == []
    assert not any(name.endswith("_endpoint") for name in metadata)
    for name in ("jwks_uri", "service_documentation"):
        assert (await api.get(metadata[name])).status_code == 200


@pytest.mark.slow
async def test_an_issuer_with_a_path_is_served_below_it(api, tmp_path):
    settings = Settings(issuer="https://example.com/auth", data=tmp_path / "below", bcrypt_cost=4, log_level="error")
    app = create_app(settings)
    async with app.running(), type(api)(app) as client:
        for path in (
            "/auth/.well-known/openid-configuration",
            "/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server/auth",
            "/auth/.well-known/oauth-authorization-server",
        ):
            assert (await client.get(path)).json()["issuer"] == "https://example.com/auth"
        assert (await client.get("/auth/v1/me")).status_code == 401
        assert (await client.get("/auth")).headers["location"] == "/auth/account"
        assert (await client.get("/authentic")).status_code == 404
        problem = (await client.get("/auth/v1/me")).json()
        assert problem["type"] == "https://example.com/auth/problems/token_missing"


async def test_who_to_tell_about_a_hole_is_said_only_when_it_is_set(api, tmp_path):
    assert (await api.get("/.well-known/security.txt")).status_code == 404
    values = {"issuer": "https://id.example.com", "log_level": "error", "bcrypt_cost": 4}
    app = create_app(Settings(**values, data=tmp_path / "contact", security_contact="mailto:security@example.com"))
    async with app.running(), type(api)(app) as client:
        answer = await client.get("/.well-known/security.txt")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    fields = dict(line.split(": ", 1) for line in answer.text.splitlines())
    assert fields["Contact"] == "mailto:security@example.com"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00Z", fields["Expires"])


@pytest.mark.slow
async def test_every_type_of_problem_is_explained_at_its_address(api):
    for code in PROBLEMS:
        answer = await api.get(f"/problems/{code}")
        assert answer.status_code == 200
        assert code in answer.text


async def test_a_well_server_is_alive_and_ready(api):
    for path in ("/livez", "/readyz", "/healthz"):
        answer = await api.get(path)
        assert (answer.status_code, answer.text) == (200, "ok\n")
    verbose = await api.get("/readyz?verbose")
    assert (
        verbose.text
        == "[+] serving ok\n[+] database ok\n[+] writing ok\n[+] clock ok\n[+] signing key ok\n[+] revocations ok\n"
    )


async def test_a_stopping_server_is_alive_but_not_ready(app, api):
    app.draining = True
    answer = await api.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "not ready: serving\n")
    assert (await api.get("/readyz?verbose")).text.startswith("[-] serving failed\n")
    assert (await api.get("/livez")).status_code == 200


async def test_without_its_database_a_server_is_not_ready_and_says_503(app, api):
    tokens = await api.signed_up()
    await app.service.database.close()
    assert (await api.get("/readyz")).text == "not ready: database\n"
    answer = await api.refresh(tokens["refresh_token"])
    assert api.refusal(answer) == (503, StorageFailed.code)
    assert int(answer.headers["retry-after"]) >= 1


def samples(text):
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line and not line.startswith("#")
    }


@pytest.mark.slow
async def test_metrics_count_what_happened(api):
    tokens = await api.signed_up()
    await api.sign_in(password="not the right one, sorry")
    await api.refresh(tokens["refresh_token"])
    await api.get("/v1/me", headers={"authorization": "Bearer x"})
    answer = await api.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found = samples(answer.text)
    assert found['mapae_sign_ups_total{outcome="ok"}'] == 1
    assert found['mapae_sign_ins_total{method="password",outcome="refused"}'] == 1
    assert found['mapae_tokens_issued_total{alg="ES256"}'] == 2
    assert found['mapae_token_verifications_total{outcome="token_malformed"}'] == 1
    assert found['mapae_http_requests_total{method="POST",route="/v1/sign-up",status="201"}'] == 1
    assert found["mapae_password_hash_duration_seconds_count"] >= 2
    assert found["mapae_sessions_active"] == 1
    assert found["mapae_password_hash_queue_depth"] == 0
    assert any(name.startswith("mapae_signing_key_not_after_timestamp_seconds{kid=") for name in found)
    assert any(name.startswith("mapae_build_info{") for name in found)


async def test_metrics_name_no_person_and_no_address(api):
    await api.signed_up()
    await api.get("/v1/secret-looking-path")
    text = (await api.get("/metrics")).text
    assert not [word for word in (api.EMAIL, "203.0.113", "secret-looking-path") if word in text]


async def test_everything_the_flows_count_has_a_family(app, api):
    tokens = await api.signed_up()
    await api.sign_in(password="not the right one, sorry")
    await api.refresh(tokens["refresh_token"])
    await api.post("/v1/sign-out", headers=api.bearer(tokens))
    await api.get("/metrics")
    tally = app.service.tally
    assert {each.name for each in tally.counts} <= COUNTERS.keys()
    assert tally.observations.keys() <= HISTOGRAMS.keys()
    for each in tally.counts:
        assert {label for label, _ in each.labels} <= set(COUNTERS[each.name][1])


def test_the_numbers_of_several_workers_add_up(tmp_path):
    first, second = SharedNumbers(tmp_path, 0), SharedNumbers(tmp_path, 1)
    labels = (("outcome", "ok"),)
    first.leave(Numbers([("sign_ups", labels, 2)], {"http_request_duration": ([1, 0], 0.5)}, queued=1))
    mine = Numbers([("sign_ups", labels, 3)], {"http_request_duration": ([0, 4], 1.0)}, queued=2)
    total = added((mine, *second.others()))
    assert total.counts == [("sign_ups", labels, 5)]
    assert total.observations == {"http_request_duration": ([1, 4], 1.5)}
    assert total.queued == 3


def test_a_new_process_goes_on_from_the_numbers_of_the_one_it_follows(tmp_path):
    shared = SharedNumbers(tmp_path, 0)
    assert shared.mine() == Numbers()
    shared.leave(Numbers([("sign_ups", (), 2)], queued=5))
    assert SharedNumbers(tmp_path, 0).mine() == Numbers([("sign_ups", (), 2)])


@pytest.mark.slow
async def test_the_api_document_is_valid_and_complete(api):
    document = (await api.get("/openapi.json")).json()
    openapi_spec_validator.validate(document)
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == {(operation.method, operation.path) for operation in OPERATIONS}
    names = [one["operationId"] for methods in document["paths"].values() for one in methods.values()]
    assert len(set(names)) == len(names)


def test_the_api_document_is_the_same_every_time():
    settings = Settings()
    assert json.dumps(openapi_document(settings)) == json.dumps(openapi_document(settings))


def described_fields(document):
    """Each parameter and each field of the API document: where it stands, and what is said of it."""
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield from ((f"{path} {each['name']}", each) for each in operation.get("parameters", ()))
    for name, schema in document["components"]["schemas"].items():
        yield from ((f"{name}.{field}", about) for field, about in schema.get("properties", {}).items())


def test_what_the_api_document_says_of_a_field_it_says_in_both_languages():
    told = {where: about for where, about in described_fields(openapi_document(Settings())) if "description" in about}
    assert len(told) > 20
    spoken = {where for where, about in told.items() if re.search("[가-힣]", about.get("x-description-ko", ""))}
    assert told.keys() - spoken == set()
