"""The frozen corpus of hostile tokens: none is accepted, each is refused for its own reason, nothing else escapes."""

import contextlib
import importlib.util
import json
from pathlib import Path

import pytest

from mapae.errors import TokenError
from mapae.jose.jwks import KeySet
from mapae.jose.key import Key
from mapae.jose.unverified import read_unverified
from mapae.jose.verifier import Verifier

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "vectors" / "hostile"
FILES = sorted(path.stem for path in FOLDER.glob("*.jsonl"))
NOW = 1_800_000_000


def cases(name):
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text().splitlines()]


def verifiers(**options):
    keys = {name: Key.from_jwk(jwk) for name, jwk in json.loads((FOLDER / "keys.json").read_text()).items()}
    public = {name: key if name == "HS256" else key.public() for name, key in keys.items()}
    policy = {"issuer": "https://id.example", "audience": "api"} | options
    alone = {name: Verifier(key, **policy) for name, key in public.items()}
    in_a_set = {name: Verifier(KeySet([key]), **policy) for name, key in public.items()}
    return alone, in_a_set


@pytest.mark.parametrize("name", FILES)
def test_each_token_meets_the_outcome_that_its_file_says(name):
    alone, _ = verifiers(memo_bytes=0)
    wrong = []
    for case in cases(name):
        try:
            alone[case["key"]].check(case["token"], now=NOW)
            code = None
        except TokenError as refused:
            code = refused.code
        if code != case["code"]:
            wrong.append((case["id"], case["why"], case["code"], code))
    assert wrong == []


@pytest.mark.parametrize("name", FILES)
def test_a_set_of_keys_and_a_memo_change_no_outcome(name):
    _, in_a_set = verifiers()
    for case in cases(name) * 2:
        try:
            in_a_set[case["key"]].check(case["token"], now=NOW)
            accepted = True
        except TokenError:
            accepted = False
        assert accepted == (case["code"] is None), case["id"]


@pytest.mark.parametrize("name", FILES)
def test_looking_without_verifying_raises_nothing_foreign_either(name):
    for case in cases(name):
        with contextlib.suppress(TokenError):
            read_unverified(case["token"])


def test_the_corpus_is_large_and_has_controls():
    codes = [case["code"] for name in FILES for case in cases(name)]
    assert sum(code is not None for code in codes) >= 1000
    assert codes.count(None) >= 20


def test_the_files_are_what_the_program_writes(tmp_path):
    spec = importlib.util.spec_from_file_location("make_hostile_tokens", ROOT / "tools" / "make_hostile_tokens.py")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    program.write(tmp_path, json.loads((FOLDER / "keys.json").read_text()))
    assert sorted(path.stem for path in tmp_path.glob("*.jsonl")) == FILES
    for name in FILES:
        assert (tmp_path / f"{name}.jsonl").read_bytes() == (FOLDER / f"{name}.jsonl").read_bytes(), name
