"""The members of a JWK, one by one: each is read exactly, and a refusal says which member and why."""

import hashlib
import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from mapae.errors import AlgorithmRefused, KeyRefused, KeyUnknown
from mapae.jose.base64url import decode, encode
from mapae.jose.jwk import thumbprint_of
from mapae.jose.jwks import MAX_JWKS_BYTES, MAX_KEYS, KeySet
from mapae.jose.key import Key

EC = Key.generate("ES256").to_jwk(private=True)
PUBLIC = {name: value for name, value in EC.items() if name != "d"}
ED = Key.generate("Ed25519").to_jwk(private=True)
ED448 = Key.generate("Ed448").to_jwk(private=True)
AKP = Key.generate("ML-DSA-44").to_jwk(private=True)
SECRET = {"kty": "oct", "alg": "HS256", "k": encode(bytes(range(32)))}


@pytest.fixture(scope="module")
def rsa_jwk():
    return Key.generate("RS256", bits=2048).to_jwk(private=True)


def without(jwk, *names):
    return {name: value for name, value in jwk.items() if name not in names}


def longer(jwk, name):
    """The same number with a zero in front."""
    return jwk | {name: encode(b"\0" + decode(jwk[name]))}


def refused(jwk, words):
    with pytest.raises(KeyRefused, match=words):
        Key.from_jwk(jwk)


CASES = [
    ({"kty": "XYZ"}, "kty is none of"),
    ({"kty": ["EC"]}, "kty is none of"),
    ({"kty": 5}, "kty is none of"),
    ({}, "kty is none of"),
    (without(PUBLIC, "alg") | {"crv": ["P-256"]}, "does not say its algorithm"),
    (without(PUBLIC, "alg", "crv"), 'alg="ES256"'),
    (without(SECRET, "alg"), 'alg="HS256"'),
    (without(AKP, "alg"), 'alg="ML-DSA-65"'),
    (without(ED, "alg", "crv"), 'alg="Ed25519"'),
    (PUBLIC | {"alg": None}, "no such algorithm"),
    (PUBLIC | {"alg": "Ed25519"}, "Ed25519 does not use EC keys"),
    (PUBLIC | {"crv": "P-384"}, "ES256 uses the curve P-256"),
    (ED | {"crv": "Ed448"}, "Ed25519 uses the curve Ed25519"),
    (ED | {"alg": "EdDSA", "crv": "X"}, "EdDSA uses the curve Ed25519 or Ed448"),
    (PUBLIC | {"use": "enc"}, "use is not"),
    (PUBLIC | {"use": None}, "use is not"),
    (PUBLIC | {"key_ops": "verify"}, "not an array of strings"),
    (PUBLIC | {"key_ops": ["verify", 5]}, "not an array of strings"),
    (PUBLIC | {"key_ops": [["verify"]]}, "not an array of strings"),
    (PUBLIC | {"key_ops": {"verify": 1}}, "not an array of strings"),
    (PUBLIC | {"key_ops": ["verify", "verify"]}, "names an operation twice"),
    (PUBLIC | {"key_ops": ["encrypt"]}, "does not allow signatures"),
    (PUBLIC | {"key_ops": []}, "does not allow signatures"),
    (PUBLIC | {"kid": ""}, "1 to 256 printable"),
    (PUBLIC | {"kid": None}, "1 to 256 printable"),
    (PUBLIC | {"kid": "k" * 257}, "1 to 256 printable"),
    (PUBLIC | {"kid": "a\nb"}, "1 to 256 printable"),
    (longer(PUBLIC, "x"), "x is not canonical base64url of 32 octets"),
    (longer(PUBLIC, "y"), "y is not canonical base64url of 32 octets"),
    (longer(EC, "d"), "d is not canonical base64url of 32 octets"),
    (PUBLIC | {"x": PUBLIC["x"] + "="}, "x is not canonical base64url"),
    (without(PUBLIC, "y"), "y is not canonical base64url"),
    (PUBLIC | {"y": PUBLIC["x"]}, "do not make a valid key"),
    (longer(ED, "x"), "x is not canonical base64url of 32 octets"),
    (longer(ED, "d"), "d is not canonical base64url of 32 octets"),
    (longer(ED448, "x"), "x is not canonical base64url of 57 octets"),
    (longer(ED448, "d"), "d is not canonical base64url of 57 octets"),
    (longer(AKP, "pub"), "pub is not canonical base64url of 1312 octets"),
    (longer(AKP, "priv"), "priv is not canonical base64url of 32 octets"),
    (AKP | {"alg": "ML-DSA-65"}, "pub is not canonical base64url of 1952 octets"),
    (without(SECRET, "k"), "k is not canonical base64url$"),
    (SECRET | {"k": "AA=="}, "k is not canonical base64url$"),
    (SECRET | {"k": encode(bytes(31))}, "at least 32 random octets, this one has 31"),
]


@pytest.mark.parametrize(("jwk", "words"), CASES, ids=lambda value: value if isinstance(value, str) else "")
def test_a_member_that_is_not_right_is_named(jwk, words):
    refused(jwk, words)


@pytest.mark.parametrize("member", ["n", "e", "d", "p", "q", "dp", "dq", "qi"])
@pytest.mark.slow
def test_a_number_of_an_rsa_key_has_its_shortest_form(rsa_jwk, member):
    refused(longer(rsa_jwk, member), f"{member} is not a positive number in its shortest form")
    refused(rsa_jwk | {member: ""}, f"{member} is not a positive number in its shortest form")
    refused(rsa_jwk | {member: encode(b"\1" * 1025)}, f"{member} is not a positive number in its shortest form")
    if member not in {"n", "e"}:
        refused(without(rsa_jwk, member), f"{member} is not canonical base64url")


@pytest.mark.slow
def test_the_bounds_of_rsa_are_exact(rsa_jwk):
    public = without(rsa_jwk, "d", "p", "q", "dp", "dq", "qi")

    def with_modulus(bits):
        number = (1 << (bits - 1)) + 1
        return public | {"n": encode(number.to_bytes((bits + 7) // 8, "big"))}

    def with_exponent(e):
        return public | {"e": encode(e.to_bytes((e.bit_length() + 7) // 8, "big"))}

    for bits in (2048, 8192):
        assert Key.from_jwk(with_modulus(bits)).alg == "RS256"
    refused(with_modulus(2047), "2048 to 8192 bits, not 2047")
    refused(with_modulus(8193), "shortest form")
    for e in (65537, 65539, 2**32 + 1, 2**33 - 1):
        assert Key.from_jwk(with_exponent(e)).alg == "RS256"
    for e in (65535, 2**33 + 1):
        refused(with_exponent(e), "at least 65537 and below 2\\^33")
    even = public | {"n": encode((decode(public["n"]))[:-1] + b"\2")}
    refused(even, "modulus is even")
    refused(rsa_jwk | {"oth": []}, "more than two primes")
    refused(public | {"oth": []}, "more than two primes")
    refused(without(public, "alg") | {"crv": "P-256"}, 'alg="RS256"')


def test_a_modulus_of_more_than_8192_bits_is_refused_in_a_file_too():
    number = (1 << 8192) + 1
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = rsa.RSAPublicNumbers(65537, number).public_key().public_bytes(serialization.Encoding.PEM, spki)
    with pytest.raises(KeyRefused, match="not 8193"):
        Key.from_pem(pem, "RS256")
    for bits in (2047, 8193, 0):
        with pytest.raises(KeyRefused, match="2048 to 8192"):
            Key.generate("RS256", bits=bits)


@pytest.mark.parametrize(
    "extra",
    [
        {"key_ops": ["verify"]},
        {"key_ops": ["sign"]},
        {"key_ops": ("sign", "verify", "deriveBits")},
        {"use": "sig"},
        {"kid": "k" * 256},
        {"kid": "k"},
        {"x5t": "ignored"},
    ],
    ids=str,
)
def test_a_member_that_is_right_changes_nothing(extra):
    key = Key.from_jwk(without(PUBLIC, "kid", "use") | extra)
    assert key.kid == extra.get("kid", key.thumbprint())
    assert key.to_jwk() == without(PUBLIC, "kid") | {"kid": key.kid}


def test_a_written_jwk_holds_exactly_its_members(rsa_jwk):
    assert list(PUBLIC) == ["kty", "alg", "use", "kid", "crv", "x", "y"]
    assert list(without(rsa_jwk, "kid"))[:4] == ["kty", "alg", "use", "e"]
    assert set(rsa_jwk) - set(PUBLIC) == {"e", "n", "d", "p", "q", "dp", "dq", "qi"}
    assert (PUBLIC["kty"], PUBLIC["alg"], PUBLIC["use"]) == ("EC", "ES256", "sig")
    assert Key.from_jwk(SECRET).to_jwk(private=True) == SECRET | {"use": "sig"}
    private = ec.derive_private_key(int.from_bytes(decode(EC["d"]), "big"), ec.SECP256R1()).private_numbers()
    numbers = private.public_numbers
    for name, number in (("x", numbers.x), ("y", numbers.y), ("d", private.private_value)):
        assert EC[name] == encode(number.to_bytes(32, "big"))


def test_a_key_without_a_name_gets_its_thumbprint_and_one_with_a_name_keeps_it():
    for alg in ("HS256", "ES256"):
        made = Key.generate(alg)
        assert made.kid == made.thumbprint()
        assert Key.generate(alg, kid="mine").kid == "mine"
    for hash_name in ("sha256", "sha512"):
        text = json.dumps({name: PUBLIC[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
        expected = encode(hashlib.new(hash_name, text.encode()).digest())
        assert Key.from_jwk(PUBLIC).thumbprint(hash_name) == expected
    assert thumbprint_of(PUBLIC) == Key.from_jwk(PUBLIC).thumbprint()
    assert Key.from_secret(bytes(range(32)), "HS256").kid is None
    secret = json.dumps({"k": SECRET["k"], "kty": "oct"}, separators=(",", ":"))
    assert Key.from_jwk(SECRET).thumbprint() == encode(hashlib.sha256(secret.encode()).digest())


def test_a_thumbprint_stands_on_sorted_names_in_every_kind(rsa_jwk):
    for jwk, names in ((ED, ("crv", "kty", "x")), (AKP, ("alg", "kty", "pub")), (rsa_jwk, ("e", "kty", "n"))):
        text = json.dumps({name: jwk[name] for name in names}, separators=(",", ":"))
        assert Key.from_jwk(jwk).thumbprint() == encode(hashlib.sha256(text.encode()).digest())


# Files ------------------------------------------------------------------------------------------------------


SMALL = [
    (ed25519.Ed25519PublicKey, bytes(32)),
    (ed25519.Ed25519PublicKey, b"\1" + bytes(31)),
    (ed448.Ed448PublicKey, bytes(57)),
]


@pytest.mark.parametrize(("kind", "octets"), SMALL, ids=lambda value: str(value)[-20:])
def test_a13_a_point_of_small_order_is_refused_in_a_file_too(kind, octets):
    native = kind.from_public_bytes(octets)
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    for read, form in ((Key.from_pem, serialization.Encoding.PEM), (Key.from_der, serialization.Encoding.DER)):
        with pytest.raises(KeyRefused, match="small order"):
            read(native.public_bytes(form, spki))


@pytest.mark.slow
def test_a_password_opens_each_kind_of_file():
    native = ec.generate_private_key(ec.SECP256R1())
    locked = serialization.BestAvailableEncryption(b"open")
    der = native.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, locked)
    ssh = native.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, locked)
    for read, file in ((Key.from_der, der), (Key.from_ssh, ssh), (Key.from_pem, ssh)):
        assert read(file, password=b"open").is_private
        for wrong in (None, b"shut"):
            with pytest.raises(KeyRefused, match="password is missing or wrong"):
                read(file, password=wrong)


def test_the_curve_and_the_kind_say_the_algorithm():
    for alg in ("ES256", "ES384", "ES512", "ES256K", "Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"):
        key = Key.generate(alg)
        assert Key.from_pem(key.to_pem()).alg == Key.from_pem(key.to_pem(private=True)).alg == alg
        assert Key.from_pem(key.to_pem(), kid="mine").kid == "mine"
    with pytest.raises(KeyRefused, match="1 to 256 printable"):
        Key.from_pem(key.to_pem(), kid="")
    for alg, other in (("ES256", "ES384"), ("Ed25519", "Ed448"), ("ML-DSA-44", "ML-DSA-65")):
        with pytest.raises(KeyRefused):
            Key.from_pem(Key.generate(alg).to_pem(), other)
    assert Key.from_pem(Key.generate("Ed448").to_pem(), "EdDSA").alg == "EdDSA"


# Sets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("member", ["d", "k", "priv", "p", "q", "dp", "dq", "qi", "oth"])
def test_a36_each_private_member_condemns_a_published_set(member):
    with pytest.raises(KeyRefused, match="private or secret"):
        KeySet.from_jwks({"keys": [PUBLIC | {member: "AA"}]})


def test_a_set_that_does_not_find_a_key_says_what_was_looked_for():
    one, two = Key.generate("ES256"), Key.generate("ES256")
    keys = KeySet([one, two])
    for kid, alg, error, claim in (
        (None, "ES256", KeyUnknown, "kid"),
        ("other", "ES256", KeyUnknown, "kid"),
        (None, "ES384", AlgorithmRefused, "alg"),
        (one.kid, "ES384", AlgorithmRefused, "alg"),
    ):
        with pytest.raises(error) as refusal:
            keys.find(kid, alg)
        assert refusal.value.claim == claim


def test_keys_without_a_name_may_stand_beside_each_other():
    secrets = [Key.from_secret(bytes([number]) * 64, alg) for number, alg in enumerate(("HS256", "HS384", "HS512"))]
    keys = KeySet(secrets)
    assert keys.find(None, "HS384") is secrets[1]
    assert None not in keys
    with pytest.raises(KeyUnknown):
        KeySet([*secrets, Key.from_secret(bytes(32), "HS256")]).find(None, "HS256")


def test_a_signing_key_is_a_private_member():
    key = Key.generate("ES256")
    for keys, signing in (([key.public()], "same"), ([Key.generate("ES256")], key)):
        with pytest.raises(KeyRefused, match="not a private key of the set"):
            KeySet(keys, signing=keys[0] if signing == "same" else signing)


def test_the_bounds_of_a_set_are_exact():
    assert (MAX_JWKS_BYTES, MAX_KEYS) == (262_144, 100)
    members = [without(PUBLIC, "kid", "alg") for _ in range(MAX_KEYS)]
    few = KeySet.from_jwks({"keys": [PUBLIC, *({"kty": "XYZ"} for _ in range(MAX_KEYS - 1))]})
    assert (len(few), len(few.skipped)) == (1, MAX_KEYS - 1)
    with pytest.raises(KeyRefused, match=f"at most {MAX_KEYS} keys"):
        KeySet.from_jwks({"keys": [*members, PUBLIC]})
    text = json.dumps({"keys": [PUBLIC]}).encode()
    assert len(KeySet.from_jwks(text + b" " * (MAX_JWKS_BYTES - len(text)))) == 1
    with pytest.raises(KeyRefused, match=f"at most {MAX_JWKS_BYTES} bytes"):
        KeySet.from_jwks(text + b" " * (MAX_JWKS_BYTES + 1 - len(text)))
    for wrong, words in ((b"[]", "the JWKS is not a JSON object"), (b'{"keys":5}', 'no array "keys"')):
        with pytest.raises(KeyRefused, match=words):
            KeySet.from_jwks(wrong)


def test_the_callers_algorithm_is_for_rsa_keys_that_do_not_say_theirs(rsa_jwk):
    public = without(rsa_jwk, "d", "p", "q", "dp", "dq", "qi", "kid")
    members = [public | {"kid": "one"}, without(public, "alg"), without(PUBLIC, "alg")]
    keys = KeySet.from_jwks({"keys": members}, rsa_alg="PS256")
    assert [key.alg for key in keys] == ["RS256", "PS256", "ES256"]
    assert keys.skipped == ()


def test_what_a_key_is_not_for_is_told():
    with pytest.raises(KeyRefused, match=r"ES256 does not use a shared secret"):
        Key.from_secret(bytes(range(32)), "ES256")
    with pytest.raises(KeyRefused, match="an AKP key must say its alg"):
        Key.from_jwk(without(AKP, "alg"), "ML-DSA-44")
    public = Key.from_jwk(PUBLIC)
    assert public.public() is public
    assert not public.is_private


@pytest.mark.slow
def test_a_new_rsa_key_has_3072_bits_where_nobody_says_otherwise():
    modulus = decode(Key.generate("RS256").to_jwk()["n"])
    assert int.from_bytes(modulus, "big").bit_length() == 3072


def test_what_is_private_is_written_only_when_asked_for():
    key = Key.from_jwk(EC)
    assert key.to_jwk() == PUBLIC
    assert key.to_jwk(private=True) == EC
    assert b"PUBLIC" in key.to_pem()
    assert b"PRIVATE" in key.to_pem(private=True)
