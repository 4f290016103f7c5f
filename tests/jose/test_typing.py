"""What a type checker knows about the claims."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
from dataclasses import dataclass
from typing import assert_type

import msgspec

import mapae


class Access(msgspec.Struct, frozen=True):
    sub: str


@dataclass(frozen=True)
class Plain:
    sub: str


key = mapae.Key.generate("ES256")
assert_type(mapae.verify("t", key, issuer="i", audience="a"), mapae.Claims)
assert_type(mapae.verify("t", key, issuer="i", audience=["a"], typ="at+jwt", leeway=1), mapae.Claims)
assert_type(mapae.verify("t", key, issuer="i", audience=mapae.ANY, claims=Access), Access)
assert_type(mapae.Verifier(key, issuer="i", audience="a").verify("t"), mapae.Claims)
assert_type(mapae.Verifier(key, issuer=None, audience="a", claims=Access).verify("t"), Access)
assert_type(mapae.Verifier(mapae.KeySet([key]), issuer="i", audience="a", claims=Plain).check("t", now=1.5), Plain)
assert_type(mapae.Verifier.for_issuers({"i": key}, audience="a").verify("t"), mapae.Claims)
assert_type(mapae.Verifier.for_issuers({"i": key}, audience="a", claims=Access).check("t", now=1), Access)
assert_type(mapae.read_unverified("t"), mapae.Unverified)
assert_type(mapae.sign({}, key, lifetime=60), str)
mapae.verify("t", "secret", issuer="i", audience="a")  # refused 1
mapae.verify("t", key, issuer="i")  # refused 2
mapae.verify("t", key, issuer="i", audience="a", algorithms=["ES256"])  # refused 3
mapae.sign({}, b"secret", lifetime=60)  # refused 4
mapae.verify("t", key, issuer="i", audience="a")["sub"] = "x"  # refused 5
mapae.Verifier(key, issuer="i", audience="a", claims=Access, revocation=len)  # refused 6
"""


@pytest.mark.slow
def test_mypy_knows_the_type_of_the_claims_and_refuses_raw_secrets(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml"), str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    lines = PROGRAM.splitlines()
    refused = {
        lines[int(line.split(":")[1]) - 1].partition("# ")[2]
        for line in ended.stdout.splitlines()
        if ": error:" in line
    }
    assert refused == {f"refused {number}" for number in range(1, 7)}, ended.stdout + ended.stderr
