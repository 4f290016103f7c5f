"""The attack classes on encryption, by their numbers; nothing here may pass."""

import json
import time
import zlib

import pytest

from mapae.errors import AlgorithmRefused, DecryptionRefused, KeyRefused, Malformed, TokenError
from mapae.jose import content_encryption, key_management
from mapae.jose.base64url import decode, encode
from mapae.jose.content_encryption import seal
from mapae.jose.encryption_algorithms import CONTENT_ENCRYPTIONS, KEY_MANAGEMENTS
from mapae.jose.encryption_key import DecryptKey
from mapae.jose.jwe import decrypt, encrypt, write_jwe
from mapae.jose.jwks import KeySet
from mapae.jose.jwt import sign
from mapae.jose.key import Key
from mapae.jose.nested import NestedVerifier
from mapae.jose.policy import ANY
from mapae.jose.verifier import Verifier

pytestmark = pytest.mark.slow  # finished and apart from everyday work

NOW = 1_800_000_000
CLAIMS = json.dumps({"sub": "admin", "exp": NOW + 900}).encode()
RSA = DecryptKey.generate("RSA-OAEP-256", bits=2048)
EC = DecryptKey.generate("ECDH-ES", crv="P-256")
X25519 = DecryptKey.generate("ECDH-ES+A128KW", crv="X25519")
SIGNING = Key.generate("ES256")


def jwe(header, cek, plaintext, *, encrypted_key=b"", enc="A256GCM", tag_size=None):
    """Write a token as an attacker does who knows the content key."""
    content = CONTENT_ENCRYPTIONS[enc]
    protected = encode(json.dumps(header).encode())
    iv = bytes(content.iv_size)
    ciphertext, tag = seal(content, cek, iv, plaintext, aad=protected.encode())
    return ".".join([protected, *map(encode, (encrypted_key, iv, ciphertext, tag[:tag_size]))])


def refused(token, key, error=TokenError):
    with pytest.raises(error) as caught:
        decrypt(token, key)
    return caught.value


def test_a29_passwords_are_no_keys():
    for count in (1, 16385, 2**31 + 5, 10**30, -1, "8192", True):
        header = {"alg": "PBES2-HS256+A128KW", "enc": "A256GCM", "p2c": count, "p2s": encode(bytes(16))}
        began = time.perf_counter()
        refused(jwe(header, bytes(32), b"x"), DecryptKey.generate("A128KW"), AlgorithmRefused)
        assert time.perf_counter() - began < 0.5
    with pytest.raises(KeyRefused):
        DecryptKey.generate("PBES2-HS256+A128KW")


def test_a30_compressed_content_is_never_unpacked():
    bomb = zlib.compress(bytes(50_000_000))[2:-4]
    key = DecryptKey.from_secret(bytes(32), "dir", enc="A256GCM")
    for value in ("DEF", "", None, True, "none"):
        token = jwe({"alg": "dir", "enc": "A256GCM", "zip": value}, bytes(32), bomb)
        began = time.perf_counter()
        assert refused(token, key, Malformed).claim == "zip"
        assert time.perf_counter() - began < 0.5
    with pytest.raises(TypeError):
        encrypt(b"x", key, zip="DEF")


def test_a31_an_encrypted_token_is_no_signed_one():
    """Everybody has the public key, so whoever decrypts must not take the content for claims."""
    encrypted = encrypt(CLAIMS, RSA.public())
    for keys in (SIGNING, KeySet([SIGNING])):
        with pytest.raises(Malformed, match="encrypted token"):
            Verifier(keys, issuer=ANY, audience=ANY).check(encrypted, now=NOW)
    for key in (RSA, RSA.public()):
        with pytest.raises(TypeError):
            Verifier(key, issuer=ANY, audience=ANY)
        with pytest.raises(TypeError):
            KeySet([key])
    # The same RSA key in both families stays two keys of two types.
    jwk = {name: value for name, value in RSA.to_jwk(private=True).items() if name not in {"alg", "use"}}
    with pytest.raises(Malformed, match="encrypted token"):
        Verifier(Key.from_jwk(jwk, "RS256"), issuer=ANY, audience=ANY).check(encrypted, now=NOW)
    assert decrypt(encrypted, RSA) == CLAIMS


@pytest.mark.parametrize("alg", ["none", "None", "", "HS256"])
def test_a31_an_encrypted_token_around_an_unsigned_one_is_refused(alg):
    unsigned = f"{encode(json.dumps({'alg': alg}).encode())}.{encode(CLAIMS)}."
    nested = NestedVerifier(RSA, Verifier(SIGNING.public(), issuer=ANY, audience=ANY))
    for inside in (unsigned, unsigned + encode(b"signature"), unsigned[:-1], CLAIMS.decode()):
        with pytest.raises(TokenError):
            nested.check(write_jwe(inside.encode(), RSA.public(), typ=None, cty="JWT"), now=NOW)


def test_a31_signed_by_another_or_encrypted_twice_is_refused():
    nested = NestedVerifier(RSA, Verifier(SIGNING.public(), issuer=ANY, audience=ANY))
    other = sign({"sub": "admin"}, Key.generate("ES256"), now=NOW, lifetime=60)
    good = sign({"sub": "user"}, SIGNING, now=NOW, lifetime=60)
    twice = write_jwe(good.encode(), RSA.public(), typ=None, cty="JWT")
    for inside in (other, twice, good + "\n", "Bearer " + good):
        with pytest.raises(TokenError):
            nested.check(write_jwe(inside.encode(), RSA.public(), typ=None, cty="JWT"), now=NOW)
    assert nested.check(twice, now=NOW).sub == "user"
    with pytest.raises(TokenError):
        nested.check(good, now=NOW)


def test_a32_the_json_form_is_refused():
    protected, encrypted_key, iv, ciphertext, tag = encrypt(b"x", RSA.public()).split(".")
    flattened = {"protected": protected, "encrypted_key": encrypted_key, "iv": iv, "ciphertext": ciphertext, "tag": tag}
    general = {**flattened, "recipients": [{"encrypted_key": encrypted_key}]}
    polyglot = {**flattened, "note": "...."}
    for form in (flattened, general, polyglot):
        refused(json.dumps(form), RSA, Malformed)


def test_a33_an_unprotected_header_is_refused():
    protected, encrypted_key, iv, ciphertext, tag = encrypt(b"x", RSA.public()).split(".")
    for place in ("header", "unprotected"):
        form = {"protected": protected, place: {"alg": "dir"}, "encrypted_key": encrypted_key, "iv": iv, "tag": tag}
        refused(json.dumps({**form, "ciphertext": ciphertext}), RSA, Malformed)


P256_PRIME = 2**256 - 2**224 + 2**192 + 2**96 - 1


def point(number):
    return encode(number.to_bytes(32, "big"))


@pytest.mark.parametrize(
    "change",
    [
        {"x": point(1), "y": point(1)},
        {"x": point(0), "y": point(0)},
        {"x": point(P256_PRIME), "y": point(0)},
        {"x": encode(bytes(31)), "y": point(1)},
        {"x": "", "y": ""},
        {"crv": "P-384"},
        {"crv": "secp256k1"},
        {"crv": "X25519", "kty": "OKP"},
        {"crv": None},
        {"kty": "OKP"},
        {"kty": "RSA"},
        {"d": point(1)},
        {"k": point(1)},
    ],
)
def test_a34_a_point_off_the_curve_of_the_key_is_refused(change):
    token = encrypt(b"x", EC.public())
    header = json.loads(decode(token.split(".")[0]))
    header["epk"].update(change)
    hostile = ".".join([encode(json.dumps(header).encode()), *token.split(".")[1:]])
    assert refused(hostile, EC, Malformed).claim == "epk"


SMALL_ORDER = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    (2**255 - 20).to_bytes(32, "little"),
    (2**255 - 19).to_bytes(32, "little"),
    (2**255 - 18).to_bytes(32, "little"),
    b"\xff" * 32,
]


@pytest.mark.parametrize("x", SMALL_ORDER, ids=lambda x: x.hex()[:8])
def test_a34_a_point_that_makes_every_secret_zero_is_refused(x):
    token = encrypt(b"x", X25519.public())
    header = json.loads(decode(token.split(".")[0]))
    header["epk"]["x"] = encode(x)
    hostile = ".".join([encode(json.dumps(header).encode()), *token.split(".")[1:]])
    assert refused(hostile, X25519, Malformed).claim == "epk"


@pytest.mark.parametrize("enc", CONTENT_ENCRYPTIONS)
def test_a34_only_the_full_tag_counts(enc):
    content = CONTENT_ENCRYPTIONS[enc]
    cek = bytes(content.cek_size)
    key = DecryptKey.from_secret(cek, "dir", enc=enc)
    header = {"alg": "dir", "enc": enc}
    assert decrypt(jwe(header, cek, b"x", enc=enc), key) == b"x"
    for size in range(content.tag_size):
        refused(jwe(header, cek, b"x", enc=enc, tag_size=size), key, DecryptionRefused)
    refused(jwe(header, cek, b"x", enc=enc) + "AA", key)


@pytest.mark.parametrize("size", [0, 1, 16, 31, 33, 48, 64])
def test_a34_a_content_key_of_another_size_is_refused_like_any_other(size, monkeypatch):
    """Wrapped properly under the real key, so that only the size can give it away."""
    cek = bytes(size)
    header = {"alg": "RSA-OAEP-256", "enc": "A256GCM"}
    encrypted_key = RSA._public.encrypt(cek, key_management._OAEP)
    token = jwe(header, bytes(32), b"x", encrypted_key=encrypted_key)
    assert str(refused(token, RSA, DecryptionRefused)) == ORDINARY
    gcm = DecryptKey.from_secret(bytes(16), "A128GCMKW")
    sealed = key_management.AESGCM(bytes(16)).encrypt(bytes(12), cek, None)
    parameters = {"iv": encode(bytes(12)), "tag": encode(sealed[-16:])}
    token = jwe({"alg": "A128GCMKW", "enc": "A256GCM", **parameters}, bytes(32), b"x", encrypted_key=sealed[:-16])
    assert str(refused(token, gcm, DecryptionRefused)) == ORDINARY


ORDINARY = "the token cannot be decrypted with this key"


def rsa_faults():
    """Every way in which a token under RSA can fail that only the private key can see."""
    header = {"alg": "RSA-OAEP-256", "enc": "A128CBC-HS256"}
    good = RSA._public.encrypt(bytes(32), key_management._OAEP)
    kinds = {"tag": (good, bytes(range(32)))}
    kinds["key"] = (RSA._public.encrypt(bytes(range(32)), key_management._OAEP), bytes(32))
    kinds["size"] = (RSA._public.encrypt(bytes(31), key_management._OAEP), bytes(32))
    kinds["oaep"] = (good[:-1] + bytes([good[-1] ^ 1]), bytes(32))
    kinds["range"] = (b"\xff" * 256, bytes(32))
    kinds["zero"] = (bytes(256), bytes(32))
    kinds["length"] = (good[:-1], bytes(32))
    kinds["pkcs1"] = (RSA._public.encrypt(bytes(32), key_management.padding.PKCS1v15()), bytes(32))
    return {
        name: jwe(header, cek, b"text", encrypted_key=key, enc="A128CBC-HS256") for name, (key, cek) in kinds.items()
    }


def test_a34_faults_of_key_tag_and_padding_look_the_same():
    faults = {name: refused(token, RSA) for name, token in rsa_faults().items()}
    for name, fault in faults.items():
        seen = (type(fault), str(fault), fault.claim, fault.code, fault.__cause__, fault.__context__)
        assert seen == (DecryptionRefused, ORDINARY, None, "token_decryption", None, None), name


def test_a34_the_work_goes_on_with_a_random_key(monkeypatch):
    """The content is opened as often for a bad key as for a good one."""
    from mapae.jose import jwe as room

    opened = []

    def counting(*arguments, **named):
        opened.append(arguments[1])
        return content_encryption.open_sealed(*arguments, **named)

    monkeypatch.setattr(room, "open_sealed", counting)
    faults = rsa_faults()
    for token in (*faults.values(), faults["oaep"]):
        refused(token, RSA, DecryptionRefused)
    assert len(opened) == len(faults) + 1
    assert opened[-1] != opened[list(faults).index("oaep")], "the key that stands in is new each time"
    assert {len(cek) for cek in opened} == {32}


@pytest.mark.slow
def test_a34_faults_of_key_and_tag_take_the_same_time():
    faults = rsa_faults()
    times = {"tag": [], "oaep": [], "size": []}
    for _round in range(60):
        for name, measured in times.items():
            began = time.process_time()
            refused(faults[name], RSA)
            measured.append(time.process_time() - began)
    least = [min(measured) for measured in times.values()]  # a busy neighbour only ever adds
    assert max(least) < 1.5 * min(least)


def test_a34_bad_padding_under_a_good_tag_looks_the_same():
    content = CONTENT_ENCRYPTIONS["A128CBC-HS256"]
    cek, iv = bytes(range(32)), bytes(16)
    key = DecryptKey.from_secret(cek, "dir", enc=content.name)
    protected = encode(b'{"alg":"dir","enc":"A128CBC-HS256"}')
    for plain in (bytes(16), b"\x11" * 16, b"\xff" * 16):
        cipher = content_encryption._cbc(cek, iv).encryptor()
        ciphertext = cipher.update(plain) + cipher.finalize()
        for body in (ciphertext, ciphertext[:-1], b""):
            tag = content_encryption._mac(content, cek, iv, body, protected.encode())
            token = ".".join([protected, *map(encode, (b"", iv, body, tag))])
            assert str(refused(token, key, DecryptionRefused)) == ORDINARY


def test_a34_a_derived_key_comes_with_no_other_beside_it():
    for key in (EC, DecryptKey.generate("dir", enc="A256GCM")):
        token = encrypt(b"x", key if key.is_secret else key.public())
        segments = token.split(".")
        segments[1] = "AAAA"
        refused(".".join(segments), key, DecryptionRefused)


def test_a35_a_key_is_for_one_algorithm():
    """The key that a token is made with fits the other algorithm to the octet, and is still refused."""
    secret = bytes(range(32))
    names = ["A256KW", "A256GCMKW"]
    keys = [DecryptKey.from_secret(secret, alg) for alg in names] + [
        DecryptKey.from_secret(secret, "dir", enc="A256GCM")
    ]
    keys.append(DecryptKey.from_secret(secret, "dir", enc="A128CBC-HS256"))
    agreement = [
        DecryptKey.from_jwk({**EC.to_jwk(private=True), "alg": alg}) for alg in KEY_MANAGEMENTS if "ECDH" in alg
    ]
    for family in (keys, agreement):
        for maker in family:
            for opener in family:
                if maker is not opener:
                    token = encrypt(b"x", maker if maker.is_secret else maker.public())
                    refused(token, opener, AlgorithmRefused)


def test_a35_rsa_keys_take_no_older_padding():
    for alg, padded in (("RSA1_5", key_management.padding.PKCS1v15()), ("RSA-OAEP", key_management._OAEP)):
        token = jwe(
            {"alg": alg, "enc": "A256GCM"}, bytes(32), b"x", encrypted_key=RSA._public.encrypt(bytes(32), padded)
        )
        refused(token, RSA, AlgorithmRefused)
        with pytest.raises(KeyRefused):
            DecryptKey.from_jwk({**RSA.to_jwk(private=True), "alg": alg})


def test_a38_no_error_of_encryption_holds_a_secret():
    canary = bytes(range(65, 97))
    key = DecryptKey.from_secret(canary, "A256KW")
    shown = (canary.decode(), encode(canary), canary.hex(), "plaintext-canary")
    token = encrypt(b"plaintext-canary", key)
    attempts = [token[:-4], token[:-1] + "=", token.replace(".", "..", 1), token + "A", "A" + token]
    for attempt in attempts:
        error = refused(attempt, key)
        chain = (str(error), repr(error), repr(error.__cause__), repr(error.__context__), repr(key))
        assert not any(secret in text for secret in shown for text in chain)
        assert not any(segment and segment in str(error) for segment in token.split("."))
