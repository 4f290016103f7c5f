"""What the RFCs and Wycheproof say about encryption, to the octet."""

import json
import os
from pathlib import Path

import pytest

from mapae.errors import AlgorithmRefused, KeyRefused, TokenError
from mapae.jose.agreement_keys import read_agreement_key
from mapae.jose.base64url import decode, encode
from mapae.jose.content_encryption import open_sealed, seal
from mapae.jose.encryption_algorithms import CONTENT_ENCRYPTIONS, KEY_MANAGEMENTS
from mapae.jose.encryption_key import DecryptKey, EncryptKey
from mapae.jose.header import check_header, read_header
from mapae.jose.jwe import decrypt
from mapae.jose.jwks import KeySet
from mapae.jose.key import Key
from mapae.jose.key_management import _agree, derive

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
VECTORS = Path(os.environ.get("MAPAE_VECTORS", ROOT.parent / "shared" / "vectors"))

KERCKHOFFS = bytes.fromhex(
    "41206369706865722073797374656d206d757374206e6f7420626520726571756972656420746f20626520736563726574"
    "2c20616e64206974206d7573742062652061626c6520746f2066616c6c20696e746f207468652068616e6473206f662074"
    "686520656e656d7920776974686f757420696e636f6e76656e69656e6365"
)
KERCKHOFFS_AAD = b"The second principle of Auguste Kerckhoffs"
KERCKHOFFS_IV = bytes.fromhex("1af38c2dc2b96ffdd86694092341bc04")


def vectors(*path):
    file = VECTORS.joinpath(*path)
    if not file.exists():
        pytest.skip(f"no vectors: {'/'.join(path)} is not in MAPAE_VECTORS")
    return json.loads(file.read_text())


def test_rfc7516_a1_the_content_opens_under_its_key():
    """Its key is wrapped with SHA-1, which we have not; the content is AES-GCM like ours."""
    cek = bytes.fromhex("b1a1f480548fe1733fb403ff6b9ad4f68a076e5b702e22692f82cb2e7aea40fc")
    aad = b"eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ"
    iv, tag = decode("48V1_ALb6US04U3b"), decode("XFBoMYUZodetZdvTiFvSkQ")
    ciphertext = decode("5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6jiSdiwkIr3ajwQzaBtQD_A")
    content = CONTENT_ENCRYPTIONS["A256GCM"]
    plaintext = open_sealed(content, cek, iv, ciphertext, tag, aad=aad)
    assert plaintext == b"The true sign of intelligence is not knowledge but imagination."
    assert seal(content, cek, iv, plaintext, aad=aad) == (ciphertext, tag)


def test_rfc7516_a3_opens():
    key = DecryptKey.from_jwk({"kty": "oct", "k": "GawgguFyGrWKav7AX4VKUg"}, "A128KW")
    token = (
        "eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0.6KB707dM9YTIgHtLvtgWQ8mKwboJW3of9locizkDTHzBC2IlrT1oOQ."
        "AxY8DCtDaGlsbGljb3RoZQ.KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY.U0m_YmjN04DJvceFICbCVQ"
    )
    assert decrypt(token, key) == b"Live long and prosper."


@pytest.mark.parametrize(
    ("enc", "tag"),
    [
        ("A128CBC-HS256", "652c3fa36b0a7c5b3219fab3a30bc1c4"),
        ("A256CBC-HS512", "4dd3b4c088a7f45c216839645b2012bf2e6269a8c56a816dbc1b267761955bc5"),
    ],
)
def test_rfc7518_appendix_b_seals_to_the_same_tag(enc, tag):
    content = CONTENT_ENCRYPTIONS[enc]
    cek = bytes(range(content.cek_size))
    ciphertext, made = seal(content, cek, KERCKHOFFS_IV, KERCKHOFFS, aad=KERCKHOFFS_AAD)
    assert made.hex() == tag
    assert open_sealed(content, cek, KERCKHOFFS_IV, ciphertext, made, aad=KERCKHOFFS_AAD) == KERCKHOFFS


ALICE = {
    "kty": "EC",
    "crv": "P-256",
    "x": "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
    "y": "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
    "d": "0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo",
}
BOB = {
    "kty": "EC",
    "crv": "P-256",
    "x": "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
    "y": "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
    "d": "VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw",
}


@pytest.mark.parametrize(("own", "other"), [(ALICE, BOB), (BOB, ALICE)])
def test_rfc7518_appendix_c_both_sides_derive_the_same_key(own, other):
    private, _ = read_agreement_key(own)
    _, public = read_agreement_key(other)
    derived = derive(
        KEY_MANAGEMENTS["ECDH-ES"], CONTENT_ENCRYPTIONS["A128GCM"], _agree(private, public), apu=b"Alice", apv=b"Bob"
    )
    assert encode(derived) == "VqqN6vgjbSBcIijNcacQGg"


def test_rfc8037_a6_opens():
    vector = vectors("jose-cookbook", "curve25519", "ecdh-es.json")
    key = DecryptKey.from_jwk(vector["input"]["key"], vector["input"]["alg"])
    assert decrypt(vector["output"]["compact"], key).decode() == vector["input"]["plaintext"]


def test_wycheproof_has_no_surprise():
    """All 83 vectors: encrypted ones are decrypted, signed ones verified."""
    document = vectors("wycheproof", "json_web_crypto_test.json")
    wrong, seen = [], 0
    for group in document["testGroups"]:
        for test in group["tests"]:
            seen += 1
            expected = test["result"] == "valid"
            if test["tcId"] in EXCEPTED:
                assert EXCEPTED[test["tcId"]]
                continue
            try:
                passed = (_decrypts if "jwe" in test else _verifies)(group, test)
            except (TokenError, KeyRefused):
                passed = False
            if passed is not expected:
                wrong.append((test["tcId"], test["comment"], test["result"]))
    assert (wrong, seen) == ([], document["numberOfTests"])


EXCEPTED = {
    47: "two keys of different families in one set: each is bound to its own alg here, so no confusion is possible",
}


def _decrypts(group, test):
    token = test["jwe"] if isinstance(test["jwe"], str) else json.dumps(test["jwe"])
    return isinstance(decrypt(token, DecryptKey.from_jwk(group["private"])), bytes)


def _verifies(group, test):
    """These payloads are no claims, so the parts of the verifier are put together without them."""
    token = test["jws"] if isinstance(test["jws"], str) else json.dumps(test["jws"])
    jwk = group.get("public") or group["private"]
    keys = KeySet.from_jwks(jwk, private=True) if "keys" in jwk else Key.from_jwk(jwk)
    if token.count(".") != 2 or "" in token.split("."):
        return False
    signing_input, _, signature = token.rpartition(".")
    header = check_header(read_header(signing_input.partition(".")[0]))
    decode(signing_input.partition(".")[2])
    keys.find(header.kid, header.alg).check_signature(signing_input.encode(), signature)
    return True


def test_a_public_key_of_the_vectors_is_for_senders_only():
    groups = vectors("wycheproof", "json_web_crypto_test.json")["testGroups"]
    jwk = next(group["private"] for group in groups if group["comment"] == "jwe_ec")
    jwk = {name: value for name, value in jwk.items() if name != "d"}
    EncryptKey.from_jwk(jwk)
    with pytest.raises(KeyRefused):
        DecryptKey.from_jwk(jwk)
    vector = vectors("jose-cookbook", "curve25519", "ecdh-es.json")
    with pytest.raises(AlgorithmRefused):
        decrypt(vector["output"]["compact"], DecryptKey.generate("RSA-OAEP-256"))
