"""What fuzzing starts from: our own frozen hostile tokens, and good ones made on the spot. Nothing is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization

from mapae.errors import Malformed
from mapae.jose import detached, dpop, jwe, nested, sd_jwt
from mapae.jose.base64url import decode, encode
from mapae.jose.encryption_key import DecryptKey
from mapae.jose.jwt import sign
from mapae.jose.key import Key
from mapae.sessions import refresh, server_session

HOSTILE = Path(__file__).resolve().parents[2] / "tests" / "vectors" / "hostile"
NOW = 1_800_000_000
ISSUER, AUDIENCE = "https://id.example", "api"
URI = "https://api.example/orders"
NONCE = "n-0S6_WzA2Mj"
PAYLOAD = b'{"order":1}'
REFRESH_KEY = bytes(range(32))
PARTS = b"\n"
"""Stands between the parts of a token whose base64url is left to the target, so that fuzzing can change the inside."""


@cache
def jwks() -> dict[str, dict[str, str]]:
    """Read the keys that the hostile tokens are for, private halves too."""
    keys: dict[str, dict[str, str]] = json.loads((HOSTILE / "keys.json").read_text())
    return keys


@cache
def keys() -> dict[str, Key]:
    return {name: Key.from_jwk(jwk) for name, jwk in jwks().items()}


@cache
def decrypt_key() -> DecryptKey:
    return DecryptKey.from_secret(bytes(range(32)), "A256GCMKW", kid="fuzz")


def cases() -> Iterator[dict[str, Any]]:
    for path in sorted(HOSTILE.glob("*.jsonl")):
        yield from map(json.loads, path.read_text().splitlines())


def in_parts(token: str) -> bytes | None:
    """Write a token as its decoded parts, if they can be decoded."""
    try:
        return PARTS.join(decode(part) for part in token.split("."))
    except Malformed:
        return None


def joined(octets: bytes) -> str:
    """Write decoded parts as a token."""
    return ".".join(encode(part) for part in octets.split(PARTS))


def tokens() -> Iterator[bytes]:
    """Every hostile token as it is, and in parts where it has them."""
    for case in cases():
        yield case["token"].encode("utf-8", "surrogatepass")
        if parts := in_parts(case["token"]):
            yield parts


def segments(place: int) -> Iterator[bytes]:
    """The decoded header (0) or payload (1) of every hostile token."""
    for case in cases():
        texts = case["token"].split(".")
        if len(texts) > place and (octets := in_parts(texts[place])):
            yield octets


def jwk_texts() -> Iterator[bytes]:
    for jwk in jwks().values():
        yield json.dumps(jwk).encode()
        yield json.dumps({name: value for name, value in jwk.items() if name not in {"d", "p", "q"}}).encode()
    for alg in ("ES384", "ES512", "ES256K", "Ed448", "ML-DSA-44", "HS512"):
        key = Key.generate(alg)
        yield json.dumps(key.to_jwk(private=True)).encode()


def jwks_texts() -> Iterator[bytes]:
    yield b'{"keys":[]}'
    public = [key.public().to_jwk() for name, key in keys().items() if name != "HS256"]
    yield json.dumps({"keys": public}).encode()
    yield json.dumps({"keys": list(jwks().values())}).encode()
    yield json.dumps({"keys": [*public, *public, 5, {"kty": "RSA"}]}).encode()


def key_files() -> Iterator[bytes]:
    """Each kind of file, after the octet that says which reader gets it."""
    for name, key in keys().items():
        if name == "HS256":
            continue
        yield b"p" + key.to_pem(private=True)
        yield b"p" + key.to_pem()
        native = serialization.load_pem_private_key(key.to_pem(private=True), None)
        public = native.public_key()
        spki = serialization.PublicFormat.SubjectPublicKeyInfo
        yield b"d" + public.public_bytes(serialization.Encoding.DER, spki)
        yield b"x" + public.public_bytes(serialization.Encoding.DER, spki)
        yield b"s" + public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        private = (serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
        yield b"s" + native.private_bytes(serialization.Encoding.PEM, *private)


def encrypted() -> Iterator[bytes]:
    token = jwe.encrypt(b"text", decrypt_key())
    yield token.encode()
    yield in_parts(token) or b""
    for case in cases():
        if case["token"].count(".") == 4:
            yield case["token"].encode("utf-8", "surrogatepass")


def nested_tokens() -> Iterator[bytes]:
    for case in cases():
        if case["token"].count(".") == 2 and case["token"].isascii():
            yield case["token"].encode()
    yield nested.encrypt_token(sign({}, keys()["ES256"], now=NOW, lifetime=60), decrypt_key()).encode()


def proofs() -> Iterator[bytes]:
    for name in ("ES256", "Ed25519"):
        proof = dpop.make_proof(keys()[name], htm="POST", htu=URI, now=NOW, nonce=NONCE)
        yield proof.encode()
        yield in_parts(proof) or b""
    yield from segments(1)


def sd_jwts() -> Iterator[bytes]:
    claims = {"sub": "u", "a": sd_jwt.Selective({"b": [sd_jwt.Selective(1), 2]}), "c": sd_jwt.Selective("x")}
    issued = sd_jwt.issue(claims, keys()["ES256"], now=NOW, lifetime=600, holder=keys()["Ed25519"], decoys=1)
    yield issued.encode()
    bound = sd_jwt.present(issued, ["/c"], key=keys()["Ed25519"], audience=AUDIENCE, nonce=NONCE, now=NOW)
    yield bound.encode()
    for case in cases():
        if case["token"].isascii():
            yield case["token"].encode() + b"~"


def detached_signatures() -> Iterator[bytes]:
    for encoded in (True, False):
        yield detached.sign_detached(PAYLOAD, keys()["ES256"], encoded=encoded).encode()
    yield detached.sign_unencoded(PAYLOAD, keys()["ES256"]).encode()
    yield from tokens()


def status_claims() -> Iterator[bytes]:
    yield (
        b'{"sub":"https://id.example/s/1","iat":1800000000,"exp":1800000900,"ttl":60,'
        b'"status_list":{"bits":1,"lst":"eNrbuRgAAhcBXQ"},"status":{"status_list":{"idx":3,"uri":"https://id.example/s/1"}}}'
    )
    yield from segments(1)


def refresh_tokens() -> Iterator[bytes]:
    for generation in (0, 1, 2**32 - 1):
        yield refresh.write_token(encode(bytes(16)), generation, bytes(32), REFRESH_KEY).encode()
    yield b"mpr_"


def session_tokens() -> Iterator[bytes]:
    for octet in (0, 255):
        yield server_session.write_session_token(encode(bytes(16)), bytes([octet]) * 32, REFRESH_KEY).encode()
    yield b"mps_"


def dates() -> Iterator[bytes]:
    for text in ("0", "1800000000", "1.5", "1e300", "-1", '"1"', "true", "null", "NaN", "253402300799", "1E400", "[]"):
        yield text.encode()
    yield from segments(1)
