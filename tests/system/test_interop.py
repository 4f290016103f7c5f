"""Access tokens of a running server, checked by other people's libraries against its published keys."""

import base64
import json
import subprocess
import time

import joserfc.jwk
import joserfc.jwt
import jwt as pyjwt
import pytest
from joserfc.errors import JoseError

from mapae.jose.jwt import sign
from mapae.jose.key import Key
from mapae.sessions.access_token import TYP
from servers import serving

pytestmark = pytest.mark.slow

AUDIENCE = "https://api.example.com"
REFUSALS = {
    "pyjwt": {
        "signature": "InvalidSignatureError",
        "payload": "InvalidSignatureError",
        "audience": "InvalidAudienceError",
        "expired": "ExpiredSignatureError",
    },
    "joserfc": {
        "signature": "bad_signature",
        "payload": "bad_signature",
        "audience": "invalid_claim",
        "expired": "expired_token",
    },
    "jose": {
        "signature": "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
        "payload": "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
        "audience": "ERR_JWT_CLAIM_VALIDATION_FAILED",
        "expired": "ERR_JWT_EXPIRED",
    },
    "jsonwebtoken": {
        "signature": "invalid signature",
        "payload": "invalid signature",
        "audience": f"jwt audience invalid. expected: {AUDIENCE}",
        "expired": "jwt expired",
    },
}


@pytest.fixture(scope="module")
def server(module_data):
    with serving(module_data, MAPAE_AUDIENCE=AUDIENCE) as started:
        yield started


@pytest.fixture(scope="module")
def tokens(server, module_data):
    """A token as the server gave it, and the same with one thing wrong: a bit, the audience, the time."""
    with server.connect() as connection:
        good = connection.sign_up("jane@example.com")["access_token"]
    header, claims = seen(good)
    file = module_data.parent / "key.json"
    exported = server.mapae("key", "export", header["kid"], "--private", "--format", "jwk", "--out", str(file), "--yes")
    assert exported.returncode == 0, exported.stderr
    key = Key.from_jwk(json.loads(file.read_text()))

    def signed(**changed) -> str:
        members = claims | changed
        return sign(members, key, now=members["iat"], jti=members["jti"], typ=TYP)

    now = int(time.time())
    assert seen(signed()) == (header, claims)  # else what is refused below might be refused for another reason
    return {
        "good": good,
        "again": signed(),
        "signature": flipped(good, part=2),
        "payload": flipped(good, part=1),
        "audience": signed(aud="https://other.example.com"),
        "expired": signed(iat=now - 7200, exp=now - 3600),
    }


def seen(token):
    """Return header and claims without any library."""
    return tuple(json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])


def flipped(token: str, *, part: int) -> str:
    """Flip one bit: of the signature, or of the claim `aud`, where the JSON around it stays good."""
    parts = token.split(".")
    octets = bytearray(base64.urlsafe_b64decode(parts[part] + "=="))
    octets[octets.index(b"api.example.com") if part == 1 else 20] ^= 1
    parts[part] = base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
    return ".".join(parts)


@pytest.fixture(scope="module")
def jwks_uri(server) -> str:
    """The address of the keys, as the discovery document names it."""
    with server.connect() as connection:
        metadata = connection.ask("GET", "/.well-known/oauth-authorization-server").members
    assert metadata["issuer"] == server.url
    return metadata["jwks_uri"]


def outcomes(verify, tokens):
    found = {}
    for name, token in tokens.items():
        try:
            header, claims = verify(token)
            found[name] = {"header": header, "claims": claims}
        except pyjwt.PyJWTError as refused:
            found[name] = {"refused": type(refused).__name__}
        except JoseError as refused:
            found[name] = {"refused": refused.error}
    return found


@pytest.fixture(scope="module")
def with_pyjwt(server, tokens, jwks_uri):
    keys = pyjwt.PyJWKClient(jwks_uri)

    def verify(token):
        whole = pyjwt.decode_complete(
            token, keys.get_signing_key_from_jwt(token), algorithms=["ES256"], audience=AUDIENCE, issuer=server.url
        )
        return whole["header"], whole["payload"]

    return outcomes(verify, tokens)


@pytest.fixture(scope="module")
def with_joserfc(server, tokens):
    with server.connect() as connection:
        keys = joserfc.jwk.KeySet.import_key_set(connection.ask("GET", "/.well-known/jwks.json").members)
    rules = joserfc.jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": server.url}, aud={"essential": True, "value": AUDIENCE}
    )

    def verify(token):
        decoded = joserfc.jwt.decode(token, keys, algorithms=["ES256"])
        rules.validate(decoded.claims)
        return decoded.header, decoded.claims

    return outcomes(verify, tokens)


@pytest.fixture(scope="module")
def in_node(server, tokens, jwks_uri, node, node_modules):
    asked = {"issuer": server.url, "audience": AUDIENCE, "jwks_uri": jwks_uri, "tokens": tokens}
    done = subprocess.run(
        [node, node_modules.parent / "verify_tokens.mjs"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module", params=REFUSALS)
def library(request):
    return request.param


@pytest.fixture
def found(library, request):
    """What a library made of each token."""
    if library in {"jose", "jsonwebtoken"}:
        return request.getfixturevalue("in_node")[library]
    return request.getfixturevalue(f"with_{library}")


@pytest.mark.parametrize("name", ["good", "again"])
def test_a_token_of_the_server_is_accepted_with_the_same_header_and_claims(found, tokens, name):
    header, claims = seen(tokens["good"])
    assert found[name] == {"header": header, "claims": claims}


@pytest.mark.parametrize("wrong", ["signature", "payload", "audience", "expired"])
def test_a_token_with_one_thing_wrong_is_refused_for_that(found, library, wrong):
    assert found[wrong] == {"refused": REFUSALS[library][wrong]}


def test_the_token_is_an_es256_access_token_with_exactly_the_promised_claims(server, tokens):
    header, claims = seen(tokens["good"])
    with server.connect() as connection:
        keys = connection.ask("GET", "/.well-known/jwks.json").members["keys"]
        me = connection.ask("GET", "/v1/me", token=tokens["good"]).members
    assert header == {"alg": "ES256", "kid": keys[0]["kid"], "typ": "at+jwt"}
    assert {**claims, "iat": 0, "exp": claims["exp"] - claims["iat"], "jti": ""} == {
        "iss": server.url,
        "sub": me["id"],
        "aud": AUDIENCE,
        "exp": 600,
        "iat": 0,
        "jti": "",
        "client_id": "mapae",
        "scope": "account",
        "sid": me["session"],
        "epo": 0,
        "rsq": 0,
    }
    assert abs(claims["iat"] - time.time()) < 300
    assert len(claims["jti"]) >= 22  # 128 bits


def test_the_published_keys_hold_nothing_private(server):
    with server.connect() as connection:
        keys = connection.ask("GET", "/.well-known/jwks.json").members["keys"]
    assert [set(key) for key in keys] == [{"kty", "crv", "x", "y", "kid", "alg", "use"}]


@pytest.mark.parametrize("wrong", ["signature", "payload", "audience", "expired"])
def test_the_server_itself_refuses_the_same_tokens(server, tokens, wrong):
    with server.connect() as connection:
        assert connection.ask("GET", "/v1/me", token=tokens[wrong]).status == 401
