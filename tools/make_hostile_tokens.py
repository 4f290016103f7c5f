"""Write the corpus of hostile tokens: plain files, the same at every run.

    python tools/make_hostile_tokens.py [FOLDER]

The folder (default tests/vectors/hostile) holds `keys.json`, which this program only reads, and gets one file per attack class.
Each line of a file is a JSON object: `id`, `key` (a name in keys.json), `token`, `code` (of the refusal; null for the few that
must be accepted), `why`. Nothing of Mapae is used here, so that the corpus judges it from outside.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

NOW = 1_800_000_000
ISSUER, AUDIENCE = "https://id.example", "api"
GOOD = {"iss": ISSUER, "sub": "user-42", "aud": AUDIENCE, "exp": NOW + 900, "iat": NOW, "jti": "t-1"}
MALFORMED, ALGORITHM, SIGNATURE = "token_malformed", "token_algorithm", "token_signature"
CLAIM, EXPIRED, EARLY = "token_claim", "token_expired", "token_not_yet_valid"
ALGORITHMS = (
    "HS256",
    "HS384",
    "HS512",
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
)
ALGORITHMS += ("ES256K", "Ed25519", "Ed448", "EdDSA", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87")
N256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
L25519 = 2**252 + 27742317777372353535851937790883648493
FOLDER = Path(__file__).parent.parent / "tests" / "vectors" / "hostile"


class Case(NamedTuple):
    """One token: the key to verify it with, the text, the code of the refusal (None: accepted), and why."""

    key: str
    token: str
    code: str | None
    why: str


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def octets(value: object) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()


class Forge:
    """Write tokens with the keys of keys.json, by the standard library and `cryptography` alone."""

    def __init__(self, keys: dict[str, dict[str, str]]) -> None:
        self.keys = keys
        self.secret = unb64(keys["HS256"]["k"])
        number = int.from_bytes(unb64(keys["ES256"]["d"]), "big")
        self.ec = ec.derive_private_key(number, ec.SECP256R1())
        self.ed = ed25519.Ed25519PrivateKey.from_private_bytes(unb64(keys["Ed25519"]["d"]))
        values = {
            name: int.from_bytes(unb64(keys["RS256"][name]), "big")
            for name in ("n", "e", "d", "p", "q", "dp", "dq", "qi")
        }
        public = rsa.RSAPublicNumbers(values["e"], values["n"])
        self.rsa = rsa.RSAPrivateNumbers(
            values["p"], values["q"], values["d"], values["dp"], values["dq"], values["qi"], public
        ).private_key()

    def sign(self, key: str, message: bytes) -> bytes:
        match key:
            case "HS256":
                return hmac.new(self.secret, message, hashlib.sha256).digest()
            case "RS256":
                return self.rsa.sign(message, padding.PKCS1v15(), hashes.SHA256())
            case "Ed25519":
                return self.ed.sign(message)
        r, s = utils.decode_dss_signature(self.ec.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def token(self, key: str, header: object = None, payload: object = None) -> str:
        return self.segments(
            key,
            b64(octets({"alg": key} if header is None else header)),
            b64(octets(GOOD if payload is None else payload)),
        )

    def segments(self, key: str, header: str, payload: str) -> str:
        return f"{header}.{payload}.{b64(self.sign(key, f'{header}.{payload}'.encode()))}"

    def mac(self, secret: bytes, header: object, payload: object = None) -> str:
        message = f"{b64(octets(header))}.{b64(octets(GOOD if payload is None else payload))}"
        return f"{message}.{b64(hmac.new(secret, message.encode(), hashlib.sha256).digest())}"


KEYS = ("HS256", "RS256", "ES256", "Ed25519")


def controls(forge: Forge) -> Iterator[Case]:
    for key in KEYS:
        for header in ({"alg": key}, {"alg": key, "typ": "JWT"}, {"typ": "jwt", "alg": key, "kid": f"test-{key}"}):
            yield Case(key, forge.token(key, header), None, "an ordinary token")
        yield Case(
            key,
            forge.token(key, None, {**GOOD, "aud": ["web", "api"], "x": {"y": [1, None, 1.5]}}),
            None,
            "nested claims",
        )
        yield Case(key, forge.token(key, None, json.dumps(GOOD, indent=2).encode()), None, "spaced out")
        yield Case(
            key, forge.token(key, None, {**GOOD, "exp": NOW + 0.5, "nbf": NOW - 0.5}), None, "dates with a fraction"
        )


def a01_none(forge: Forge) -> Iterator[Case]:
    for key in KEYS:
        for alg in ("none", "None", "nOnE", "NONE", "none ", "\u0000none", ""):
            token = forge.token(key, {"alg": alg})
            yield Case(key, token, ALGORITHM, "no such algorithm, with the signature of the key")
            yield Case(key, token.rpartition(".")[0] + ".", ALGORITHM, "no such algorithm, without a signature")


def a02_alg(forge: Forge) -> Iterator[Case]:
    for key in KEYS:
        for alg in (None, [key], {}, 1, 1.5, True, key.lower(), f"{key} ", f" {key}", f"{key}\u0000", [], {key: 1}):
            if alg != key:
                yield Case(key, forge.token(key, {"alg": alg}), ALGORITHM, "alg is not the key's, to the letter")
        yield Case(key, forge.token(key, {"typ": "JWT"}), ALGORITHM, "no alg")
        yield Case(key, forge.token(key, {}), ALGORITHM, "an empty header")
        for alg in ALGORITHMS:
            if alg != key:
                yield Case(key, forge.token(key, {"alg": alg}), ALGORITHM, "the algorithm of another key")


def public_files(forge: Forge, key: str) -> Iterator[tuple[str, bytes]]:
    private = {"RS256": forge.rsa, "ES256": forge.ec, "Ed25519": forge.ed}[key]
    public = private.public_key()
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = public.public_bytes(serialization.Encoding.PEM, spki)
    yield "PEM", pem
    yield "PEM without its last line end", pem.rstrip(b"\n")
    yield "PEM with CRLF", pem.replace(b"\n", b"\r\n")
    yield "PEM after a space", b" " + pem
    yield "DER", public.public_bytes(serialization.Encoding.DER, spki)
    yield "OpenSSH", public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    members = {
        name: value
        for name, value in forge.keys[key].items()
        if name in {"kty", "crv", "x", "y", "n", "e", "alg", "kid"}
    }
    yield "JWK", octets(members)
    yield "JWK, sorted", json.dumps(members, sort_keys=True).encode()
    yield "JWKS", octets({"keys": [members]})
    for name in ("x", "y", "n"):
        if name in members:
            yield f"member {name} as text", members[name].encode()
            yield f"member {name} as octets", unb64(members[name])


def a03_confusion(forge: Forge) -> Iterator[Case]:
    for key in ("RS256", "ES256", "Ed25519"):
        for what, secret in public_files(forge, key):
            yield Case(key, forge.mac(secret, {"alg": "HS256"}), ALGORITHM, f"HS256 under the public key as {what}")
            yield Case(key, forge.mac(secret, {"alg": key}), SIGNATURE, f"a MAC under the public key as {what}")


def a04_secrets(forge: Forge) -> Iterator[Case]:
    guesses = (
        b"",
        b"\x00",
        bytes(32),
        bytes(64),
        b"secret",
        b"password",
        b"null",
        b"None",
        b"undefined",
        b"[object Object]",
    )
    for secret in (*guesses, forge.secret[:-1], forge.secret + b"\x01", forge.secret[::-1], b64(forge.secret).encode()):
        yield Case("HS256", forge.mac(secret, {"alg": "HS256"}), SIGNATURE, "another secret")


def a07_embedded(forge: Forge) -> Iterator[Case]:
    secret = bytes(range(100, 132))
    values: dict[str, list[object]] = {
        "jwk": [{"kty": "oct", "k": b64(secret), "alg": "HS256"}, forge.keys["HS256"]["k"], None, []],
        "jku": [
            "http://127.0.0.1/jwks.json",
            "https://attacker.example/jwks.json",
            "file:///etc/passwd",
            "http://169.254.169.254/",
        ],
        "x5u": ["http://localhost:1/cert.pem", "gopher://127.0.0.1/", "//attacker.example"],
        "x5c": [["AAAA"], [], "AAAA"],
        "x5t": ["AAAA"],
        "x5t#S256": ["AAAA"],
    }
    for name, choices in values.items():
        for value in choices:
            yield Case("HS256", forge.mac(secret, {"alg": "HS256", name: value}), SIGNATURE, f"{name} of the attacker")
            for key in ("ES256", "Ed25519"):
                token = forge.mac(secret, {"alg": key, name: value}, GOOD)
                yield Case(key, token, SIGNATURE, f"{name} of the attacker, under another kind of key")


def a09_kid(forge: Forge) -> Iterator[Case]:
    texts = (
        "",
        "x" * 257,
        "a\nb",
        "a\r\nHost: b",
        "a\u0000b",
        "\u001b[31m",
        "a\u2028b",
        "a\u202eb",
        "\ud83d" + "\ude00" + "\n",
    )
    for key in KEYS:
        for kid in (*texts, None, 5, 1.5, True, [], ["a"], {}, {"a": 1}):
            yield Case(key, forge.token(key, {"alg": key, "kid": kid}), MALFORMED, "kid is no short printable text")


def a10_psychic(forge: Forge) -> Iterator[Case]:
    message = forge.token("ES256").rpartition(".")[0]
    specials = (0, 1, 2, N256 - 1, N256, N256 + 1, 2**255, 2**256 - 1)
    for r in specials:
        for s in specials:
            signature = b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
            yield Case("ES256", f"{message}.{signature}", SIGNATURE, "r and s are special numbers")
    message = forge.token("Ed25519").rpartition(".")[0]
    for point in (bytes(32), b"\x01" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f", b"\xff" * 32):
        for number in (0, 1, L25519 - 1, L25519, L25519 + 1, 2**256 - 1):
            signature = b64(point + number.to_bytes(32, "little"))
            yield Case("Ed25519", f"{message}.{signature}", SIGNATURE, "R and S are special values")
    message = forge.token("RS256").rpartition(".")[0]
    modulus = forge.rsa.public_key().public_numbers().n
    for number in (0, 1, 2, modulus - 1, modulus, modulus + 1, 2**2048 - 1):
        yield Case(
            "RS256", f"{message}.{b64(number.to_bytes(256, 'big'))}", SIGNATURE, "the signature is a special number"
        )


def a11_encodings(forge: Forge) -> Iterator[Case]:
    for key in KEYS:
        message, _, text = forge.token(key).rpartition(".")
        raw = unb64(text)
        others = {
            "an octet too many": raw + b"\x00",
            "an octet in front": b"\x00" + raw,
            "an octet too few": raw[:-1],
            "without its first octet": raw[1:],
            "half": raw[: len(raw) // 2],
            "doubled": raw + raw,
            "reversed": raw[::-1],
            "all ones": b"\xff" * len(raw),
            "zeros": bytes(len(raw)),
            "empty": b"",
            "in hexadecimal": raw.hex().encode(),
        }
        for what, other in others.items():
            yield Case(key, f"{message}.{b64(other)}", SIGNATURE, f"the signature {what}")
        for at in range(0, len(raw), max(1, len(raw) // 32)):
            flipped = raw[:at] + bytes([raw[at] ^ 1 << (at % 8)]) + raw[at + 1 :]
            yield Case(key, f"{message}.{b64(flipped)}", SIGNATURE, "one bit of the signature flipped")
    message, _, text = forge.token("ES256").rpartition(".")
    raw = unb64(text)
    r, s = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
    yield Case("ES256", f"{message}.{b64(utils.encode_dss_signature(r, s))}", SIGNATURE, "the signature in DER")
    yield Case("ES256", f"{message}.{b64(s.to_bytes(32, 'big') + r.to_bytes(32, 'big'))}", SIGNATURE, "r and s swapped")
    padded = r.to_bytes(33, "big") + s.to_bytes(33, "big")
    yield Case("ES256", f"{message}.{b64(padded)}", SIGNATURE, "r and s padded to 33 octets")
    message, _, text = forge.token("Ed25519").rpartition(".")
    raw = unb64(text)
    more = int.from_bytes(raw[32:], "little") + L25519
    yield Case(
        "Ed25519", f"{message}.{b64(raw[:32] + more.to_bytes(32, 'little'))}", SIGNATURE, "S plus the group order"
    )


def a12_other_tokens(forge: Forge) -> Iterator[Case]:
    for key in KEYS:
        header, payload, signature = forge.token(key).split(".")
        other = b64(octets({**GOOD, "sub": "admin"}))
        yield Case(key, f"{header}.{other}.{signature}", SIGNATURE, "the payload replaced")
        yield Case(key, f"{b64(octets({'alg': key, 'x': 1}))}.{payload}.{signature}", SIGNATURE, "the header replaced")
        yield Case(
            key,
            f"{header}.{payload}.{forge.token(key, None, {'exp': 1}).rpartition('.')[2]}",
            SIGNATURE,
            "the signature of another token",
        )
        for wrong in KEYS:
            if wrong != key:
                message = f"{header}.{payload}"
                yield Case(
                    key,
                    f"{message}.{b64(forge.sign(wrong, message.encode()))}",
                    SIGNATURE,
                    f"signed by the {wrong} key",
                )


def a15_crit(forge: Forge) -> Iterator[Case]:
    values = (
        ["x"],
        ["b64"],
        ["exp"],
        ["alg"],
        ["x", "x"],
        [],
        "x",
        "",
        None,
        {},
        [5],
        ["absent"],
        1,
        True,
        [[]],
        [""],
        [None],
    )
    for key in ("HS256", "ES256"):
        for crit in values:
            yield Case(key, forge.token(key, {"alg": key, "crit": crit}), MALFORMED, "crit")
            yield Case(key, forge.token(key, {"alg": key, "crit": crit, "x": 1}), MALFORMED, "crit, with a member x")


def a16_b64(forge: Forge) -> Iterator[Case]:
    for key in KEYS:
        for value in (False, True, None, "false", 0):
            for extra in ({}, {"crit": ["b64"]}):
                header = {"alg": key, "b64": value} | extra
                yield Case(key, forge.token(key, header), MALFORMED, "b64 in a JWT")
        header = b64(octets({"alg": key, "b64": False, "crit": ["b64"]}))
        payload = json.dumps(GOOD, separators=(",", ":")).replace(".", "\\u002e")
        yield Case(key, forge.segments(key, header, payload), MALFORMED, "an unencoded payload")


def a17_duplicates(forge: Forge) -> Iterator[Case]:
    good = json.dumps(GOOD, separators=(",", ":"))[1:-1]
    for key in KEYS:
        alg = f'"alg":"{key}"'
        for header in (
            f"{{{alg},{alg}}}",
            f'{{"alg":"none",{alg}}}',
            f'{{{alg},"alg":"none"}}',
            f'{{{alg},"\\u0061lg":"none"}}',
            f'{{{alg},"typ":"JWT","typ":"JWT"}}',
            f'{{{alg},"kid":"a","kid":"b"}}',
            f'{{{alg},"x":{{"a":1,"a":2}}}}',
            f"{{ {alg} , {alg} }}",
        ):
            yield Case(key, forge.token(key, header.encode()), MALFORMED, "a parameter twice")
        for claim in ("iss", "sub", "aud", "exp", "iat", "jti"):
            value = json.dumps(GOOD[claim])
            yield Case(
                key,
                forge.token(key, None, f'{{{good},"{claim}":{value}}}'.encode()),
                MALFORMED,
                f"{claim} twice, the same",
            )
            yield Case(
                key,
                forge.token(key, None, f'{{"{claim}":1,{good}}}'.encode()),
                MALFORMED,
                f"{claim} twice, the good one last",
            )
            escaped = "".join(f"\\u{ord(letter):04x}" for letter in claim)
            yield Case(
                key,
                forge.token(key, None, f'{{{good},"{escaped}":{value}}}'.encode()),
                MALFORMED,
                f"{claim} twice, once in escapes",
            )
        for nested in (
            '{"a":1,"a":1}',
            '[{"a":1,"a":2}]',
            '{"b":{"c":[{"d":1,"d":1}]}}',
            '{"":1,"":2}',
            '{"a":1, "a" : 1}',
        ):
            yield Case(
                key, forge.token(key, None, f'{{{good},"x":{nested}}}'.encode()), MALFORMED, "a nested member twice"
            )


def a18_base64(forge: Forge) -> Iterator[Case]:
    junk = ("=", "==", "\n", " ", "\t", "\r\n", "!", "+", "/", "%3D", "\u0000", "é", "\\u0041", '"')
    for key in ("HS256", "ES256"):
        header, payload, _ = forge.token(key).split(".")
        for what in junk:
            code = MALFORMED
            yield Case(
                key,
                forge.segments(key, header + what, payload) if what.isascii() else f"{header}{what}.{payload}.AA",
                code,
                "after the header",
            )
            if what.isascii():
                yield Case(key, forge.segments(key, header, payload + what), code, "after the payload, signed so")
                yield Case(key, forge.segments(key, header, what + payload), code, "before the payload, signed so")
                yield Case(
                    key,
                    forge.segments(key, header, payload[:8] + what + payload[8:]),
                    code,
                    "in the payload, signed so",
                )
            yield Case(key, forge.token(key) + what, SIGNATURE, "after the signature")
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        for size in (1, 2):
            text = b64(octets(GOOD) + b" " * ((size - len(octets(GOOD))) % 3))
            last = alphabet.index(text[-1])
            for bit in range(1, 16 if size == 1 else 4):
                loose = text[:-1] + alphabet[last | bit]
                yield Case(
                    key, forge.segments(key, header, loose), MALFORMED, "unused bits of the payload are not zero"
                )
        signature = forge.token(key).rpartition(".")[2]
        last = alphabet.index(signature[-1])
        for bit in range(1, 4 if len(signature) % 4 == 3 else 16):
            loose = signature[:-1] + alphabet[last | bit]
            yield Case(key, f"{header}.{payload}.{loose}", SIGNATURE, "unused bits of the signature are not zero")


def a19_text(forge: Forge) -> Iterator[Case]:
    changes: dict[str, Callable[[str], str]] = {
        "a zero-width space in front": lambda token: "\u200b" + token,
        "fullwidth dots": lambda token: token.replace(".", "\uff0e"),
        "a Cyrillic letter": lambda token: token.replace("e", "\u0435", 1),
        "a space in front": lambda token: " " + token,
        "quotes around": lambda token: f'"{token}"',
        "the word Bearer in front": lambda token: "Bearer " + token,
        "the word bearer in front": lambda token: "bearer " + token,
        "a dot in front": lambda token: "." + token,
        "a dot at the end": lambda token: token + ".",
        "two dots at the end": lambda token: token + "..",
        "a byte order mark in front": lambda token: "\ufeff" + token,
        "a lone surrogate in front": lambda token: "\udcff" + token,
        "a lone surrogate in the payload": lambda token: token.replace(".", ".\ud800", 1),
        "a NUL in front": lambda token: "\u0000" + token,
        "URL-encoded dots": lambda token: token.replace(".", "%2E"),
        "a segment missing": lambda token: token.partition(".")[2],
        "an empty payload": lambda token: token.split(".")[0] + ".." + token.split(".")[2],
        "an empty header": lambda token: "." + token.partition(".")[2],
        "twice": lambda token: token + token,
        "only dots": lambda _token: "..",
        "nothing": lambda _token: "",
        "one dot": lambda _token: ".",
    }
    for key in KEYS:
        for why, change in changes.items():
            yield Case(key, change(forge.token(key)), MALFORMED, why)


def a20_encodings(forge: Forge) -> Iterator[Case]:
    text = json.dumps(GOOD)
    for key in ("HS256", "Ed25519"):
        header = json.dumps({"alg": key})
        for codec in ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-7"):
            if codec != "utf-7":
                yield Case(key, forge.token(key, header.encode(codec)), MALFORMED, f"the header in {codec}")
                yield Case(key, forge.token(key, None, text.encode(codec)), MALFORMED, f"the payload in {codec}")
        for raw in (
            b"\xff",
            b"\xc0\xaf",
            b"\xed\xa0\x80",
            b"\xed\xa0\xbd\xed\xb8\x80",
            b"\xf5\x80\x80\x80",
            b"\xe2\x82",
            b"\x80",
        ):
            bad = text.encode().replace(b"user-42", b"user" + raw)
            yield Case(key, forge.token(key, None, bad), MALFORMED, "a claim that is not UTF-8")
            bad = text.encode()[:-1] + b', "' + raw + b'": 1}'
            yield Case(key, forge.token(key, None, bad), MALFORMED, "a name that is not UTF-8")
            bad = header.encode()[:-1] + b', "x": "' + raw + b'"}'
            yield Case(key, forge.token(key, bad), MALFORMED, "a parameter that is not UTF-8")


def a21_surrogates(forge: Forge) -> Iterator[Case]:
    for key in KEYS:
        for escape in (r"\ud800", r"\udc00", r"\udfff", r"\ud800\u0041", r"\udc00\ud800", r"\ud83dx\ude00"):
            for claim in ("sub", "jti", "iss", "x"):
                payload = json.dumps({**GOOD, claim: "PLACE"}).replace("PLACE", escape).encode()
                yield Case(key, forge.token(key, None, payload), MALFORMED, f"a lone surrogate in {claim}")


NOT_JSON = (
    "NaN",
    "Infinity",
    "-Infinity",
    "1e400",
    "-1e400",
    "9" * 5000,
    "01",
    "1.",
    ".5",
    "+1",
    "0x1",
    "1_000",
    "undefined",
    "",
)
NO_DATE = (
    '"1245678900"',
    '"9_999_999_999"',
    '"\u0661\u0662\u0663"',
    '"1800000900"',
    '" 1800000900"',
    '"1800000900.0"',
    '""',
    "true",
    "false",
    "null",
    "[]",
    "{}",
    "[1800000900]",
    '{"a":1}',
    "1e300",
    "-1e300",
    "9" * 400,
    "1800000900000",
    "253402300800",
    "-253402300800",
    "1e12",
    "18446744073709551616",
)


def a22_dates(forge: Forge) -> Iterator[Case]:
    for key in ("HS256", "ES256"):
        for claim in ("exp", "nbf", "iat"):
            for values, code in ((NOT_JSON, MALFORMED), (NO_DATE, CLAIM)):
                for value in values:
                    payload = json.dumps({**GOOD, claim: "PLACE"}).replace('"PLACE"', value).encode()
                    yield Case(key, forge.token(key, None, payload), code, f"{claim} is no NumericDate")
        for past in (NOW - 5, NOW - 5.5, 1, 0, -1, -1.5, -253402300799, 1e-300):
            yield Case(key, forge.token(key, None, {**GOOD, "exp": past}), EXPIRED, "expired")
        for future in (NOW + 6, NOW + 5.5, 253402300799):
            for claim in ("nbf", "iat"):
                yield Case(key, forge.token(key, None, {**GOOD, claim: future}), EARLY, f"{claim} lies ahead")


def a24_missing(forge: Forge) -> Iterator[Case]:
    codes = {"exp": CLAIM, "iss": "token_issuer", "aud": "token_audience"}
    for key in KEYS:
        for claim, code in codes.items():
            rest = {name: value for name, value in GOOD.items() if name != claim}
            yield Case(key, forge.token(key, None, rest), code, f"no {claim}")
            yield Case(key, forge.token(key, None, {**rest, claim.upper(): GOOD[claim]}), code, f"{claim} in capitals")
            yield Case(key, forge.token(key, None, {**rest, f"{claim} ": GOOD[claim]}), code, f"{claim} with a space")
        for payload in (
            b"{}",
            b"[]",
            b"null",
            b"1",
            b'"text"',
            b"true",
            b"",
            b" ",
            b"{",
            b"[{}]",
            b'{"exp":1800000900}{}',
        ):
            code = CLAIM if payload == b"{}" else MALFORMED
            yield Case(key, forge.token(key, None, payload), code, "not a set of claims")
        for header in (b"[]", b"null", b"1", b'"HS256"', b"", b"{", b'{"alg":"' + key.encode() + b'"},'):
            yield Case(key, forge.token(key, header), MALFORMED, "not a header")


def a25_names(forge: Forge) -> Iterator[Case]:
    wrong: tuple[Any, ...] = (None, 1, 1.5, True, {}, {"api": 1}, [["api"]], ["api", 1], ["api", None], [])
    for key in ("HS256", "ES256"):
        for value in wrong:
            yield Case(key, forge.token(key, None, {**GOOD, "aud": value}), CLAIM, "aud has a wrong type")
        for value in (
            "",
            "ap",
            "apis",
            "API",
            "api ",
            " api",
            "https://api",
            ["web"],
            ["API", "apis"],
            "*",
            ".*",
            "(a+)+$",
            "api\u0000",
        ):
            yield Case(
                key, forge.token(key, None, {**GOOD, "aud": value}), "token_audience", "aud names another audience"
            )
        for claim in ("iss", "sub", "jti"):
            for value in (None, 1, True, 1.5, [], {}, [GOOD[claim]]):
                yield Case(key, forge.token(key, None, {**GOOD, claim: value}), CLAIM, f"{claim} is no text")
        for value in (
            "",
            "https://id.example/",
            "https://id.exampl",
            "HTTPS://ID.EXAMPLE",
            "https://id.example.attacker.example",
            "id",
            "*",
        ):
            yield Case(key, forge.token(key, None, {**GOOD, "iss": value}), "token_issuer", "iss is another issuer")


def a26_kinds(forge: Forge) -> Iterator[Case]:
    kinds = (
        "at+jwt",
        "application/at+jwt",
        "dpop+jwt",
        "logout+jwt",
        "secevent+jwt",
        "id_token+jwt",
        "JOSE",
        "JWS",
        "JWT2",
        "text/jwt",
        " JWT",
    )
    for key in KEYS:
        for typ in kinds:
            yield Case(key, forge.token(key, {"alg": key, "typ": typ}), "token_kind", "another kind of token")
        for typ in ("", None, 5, True, [], ["JWT"], {}):
            yield Case(key, forge.token(key, {"alg": key, "typ": typ}), MALFORMED, "typ is no text")


def a27_depth(forge: Forge) -> Iterator[Case]:
    for key in ("HS256", "RS256"):
        for levels in (32, 33, 64, 500, 700):
            for opening, closing in (("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")):
                nest = opening * levels + "1" + closing * levels
                good = json.dumps(GOOD)[:-1]
                yield Case(
                    key,
                    forge.token(key, None, f'{good},"x":{nest}}}'.encode()),
                    MALFORMED,
                    f"{levels} levels in the payload",
                )
                if levels <= 500:
                    yield Case(
                        key,
                        forge.token(key, f'{{"alg":"{key}","x":{nest}}}'.encode()),
                        MALFORMED,
                        f"{levels} levels in the header",
                    )


def a28_size(forge: Forge) -> Iterator[Case]:
    large = "token_too_large"
    yield Case("HS256", "." * 17_000, large, "dots only")
    yield Case("HS256", forge.token("HS256") + "A" * 17_000, large, "a long signature")
    yield Case("HS256", forge.token("HS256", None, {**GOOD, "x": "y" * 17_000}), large, "a long claim")
    yield Case("HS256", forge.token("HS256", {"alg": "HS256", "x": "y" * 7_000}), large, "a long header")


def a31_encrypted(forge: Forge) -> Iterator[Case]:
    for key in KEYS:
        for extra in (
            {"enc": "A256GCM"},
            {"zip": "DEF"},
            {"enc": None},
            {"zip": None},
            {"cty": "JWT"},
            {"cty": "application/jwt"},
        ):
            yield Case(
                key, forge.token(key, {"alg": key} | extra), MALFORMED, "parameters of an encrypted or nested token"
            )
        header = b64(octets({"alg": "dir", "enc": "A256GCM"}))
        yield Case(key, f"{header}..AAAA.AAAA.AAAA", MALFORMED, "an encrypted token")
        yield Case(key, forge.token(key, {"alg": "RSA-OAEP-256"}), ALGORITHM, "an algorithm for encryption")
        inner = forge.token(key)
        yield Case(key, forge.token(key, None, inner.encode()), MALFORMED, "a token in a token")


def a32_serializations(forge: Forge) -> Iterator[Case]:
    for key in KEYS:
        protected, payload, signature = forge.token(key).split(".")
        variants: tuple[dict[str, Any], ...] = (
            {"protected": protected},
            {"header": {"alg": key}},
            {"protected": protected, "header": {"crit": []}},
        )
        for one in variants:
            flat = one | {"payload": payload, "signature": signature}
            general = {"payload": payload, "signatures": [one | {"signature": signature}]}
            for value in (flat, general, [flat], {**flat, "x": f"{protected}.{payload}.{signature}"}):
                for text in (json.dumps(value), " " + json.dumps(value)):
                    yield Case(key, text, MALFORMED, "the JSON serialization")


CLASSES: dict[str, Callable[[Forge], Iterator[Case]]] = {
    "a00-controls": controls,
    "a01-none": a01_none,
    "a02-alg": a02_alg,
    "a03-confusion": a03_confusion,
    "a04-secrets": a04_secrets,
    "a07-embedded-keys": a07_embedded,
    "a09-kid": a09_kid,
    "a10-psychic": a10_psychic,
    "a11-signature-encodings": a11_encodings,
    "a12-other-tokens": a12_other_tokens,
    "a15-crit": a15_crit,
    "a16-b64": a16_b64,
    "a17-duplicates": a17_duplicates,
    "a18-base64": a18_base64,
    "a19-text": a19_text,
    "a20-encodings": a20_encodings,
    "a21-surrogates": a21_surrogates,
    "a22-dates": a22_dates,
    "a24-missing": a24_missing,
    "a25-names": a25_names,
    "a26-kinds": a26_kinds,
    "a27-depth": a27_depth,
    "a28-size": a28_size,
    "a31-encrypted": a31_encrypted,
    "a32-serializations": a32_serializations,
}


def write(folder: Path, keys: dict[str, dict[str, str]]) -> int:
    """Write all files, without a token twice in a class, and count the tokens."""
    forge = Forge(keys)
    total = 0
    for name, make in CLASSES.items():
        lines, seen = [], set()
        for case in make(forge):
            if (case.key, case.token) in seen:
                continue
            seen.add((case.key, case.token))
            number = f"{name.partition('-')[0]}-{len(lines) + 1:03d}"
            lines.append(json.dumps({"id": number, **case._asdict()}))
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
        total += len(lines)
    return total


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    print(f"{write(folder, json.loads((FOLDER / 'keys.json').read_text()))} tokens in {folder}")


if __name__ == "__main__":
    main()
