"""Encrypting and decrypting octets, and the keys for it."""

import contextlib
import copy
import json
import pickle

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

import mapae
from mapae.errors import (
    AlgorithmRefused,
    ClaimRefused,
    DecryptionRefused,
    Expired,
    KeyRefused,
    KeyUnknown,
    Malformed,
    TokenError,
    TooLarge,
    WrongIssuer,
    WrongKind,
)
from mapae.jose.base64url import decode, encode
from mapae.jose.encryption_algorithms import CONTENT_ENCRYPTIONS, KEY_MANAGEMENTS
from mapae.jose.encryption_key import DecryptKey, EncryptKey
from mapae.jose.jwe import decrypt, encrypt, write_jwe
from mapae.jose.jwt import sign
from mapae.jose.key import Key
from mapae.jose.nested import NestedVerifier, encrypt_token
from mapae.jose.verifier import Verifier

pytestmark = pytest.mark.slow  # finished and apart from everyday work

RSA = DecryptKey.generate("RSA-OAEP-256", bits=2048)
CURVES = ("P-256", "P-384", "P-521", "X25519")


def keys_of(alg, enc=None):
    if alg == "RSA-OAEP-256":
        return [RSA]
    if alg.startswith("ECDH"):
        return [DecryptKey.generate(alg, enc=enc, crv=crv) for crv in CURVES]
    return [DecryptKey.generate(alg, enc=enc)]


def for_sender(key):
    return key if key.is_secret else key.public()


def changed(token, place, change):
    segments = token.split(".")
    segments[place] = encode(change(decode(segments[place])))
    return ".".join(segments)


def with_header(token, **members):
    def change(raw):
        header = json.loads(raw) | members
        return json.dumps({name: value for name, value in header.items() if value is not ...}).encode()

    return changed(token, 0, change)


@pytest.mark.parametrize("enc", CONTENT_ENCRYPTIONS)
@pytest.mark.parametrize("alg", KEY_MANAGEMENTS)
def test_what_is_encrypted_is_decrypted(alg, enc):
    bound = DecryptKey.from_jwk(RSA.to_jwk(private=True), enc=enc) if alg == "RSA-OAEP-256" else None
    for key in [bound] if bound else keys_of(alg, enc):
        for plaintext in (b"", b"a", bytes(range(256))):
            token = encrypt(plaintext, for_sender(key))
            assert decrypt(token, key) == decrypt(token.encode(), key) == plaintext
            header = json.loads(decode(token.split(".")[0]))
            assert (header["alg"], header["enc"], header["kid"]) == (alg, enc, key.kid)
            assert encrypt(plaintext, for_sender(key)) != token


@pytest.mark.parametrize("alg", KEY_MANAGEMENTS)
def test_a_change_of_any_octet_is_refused(alg):
    for key in keys_of(alg, "A128CBC-HS256"):
        token = encrypt(b"attack at dawn", for_sender(key))
        for place in range(5):
            size = len(decode(token.split(".")[place]))
            for at in {0, size // 2, size - 1} if size else ():
                flipped = changed(token, place, lambda raw, at=at: raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
                with pytest.raises(TokenError):
                    decrypt(flipped, key)


def test_another_key_opens_nothing():
    for alg in KEY_MANAGEMENTS:
        if alg != "RSA-OAEP-256":
            key, other = keys_of(alg, "A256GCM")[0], keys_of(alg, "A256GCM")[0]
            with pytest.raises(DecryptionRefused):
                decrypt(encrypt(b"secret", for_sender(key)), other)


@given(st.text() | st.binary() | st.from_regex(r"\A[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*){4}\Z"))
def test_any_text_gives_octets_or_a_token_error(text):
    for key in (RSA, DECRYPT, SECRET):
        with contextlib.suppress(TokenError):
            assert isinstance(decrypt(text, key), bytes)


DECRYPT = DecryptKey.generate("ECDH-ES", crv="P-256")
SECRET = DecryptKey.generate("A128GCMKW")
JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=4)
NAMES = st.sampled_from(["alg", "enc", "epk", "apu", "apv", "iv", "tag", "kid", "typ", "cty", "zip", "crit", "p2c"])


@given(st.dictionaries(NAMES, JSON), st.sampled_from(["x", "y", "crv", "kty", "d"]), JSON)
def test_any_header_gives_octets_or_a_token_error(members, name, value):
    for key in (DECRYPT, SECRET):
        token = encrypt(b"text", for_sender(key))
        header = json.loads(decode(token.split(".")[0]))
        if "epk" in header:
            header["epk"][name] = value
        for hostile in (with_header(token, **members), with_header(token, **header)):
            with contextlib.suppress(TokenError):
                assert isinstance(decrypt(hostile, key), bytes)


# Headers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "error", "claim"),
    [
        ({"alg": "A256KW"}, AlgorithmRefused, "alg"),
        ({"alg": "RSA1_5"}, AlgorithmRefused, "alg"),
        ({"alg": "none"}, AlgorithmRefused, "alg"),
        ({"alg": ["ECDH-ES"]}, AlgorithmRefused, "alg"),
        ({"alg": ...}, AlgorithmRefused, "alg"),
        ({"enc": ...}, AlgorithmRefused, "enc"),
        ({"enc": "A192GCM"}, AlgorithmRefused, "enc"),
        ({"enc": {}}, AlgorithmRefused, "enc"),
        ({"zip": "DEF"}, Malformed, "zip"),
        ({"zip": None}, Malformed, "zip"),
        ({"crit": ["exp"]}, Malformed, "crit"),
        ({"crit": []}, Malformed, "crit"),
        ({"b64": True}, Malformed, "b64"),
        ({"kid": 5}, Malformed, "kid"),
        ({"kid": "a\nb"}, Malformed, "kid"),
        ({"typ": 5}, Malformed, "typ"),
        ({"typ": "JWT"}, WrongKind, "typ"),
        ({"typ": "at+jwt"}, WrongKind, "typ"),
        ({"cty": 5}, Malformed, "cty"),
        ({"epk": ...}, Malformed, "epk"),
        ({"epk": "text"}, Malformed, "epk"),
        ({"apu": "="}, Malformed, None),
        ({"apv": 5}, Malformed, "apv"),
        ({"apu": "A" * 400}, Malformed, "apu"),
    ],
)
def test_a_header_that_breaks_a_rule_is_refused(members, error, claim):
    token = with_header(encrypt(b"text", DECRYPT.public()), **members)
    with pytest.raises(error) as refused:
        decrypt(token, DECRYPT)
    assert refused.value.claim == claim


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b'{"alg":"ECDH-ES","alg":"ECDH-ES","enc":"A256GCM"}', Malformed),
        (b"[]", Malformed),
        (b'{"alg":"ECDH-ES","enc":"A256GCM","x":' + b"[" * 40 + b"]" * 40 + b"}", Malformed),
        (b'\xef\xbb\xbf{"alg":"ECDH-ES","enc":"A256GCM"}', Malformed),
        (b'{"alg":"ECDH-ES","enc":"A256GCM","x":"' + b"x" * 9000 + b'"}', TooLarge),
    ],
)
def test_a_header_is_strict_json(raw, error):
    with pytest.raises(error):
        decrypt(changed(encrypt(b"text", DECRYPT.public()), 0, lambda _: raw), DECRYPT)


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda token: token.rpartition(".")[0], "four dots"),
        (lambda token: token + ".", "four dots"),
        (lambda _: "", "four dots"),
        (lambda _: "a.b.c", "signed token"),
        (lambda token: "Bearer " + token, "Bearer"),
        (lambda token: json.dumps({"ciphertext": token}), "JSON serialization"),
        (lambda token: token + "=", "base64url"),
        (lambda token: token + "\n", "base64url"),
        (lambda token: token + "é", "base64url"),
    ],
)
def test_a_text_of_another_shape_is_refused_in_words(write, says):
    with pytest.raises(Malformed, match=says):
        decrypt(write(encrypt(b"text", DECRYPT.public())), DECRYPT)


def test_sizes_are_bounded_on_both_sides():
    with pytest.raises(TooLarge):
        encrypt(bytes(300_000), DECRYPT.public())
    with pytest.raises(TooLarge):
        encrypt(bytes(200_000), DECRYPT.public())
    with pytest.raises(TooLarge):
        decrypt("." * 300_000, DECRYPT)
    token = encrypt(bytes(300_000), DECRYPT.public(), max_length=500_000)
    assert len(decrypt(token, DECRYPT, max_length=500_000)) == 300_000


def test_a_kind_is_named_on_both_sides():
    token = encrypt(b"text", DECRYPT.public(), typ="secret+jose", cty="text/plain")
    assert decrypt(token, DECRYPT, typ="application/secret+jose") == b"text"
    with pytest.raises(WrongKind):
        decrypt(token, DECRYPT)
    with pytest.raises(WrongKind):
        decrypt(encrypt(b"text", DECRYPT.public()), DECRYPT, typ="secret+jose")
    assert decrypt(encrypt(b"text", DECRYPT.public(), typ="JOSE"), DECRYPT) == b"text"


@pytest.mark.parametrize(
    "odd", [{"typ": ""}, {"typ": "é"}, {"typ": "a\n"}, {"cty": 5}, {"cty": "JWT"}, {"cty": "application/jwt"}]
)
def test_a_header_that_would_be_refused_is_not_written(odd):
    with pytest.raises(Malformed):
        encrypt(b"text", DECRYPT.public(), **odd)


# Keys -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alg", KEY_MANAGEMENTS)
def test_a_key_comes_back_from_its_jwk(alg):
    for key in keys_of(alg, "A256GCM"):
        again = DecryptKey.from_jwk(json.loads(json.dumps(key.to_jwk(private=True))))
        token = encrypt(b"text", for_sender(key))
        assert (again.kid, again.alg, again.thumbprint()) == (key.kid, key.alg, key.kid)
        assert decrypt(token, again) == b"text"
        if key.is_secret:
            with pytest.raises(KeyRefused):
                key.to_jwk()
            with pytest.raises(KeyRefused):
                key.public()
        else:
            public = EncryptKey.from_jwk(key.to_jwk())
            assert "d" not in key.to_jwk()
            assert decrypt(encrypt(b"text", public), key) == b"text"
            with pytest.raises(KeyRefused):
                public.to_jwk(private=True)


@pytest.mark.parametrize("alg", ["ECDH-ES", "ECDH-ES+A256KW", "RSA-OAEP-256"])
def test_a_key_comes_from_pem(alg):
    for key in keys_of(alg):
        pem = key._native.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        spki = key._public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        assert decrypt(encrypt(b"text", EncryptKey.from_pem(spki, alg)), DecryptKey.from_pem(pem, alg)) == b"text"
        for wrong in (lambda pem=pem: EncryptKey.from_pem(pem, alg), lambda spki=spki: DecryptKey.from_pem(spki, alg)):
            with pytest.raises(KeyRefused, match="write"):
                wrong()
        with pytest.raises(KeyRefused):
            DecryptKey.from_pem(pem, "RSA-OAEP-256" if alg.startswith("ECDH") else "ECDH-ES")
        with pytest.raises(KeyRefused):
            DecryptKey.from_pem(pem, "A256KW")


def test_a_signature_key_is_no_encryption_key():
    signing = Key.generate("Ed25519")
    pem = signing.to_pem(private=True)
    for attempt in (
        lambda: DecryptKey.from_pem(pem, "ECDH-ES"),
        lambda: DecryptKey.from_jwk(signing.to_jwk(private=True), "ECDH-ES"),
        lambda: DecryptKey.from_jwk({**DECRYPT.to_jwk(private=True), "use": "sig"}),
        lambda: DecryptKey.from_jwk({**DECRYPT.to_jwk(private=True), "key_ops": ["sign"]}),
        lambda: DecryptKey.from_jwk({**DECRYPT.to_jwk(private=True), "key_ops": ["deriveKey", "deriveKey"]}),
        lambda: DecryptKey.from_jwk({**DECRYPT.to_jwk(private=True), "key_ops": "deriveKey"}),
        lambda: Key.from_jwk(DECRYPT.to_jwk(private=True)),
    ):
        with pytest.raises(KeyRefused):
            attempt()


@pytest.mark.parametrize(
    ("jwk", "alg"),
    [
        ({"kty": "oct", "k": encode(bytes(16))}, None),
        ({"kty": "oct", "k": encode(bytes(16))}, "A256KW"),
        ({"kty": "oct", "k": encode(bytes(33))}, "A256KW"),
        ({"kty": "oct", "k": "AA=="}, "A128KW"),
        ({"kty": "oct", "k": encode(bytes(16))}, "dir"),
        ({"kty": "oct", "k": encode(bytes(16)), "alg": "A128KW"}, "A128GCMKW"),
        ({"kty": "oct", "k": encode(bytes(16)), "alg": "A256GCM"}, None),
        ({"kty": "oct", "k": encode(bytes(16))}, "RSA-OAEP-256"),
        ({"kty": "oct", "k": encode(bytes(16))}, "RSA1_5"),
        ({"kty": "oct", "k": encode(bytes(16))}, "PBES2-HS256+A128KW"),
        ({"kty": "OKP", "crv": "X25519", "x": encode(bytes(32)), "d": encode(bytes(32))}, "ECDH-ES"),
        ({"kty": "OKP", "crv": "X25519", "x": encode(b"\xff" * 32), "d": encode(bytes(32))}, "ECDH-ES"),
        ({"kty": "OKP", "crv": "X25519", "x": encode(b"\x09" + bytes(31)), "d": encode(bytes(32))}, "ECDH-ES"),
        ({"kty": "EC", "crv": "X25519", "x": encode(bytes(32)), "d": encode(bytes(32))}, "ECDH-ES"),
        ({"kty": "OKP", "crv": "P-256", "x": encode(bytes(32)), "d": encode(bytes(32))}, "ECDH-ES"),
        ({"kty": "OKP", "crv": "Ed25519", "x": encode(bytes(32)), "d": encode(bytes(32))}, "ECDH-ES"),
        ({"kty": "EC", "crv": "secp256k1", "x": encode(bytes(32)), "y": encode(bytes(32))}, "ECDH-ES"),
        ({"kty": "EC", "crv": ["P-256"]}, "ECDH-ES"),
        ({}, "ECDH-ES"),
    ],
)  # fmt: skip
def test_a_jwk_that_must_not_be_used_is_refused(jwk, alg):
    with pytest.raises(KeyRefused):
        DecryptKey.from_jwk(jwk, alg)


def test_a_wrong_argument_says_what_to_write():
    signing = Key.generate("ES256")
    for attempt, says in [
        (lambda: encrypt(b"t", "secret"), "DecryptKey.from_secret"),
        (lambda: encrypt(b"t", DECRYPT.to_jwk()), "EncryptKey.from_jwk"),
        (lambda: encrypt(b"t", signing), "DecryptKey.generate"),
        (lambda: encrypt("text", DECRYPT.public()), "text.encode"),
        (lambda: encrypt(b"t", DECRYPT), "key.public"),
        (lambda: decrypt("t", DECRYPT.public()), "private key"),
        (lambda: decrypt("t", signing), "EncryptKey or a DecryptKey"),
        (lambda: decrypt(5, DECRYPT), "str or bytes"),
        (lambda: NestedVerifier(DECRYPT, signing), "Verifier\\(keys"),
        (lambda: NestedVerifier(DECRYPT.public(), Verifier(signing, issuer=None, audience=None)), "private key"),
        (lambda: DecryptKey.from_secret("password", "A256KW"), "DecryptKey.generate"),
        (lambda: DecryptKey.from_jwk("{}"), "json.loads"),
    ]:
        with pytest.raises(TypeError, match=says):
            attempt()
    for attempt in (
        lambda: DecryptKey.from_secret(bytes(31), "A256KW"),
        lambda: DecryptKey.from_secret(bytes(32), "ECDH-ES"),
        lambda: DecryptKey.generate("dir"),
        lambda: DecryptKey.generate("ECDH-ES", crv="Ed25519"),
        lambda: DecryptKey.generate("RSA-OAEP-256", bits=1024),
        lambda: DecryptKey.generate("A256KW", enc="A256"),
        lambda: EncryptKey.from_jwk(SECRET.to_jwk(private=True)),
    ):
        with pytest.raises(KeyRefused):
            attempt()


def test_a_key_is_immutable_and_keeps_its_secret():
    secret = SECRET.to_jwk(private=True)["k"]
    assert secret not in repr(SECRET)
    assert copy.deepcopy(SECRET) is SECRET is copy.copy(SECRET)
    with pytest.raises(AttributeError):
        SECRET.alg = "dir"
    with pytest.raises(AttributeError):
        del SECRET.alg
    with pytest.raises(TypeError):
        pickle.dumps(SECRET)


def test_of_several_keys_the_kid_names_one():
    first, second = DecryptKey.generate("ECDH-ES"), DecryptKey.generate("ECDH-ES")
    assert decrypt(encrypt(b"text", second.public()), [first, second]) == b"text"
    for keys in ([first, SECRET], [], [second, second]):
        with pytest.raises(KeyUnknown):
            decrypt(encrypt(b"text", second.public()), keys)
    anonymous = DecryptKey.from_secret(bytes(16), "A128KW")
    with pytest.raises(KeyUnknown):
        decrypt(encrypt(b"text", anonymous), [first, anonymous])


def test_a_key_bound_to_a_content_encryption_takes_no_other():
    free = DecryptKey.generate("A256KW")
    bound = DecryptKey.from_jwk(free.to_jwk(private=True), enc="A128GCM")
    assert decrypt(encrypt(b"text", bound), free) == b"text"
    with pytest.raises(AlgorithmRefused):
        decrypt(encrypt(b"text", free), bound)


# Nested tokens --------------------------------------------------------------------------------------------------------

NOW = 1_800_000_000
SIGNING = Key.generate("ES256")
SIGNED = sign({"sub": "user-42"}, SIGNING, now=NOW, issuer="i", audience="a", lifetime=900)
OTHER = DecryptKey.generate("ECDH-ES", crv="P-256")
NESTED = NestedVerifier(DECRYPT, Verifier(SIGNING.public(), issuer="i", audience="a"))


def test_a_nested_token_is_opened_with_both_keys():
    token = encrypt_token(SIGNED, DECRYPT.public())
    assert NESTED.check(token, now=NOW).sub == "user-42"
    verifier = Verifier(SIGNING, issuer="i", audience="a")
    assert NestedVerifier([SECRET, DECRYPT], verifier).check(token, now=NOW).iss == "i"
    typed = encrypt_token(SIGNED, DECRYPT.public(), typ="JWT")
    assert NESTED.check(typed, now=NOW).sub == "user-42"
    with pytest.raises(Expired):
        NESTED.check(token, now=NOW + 1000)
    with pytest.raises(WrongIssuer):
        NestedVerifier(DECRYPT, Verifier(SIGNING, issuer="other", audience="a")).check(token, now=NOW)
    with pytest.raises(DecryptionRefused):
        NestedVerifier(DecryptKey.generate("ECDH-ES", crv="P-256"), verifier).check(token, now=NOW)
    with pytest.raises(Malformed, match="NestedVerifier"):
        decrypt(token, DECRYPT)


def test_claims_repeated_in_the_header_are_those_inside(monkeypatch):
    from mapae.jose import jwe

    write = jwe.write_object
    for repeated, error in [
        ({"iss": "i", "sub": "user-42"}, None),
        ({"iss": "j"}, ClaimRefused),
        ({"aud": ["a"]}, ClaimRefused),
    ]:
        monkeypatch.setattr(jwe, "write_object", lambda members, name, extra=repeated: write(members | extra, name))
        token = encrypt_token(SIGNED, DECRYPT.public())
        monkeypatch.undo()
        if error:
            with pytest.raises(error):
                NESTED.check(token, now=NOW)
        else:
            assert NESTED.check(token, now=NOW).sub == "user-42"


def test_only_a_signed_token_is_encrypted_as_one(forge):
    for text in (b"{}", "a.b", forge({"alg": 5}), SIGNED.rpartition(".")[0] + "."):
        with pytest.raises(TokenError):
            encrypt_token(text if isinstance(text, str) else text.decode(), DECRYPT.public())


def test_the_front_door_opens_nested_tokens_by_the_clock():
    token = mapae.sign({"sub": "user-42"}, SIGNING, issuer="i", audience="a", lifetime=900)
    verifier = mapae.NestedVerifier(DECRYPT, mapae.Verifier(SIGNING.public(), issuer="i", audience="a"))
    assert verifier.verify(mapae.encrypt_token(token, DECRYPT.public())).sub == "user-42"
    assert mapae.decrypt(mapae.encrypt(b"text", DECRYPT.public()), DECRYPT) == b"text"


def test_a_nested_token_that_does_not_say_so_is_refused():
    unsaid = write_jwe(SIGNED.encode(), DECRYPT.public(), typ=None, cty=None)
    with pytest.raises(Malformed, match="cty"):
        NESTED.check(unsaid, now=NOW)


@pytest.mark.parametrize("crv", CURVES)
@pytest.mark.parametrize("alg", ["ECDH-ES", "ECDH-ES+A128KW"])
def test_the_parties_of_an_agreement_are_in_the_header_and_in_the_key(alg, crv):
    key = DecryptKey.generate(alg, enc="A128GCM", crv=crv)
    token = encrypt(b"text", key.public(), apu=b"Alice", apv=b"\x00\xff" * 128)
    header = json.loads(decode(token.partition(".")[0]))
    assert (header["apu"], header["apv"]) == ("QWxpY2U", encode(b"\x00\xff" * 128))
    assert decrypt(token, key) == b"text"
    only = json.loads(decode(encrypt(b"text", key.public(), apv=b"Bob").partition(".")[0]))
    assert only["apv"] == "Qm9i"
    assert "apu" not in only
    signing = Key.generate("HS256")
    nested = encrypt_token(sign({"sub": "u"}, signing, now=1, lifetime=9), key.public(), apu=b"Alice", apv=b"Bob")
    assert json.loads(decode(nested.partition(".")[0]))["apu"] == "QWxpY2U"
    verifier = NestedVerifier(key, Verifier(signing, issuer=None, audience=None))
    assert verifier.check(nested, now=1).sub == "u"


@pytest.mark.parametrize(
    ("option", "kind"), [(b"x" * 257, Malformed), ("Alice", TypeError), (None, TypeError)], ids=str
)
@pytest.mark.parametrize("name", ["apu", "apv"])
def test_a_party_is_named_in_at_most_256_octets(name, option, kind):
    key = DecryptKey.generate("ECDH-ES", enc="A128GCM")
    with pytest.raises(kind, match=name):
        encrypt(b"text", key.public(), **{name: option})


@pytest.mark.parametrize("alg", [alg for alg in KEY_MANAGEMENTS if not alg.startswith("ECDH")])
def test_parties_are_named_only_where_a_key_is_agreed_on(alg):
    for key in keys_of(alg, "A128GCM"):
        with pytest.raises(Malformed, match="only ECDH-ES") as refused:
            encrypt(b"text", for_sender(key), apv=b"Bob")
        assert refused.value.claim == "apv"
        assert decrypt(encrypt(b"text", for_sender(key), apv=b""), key) == b"text"
