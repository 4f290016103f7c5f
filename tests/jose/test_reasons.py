"""What the small parts say about a text that they refuse, and how exactly they draw the line."""

import json
import math

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519

from mapae.errors import ClaimRefused, KeyRefused, Malformed, TooLarge, WrongIssuer
from mapae.jose.base64url import decode, encode
from mapae.jose.claims import check_registered
from mapae.jose.key import Key
from mapae.jose.memo import Memo, Verified, cost_of
from mapae.jose.points import CURVES, refuse_weak_point
from mapae.jose.policy import ANY
from mapae.jose.strict_json import MAX_DEPTH, read_object
from mapae.jose.unverified import MAX_UNVERIFIED, read_unverified
from mapae.jose.verifier import Verifier

NOW = 1_800_000_000
GOOD = {"iss": "https://id.example", "sub": "u", "aud": "api", "exp": NOW + 900, "iat": NOW}

# JSON -----------------------------------------------------------------------------------


def nested(depth, *, before=b"", space=b""):
    return b'{"a":' + space + before + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"[]", "the text is not a JSON object"),
        (b"5", "the text is not a JSON object"),
        (b'"x"', "the text is not a JSON object"),
        (b"{", "is not JSON .* that can be kept exactly"),
        (b'{"a":1}\xef\xbb\xbf', "is not JSON .* that can be kept exactly"),
        (b'{"ab\x00"}', "is not JSON .* that can be kept exactly"),
        (b'{"a":1e400}', "is not JSON .* that can be kept exactly"),
        (b'{"a" :-1e400}', "is not JSON .* that can be kept exactly"),
        (b'{"a":NaN}', "is not JSON .* that can be kept exactly"),
        (b'{"a" : Infinity}', "is not JSON .* that can be kept exactly"),
        (b'{"a":"\\ud800"}', "is not JSON .* that can be kept exactly"),
        (b"\xef\xbb\xbf{}", "starts with a byte order mark"),
        ("{}".encode("utf-16"), "is not UTF-8"),
        ("{}".encode("utf-16-be"), "is not UTF-8"),
        ("{}".encode("utf-32-le"), "is not UTF-8"),
        (b'{"\x00":1}', "is not JSON .* that can be kept exactly"),
        (b'{"a":"\xff"}', "is not UTF-8"),
        (b"\xff{}", "is not UTF-8"),
        (nested(MAX_DEPTH + 1), "nests deeper than 32"),
        (nested(MAX_DEPTH + 1, space=b" "), "nests deeper than 32"),
        (b'{"x":[[],{},[]],"y":[],"a":' + nested(MAX_DEPTH, space=b" ") + b"}", "nests deeper than 32"),
        (nested(100_000), "nests deeper than 32"),
        (b'{"a":{"b":1,"b":2}}', "holds a member twice"),
        (b'{ "a":1,"a":2}', "holds a member twice"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_text_that_is_no_strict_object_is_told_why(raw, words):
    with pytest.raises(Malformed, match=words):
        read_object(raw, "text")


@pytest.mark.parametrize("space", [b"", b" "])
def test_32_levels_are_read_and_brackets_in_text_are_none(space):
    raw = nested(MAX_DEPTH, space=space)
    assert read_object(raw, "text") == json.loads(raw)
    text = b'{"a":' + space + b'"' + b"[{" * 100 + b'\\"","b":"' + b"[" * 100 + b'"}'
    assert read_object(text, "text") == json.loads(text)
    wide = b'{"a":' + space + b"[" + b",".join([b"[]"] * 100) + b"]}"
    assert read_object(wide, "text") == json.loads(wide)


def test_claims_in_an_object_are_read_only_however_the_text_is_written(check, forge):
    for raw in (json.dumps(GOOD | {"a": {"b": 1}}), " " + json.dumps(GOOD | {"a": {"b": 1}}, indent=1)):
        claims = check(forge(None, raw.encode()))
        with pytest.raises(TypeError):
            claims["a"]["b"] = 2


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "1", None, True, [1], {}])
@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
def test_a_date_that_is_none_is_refused_by_name_and_kind(name, value):
    words = "this is text$" if isinstance(value, str) else "this is no number$"
    with pytest.raises(ClaimRefused, match=words) as refused:
        check_registered({name: value})
    assert refused.value.claim == name


@pytest.mark.parametrize(("name", "value"), [("iss", 5), ("sub", []), ("jti", True), ("aud", []), ("aud", [5])])
def test_a_claim_that_is_no_text_is_refused_by_name(name, value):
    with pytest.raises(ClaimRefused) as refused:
        check_registered(dict.fromkeys(("iss", "sub", "jti", "aud"), "x") | {name: value})
    assert refused.value.claim == name


# base64url -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["A", "AAAAA", "AB", "AAB", "AA=", "AA==", "AAA=", "A=AA"])
def test_a_text_that_is_not_canonical_is_refused(text):
    with pytest.raises(Malformed, match=r"canonical|outside"):
        decode(text)


def test_every_octet_at_every_place_comes_back():
    for size in range(1, 5):
        for octet in range(256):
            raw = bytes([octet]) * size
            text = encode(raw)
            assert decode(text) == raw
            assert not set(text) & set("+/=")


# Points -----------------------------------------------------------------------------------


def canonical(crv, y, sign=0):
    size = CURVES[crv].size
    return (y | sign << (8 * size - 1)).to_bytes(size, "little")


@pytest.mark.parametrize("crv", CURVES)
def test_each_fault_of_a_point_has_its_own_words(crv):
    p = CURVES[crv].p
    not_on_curve = {"Ed25519": 2, "Ed448": 2}[crv]
    for octets, words in (
        (canonical(crv, p), "not the canonical encoding"),
        (canonical(crv, p + 1), "not the canonical encoding"),
        (canonical(crv, 5)[:-1], "not the canonical encoding"),
        (canonical(crv, 5) + b"\0", "not the canonical encoding"),
        (canonical(crv, 1, sign=1), "not a point of the curve"),
        (canonical(crv, p - 1, sign=1), "not a point of the curve"),
        (canonical(crv, 0), "small order"),
        (canonical(crv, 0, sign=1), "small order"),
        (canonical(crv, 1), "small order"),
        (canonical(crv, p - 1), "small order"),
    ):
        with pytest.raises(KeyRefused, match=words):
            refuse_weak_point(crv, octets)
    if crv == "Ed25519":
        with pytest.raises(KeyRefused, match="not a point of the curve"):
            refuse_weak_point(crv, canonical(crv, not_on_curve))


def test_points_of_honest_keys_pass_with_either_sign_of_x():
    signs = set()
    for _ in range(24):
        for crv, kind in (("Ed25519", ed25519.Ed25519PrivateKey), ("Ed448", ed448.Ed448PrivateKey)):
            octets = kind.generate().public_key().public_bytes_raw()
            refuse_weak_point(crv, octets)
            signs.add((crv, octets[-1] >> 7))
    assert len(signs) == 4


# Key files -----------------------------------------------------------------------------------


def test_each_reader_says_which_file_it_wanted():
    for read, words in (
        (Key.from_pem, "not a PEM key that can be read"),
        (Key.from_der, "not a DER key that can be read"),
        (Key.from_ssh, "not an OpenSSH key that can be read"),
        (Key.from_x509, "not an X.509 certificate that can be read"),
    ):
        with pytest.raises(KeyRefused, match=words):
            read(b"nonsense")
    for read, words in (
        (Key.from_pem, "^PEM is bytes"),
        (Key.from_der, "^DER is bytes"),
        (Key.from_ssh, "^an OpenSSH key is bytes"),
        (Key.from_x509, "^a certificate is bytes"),
    ):
        with pytest.raises(TypeError, match=words):
            read(5)


@pytest.mark.parametrize("lead", [b" ", b"\t", b"\r", b"\n", b"\x0b", b"\x0c", b"\xef\xbb\xbf", b"\x00"])
def test_a03_what_stands_before_a_key_file_does_not_hide_it(lead):
    for begin in (b"-----BEGIN", b"---- BEGIN", b"ssh-", b"ecdsa-sha2-", b"sk-ssh-", b"{", b"["):
        with pytest.raises(KeyRefused, match="this is a key file"):
            Key.from_secret(lead + begin + bytes(40), "HS256")
    assert Key.from_secret(b"X" + lead + bytes(40), "HS256").alg == "HS256"


def test_a03_der_is_told_from_random_octets_that_begin_like_it():
    native = ec.generate_private_key(ec.SECP256R1())
    pkcs8 = (serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with pytest.raises(KeyRefused, match="this is a DER key"):
        Key.from_secret(native.private_bytes(*pkcs8), "HS256")
    assert Key.from_secret(b"\x30" + bytes(40), "HS256").alg == "HS256"


# Memo -----------------------------------------------------------------------------------


def test_a_memo_counts_what_it_holds():
    token = "t" * 100
    cost = 4 * 100 + 1024
    assert cost_of(token) == cost
    verified = Verified("claims", 0, 1)
    memo = Memo(2 * 3 * cost)
    assert memo.remembers
    assert not Memo(0).remembers
    assert not Memo(1).remembers
    assert Memo(2).remembers
    for number in range(3):
        memo.add(f"{number:0100}", verified)
    assert (len(memo.younger), len(memo.older)) == (3, 0)
    memo.drop(f"{0:0100}")
    memo.add(f"{3:0100}", verified)
    assert (len(memo.younger), len(memo.older)) == (3, 0)
    memo.add(f"{4:0100}", verified)
    assert (len(memo.younger), len(memo.older)) == (1, 3)
    memo.drop(f"{3:0100}")
    memo.drop("never there")
    assert (len(memo.younger), len(memo.older)) == (1, 2)
    memo.add(f"{5:0100}", verified)
    memo.add(f"{6:0100}", verified)
    assert (len(memo.younger), len(memo.older)) == (3, 2)
    memo.add(f"{7:0100}", verified)
    assert (len(memo.younger), len(memo.older)) == (1, 3)
    again = memo.emptied()
    assert len(again) == 0
    again.add("t" * ((3 * cost - 1024) // 4), verified)
    assert len(again) == 1
    again.add("t" * ((3 * cost - 1024) // 4 + 1), verified)
    assert len(again) == 1


# Several issuers -----------------------------------------------------------------------------------


def test_a_token_of_no_known_issuer_is_refused_before_any_key(forge):
    both = Verifier.for_issuers({"a": Key.generate("ES256")}, audience="api")
    for payload in (b'{"iss":5}', b"[]", b"{", b'{"iss":"' + b"[" * 5000 + b'"}', b"[" * 30_000, b'{"iss":"b"}', b"{}"):
        with pytest.raises((WrongIssuer, TooLarge)) as refused:
            both.check(forge(None, payload), now=NOW)
        assert getattr(refused.value, "claim", None) in {"iss", None}
    with pytest.raises(Malformed, match="the payload"):
        both.check("a.!.c", now=NOW)
    with pytest.raises(WrongIssuer):
        both.check("a." + "A" * (MAX_UNVERIFIED - 4) + ".c", now=NOW)
    with pytest.raises(TooLarge, match=str(MAX_UNVERIFIED)):
        both.check("a." + "A" * (MAX_UNVERIFIED - 3) + ".c", now=NOW)


def test_an_empty_name_is_no_issuer(forge, key):
    verifier = Verifier.for_issuers({"i": key}, audience=ANY)
    for payload in ({"exp": NOW + 9}, {"iss": "", "exp": NOW + 9}, {"iss": None, "exp": NOW + 9}):
        with pytest.raises(WrongIssuer):
            verifier.check(forge(None, payload), now=NOW)
    assert verifier.check(forge(None, {"iss": "i", "exp": NOW + 9}), now=NOW).iss == "i"


def test_a_scheme_in_front_is_told(forge):
    with pytest.raises(Malformed, match="Bearer"):
        read_unverified(f"bearer {forge()}")
    with pytest.raises(Malformed, match="JSON serialization"):
        read_unverified('\n {"payload":"x"}')
    with pytest.raises(Malformed, match="this has no dot"):
        read_unverified("x {")


# Types of claims -----------------------------------------------------------------------------------


class Inner(msgspec.Struct):
    level: int


class Outer(msgspec.Struct, frozen=True):
    iss: str
    aud: str
    exp: int
    iat: int
    inner: Inner


class Fixed(msgspec.Struct, frozen=True):
    iss: str
    aud: str
    exp: int
    iat: int
    pair: tuple[int, str]
    names: tuple[str, ...]
    at: float | None
    raw: bytes | None = None


class Loose(msgspec.Struct, frozen=True):
    iss: str
    aud: str
    exp: int
    iat: int
    pair: tuple[int, list[str]]


@pytest.mark.parametrize(
    ("kind", "extra", "shared"),
    [
        (Outer, {"inner": {"level": 1}}, False),
        (Loose, {"pair": [1, ["x"]]}, False),
        (Fixed, {"pair": [1, "x"], "names": ["a"], "at": 1.5}, True),
    ],
)
def test_a_result_is_shared_only_where_it_is_fixed_all_the_way_down(key, forge, kind, extra, shared):
    verifier = Verifier(key, issuer=GOOD["iss"], audience="api", claims=kind)
    text = forge(None, {name: GOOD[name] for name in ("iss", "aud", "exp", "iat")} | extra)
    first, second = verifier.check(text, now=NOW), verifier.check(text, now=NOW)
    assert first == second
    assert (first is second) is shared


def test_of_several_missing_claims_the_first_by_name_is_told(check, forge):
    with pytest.raises(ClaimRefused, match="b: is required and missing") as refused:
        check(forge(), required=["c", "b", "d", "sub"])
    assert refused.value.claim == "b"
