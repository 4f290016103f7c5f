"""Give tokens to several libraries under the same policy, at the same moment.

The policy: one key with one algorithm, the issuer, the audience, `exp` required, five seconds of leeway. Each library
gets it in its own words, as its documentation says. An outcome is one letter: `a` accepted, `r` refused with an error
that the library documents, `e` another error, `-` the library does not know the algorithm by this name.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import joserfc.jwk
import joserfc.jwt
import jwcrypto.jwk
import jwcrypto.jwt
import jwt
import jwt.api_jwt
from joserfc.errors import JoseError
from jwcrypto.common import JWException

from differing.oddities import LEEWAY, NOW
from mapae.errors import TokenError
from mapae.jose.key import Key
from mapae.jose.verifier import Verifier

ROOT = Path(__file__).resolve().parents[2]
ISSUER, AUDIENCE = "https://id.example", "api"
LIBRARIES = ("Mapae", "PyJWT", "joserfc", "jwcrypto", "jose")
Case = tuple[str, str]
"""The name of a key, and a token."""

Verify = Callable[[str, str], object]
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi"})


def public_keys() -> dict[str, dict[str, Any]]:
    """Read the keys that the tokens are for, without what verifying needs not."""
    keys = json.loads((ROOT / "tests" / "vectors" / "hostile" / "keys.json").read_text())
    return {
        name: {member: value for member, value in jwk.items() if member not in _PRIVATE} for name, jwk in keys.items()
    }


def outcomes(cases: Sequence[Case], *, node: Path) -> list[str]:
    """Return one string of letters for each case, in the order of `LIBRARIES`."""
    keys = public_keys()
    columns = []
    with _clocks_at(NOW):
        for make, errors in (
            (_mapae, TokenError),
            (_pyjwt, jwt.PyJWTError),
            (_joserfc, JoseError),
            (_jwcrypto, JWException),
        ):
            verify = make(keys)
            columns.append([_letter(verify, errors, case) for case in cases])
    columns.append(_jose(keys, cases, node))
    return ["".join(letters) for letters in zip(*columns, strict=True)]


def _letter(verify: Verify, errors: type[Exception], case: Case) -> str:
    name, token = case
    if verify.__name__ == "with_pyjwt" and name == "Ed25519":
        return "-"  # it knows the algorithm as EdDSA only
    try:
        verify(name, token)
    except errors:
        return "r"
    except Exception:  # noqa: BLE001 (which one it is, is the question)
        return "e"
    return "a"


@contextmanager
def _clocks_at(now: int) -> Iterator[None]:
    """Stop the clocks of the two libraries that take no other moment than now."""

    class Stopped(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Stopped:
            return cls.fromtimestamp(now, tz)

    with (
        patch.object(jwt.api_jwt, "datetime", Stopped),
        patch.object(jwcrypto.jwt, "time", SimpleNamespace(time=lambda: now)),
    ):
        yield


def _mapae(keys: Mapping[str, dict[str, Any]]) -> Verify:
    verifiers = {
        name: Verifier(Key.from_jwk(jwk), issuer=ISSUER, audience=AUDIENCE, leeway=LEEWAY) for name, jwk in keys.items()
    }
    return lambda name, token: verifiers[name].check(token, now=NOW)


def _pyjwt(keys: Mapping[str, dict[str, Any]]) -> Verify:
    imported = {name: jwt.PyJWK(jwk).key for name, jwk in keys.items() if name != "Ed25519"}

    def with_pyjwt(name: str, token: str) -> object:
        options: Any = {"require": ["exp"]}
        return jwt.decode(
            token, imported[name], algorithms=[name], audience=AUDIENCE, issuer=ISSUER, leeway=LEEWAY, options=options
        )

    return with_pyjwt


def _joserfc(keys: Mapping[str, dict[str, Any]]) -> Verify:
    imported = {name: joserfc.jwk.import_key(jwk) for name, jwk in keys.items()}
    registry = joserfc.jwt.JWTClaimsRegistry(
        now=NOW,
        leeway=LEEWAY,
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": AUDIENCE},
        exp={"essential": True},
    )

    def with_joserfc(name: str, token: str) -> object:
        registry.validate(joserfc.jwt.decode(token, imported[name], algorithms=[name]).claims)
        return None

    return with_joserfc


def _jwcrypto(keys: Mapping[str, dict[str, Any]]) -> Verify:
    imported = {name: jwcrypto.jwk.JWK(**jwk) for name, jwk in keys.items()}

    def with_jwcrypto(name: str, token: str) -> object:
        verifying = jwcrypto.jwt.JWT(algs=[name], check_claims={"iss": ISSUER, "aud": AUDIENCE, "exp": None})
        verifying.leeway = LEEWAY
        verifying.deserialize(token, imported[name])
        return None

    return with_jwcrypto


def _jose(keys: Mapping[str, dict[str, Any]], cases: Sequence[Case], node: Path) -> str:
    asked = {"now": NOW, "issuer": ISSUER, "audience": AUDIENCE, "keys": keys, "cases": cases}
    script = ROOT / "tests" / "node" / "verify_any.mjs"
    ended = subprocess.run([node, script], input=json.dumps(asked), check=True, capture_output=True, text=True)
    return ended.stdout
