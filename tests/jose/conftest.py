"""Keys, a fixed moment, and a forge that writes tokens with nothing but the standard library."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable

import pytest

from mapae.jose.key import Key, SecretKey
from mapae.jose.verifier import Verifier

NOW = 1_800_000_000
SECRET = bytes(range(32))
GOOD = {"iss": "https://id.example", "sub": "user-42", "aud": "api", "exp": NOW + 900, "iat": NOW, "jti": "t-1"}


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def as_json(value: object) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()


@pytest.fixture(scope="session")
def now() -> int:
    return NOW


@pytest.fixture(scope="session")
def good() -> dict:
    return dict(GOOD)


@pytest.fixture(scope="session")
def key() -> SecretKey:
    return Key.from_secret(SECRET, "HS256")


@pytest.fixture(scope="session")
def rsa_key() -> Key:
    return Key.generate("RS256", bits=2048)


@pytest.fixture(scope="session")
def forge() -> Callable[..., str]:
    """Write a token from any header, payload and secret; dicts become JSON, bytes are taken as they are."""

    def write(header: object = None, payload: object = None, secret: bytes = SECRET) -> str:
        head = b64(as_json({"alg": "HS256", "typ": "JWT"} if header is None else header))
        body = b64(as_json(GOOD if payload is None else payload))
        mac = hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha256).digest()
        return f"{head}.{body}.{b64(mac)}"

    return write


@pytest.fixture(scope="session")
def check(key: SecretKey, now: int) -> Callable[..., object]:
    """Check a token at the fixed moment under the ordinary policy, or one with changes."""

    def run(token: object, keys: object = key, *, at: float = now, **policy: object) -> object:
        options = {"issuer": "https://id.example", "audience": "api", "memo_bytes": 0} | policy
        return Verifier(keys, **options).check(token, now=at)

    return run
