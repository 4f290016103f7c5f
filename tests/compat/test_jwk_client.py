"""PyJWKClient, PyJWT's and ours, against one server on this machine."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt as theirs
import pytest

import mapae
import mapae.compat.pyjwt as ours

FIRST, SECOND = (mapae.Key.generate("ES256", kid=kid) for kid in ("first", "second"))
CLAIMS = {"sub": "user-42", "exp": 4_000_000_000}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append(dict(self.headers))
        status, body, headers = self.server.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    serving = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving.seen = []
    serving.url = f"http://127.0.0.1:{serving.server_port}/jwks"
    publish(serving, FIRST)
    thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield serving
    serving.shutdown()
    serving.server_close()
    thread.join()


def publish(server, *keys):
    server.answer = (200, json.dumps({"keys": [key.to_jwk() for key in keys]}).encode(), {})


@pytest.fixture(params=["theirs", "ours"])
def client(request, server):
    """A client of either library, made by the same arguments."""

    def make(**arguments):
        if request.param == "theirs":
            return theirs.PyJWKClient(server.url, **arguments)
        return ours.PyJWKClient(server.url, allow_loopback=True, **arguments)

    make.jwt = {"theirs": theirs, "ours": ours}[request.param]
    return make


def token(key=FIRST):
    return theirs.encode(CLAIMS, key.to_pem(private=True), algorithm="ES256", headers={"kid": key.kid})


def test_the_key_of_a_token_is_found_and_verifies_it(client, server):
    jwt, found = client.jwt, client(headers={"X-Asked-By": "test"})
    key = found.get_signing_key_from_jwt(token())
    assert (key.key_id, key.algorithm_name) == ("first", "ES256")
    assert jwt.decode(token(), key, algorithms=["ES256"]) == CLAIMS
    assert jwt.decode(token(), key.key, algorithms=["ES256"]) == CLAIMS
    assert found.get_signing_key("first").key_id == "first"
    assert len(server.seen) == 1
    assert server.seen[0]["X-Asked-By"] == "test"


def test_a_new_key_is_fetched_when_it_is_named(client, server):
    found = client(cooldown_duration=0)
    found.get_signing_key("first")
    publish(server, FIRST, SECOND)
    assert found.get_signing_key_from_jwt(token(SECOND)).key_id == "second"
    assert len(server.seen) == 2


def test_sets_and_lists_of_keys_are_there(client, server):
    found = client()
    assert [key.key_id for key in found.get_jwk_set()] == ["first"]
    assert [key.key_id for key in found.get_signing_keys(refresh=True)] == ["first"]
    assert [key["kid"] for key in found.fetch_data()["keys"]] == ["first"]
    assert found.match_kid(found.get_signing_keys(), "first").key_id == "first"
    assert found.match_kid(found.get_signing_keys(), "second") is None
    assert len(server.seen) == 3


def test_without_a_cache_every_question_is_asked(client, server):
    found = client(cache_jwk_set=False)
    for _ in range(2):
        found.get_signing_key("first")
    assert len(server.seen) == 2


@pytest.mark.parametrize("kid", ["second", None])
def test_an_unknown_kid_is_a_client_error(client, kid):
    with pytest.raises(client.jwt.exceptions.PyJWKClientError):
        client().get_signing_key(kid)


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer",
    [(500, b"", {}), (404, b"{}", {}), (302, b"", {"Location": "/jwks"})],
    ids=["500", "404", "a redirect"],
)
def test_a_server_that_fails_is_a_connection_error(client, server, answer):
    server.answer = answer
    with pytest.raises(client.jwt.exceptions.PyJWKClientConnectionError):
        client().get_signing_key("first")


def test_a_server_without_keys_that_sign_is_an_error(client, server):
    server.answer = (200, b'{"keys":[]}', {})
    with pytest.raises(client.jwt.PyJWTError):
        client().get_signing_keys()


def test_ours_keeps_its_keys_while_the_server_fails(server):
    found = ours.PyJWKClient(server.url, allow_loopback=True)
    found.get_signing_key("first")
    server.answer = (500, b"", {})
    with pytest.raises(ours.PyJWKClientConnectionError) as raised:
        found.fetch_data()
    assert raised.value.code == "key_source"
    assert found.get_signing_key("first").key_id == "first"
