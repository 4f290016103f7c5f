"""Key sets: at most one key fits a token; hostile sets are refused or trimmed visibly (A36)."""

import json

import pytest

from mapae.errors import AlgorithmRefused, KeyRefused, KeyUnknown
from mapae.jose.jwks import MAX_KEYS, KeySet
from mapae.jose.key import Key

ONE, TWO, THREE = Key.generate("ES256"), Key.generate("ES256"), Key.generate("Ed25519")
SECRET = Key.generate("HS256")


def test_a_token_is_matched_by_kid_and_algorithm():
    keys = KeySet([ONE, TWO, THREE])
    assert keys.find(TWO.kid, "ES256") is TWO
    assert keys.find(None, "Ed25519") is THREE
    assert THREE.kid in keys
    assert list(keys) == [ONE, TWO, THREE]
    with pytest.raises(KeyUnknown):
        keys.find("other", "ES256")
    with pytest.raises(AlgorithmRefused):
        keys.find(ONE.kid, "Ed25519")
    with pytest.raises(KeyUnknown, match="several"):
        keys.find(None, "ES256")
    with pytest.raises(AlgorithmRefused):
        keys.find(None, "HS256")
    with pytest.raises(AlgorithmRefused):
        KeySet([]).find(None, "ES256")


def test_the_signing_key_is_chosen_never_guessed():
    assert KeySet([ONE.public(), TWO]).signing is TWO
    assert KeySet([ONE, TWO]).signing is None
    assert KeySet([ONE, TWO], signing=ONE).signing is ONE
    for keys, signing in (([ONE], TWO), ([ONE.public()], ONE.public()), ([THREE.public()], THREE)):
        with pytest.raises(KeyRefused):
            KeySet(keys, signing=signing)


def test_a_published_set_holds_public_keys_only():
    jwks = KeySet([ONE, THREE.public()], signing=ONE).to_jwks()
    assert [jwk["kid"] for jwk in jwks["keys"]] == [ONE.kid, THREE.kid]
    assert not any("d" in jwk or "k" in jwk for jwk in jwks["keys"])
    again = KeySet.from_jwks(json.dumps(jwks))
    assert [key.kid for key in again] == [ONE.kid, THREE.kid]
    assert KeySet([SECRET]).to_jwks() == {"keys": []}
    assert list(KeySet([SECRET]).public()) == []


@pytest.mark.parametrize("member", [ONE.to_jwk(private=True), SECRET.to_jwk(private=True)], ids=["private", "oct"])
def test_a36_a_published_private_key_condemns_the_set(member):
    with pytest.raises(KeyRefused, match="private or secret"):
        KeySet.from_jwks({"keys": [TWO.to_jwk(), member]})
    assert len(KeySet.from_jwks({"keys": [member]}, private=True)) == 1


def test_a36_secrets_and_public_keys_are_not_mixed():
    with pytest.raises(KeyRefused, match="not both"):
        KeySet([ONE, SECRET])
    with pytest.raises(KeyRefused, match="not both"):
        KeySet.from_jwks({"keys": [ONE.to_jwk(), SECRET.to_jwk(private=True)]}, private=True)


def test_a36_the_same_kid_twice_is_refused_even_when_one_of_them_cannot_serve():
    with pytest.raises(KeyRefused, match="same kid"):
        KeySet.from_jwks({"keys": [ONE.to_jwk(), {"kty": "XYZ", "kid": ONE.kid}]})


def test_a36_the_same_kid_twice_is_refused():
    for twin in (TWO, THREE):
        with pytest.raises(KeyRefused, match="same kid"):
            KeySet.from_jwks({"keys": [ONE.to_jwk(), twin.to_jwk() | {"kid": ONE.kid}]})


@pytest.mark.parametrize(
    "member",
    [
        "text",
        None,
        [],
        {},
        {"kty": "XYZ"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        THREE.to_jwk() | {"use": "enc"},
        THREE.to_jwk() | {"alg": "ECDH-ES"},
        THREE.to_jwk() | {"x": "!!"},
        {"kty": "OKP", "crv": "X25519", "x": "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"},
    ],
    ids=["text", "null", "array", "empty", "kind", "short", "use", "alg", "point", "curve"],
)
def test_a36_a_member_that_cannot_serve_is_skipped_and_counted(member):
    keys = KeySet.from_jwks({"keys": [ONE.to_jwk(), member, TWO.to_jwk()]})
    assert [key.kid for key in keys] == [ONE.kid, TWO.kid]
    assert len(keys.skipped) == 1
    assert keys.skipped[0].startswith("keys[1]: ")


def test_an_rsa_member_without_alg_needs_the_callers_word(rsa_key):
    member = {name: value for name, value in rsa_key.to_jwk().items() if name != "alg"}
    assert len(KeySet.from_jwks({"keys": [member]})) == 0
    assert KeySet.from_jwks({"keys": [member]}, rsa_alg="PS256").keys[0].alg == "PS256"


@pytest.mark.parametrize(
    "jwks",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"keys":{}}',
        b'{"keys":[],"keys":[]}',
        b" " * 300_000,
        "\ud800",
        {"keys": None},
        {},
    ],
    ids=lambda jwks: repr(jwks)[:20],
)
def test_a36_what_is_not_a_set_is_refused(jwks):
    with pytest.raises(KeyRefused):
        KeySet.from_jwks(jwks)


def test_a36_ten_thousand_keys_are_refused():
    with pytest.raises(KeyRefused, match=str(MAX_KEYS)):
        KeySet.from_jwks({"keys": [{}] * 10_000})


def test_something_else_than_a_key_is_a_type_error():
    for wrong in ("text", b"octets", {"kty": "EC"}, None):
        with pytest.raises(TypeError, match=r"Key\.from"):
            KeySet([wrong])
    with pytest.raises(TypeError):
        KeySet.from_jwks(None)


def test_a_set_is_looked_into_by_kid_and_shows_no_key():
    keys = KeySet([ONE, TWO], signing=ONE)
    assert keys[TWO.kid] is TWO
    assert repr(keys) == "<KeySet of 2 keys>"
    with pytest.raises(KeyRefused, match="same kid"):
        KeySet([ONE, ONE.public()])
