"""Every parser, under any input: the targets of `make fuzz`, from their own seeds and with a few changes to them."""

import importlib
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def targets():
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        return importlib.import_module("fuzzing.targets").TARGETS
    finally:
        sys.path.remove(str(ROOT / "tools"))


NAMES = (
    "jws", "signed", "unverified", "inspect", "jwk", "jwks", "key-file", "jwe", "nested", "dpop", "sd-jwt", "detached",
    "status-list", "refresh", "session", "json", "date", "base64url",
)  # fmt: skip


@pytest.mark.slow
def test_each_target_is_tried_here_and_by_make_fuzz(targets):
    command = (ROOT / "tools" / "fuzz.py").read_text()
    assert tuple(targets) == NAMES
    assert all(f'"{name}"' in command for name in NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@given(change=st.tuples(st.integers(0), st.integers(0), st.integers(0, 40), st.binary(max_size=40)))
def test_a_changed_seed_keeps_every_promise(targets, name, change):
    place, at, drop, put = change
    seeds = _seeds(targets[name])
    seed = seeds[place % len(seeds)]
    at %= len(seed) + 1
    targets[name].run(seed[:at] + put + seed[at + drop :])


@pytest.mark.parametrize("name", NAMES)
@given(octets=st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
@pytest.mark.slow
def test_any_octets_keep_every_promise(targets, name, octets):
    targets[name].run(octets)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_each_seed_keeps_every_promise(targets, name):
    for seed in _seeds(targets[name]):
        targets[name].run(seed)


_MADE: dict[str, list[bytes]] = {}


def _seeds(target):
    if target.name not in _MADE:
        _MADE[target.name] = sorted(set(target.seeds()))
    return _MADE[target.name]
