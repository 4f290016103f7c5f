"""Requests made up from the API document: whatever they hold, the answer is no fault of ours and as documented."""

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from mapae.settings import Settings
from mapae.web.openapi import openapi_document

pytestmark = pytest.mark.slow

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
schema = schemathesis.openapi.from_dict(openapi_document(Settings()))


@pytest.fixture
def served(serve):
    """A running server and the header of somebody who is signed in to it."""
    server = serve(log_level="warning", hash_queue_seconds=60)
    person = {"email": "jane@example.com", "password": "a horse of bronze, five strong"}
    tokens = httpx2.post(f"{server.url}/v1/sign-up", json=person).json()
    return server.url, {"authorization": f"Bearer {tokens['access_token']}"}


@schema.parametrize()
@settings(
    max_examples=60,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
def test_no_request_makes_the_server_fail(case, served):
    url, signed_in = served
    headers = signed_in if {"bearer": []} in case.operation.definition.raw["security"] else {}
    # schemathesis takes application/jwt for a kind of JSON; what such a page says, test_revocations.py reads.
    signed = "application/jwt" in case.operation.definition.raw["responses"].get("200", {}).get("content", {})
    case.call_and_validate(base_url=url, headers=headers, checks=CHECKS[:3] if signed else CHECKS)
