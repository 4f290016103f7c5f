"""GET /v1/status-lists: what somebody finds who has a token, its issuer's metadata, and a reader of status lists."""

import time
from dataclasses import replace

import pytest

from mapae.jose.jwks import KeySet
from mapae.jose.status_list import TYP, Status, read_status_list, reference_of
from mapae.jose.unverified import read_unverified
from mapae.jose.verifier import Verifier

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(settings):
    return replace(settings, status_lists=True)


async def status_of(api, tokens):
    reference = reference_of(read_unverified(tokens["access_token"]).payload)
    answer = await api.get(reference.uri, headers={"accept": "application/statuslist+jwt"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/statuslist+jwt"
    assert answer.headers["cache-control"] == "public, max-age=15"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert len(answer.content) < 2_000
    keys = KeySet.from_jwks((await api.get("/.well-known/jwks.json")).content)
    lists = Verifier(keys, issuer="https://id.example.com", audience=None, typ=TYP, max_length=2**20)
    claims = lists.check(answer.text, now=time.time())
    status_list = read_status_list(claims, uri=reference.uri, now=time.time())
    assert status_list.fresh_until - time.time() <= claims["ttl"] < claims["exp"] - claims["iat"]
    return status_list.status(reference.index)


async def test_an_ended_session_is_found_in_the_list_that_its_token_names(api):
    ended, live = await api.signed_up(), await api.signed_in()
    assert await status_of(api, ended) == Status.VALID
    assert (await api.post("/v1/sign-out", headers=api.bearer(ended))).status_code == 204
    assert await status_of(api, ended) == Status.INVALID
    assert await status_of(api, live) == Status.VALID
    assert (await api.get("/v1/me", headers=api.bearer(live))).status_code == 200


async def test_the_metadata_name_the_list_of_lists(api):
    tokens = await api.signed_up()
    metadata = (await api.get("/.well-known/oauth-authorization-server")).json()
    assert metadata["status_list_aggregation_endpoint"] == "https://id.example.com/v1/status-lists"
    answer = await api.get(metadata["status_list_aggregation_endpoint"])
    uri = reference_of(read_unverified(tokens["access_token"]).payload).uri
    assert answer.json() == {"status_lists": [uri]}


@pytest.mark.slow
@pytest.mark.parametrize("number", ["99", "-1", "one", "1e3", "9" * 30, "%D9%A1"])
async def test_there_is_no_other_list(api, number):
    await api.signed_up()
    assert api.refusal(await api.get(f"/v1/status-lists/{number}")) == (404, "not_found")


class TestUnlessAskedFor:
    @pytest.fixture
    def settings(self, settings):
        return replace(settings, status_lists=False)

    async def test_there_are_no_lists_and_tokens_are_short(self, api):
        tokens = await api.signed_up()
        assert "status" not in read_unverified(tokens["access_token"]).payload
        assert "status_list_aggregation_endpoint" not in (await api.get("/.well-known/openid-configuration")).json()
        for path in ("/v1/status-lists", "/v1/status-lists/0"):
            assert api.refusal(await api.get(path)) == (404, "not_found")
