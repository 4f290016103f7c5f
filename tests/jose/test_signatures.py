"""Signatures, against the primitives themselves: what they make is accepted here, and what is made here they accept."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from mapae.errors import SignatureRefused
from mapae.jose.algorithms import ALGORITHMS, Ecdsa, Eddsa, Hmac, MlDsa, Rsa
from mapae.jose.base64url import decode, encode
from mapae.jose.key import Key

MESSAGE = b"eyJhbGciOiJIUzI1NiJ9.e30"
HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
SHORT = {
    "HS256": ("sha256", 32), "HS384": ("sha384", 48), "HS512": ("sha512", 64),
}  # fmt: skip


def named(kind):
    return [name for name, algorithm in ALGORITHMS.items() if isinstance(algorithm, kind)]


def native(key):
    return serialization.load_pem_private_key(key.to_pem(private=True), None)


@pytest.mark.parametrize("alg", SHORT)
def test_a_secret_of_any_length_makes_the_hmac_of_rfc_2104(alg):
    name, least = SHORT[alg]
    for length in (least, 63, 64, 65, 127, 128, 129, 300):
        if length < least:
            continue
        secret = bytes(range(256)) + bytes(64)
        key = Key.from_secret(secret[:length], alg)
        expected = encode(hmac.new(secret[:length], MESSAGE, name).digest())
        assert key.make_signature(MESSAGE) == expected
        key.check_signature(MESSAGE, expected)
        with pytest.raises(SignatureRefused):
            key.check_signature(MESSAGE + b"x", expected)


@pytest.fixture(scope="module", params=[2048, pytest.param(2049, marks=pytest.mark.slow)])
def rsa_pem(request):
    """A key of whole octets, and one with a bit more, which nobody generates and which is put together here."""
    p = rsa.generate_private_key(65537, 2048).private_numbers().p
    q = rsa.generate_private_key(65537, request.param + request.param % 2).private_numbers().q
    d = pow(65537, -1, (p - 1) * (q - 1))
    remainders = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    made = rsa.RSAPrivateNumbers(p, q, d, *remainders, rsa.RSAPublicNumbers(65537, p * q)).private_key()
    assert made.key_size == request.param
    forms = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.private_bytes(serialization.Encoding.PEM, *forms)


@pytest.mark.slow
@pytest.mark.parametrize(
    "alg", [alg if alg.endswith("256") else pytest.param(alg, marks=pytest.mark.slow) for alg in named(Rsa)]
)
def test_rsa_signatures_are_those_of_rfc_7518_and_no_others(rsa_pem, alg):
    key = Key.from_pem(rsa_pem, alg)
    hash_ = HASHES[alg[2:]]()
    pss = padding.PSS(padding.MGF1(hash_), hash_.digest_size)
    right, wrong = (pss, padding.PKCS1v15()) if alg[0] == "P" else (padding.PKCS1v15(), pss)
    key.check_signature(MESSAGE, encode(native(key).sign(MESSAGE, right, hash_)))
    native(key).public_key().verify(decode(key.make_signature(MESSAGE)), MESSAGE, right, hash_)
    others = [native(key).sign(MESSAGE, wrong, hash_)]
    others += [native(key).sign(MESSAGE, right, other()) for name, other in HASHES.items() if name != alg[2:]]
    others += [native(key).sign(MESSAGE, padding.PSS(padding.MGF1(hash_), 20), hash_)]
    for other in others:
        with pytest.raises(SignatureRefused):
            key.check_signature(MESSAGE, encode(other))


@pytest.mark.parametrize("alg", named(Ecdsa))
def test_ecdsa_signatures_are_two_numbers_of_fixed_size(alg):
    key, size = Key.generate(alg), {"ES256": 32, "ES384": 48, "ES512": 66, "ES256K": 32}[alg]
    hash_ = ec.ECDSA(HASHES[{"ES256K": "256"}.get(alg, alg[2:])]())
    r, s = utils.decode_dss_signature(native(key).sign(MESSAGE, hash_))
    halves = [number.to_bytes(size, "big") for number in (r, s)]
    key.check_signature(MESSAGE, encode(b"".join(halves)))
    made = decode(key.make_signature(MESSAGE))
    assert len(made) == 2 * size
    der = utils.encode_dss_signature(int.from_bytes(made[:size], "big"), int.from_bytes(made[size:], "big"))
    native(key).public_key().verify(der, MESSAGE, hash_)
    for other in (b"\0".join(halves), halves[0] + halves[1].lstrip(b"\0")[:-1], halves[1] + halves[0]):
        with pytest.raises(SignatureRefused):
            key.check_signature(MESSAGE, encode(other))


def test_ecdsa_signatures_are_the_same_each_time():
    key = Key.generate("ES256")
    assert key.make_signature(MESSAGE) == key.make_signature(MESSAGE)


@pytest.mark.slow
def test_a_short_number_of_ecdsa_is_filled_up_with_zeros():
    key, size = Key.generate("ES512"), 66
    for number in range(64):  # the topmost octet of these 521 bits is 0 every second time
        signature = decode(key.make_signature(MESSAGE + bytes([number])))
        assert len(signature) == 2 * size
        key.check_signature(MESSAGE + bytes([number]), encode(signature))


@pytest.mark.parametrize("alg", named(Eddsa | MlDsa))
def test_other_signatures_are_those_of_the_primitive(alg):
    key = Key.generate(alg)
    key.check_signature(MESSAGE, encode(native(key).sign(MESSAGE)))
    native(key).public_key().verify(decode(key.make_signature(MESSAGE)), MESSAGE)
    size = len(decode(key.make_signature(MESSAGE)))
    assert size == {"Ed25519": 64, "EdDSA": 64, "Ed448": 114}.get(alg) or size == ALGORITHMS[alg].signature_size


@pytest.mark.parametrize("alg", ALGORITHMS)
@pytest.mark.slow
def test_a_signature_of_another_size_or_message_is_refused_in_the_same_words(alg, rsa_pem):
    key = Key.from_pem(rsa_pem, alg) if isinstance(ALGORITHMS[alg], Rsa) else Key.generate(alg)
    signature = key.make_signature(MESSAGE)
    octets = decode(signature)
    key.check_signature(MESSAGE, signature)
    flipped = bytes([octets[0] ^ 1]) + octets[1:]
    for message, wrong in ((MESSAGE, encode(flipped)), (b"", signature), (MESSAGE + b"\0", signature)):
        with pytest.raises(SignatureRefused, match="does not match"):
            key.check_signature(message, wrong)
    words = "does not match" if isinstance(ALGORITHMS[alg], Hmac) else "as many octets as its algorithm has"
    for wrong in ("", "A", signature + "=", encode(octets[:-1]), encode(octets + b"\0"), "é" + signature[1:]):
        with pytest.raises(SignatureRefused, match=words):
            key.check_signature(MESSAGE, wrong)


def test_every_hash_of_hmac_is_its_own():
    secret = hashlib.sha512(b"a").digest()
    made = {Key.from_secret(secret, alg).make_signature(MESSAGE) for alg in SHORT}
    assert len(made) == len(SHORT)


@pytest.mark.parametrize("alg", ["HS384", pytest.param("ES384", marks=pytest.mark.slow)])
def test_a_signature_of_whole_groups_may_end_in_any_character(alg):
    key, size = Key.generate(alg), ALGORITHMS[alg].size * (1 if alg == "HS384" else 2)
    for number in range(2000):  # one in 64 ends in each
        message = b"%d" % number
        signature = key.make_signature(message)
        assert len(decode(signature)) == size
        if signature.endswith("X"):
            key.check_signature(message, signature)
            return
    raise AssertionError("none of 2,000 signatures ends in X")
