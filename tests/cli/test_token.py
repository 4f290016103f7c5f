import base64
import json
import time
from pathlib import Path

import pytest

import mapae
from mapae.jose.key import Key

ISSUER = "https://id.example"
NOTE = {
    "iss": "example.com",
    "exp": "1245678900",
    "https://example.com/jwt_claims/is_admin": True,
    "user_id": "1234567890",
}


def unsigned(claims, header=None) -> str:
    parts = (header or {"alg": "HS256", "typ": "JWT"}, claims)
    return (
        ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts) + ".c2ln"
    )


@pytest.fixture
def key(home):
    made = Key.generate("ES256")
    Path("public.pem").write_bytes(made.public().to_pem())
    Path("other.pem").write_bytes(Key.generate("ES256").public().to_pem())
    Path("jwks.json").write_text(json.dumps({"keys": [made.public().to_jwk()]}))
    private = Path("private.pem")
    private.write_bytes(made.to_pem(private=True))
    private.chmod(0o600)
    return made


def signed(key, **claims) -> str:
    return mapae.sign({"sub": "u1", "canary": "c-4711", **claims}, key, issuer=ISSUER, audience="api", lifetime=600)


ACCEPTED = ("--issuer", ISSUER, "--audience", "api")


def test_inspect_says_first_that_it_verifies_nothing(run):
    assert run("token", "inspect", give=unsigned(NOTE)).out.splitlines()[0].startswith("Not verified")
    korean = run("token", "inspect", give=unsigned(NOTE), env={"MAPAE_LANG": "ko"}).out.splitlines()[0]
    assert korean.startswith("검증하지 않았어요")


def test_inspect_explains_the_example_of_the_note(run):
    lines = {line.split()[0]: line for line in run("token", "inspect", give=unsigned(NOTE)).out.splitlines() if line}
    assert "registered" in lines["iss"]
    assert "public" in lines["https://example.com/jwt_claims/is_admin"]
    assert "private" in lines["user_id"]
    assert "NumericDate" in lines["✕"]
    assert "2009-06-22 13:55:00 UTC" in lines["expires:"]


def test_inspect_tells_the_lifetime_in_words(run):
    token = unsigned({"iat": 1_000, "exp": 1_600})
    out = run("token", "inspect", "--at", 1_252, give=token).out
    assert "4 min 12 s of 10 min have passed, 5 min 48 s remain" in out
    korean = run("token", "inspect", "--at", 1_252, give=token, env={"MAPAE_LANG": "ko"}).out
    assert "10분 중 4분 12초 지남, 5분 48초 남음" in korean


def test_inspect_answers_programs(run):
    seen = run("token", "inspect", "--json", give=f'Bearer "{unsigned(NOTE)}"').json
    assert seen["verified"] is False
    assert seen["payload"] == NOTE
    assert [claim["kind"] for claim in seen["claims"]] == ["registered", "registered", "public", "private"]
    assert seen["findings"][0]["code"] == "exp-string"


def test_inspect_reads_a_file_and_warns_about_an_argument(run):
    Path("token.txt").write_text(unsigned(NOTE))
    assert run("token", "inspect", "token.txt").err == ""
    assert "other users of this machine" in run("token", "inspect", unsigned(NOTE)).err
    assert "cannot be read" in run("token", "inspect", "gone.txt", code=2).err


@pytest.mark.parametrize("prefix", ["mps_", "mpr_", "mpt_", "mpp_"])
def test_inspect_takes_an_opaque_argument_for_no_file_whose_name_an_error_tells(run, prefix):
    told = run("token", "inspect", prefix + "A" * 80, code=6).err
    assert "other users of this machine" in told
    assert "only the service itself can read it" in told
    assert "A" * 80 not in told


def test_inspect_of_what_is_no_token_exits_with_6(run):
    assert "header-unreadable" in run("token", "inspect", give="hello", code=6).out


def test_inspect_never_lets_a_token_move_the_cursor(run):
    out = run("token", "inspect", give=unsigned({"x\x1b[2J": "\x1b]0;t\x07\u202e"})).out
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_colours_come_only_where_they_are_wanted(run):
    assert "\x1b[" not in run("token", "inspect", give=unsigned(NOTE)).out
    coloured = run("token", "inspect", give=unsigned(NOTE), env={"FORCE_COLOR": "1"}).out
    assert "\x1b[38;2;168;58;15m" in coloured


@pytest.mark.parametrize(
    "text", ["mps_" + "A" * 86, "Authorization: Bearer mpr_" + "A" * 91, "mpt_" + "A" * 80, "mpp_" + "A" * 80]
)
def test_inspect_says_that_there_is_nothing_to_read_in_an_opaque_token(run, text):
    assert "opaque token of a Mapae service" in run("token", "inspect", give=text, code=6).err
    assert "opaque" not in run("token", "inspect", give="rubbish", code=6).err


def test_verify_accepts_a_good_token(run, key):
    for source in (("--key", "public.pem"), ("--jwks", "jwks.json")):
        ran = run("token", "verify", *source, *ACCEPTED, give=f"Bearer {signed(key)}\n")
        assert ran.out.startswith("Valid")
        assert "c-4711" in ran.out
    assert (
        run("token", "verify", "--jwks", "jwks.json", *ACCEPTED, "--json", give=signed(key)).json["claims"]["sub"]
        == "u1"
    )


def with_signature(token, signature):
    return f"{token.rpartition('.')[0]}.{signature}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "make", "args"),
    [
        (3, lambda key: with_signature(signed(key), "A" * 86), ("--key", "public.pem", *ACCEPTED)),
        (3, lambda _: unsigned({"exp": 9_999_999_999}), ("--key", "public.pem", *ACCEPTED)),
        (4, signed, ("--key", "public.pem", *ACCEPTED, "--at", str(int(time.time()) + 86_400))),
        (4, lambda key: signed(key, nbf=int(time.time()) + 300), ("--key", "public.pem", *ACCEPTED)),
        (5, signed, ("--key", "public.pem", "--issuer", "https://x.example", "--audience", "api")),
        (5, signed, ("--key", "public.pem", "--issuer", ISSUER, "--audience", "other")),
        (5, signed, ("--key", "public.pem", *ACCEPTED, "--typ", "at+jwt")),
        (6, lambda _: "not.a.token", ("--key", "public.pem", *ACCEPTED)),
        (7, lambda _: signed(Key.generate("ES256")), ("--jwks", "jwks.json", *ACCEPTED)),
    ],
)
def test_verify_exits_with_the_reason(run, key, code, make, args):
    ran = run("token", "verify", *args, give=make(key), code=code)
    assert ran.out == ""
    assert "c-4711" not in ran.err
    machine = run("token", "verify", *args, "--json", give=make(key), code=code)
    assert machine.json["error"]["exit"] == code
    assert "c-4711" not in machine.out + machine.err


def test_verify_shows_a_refused_token_only_when_asked(run, key):
    args = ("token", "verify", "--key", "other.pem", *ACCEPTED)
    ran = run(*args, "--show", give=signed(key), code=3)
    assert "c-4711" in ran.err
    assert ran.out == ""


def test_verify_wants_to_know_issuer_and_audience(run, key):
    assert "--any-issuer" in run("token", "verify", "--key", "public.pem", give="x", code=2).err
    args = ("--any-issuer", "--any-audience")
    assert run("token", "verify", "--key", "public.pem", *args, give=signed(key)).out.startswith("Valid")


@pytest.mark.slow
def test_verify_without_a_key_checks_a_token_of_this_service_and_its_revocation(run, signed_in):
    tokens = signed_in()
    assert run("token", "verify", "--json", give=tokens.access_token).json["claims"]["sid"] == tokens.sid
    run("session", "revoke", tokens.sid)
    assert "token_revoked" in run("token", "verify", give=tokens.access_token, code=8).err


@pytest.mark.slow
def test_verify_knows_opaque_session_tokens_of_this_service_too(run, monkeypatch, signed_in):
    monkeypatch.setenv("MAPAE_ACCESS_TOKEN", "opaque")
    tokens = signed_in()
    assert run("token", "verify", "--json", give=tokens.access_token).json["claims"]["sid"] == tokens.sid
    assert "token_signature" in run("token", "verify", give="mps_" + "A" * 86, code=3).err
    run("session", "revoke", tokens.sid)
    assert "token_revoked" in run("token", "verify", give=tokens.access_token, code=8).err


def test_sign_makes_a_token_that_verifies(run, key):
    args = ("--key", "private.pem", "--issuer", ISSUER, "--audience", "api", "--lifetime", "1h")
    token = run("token", "sign", *args, "--claim", "sub=u7", "--claim", "n=[1,2]").out.strip()
    claims = mapae.verify(token, key.public(), issuer=ISSUER, audience="api")
    assert (claims.sub, claims["n"], claims.exp - claims.iat) == ("u7", (1, 2), 3600)


def test_sign_reads_claims_from_a_file_or_standard_input(run, key):
    Path("claims.json").write_text('{"sub": "u8"}')
    for args, give in ((("claims.json",), None), (("-",), '{"sub": "u8"}')):
        token = run("token", "sign", "--key", "private.pem", "--json", *args, give=give).json["token"]
        assert mapae.verify(token, key.public(), issuer=None, audience=None).sub == "u8"


def test_sign_with_a_shared_secret(run, home):
    secret = Path("secret.bin")
    secret.write_bytes(b"\x07" * 31 + b"\x0b\n")
    secret.chmod(0o600)
    token = run("token", "sign", "--key", secret, "--alg", "HS256", "--claim", "sub=x").out.strip()
    expected = Key.from_secret(b"\x07" * 31 + b"\x0b", "HS256")
    assert mapae.verify(token, expected, issuer=None, audience=None).sub == "x"
    assert "--alg HS256" in run("token", "sign", "--key", secret, code=2).err


def test_sign_refuses_a_public_key_and_what_would_be_refused(run, key):
    assert "public key" in run("token", "sign", "--key", "public.pem", "--claim", "sub=x", code=2).err
    run("token", "sign", "--key", "private.pem", "--claim", 'exp="1245678900"', code=5)
    assert "NAME=VALUE" in run("token", "sign", "--key", "private.pem", "--claim", "sub", code=2).err
    assert "--lifetime" in run("token", "sign", "--key", "private.pem", "--lifetime", "10", code=2).err


def test_a_private_key_that_others_can_read_is_refused_with_the_cure(run, key):
    Path("private.pem").chmod(0o644)
    error = run("token", "sign", "--key", "private.pem", "--claim", "sub=x", "--json", code=2).json["error"]
    assert error["code"] == "file_exposed"
    assert "chmod 600" in error["reason"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"keys": []}', b'{"kty": "EC"}', b"-----BEGIN PRIVATE KEY-----\nx\n", b"\xff\xfe", b"[1]"]
)
def test_a_file_that_is_no_key_is_refused(run, home, content):
    Path("bad").write_bytes(content)
    ran = run("token", "verify", "--key", "bad", *ACCEPTED, give="a.b.c", code=2)
    assert ran.err
