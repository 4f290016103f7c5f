"""What the type checkers know about the claims: mypy, and pyright in the build that brings its own JavaScript."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PROGRAM = """
from dataclasses import dataclass
from typing import TypedDict, assert_type

import msgspec
import pydantic

import mapae


class Access(msgspec.Struct, frozen=True):
    sub: str


@dataclass(frozen=True)
class Plain:
    sub: str


class Members(TypedDict):
    sub: str


class Model(pydantic.BaseModel):
    sub: str


key = mapae.Key.generate("ES256")
assert_type(mapae.verify("t", key, issuer="i", audience="a"), mapae.Claims)
assert_type(mapae.verify("t", key, issuer="i", audience="a", claims=Members), Members)
assert_type(mapae.verify("t", key, issuer="i", audience="a", claims=Model), Model)
assert_type(mapae.verify("t", key, issuer="i", audience=["a"], typ="at+jwt", leeway=1), mapae.Claims)
assert_type(mapae.verify("t", key, issuer="i", audience=mapae.ANY, claims=Access), Access)
assert_type(mapae.Verifier(key, issuer="i", audience="a").verify("t"), mapae.Claims)
assert_type(mapae.Verifier(key, issuer=None, audience="a", claims=Access).verify("t"), Access)
assert_type(mapae.Verifier(mapae.KeySet([key]), issuer="i", audience="a", claims=Plain).check("t", now=1.5), Plain)
assert_type(mapae.Verifier.for_issuers({"i": key}, audience="a").verify("t"), mapae.Claims)
assert_type(mapae.Verifier.for_issuers({"i": key}, audience="a", claims=Access).check("t", now=1), Access)
assert_type(mapae.read_unverified("t"), mapae.Unverified)
assert_type(mapae.sign({}, key, lifetime=60), str)
assert_type(mapae.Signer(key, issuer="i", audience=None, lifetime=60).sign({}), str)


async def later() -> None:
    assert_type(await mapae.Verifier(key, issuer="i", audience="a", claims=Access).check_async("t", now=1), Access)


mapae.verify("t", "secret", issuer="i", audience="a")  # refused 1
mapae.verify("t", key, issuer="i")  # refused 2
mapae.verify("t", key, issuer="i", audience="a", algorithms=["ES256"])  # refused 3
mapae.sign({}, b"secret", lifetime=60)  # refused 4
mapae.verify("t", key, issuer="i", audience="a")["sub"] = "x"  # refused 5
mapae.Verifier(key, issuer="i", audience="a", claims=Access, revocation=len)  # refused 6
mapae.Signer(key, issuer="i", audience="a")  # refused 7
"""
REFUSED = {f"refused {number}" for number in range(1, 8)}


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


def marks(lines):
    """The remarks of PROGRAM on these lines, counted from 1."""
    text = PROGRAM.splitlines()
    return {text[line - 1].partition("# ")[2] or text[line - 1] for line in lines}


def test_mypy_knows_the_type_of_the_claims_and_refuses_raw_secrets(program):
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml"), str(program)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    errors = [line for line in ended.stdout.splitlines() if ": error:" in line]
    assert marks(int(line.split(":")[1]) for line in errors) == REFUSED, ended.stdout + ended.stderr


def test_pyright_knows_the_type_of_the_claims_and_refuses_raw_secrets(program):
    pytest.importorskip("basedpyright", reason="basedpyright, which is pyright as a Python package, is not installed")
    settings = {"include": ["program.py"], "typeCheckingMode": "strict", "pythonVersion": "3.11"}
    (program.parent / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=program.parent)
    report = json.loads(ended.stdout)
    errors = [each for each in report["generalDiagnostics"] if each["severity"] == "error"]
    assert marks(each["range"]["start"]["line"] + 1 for each in errors) == REFUSED, ended.stdout
    assert report["summary"]["warningCount"] == 0, ended.stdout
