import hashlib
import hmac
import json
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.jose.inspect import inspect_token, naming_of, unwrap
from mapae.jose.lint import ORDER
from mapae.jose.lint_words import FINDINGS

NOW = 1_800_000_000
HEADER = {"alg": "ES256", "kid": "k1", "typ": "at+jwt"}
CLAIMS = {"iss": "https://id.example", "sub": "u1", "aud": "api", "exp": NOW + 600, "iat": NOW, "jti": "t1"}


def encoded(value) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def token(header=None, claims=None, signature=b"s" * 64) -> str:
    header, claims = HEADER if header is None else header, CLAIMS if claims is None else claims
    return f"{encoded(header)}.{encoded(claims)}.{encoded(signature)}"


def codes(text, now=NOW):
    return {(finding.code, finding.name) for finding in inspect_token(text, now=now).findings}


def with_claims(**changes):
    return token(claims={name: value for name, value in {**CLAIMS, **changes}.items() if value is not ...})


def with_header(**changes):
    return token({name: value for name, value in {**HEADER, **changes}.items() if value is not ...})


def test_a_good_access_token_has_nothing_odd():
    seen = inspect_token(token(), now=NOW)
    assert (seen.form, seen.findings, seen.signature.octets) == ("jws", (), 64)
    assert (seen.lifetime.issued_at, seen.lifetime.expires_at, seen.lifetime.guessed) == (NOW, NOW + 600, False)


def test_the_example_of_the_note_is_explained():
    claims = {
        "iss": "example.com",
        "exp": "1245678900",
        "https://example.com/jwt_claims/is_admin": True,
        "user_id": "1234567890",
    }
    seen = inspect_token(token({"alg": "HS256", "typ": "JWT"}, claims), now=NOW)
    assert [(claim.name, claim.naming) for claim in seen.claims] == [
        ("iss", "registered"),
        ("exp", "registered"),
        ("https://example.com/jwt_claims/is_admin", "public"),
        ("user_id", "private"),
    ]
    assert [claim.value for claim in seen.claims] == list(claims.values())
    worst = seen.findings[0]
    assert (worst.code, worst.severity, worst.name) == ("exp-string", "danger", "exp")
    assert "NumericDate" in worst.en
    assert "NumericDate" in worst.ko
    assert (seen.lifetime.expires_at, seen.lifetime.guessed) == (1_245_678_900, True)


ODD = [
    ("alg-missing", "alg", with_header(alg=...)),
    ("alg-missing", "alg", with_header(alg=["ES256"])),
    ("alg-none", "alg", with_header(alg="nOnE")),
    ("alg-deprecated-EdDSA-name", "alg", with_header(alg="EdDSA")),
    ("alg-hs-with-public-key", "alg", with_header(alg="HS256", jwk={"kty": "RSA"})),
    ("alg-hs-with-public-key", "alg", with_header(alg="HS256", x5c=["MII"])),
    ("alg-mismatch-key", "jwk", with_header(alg="ES256", jwk={"kty": "RSA"})),
    ("jwk-embedded", "jwk", with_header(jwk={"kty": "EC"})),
    ("crit-unknown", "crit", with_header(crit=["b64"])),
    ("jku-x5u-present", "jku", with_header(jku="https://evil.example/keys")),
    ("jku-x5u-present", "x5u", with_header(x5u="https://evil.example/cert")),
    ("kid-missing", "kid", with_header(kid=...)),
    ("kid-looks-like-path-or-sql", "kid", with_header(kid="../../dev/null")),
    ("kid-looks-like-path-or-sql", "kid", with_header(kid="x' UNION SELECT 'secret")),
    ("kid-looks-like-path-or-sql", "kid", with_header(kid=7)),
    ("typ-missing", "typ", with_header(typ=...)),
    ("exp-missing", "exp", with_claims(exp=...)),
    ("exp-string", "exp", with_claims(exp=str(NOW + 600))),
    ("exp-not-a-number", "exp", with_claims(exp=True)),
    ("exp-not-a-number", "exp", with_claims(exp=None)),
    ("exp-not-a-number", "exp", with_claims(exp=-1)),
    ("exp-fractional", "exp", with_claims(exp=NOW + 600.5)),
    ("exp-milliseconds", "exp", with_claims(exp=(NOW + 600) * 1000)),
    ("exp-past", "exp", with_claims(exp=NOW)),
    ("exp-too-far", "exp", with_claims(exp=NOW + 86_401)),
    ("time-string", "nbf", with_claims(nbf=str(NOW))),
    ("time-not-a-number", "iat", with_claims(iat=[])),
    ("time-milliseconds", "iat", with_claims(iat=NOW * 1000)),
    ("time-fractional", "iat", with_claims(iat=NOW - 0.5)),
    ("iat-missing", "iat", with_claims(iat=...)),
    ("iat-future", "iat", with_claims(iat=NOW + 1)),
    ("nbf-future", "nbf", with_claims(nbf=NOW + 1)),
    ("nbf-after-exp", "nbf", with_claims(nbf=NOW + 600)),
    ("iss-missing", "iss", with_claims(iss=...)),
    ("iss-not-url", "iss", with_claims(iss="example.com")),
    ("aud-missing", "aud", with_claims(aud=...)),
    ("aud-wildcard", "aud", with_claims(aud=["api", "*"])),
    ("sub-missing", "sub", with_claims(sub=...)),
    ("sub-is-email", "sub", with_claims(sub="jane@example.com")),
    ("jti-missing", "jti", with_claims(jti=...)),
    ("pii-in-payload", "email", with_claims(email="jane@example.com")),
    ("pii-in-payload", "tel", with_claims(tel="010-1234-5678")),
    ("pii-in-payload", "number", with_claims(number="900101-1234567")),
    ("secret-looking-value", "password", with_claims(password="x")),
    ("secret-looking-value", "note", with_claims(note="-----BEGIN PRIVATE KEY-----")),
    ("unregistered-shortname", "dept", with_claims(dept="x")),
    ("cnf-unbound", "cnf", "DPoP " + token()),
    ("too-big", "", with_claims(long="x" * 4096)),
    ("dup-json-keys", "", token(claims=b'{"exp":1,"exp":2}')),
    ("dup-json-keys", "", token(header=b'{"alg":"ES256","alg":"none"}')),
    ("dup-json-keys", "", token(claims=b'{"a":{"b":1,"b":2}}')),
    ("signature-missing", "", token(signature=b"")),
    ("signature-missing", "", token().rpartition(".")[0]),
    ("payload-unreadable", "", f"{encoded(HEADER)}.{encoded(b'[1]')}.{encoded(b'x')}"),
    ("header-unreadable", "", "abc.def.ghi"),
    ("not-base64url", "", token() + "="),
    ("encrypted", "", f"{encoded({'alg': 'dir', 'enc': 'A256GCM'})}..aa.bb.cc"),
    ("empty", "", "   "),
]


@pytest.mark.parametrize(("code", "name", "text"), ODD, ids=[f"{code}-{at}" for at, (code, _, _) in enumerate(ODD)])
def test_what_is_odd_is_found(code, name, text):
    assert (code, name) in codes(text)
    assert code not in {found for found, _ in codes(token())}


def test_every_finding_has_a_case_here():
    assert {code for code, _, _ in ODD} | {"hs256-secret-weak"} == set(FINDINGS)
    assert {severity for severity, _, _ in FINDINGS.values()} == set(ORDER)


@pytest.mark.parametrize(("alg", "digest"), [("HS256", hashlib.sha256), ("HS512", hashlib.sha512)])
def test_a_secret_out_of_a_tutorial_is_recognised(alg, digest):
    signed = token({**HEADER, "alg": alg}).rpartition(".")[0]
    weak = f"{signed}.{encoded(hmac.digest(b'your-256-bit-secret', signed.encode(), digest))}"
    strong = f"{signed}.{encoded(hmac.digest(b'2f1c9d7e' * 8, signed.encode(), digest))}"
    assert ("hs256-secret-weak", "") in codes(weak)
    assert ("hs256-secret-weak", "") not in codes(strong)


def test_findings_never_repeat_a_value_of_the_token():
    seen = inspect_token(with_claims(password="canary-91", email="canary@example.com", exp="canary-92"), now=NOW)
    assert seen.findings
    assert "canary" not in "".join(finding.en + finding.ko for finding in seen.findings)


WRAPPED = [
    "{}",
    "  {}\n",
    '"{}"',
    "'{}'",
    "\ufeff{}",
    "Bearer {}",
    "bearer {}",
    "Authorization: Bearer {}",
    "https://app.example/callback#access_token={}&token_type=Bearer",
    '{{"access_token": "{}", "expires_in": 600}}',
    "curl -H 'Authorization: Bearer {}' https://api.example/eyes.with.dots",
    "Cookie: theme=dark; __Host-mapae={}; other=1",
]


@pytest.mark.parametrize("around", WRAPPED)
def test_a_token_is_found_in_what_people_paste(around):
    assert unwrap(around.format(token()))[0] == token()


@pytest.mark.parametrize("joint", ["\n", "\r\n  ", " \\\n", " "])
def test_a_token_broken_into_lines_is_joined(joint):
    text = token()
    assert unwrap(joint.join([text[:30], text[30:90], text[90:]]))[0] == text


@pytest.mark.parametrize(
    ("text", "scheme"), [("Bearer {}", "Bearer"), ("Authorization: dpop {}", "DPoP"), ("{}", ""), ("forbearer {}", "")]
)
def test_the_scheme_in_front_is_told(text, scheme):
    assert unwrap(text.format(token()))[1] == scheme


@pytest.mark.parametrize(
    ("name", "naming"),
    [
        ("iss", "registered"),
        ("email_verified", "registered"),
        ("scope", "registered"),
        ("https://example.com/plan", "public"),
        ("urn:example:plan", "public"),
        ("example.com/plan", "public"),
        ("com.example.plan", "public"),
        ("6fa459ea-ee8a-3ca4-894e-db77e160355e", "public"),
        ("1.3.6.1.4.1.311", "public"),
        ("user_id", "private"),
        ("user.name", "private"),
        ("dept", "private"),
        ("", "private"),
        ("https:", "private"),
    ],
)
def test_names_are_told_apart_by_their_kind(name, naming):
    assert naming_of(name) == naming


def test_registered_names_come_with_their_meaning_in_both_languages():
    by_name = {claim.name: claim for claim in inspect_token(with_claims(epo=1, dept="x"), now=NOW).claims}
    assert by_name["exp"].meaning.text("en") != by_name["exp"].meaning.text("ko")
    assert by_name["exp"].meaning.source == "RFC 7519"
    assert (by_name["epo"].naming, by_name["epo"].meaning.source) == ("private", "Mapae")
    assert by_name["dept"].meaning is None


def test_an_encrypted_token_shows_its_header_only():
    seen = inspect_token(f"{encoded({'alg': 'dir', 'enc': 'A256GCM'})}..aa.bb.cc", now=NOW)
    assert (seen.form, [each.name for each in seen.parameters], seen.claims) == ("jwe", ["alg", "enc"], ())


def test_a_selective_disclosure_token_is_recognised():
    seen = inspect_token(token() + "~WyJhIiwibiIsMV0~", now=NOW)
    assert (seen.form, len(seen.claims)) == ("sd-jwt", len(CLAIMS))


def test_half_a_token_is_shown_as_far_as_it_can_be_read():
    seen = inspect_token(token().split(".")[0], now=NOW)
    assert (seen.form, dict(seen.header.members)) == ("broken", HEADER)


HOSTILE = [
    token(claims=b"[" * 100_000),
    token(claims=b'{"exp":' + b"9" * 5000 + b"}"),
    token(claims=b'{"exp":1e400,"iat":-1e400,"nbf":NaN}'),
    token(claims=b'{"exp":' + b"9" * 400 + b"}"),
    token(claims=b'{"iss":{},"sub":[],"aud":{},"cnf":1}'),
    token(header=b'{"jwk":[],"alg":"ES256","crit":1,"typ":{}}'),
    token(claims=b'{"sub":"\\ud800"}'),
    "eyJ" + "." * 100_000,
    "\ud800",
    "\x00",
    "e" * 2_000_000,
    " " * 1_000_000 + "x",
    token(claims={"a." * 100_000: 1, "1." * 100_000: 1}),
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.slow
def test_a_hostile_token_is_looked_at_without_harm(text):
    assert inspect_token(text, now=NOW).findings


@given(st.text() | st.builds(lambda parts: ".".join(map(encoded, parts)), st.lists(st.binary(max_size=40), max_size=6)))
def test_any_text_at_all_can_be_looked_at(text):
    assert inspect_token(text, now=NOW).form in ("jws", "jwe", "sd-jwt", "unsigned", "broken")
