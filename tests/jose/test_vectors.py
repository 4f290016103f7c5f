"""Vectors of others: read from MAPAE_VECTORS (default ../shared/vectors), never copied; skipped where absent."""

import json
import os
from pathlib import Path

import pytest

from mapae.errors import KeyRefused, Malformed, TokenError
from mapae.jose.base64url import decode, encode
from mapae.jose.jwks import KeySet
from mapae.jose.jws import sign_octets, verify_octets
from mapae.jose.key import Key

FOLDER = Path(os.environ.get("MAPAE_VECTORS", Path(__file__).parents[3] / "shared" / "vectors"))


def vectors(name):
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"outside vectors are absent: {name} (set MAPAE_VECTORS)")
    return json.loads(path.read_text())


# Labels that a strict verifier does not follow, each with the reason.
WRONG_LABELS = {
    346: "marked valid, but the key is for PS256 and the token says PS384 (RFC 8725 section 3.1)",
    350: "marked valid, but the key is for PS256 and the token says PS384 (RFC 8725 section 3.1)",
    347: "marked valid, but the key says ES521, which is no registered algorithm",
    351: "marked valid, but the key says ES521, which is no registered algorithm",
    367: "marked invalid, but it is an ordinary valid JWS",
    370: "marked invalid, but it is an ordinary valid JWS",
    372: "marked valid, with a question mark inserted",
    373: "marked valid, with a question mark inserted",
}


def keys_of(group):
    jwk = group.get("public") or group["private"]
    if "keys" in jwk:
        return KeySet.from_jwks(jwk, private=True)
    return Key.from_jwk(jwk)


def accepts(group, jws):
    try:
        keys = keys_of(group)
    except KeyRefused:
        return False
    try:
        verify_octets(jws, keys)
    except TokenError:
        return False
    return True


def test_wycheproof_signatures_are_judged_as_labelled():
    wrong = {}
    judged = 0
    for group in vectors("wycheproof/json_web_signature_test.json")["testGroups"]:
        for case in group["tests"]:
            judged += 1
            if accepts(group, case["jws"]) != (case["result"] == "valid"):
                wrong[case["tcId"]] = (group["comment"], case["comment"], case["result"])
    assert judged == 401
    assert wrong.keys() == WRONG_LABELS.keys(), wrong


@pytest.mark.parametrize("name", ["json_web_key_test.json", "json_web_crypto_test.json"])
def test_wycheproof_keys_and_crypto_are_judged_as_labelled(name):
    """The JWE cases of these files belong to the tests of encryption."""
    wrong = {}
    for group in vectors(f"wycheproof/{name}")["testGroups"]:
        for case in group["tests"]:
            jws = case.get("jws")
            text = json.dumps(jws) if isinstance(jws, dict) else jws
            if text is not None and accepts(group, text) != (case["result"] == "valid"):
                wrong[case["tcId"]] = (group["comment"], case["comment"], case["result"], case.get("flags"))
    assert wrong == {}


COOKBOOK = [
    "4_1.rsa_v15_signature",
    "4_2.rsa-pss_signature",
    "4_3.ecdsa_signature",
    "4_4.hmac-sha2_integrity_protection",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", COOKBOOK)
def test_rfc_7520_signatures_verify_and_are_made_again(name):
    case = vectors(f"jose-cookbook/jws/{name}.json")
    given, made = case["input"], case["output"]["compact"]
    key = Key.from_jwk(given["key"], given["alg"])
    public = key if given["alg"] == "HS256" else key.public()
    assert verify_octets(made, public).payload.decode() == given["payload"]
    assert key.kid == given["key"]["kid"]
    again = sign_octets(given["payload"].encode(), key)
    assert verify_octets(again, public).payload.decode() == given["payload"]
    if case.get("reproducible") and given["alg"] in {"RS256", "HS256"}:
        assert again == made


@pytest.mark.parametrize(
    "name", ["3_1.ec_public_key", "3_2.ec_private_key", "3_3.rsa_public_key", "3_4.rsa_private_key"]
)
def test_rfc_7520_keys_are_read_and_written_alike(name):
    jwk = vectors(f"jose-cookbook/jwk/{name}.json")
    key = Key.from_jwk(jwk, "RS256" if jwk["kty"] == "RSA" else None)
    written = key.to_jwk(private="d" in jwk)
    assert {member: written[member] for member in jwk if member != "alg"} == {
        m: v for m, v in jwk.items() if m != "alg"
    }


def test_rfc_8037_ed25519_signs_to_the_same_octets_under_its_older_name():
    case = vectors("jose-cookbook/curve25519/jws.json")
    given, made = case["input"], case["output"]["compact"]
    key = Key.from_jwk(given["key"], "EdDSA")
    assert verify_octets(made, key.public()).payload.decode() == given["payload"]
    assert made.rpartition(".")[2] == key.make_signature(made.rpartition(".")[0].encode())
    with pytest.raises(TokenError):
        verify_octets(made, Key.from_jwk(given["key"]))


@pytest.mark.parametrize("name", ["hmac-sha2_b64_false", "4.2.hmac-sha2_b64_false"])
def test_rfc_7797_unencoded_payloads_are_refused_as_its_section_7_says_for_jwts(name):
    case = vectors(f"jose-cookbook/rfc7797/{name}.json")
    key = Key.from_jwk(case["input"]["key"])
    for token in filter(None, [case["output"].get("compact")]):
        with pytest.raises(Malformed):
            verify_octets(token, key)


def test_rfc_9964_ml_dsa_keys_and_signatures():
    for case in vectors("mldsa/rfc9964_appendix_a.json")["vectors"]:
        key = Key.from_jwk(case["jwk"])
        assert (key.alg, key.kid, key.thumbprint()) == (case["alg"], case["jwk"]["kid"], case["jwk"]["kid"])
        jws = next(value for name, value in case.items() if isinstance(value, str) and value.count(".") == 2)
        verify_octets(jws, key.public() if key.is_private else key)
        with pytest.raises(TokenError):
            verify_octets(jws[:-4] + "AAAA", key)


def test_rfc_7515_appendix_a1_hmac():
    key = Key.from_jwk(
        {
            "kty": "oct",
            "alg": "HS256",
            "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
        }
    )
    jws = (
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
        ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    )
    assert json.loads(verify_octets(jws, key).payload)["iss"] == "joe"


EC_A3 = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
}


def test_rfc_7515_appendix_a3_ecdsa():
    jws = (
        "eyJhbGciOiJFUzI1NiJ9"
        ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
        ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    )
    assert json.loads(verify_octets(jws, Key.from_jwk(EC_A3).public()).payload)["iss"] == "joe"


def test_rfc_7515_appendix_a5_unsecured_is_refused():
    payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    jws = f"eyJhbGciOiJub25lIn0.{payload}."
    with pytest.raises(TokenError):
        verify_octets(jws, Key.from_jwk(EC_A3))


def test_rfc_7515_appendix_e_an_unknown_critical_parameter_is_refused():
    header = (
        "eyJhbGciOiJub25lIiwNCiAiY3JpdCI6WyJodHRwOi8vZXhhbXBsZS5jb20vVU5ERUZJTkVEIl0sDQogImh0dHA6Ly9leGFtcGxlLmNvbS9VTk"
        "RFRklORUQiOnRydWUNCn0"
    )
    jws = f"{header}.RkFJTA."
    with pytest.raises(Malformed, match="crit"):
        verify_octets(jws, Key.from_jwk(EC_A3))


def test_rfc_6979_appendix_a_2_5_signatures_are_deterministic():
    numbers = {
        "d": "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
        "x": "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
        "y": "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
    }
    members = {name: encode(bytes.fromhex(number)) for name, number in numbers.items()}
    key = Key.from_jwk({"kty": "EC", "crv": "P-256", **members})
    r = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
    s = "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
    assert decode(key.make_signature(b"sample")).hex() == r + s
