"""The names a newcomer meets, with this machine's clock."""

import subprocess
import sys
import time

import pytest

import mapae
from mapae.errors import Expired, MapaeError, SignatureRefused


@pytest.mark.parametrize("alg", ["HS256", "ES256", "Ed25519"])
def test_a_first_token(alg):
    key = mapae.Key.generate(alg)
    token = mapae.sign({"sub": "user-42"}, key, issuer="https://id.example", audience="api", lifetime=900)
    claims = mapae.verify(token, key, issuer="https://id.example", audience="api")
    assert isinstance(claims, mapae.Claims)
    assert claims.sub == "user-42"
    assert abs(claims.iat - time.time()) < 5
    verifier = mapae.Verifier(mapae.KeySet([key]), issuer="https://id.example", audience="api")
    assert verifier.verify(token) == claims
    assert verifier.check(token, now=claims.exp) == claims


def test_an_expired_token_is_refused_by_the_clock(forge, key):
    for verify in (lambda t: mapae.verify(t, key, issuer=mapae.ANY, audience=mapae.ANY), open_verifier(key).verify):
        with pytest.raises(Expired):
            verify(forge(None, {"exp": int(time.time()) - 6}))
        verify(forge(None, {"exp": int(time.time()) + 60}))


def open_verifier(key):
    return mapae.Verifier(key, issuer=mapae.ANY, audience=mapae.ANY)


def test_verify_takes_the_options_of_a_verifier(forge, key):
    token = forge({"alg": "HS256", "typ": "at+jwt"}, {"exp": int(time.time()) + 60, "aud": ["web"]})
    for audience in (["web", "api"], ("web", "api"), {"web"}, "web"):
        options = {"issuer": mapae.ANY, "audience": audience, "typ": "at+jwt", "required": ["aud"]}
        assert mapae.verify(token, key, **options).aud == ("web",)
    with pytest.raises(SignatureRefused):
        mapae.verify(token, mapae.Key.generate("HS256"), issuer=mapae.ANY, audience=mapae.ANY, typ="at+jwt")


@pytest.mark.parametrize("wrong", ["a secret that is long enough for the hash", b"x" * 32, None, {}])
def test_a_raw_secret_where_a_key_belongs_is_a_type_error_with_the_cure(wrong, forge):
    with pytest.raises(TypeError, match=r"Key\.from"):
        mapae.verify(forge(), wrong, issuer=mapae.ANY, audience=mapae.ANY)
    with pytest.raises(TypeError, match=r"Key\.from"):
        mapae.sign({}, wrong, lifetime=60)


def test_there_is_no_list_of_algorithms_to_get_wrong(forge, key):
    with pytest.raises(TypeError, match="algorithms"):
        mapae.verify(forge(), key, issuer=mapae.ANY, audience=mapae.ANY, algorithms=["HS256"])


def test_every_public_name_is_there_and_nothing_else():
    for name in mapae.__all__:
        assert getattr(mapae, name) is not None
        assert name in dir(mapae)
    with pytest.raises(AttributeError):
        mapae.decode  # noqa: B018
    assert issubclass(mapae.TokenError, MapaeError)


@pytest.mark.slow
def test_importing_mapae_loads_no_server_and_no_cryptography():
    code = (
        "import sys, mapae; mapae.TokenError; "
        "assert 'cryptography' not in sys.modules; mapae.Key; "
        "heavy = {'asyncio', 'starlette', 'fastapi', 'sqlite3', 'click', 'uvicorn'} & set(sys.modules); "
        "print(sorted(heavy)); sys.exit(bool(heavy))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
