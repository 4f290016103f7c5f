"""Keys: one algorithm each, sound material only, nothing secret shown."""

import base64
import copy
import math
import pickle
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, x25519

from mapae.errors import AlgorithmRefused, KeyRefused
from mapae.jose.algorithms import ALGORITHMS
from mapae.jose.base64url import encode
from mapae.jose.key import Key, SecretKey, SigningKey, VerifyKey

ASYMMETRIC = [name for name in ALGORITHMS if not name.startswith("HS")]


@pytest.fixture(
    scope="module",
    params=[  # RSA keys take a while to make, and are alike for every hash
        pytest.param(alg, marks=pytest.mark.slow) if alg in {"RS384", "RS512", "PS384", "PS512"} else alg
        for alg in ALGORITHMS
    ],
)
def any_key(request):
    bits = {"bits": 2048} if request.param[:2] in {"RS", "PS"} else {}
    return Key.generate(request.param, **bits)


@pytest.mark.slow
def test_a_key_survives_its_jwk(any_key):
    again = Key.from_jwk(any_key.to_jwk(private=True))
    assert (type(again), again.alg, again.kid) == (type(any_key), any_key.alg, any_key.kid)
    any_key.check_signature(b"message", again.make_signature(b"message"))


@pytest.mark.slow
def test_a_public_export_holds_no_private_member(any_key):
    if isinstance(any_key, SecretKey):
        with pytest.raises(KeyRefused, match="no public half"):
            any_key.to_jwk()
        with pytest.raises(KeyRefused):
            any_key.public()
        return
    jwk = any_key.to_jwk()
    assert not {"d", "p", "q", "dp", "dq", "qi", "k", "priv"} & jwk.keys()
    public = Key.from_jwk(jwk)
    assert isinstance(public, VerifyKey)
    assert not public.is_private
    assert public.kid == any_key.kid == any_key.public().kid
    public.check_signature(b"m", any_key.make_signature(b"m"))
    with pytest.raises(KeyRefused, match="no private half"):
        public.to_jwk(private=True)
    with pytest.raises(KeyRefused, match="no private half"):
        public.to_pem(private=True)


@pytest.mark.slow
def test_a_key_survives_its_pem(any_key):
    if isinstance(any_key, SecretKey):
        with pytest.raises(KeyRefused):
            any_key.to_pem()
        return
    assert b"PUBLIC" in any_key.to_pem()
    private = Key.from_pem(any_key.to_pem(private=True), any_key.alg)
    public = Key.from_pem(any_key.to_pem().decode(), any_key.alg)
    assert isinstance(private, SigningKey)
    assert private.kid == public.kid == any_key.kid
    public.check_signature(b"m", private.make_signature(b"m"))


def test_repr_pickle_and_copies_do_not_leak(any_key):
    secret_texts = [value for value in any_key.to_jwk(private=True).values() if len(value) > 40]
    assert not any(text in repr(any_key) for text in secret_texts if text != any_key.kid)
    with pytest.raises(TypeError):
        pickle.dumps(any_key)
    assert copy.copy(any_key) is any_key
    assert copy.deepcopy(any_key) is any_key
    with pytest.raises(AttributeError):
        any_key.alg = "HS256"
    with pytest.raises(AttributeError):
        del any_key.kid


def test_the_thumbprint_is_the_one_of_rfc_7638_section_3_1():
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs"
        "tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5h"
        "ajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    key = Key.from_jwk({"kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"})
    assert key.thumbprint() == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert key.thumbprint_uri().endswith(":sha-256:NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
    assert key.kid == "2011-04-29"


def test_the_thumbprint_of_an_ed25519_key_is_the_one_of_rfc_8037():
    key = Key.from_jwk({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
    assert key.kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert key.alg == "Ed25519"


@pytest.mark.parametrize("begin", [b"{", b"["])
def test_random_octets_that_begin_like_json_are_a_secret(begin):
    assert Key.from_secret(begin + bytes(range(128, 159)), alg="HS256").alg == "HS256"


@pytest.mark.parametrize("wrong", ["secret" * 8, bytearray(40), None, 5, ["x"]])
def test_a_secret_that_is_not_bytes_is_a_type_error_with_the_cure(wrong):
    with pytest.raises(TypeError, match=r"Key\.generate"):
        Key.from_secret(wrong, "HS256")


@pytest.mark.parametrize(("alg", "size"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a05_a_secret_is_at_least_as_long_as_the_hash(alg, size):
    Key.from_secret(bytes(range(size)), alg)
    for short in (0, 6, size - 1):
        with pytest.raises(KeyRefused, match="at least"):
            Key.from_secret(bytes(range(short)), alg)
    with pytest.raises(KeyRefused):
        Key.from_jwk({"kty": "oct", "k": encode(bytes(size - 1)), "alg": alg})


def test_a04_an_empty_secret_is_refused_in_every_form():
    for make in (lambda: Key.from_secret(b"", "HS256"), lambda: Key.from_jwk({"kty": "oct", "k": "", "alg": "HS256"})):
        with pytest.raises(KeyRefused):
            make()


@pytest.mark.slow
def test_a03_no_key_file_is_ever_a_secret(rsa_key):
    native = rsa.generate_private_key(65537, 2048)
    public, private = native.public_key(), serialization.PrivateFormat
    der, pem = serialization.Encoding.DER, serialization.Encoding.PEM
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    files = [
        public.public_bytes(pem, spki),
        public.public_bytes(pem, spki).replace(b"\n", b"\r\n"),
        b"  \n" + public.public_bytes(pem, spki),
        public.public_bytes(der, spki),
        public.public_bytes(der, serialization.PublicFormat.PKCS1),
        native.private_bytes(der, private.PKCS8, serialization.NoEncryption()),
        public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH),
        str(rsa_key.to_jwk()).replace("'", '"').encode(),
        b'{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}',
    ]
    for octets in files:
        with pytest.raises(KeyRefused):
            Key.from_secret(octets, "HS256")
    Key.from_secret(b"\x30" + bytes(range(40)), "HS256")


@pytest.mark.parametrize(
    "extra",
    [
        {"use": "enc"},
        {"use": None},
        {"key_ops": ["encrypt"]},
        {"key_ops": "verify"},
        {"key_ops": ["verify", "verify"]},
        {"key_ops": []},
        {"alg": "PS256"},
        {"alg": "RSA-OAEP"},
        {"alg": "none"},
        {"alg": "es256"},
        {"alg": None},
        {"alg": ["ES256"]},
        {"alg": 1},
        {"kid": ""},
        {"kid": 7},
        {"kid": None},
        {"kid": "x" * 257},
        {"kid": "a\nb"},
        {"crv": "P-384"},
        {"crv": "P-999"},
        {"crv": ["P-256"]},
        {"kty": "OKP"},
        {"kty": "ec"},
        {"kty": ["EC"]},
        {"kty": None},
        {"x": 5},
        {"x": None},
    ],
    ids=str,
)
def test_a06_key_metadata_is_obeyed(extra):
    jwk = Key.generate("ES256").to_jwk()
    with pytest.raises(KeyRefused):
        Key.from_jwk(jwk | extra)


def test_an_rsa_jwk_must_say_its_algorithm(rsa_key):
    jwk = {name: value for name, value in rsa_key.to_jwk().items() if name != "alg"}
    with pytest.raises(KeyRefused, match="alg="):
        Key.from_jwk(jwk)
    assert Key.from_jwk(jwk, alg="PS256").alg == "PS256"
    with pytest.raises(KeyRefused, match="another alg"):
        Key.from_jwk(rsa_key.to_jwk(), alg="PS256")
    with pytest.raises(KeyRefused, match="alg="):
        Key.from_pem(rsa_key.to_pem())
    with pytest.raises(KeyRefused):
        Key.from_pem(rsa_key.to_pem(), "HS256")


def test_a12_points_must_be_on_the_curve_and_whole():
    jwk = Key.generate("ES256").to_jwk(private=True)
    other = Key.generate("ES256").to_jwk(private=True)
    zero = encode(bytes(32))
    wrong = [
        jwk | {"y": other["y"]},
        jwk | {"x": zero, "y": zero},
        jwk | {"x": jwk["x"][:-4]},
        jwk | {"x": encode(b"\x00" + bytes(32))},
        jwk | {"d": other["d"]},
        jwk | {"d": zero},
        jwk | {"d": encode(b"\xff" * 32)},
    ]
    for bad in wrong:
        with pytest.raises(KeyRefused):
            Key.from_jwk(bad)


@pytest.mark.parametrize("alg", ["Ed25519", "Ed448", "ML-DSA-44"])
def test_a12_the_private_half_must_belong_to_the_public_one(alg):
    one, two = (Key.generate(alg).to_jwk(private=True) for _ in range(2))
    private = "priv" if alg.startswith("ML") else "d"
    with pytest.raises(KeyRefused, match="is not the private key"):
        Key.from_jwk(one | {private: two[private]})


@pytest.mark.slow
def test_a12_a_private_rsa_key_must_fit_together(rsa_key):
    jwk = rsa_key.to_jwk(private=True)
    for bad in (jwk | {"d": jwk["dp"]}, jwk | {"p": jwk["q"]}, jwk | {"oth": []}, jwk | {"qi": "AQ"}):
        with pytest.raises(KeyRefused):
            Key.from_jwk(bad)
    for name in ("p", "q", "dp", "dq", "qi"):
        with pytest.raises(KeyRefused):
            Key.from_jwk({member: value for member, value in jwk.items() if member != name})


P25519 = 2**255 - 19
Y8 = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("y", [0, 1, P25519 - 1, Y8, P25519 - Y8, P25519, P25519 + 1], ids=hex)
def test_a13_small_order_ed25519_keys_are_refused(y, sign):
    encoded = (y | sign << 255).to_bytes(32, "little")
    with pytest.raises(KeyRefused):
        Key.from_jwk({"kty": "OKP", "crv": "Ed25519", "x": encode(encoded)})


@pytest.mark.parametrize("y", [0, 1, 2**448 - 2**224 - 2, 2**448 - 2**224 - 1, 2**448 - 2**224], ids=hex)
def test_a13_small_order_ed448_keys_are_refused(y):
    with pytest.raises(KeyRefused):
        Key.from_jwk({"kty": "OKP", "crv": "Ed448", "x": encode(y.to_bytes(57, "little"))})


def test_a13_a_point_off_the_edwards_curve_is_refused():
    with pytest.raises(KeyRefused, match="not a point"):
        Key.from_jwk({"kty": "OKP", "crv": "Ed25519", "x": encode((2).to_bytes(32, "little"))})


def test_a14_an_rsa_key_of_the_broken_generator_is_refused():
    # CVE-2017-15361: modulo each small prime it is a power of 65537. One prime off, and it is a key like others.
    primes = [number for number in range(3, 168) if all(number % divisor for divisor in range(2, number))]
    product = math.prod(primes)
    power = pow(65537, 12345, product)

    def modulus(remainder):
        least = (1 << 2047) - (1 << 2047) % product + product + remainder
        return next(n for n in (least, least + product) if n % 2)

    native = [
        rsa.RSAPublicNumbers(65537, modulus(remainder)).public_key() for remainder in (power, power + product // 11)
    ]
    guessable, ordinary = (
        key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo) for key in native
    )
    with pytest.raises(KeyRefused, match="CVE-2017-15361"):
        Key.from_pem(guessable, "RS256")
    assert Key.from_pem(ordinary, "RS256").alg == "RS256"


def test_a14_rsa_sizes_and_exponents_are_bounded(rsa_key):
    jwk = rsa_key.to_jwk()
    n = rsa.generate_private_key(65537, 1024).public_key().public_numbers().n

    def uint(number):
        return encode(number.to_bytes((number.bit_length() + 7) // 8, "big"))

    exponents = [uint(e) for e in (1, 2, 3, 17, 65536, 2**33 + 1, 2**64 + 1)]
    moduli = [uint(n), uint((1 << 16383) + 1), uint((1 << 2047) + 2), "", "AA", "AAECAw"]
    for bad in [jwk | {"e": e} for e in exponents] + [jwk | {"n": modulus} for modulus in moduli]:
        with pytest.raises(KeyRefused):
            Key.from_jwk(bad)
    with pytest.raises(KeyRefused):
        Key.generate("RS256", bits=1024)


@pytest.mark.slow
def test_a14_the_bounds_hold_for_pem_too():
    weak = rsa.generate_private_key(65537, 1024).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    low = (
        rsa.generate_private_key(3, 2048)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    for pem in (weak, low):
        with pytest.raises(KeyRefused):
            Key.from_pem(pem, "RS256")


def test_other_files_are_read_by_their_own_constructors():
    native = ec.generate_private_key(ec.SECP256R1())
    no_password = serialization.NoEncryption()
    der = native.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, no_password)
    spki = native.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    ssh = native.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    ssh_private = native.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, no_password)
    keys = [
        Key.from_der(der),
        Key.from_der(spki),
        Key.from_ssh(ssh),
        Key.from_ssh(ssh_private),
        Key.from_pem(ssh_private),
    ]
    assert len({key.kid for key in keys}) == 1
    assert [key.is_private for key in keys] == [True, False, False, True, True]
    locked = native.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"open")
    )
    assert Key.from_pem(locked, password=b"open").kid == keys[0].kid
    for wrong in (None, b"shut"):
        with pytest.raises(KeyRefused, match="password"):
            Key.from_pem(locked, password=wrong)


@pytest.mark.parametrize(
    "text", [b"", b"nonsense", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "\ud800"]
)
@pytest.mark.parametrize("read", [Key.from_pem, Key.from_der, Key.from_ssh, Key.from_x509])
def test_what_is_no_key_file_is_refused(read, text):
    with pytest.raises(KeyRefused):
        read(text)


def test_a_compressed_point_in_an_openssh_key_is_refused():
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    encoding, form = serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    parts = (b"ecdsa-sha2-nistp256", b"nistp256", point.public_bytes(encoding, form))
    body = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    with pytest.raises(KeyRefused, match="OpenSSH"):
        Key.from_ssh(b"ecdsa-sha2-nistp256 " + base64.b64encode(body))


@pytest.mark.parametrize("read", [Key.from_pem, Key.from_der, Key.from_ssh, Key.from_x509, Key.from_jwk])
def test_what_is_no_text_at_all_is_a_type_error(read):
    with pytest.raises(TypeError):
        read(5)


def test_a_key_answers_only_for_its_own_algorithm():
    with pytest.raises(AlgorithmRefused):
        Key.generate("ES256").find(None, "ES384")


@pytest.mark.parametrize("alg", ["none", "None", "ES257", "", None, 5, ["ES256"]])
def test_there_is_no_other_algorithm(alg):
    with pytest.raises(KeyRefused, match="one of"):
        Key.generate(alg)


def test_a_ready_made_ecdsa_signature_is_the_same_each_time():
    key = Key.generate("ES256")
    assert key.make_signature(b"m") == key.make_signature(b"m")


def test_the_public_key_of_a_certificate_is_read_and_the_certificate_is_no_secret():
    native = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "id.example")])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, native.public_key(), 1, start, start + timedelta(days=1))
    certificate = builder.sign(native, hashes.SHA256())
    pem, der = (certificate.public_bytes(form) for form in (serialization.Encoding.PEM, serialization.Encoding.DER))
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    expected = Key.from_der(native.public_key().public_bytes(serialization.Encoding.DER, spki))
    for form in (pem, pem.decode(), der):
        key = Key.from_x509(form)
        assert (key.alg, key.kid, key.is_private) == ("ES256", expected.kid, False)
    with pytest.raises(KeyRefused, match=r"Key\.from_x509"):
        Key.from_pem(pem)
    for form in (pem, der):
        with pytest.raises(KeyRefused):
            Key.from_secret(form, "HS256")


@pytest.mark.parametrize("curve", [ec.SECP224R1(), ec.BrainpoolP256R1()], ids=lambda curve: curve.name)
def test_a_curve_that_no_algorithm_uses_is_refused(curve):
    private = ec.generate_private_key(curve)
    with pytest.raises(KeyRefused, match="curve"):
        Key.from_pem(
            private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )


def test_a_key_that_cannot_sign_is_refused():
    private = x25519.X25519PrivateKey.generate()
    pem = private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(KeyRefused, match="not a key for signatures"):
        Key.from_pem(pem)
