"""The program behind `make mutate`: it makes the changes that it says, and puts them into functions that are alive."""

import ast
import functools
import gc
import importlib
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = textwrap.dedent(
    '''
    """A module."""

    LIMIT = 3


    def check(value, name):
        """Check it."""
        if value < LIMIT and name in ("a", "b"):
            raise ValueError("this is for people", name="claim")
        note(value)
        return value + 1


    def closure(limit):
        def inner(value):
            return value < limit

        return inner
    '''
)
CHANGES = {
    "module: constant: 3 -> 4",
    "check: condition: if value < LIMIT and name in ('a', 'b'): -> if True:",
    "check: logic: value < LIMIT and name in ('a', 'b') -> value < LIMIT or name in ('a', 'b')",
    "check: logic: value < LIMIT and name in ('a', 'b') -> name in ('a', 'b')",
    "check: comparison: value < LIMIT -> value <= LIMIT",
    "check: comparison: value < LIMIT -> value >= LIMIT",
    "check: comparison: name in ('a', 'b') -> name not in ('a', 'b')",
    "check: constant: 'a' -> 'aX'",
    "check: raise: raise ValueError('this is for people', name='claim') -> pass",
    "check: argument: ValueError('this is for people', name='claim') -> ValueError('this is for people')",
    "check: constant: 'claim' -> 'claimX'",
    "check: call: note(value) -> pass",
    "check: return: return value + 1 -> return None",
    "check: arithmetic: value + 1 -> value - 1",
}


@pytest.fixture(scope="module")
def tools():
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        return importlib.import_module("mutation.mutants"), importlib.import_module("mutation.exchange")
    finally:
        sys.path.remove(str(ROOT / "tools"))


def test_each_kind_of_change_is_made_once_and_words_for_people_are_left_alone(tools):
    made = list(tools[0].mutants_of(SOURCE))
    names = [mutant.name for mutant in made]
    assert len(set(names)) == len(names)
    assert set(names) >= CHANGES
    assert not any("A module" in name or "Check it" in name or "peopleX" in name for name in names)
    assert {mutant.name for mutant in made if not mutant.in_function} == {
        "module: constant: 3 -> 4", "module: constant: 3 -> 2"
    }  # fmt: skip
    for mutant in made:
        assert ast.dump(mutant.tree) != ast.dump(ast.parse(SOURCE))


@pytest.mark.slow
def test_a_change_reaches_functions_and_closures_that_are_alive(tools, tmp_path):
    path = tmp_path / "module.py"
    path.write_text(SOURCE)
    members = {"note": lambda _value: None}
    exec(compile(SOURCE, str(path), "exec"), members)
    inner = members["closure"](5)
    assert (inner(4), inner(5), members["check"](7, "a")) == (True, False, 8)
    gc.freeze()  # as tests/conftest.py does; the collector then lists nothing of it
    live = tools[1].live_functions(path)
    for mutant in tools[0].mutants_of(SOURCE):
        if mutant.name == "closure.inner: comparison: value < limit -> value <= limit":
            tools[1].exchange(mutant.tree, path, live, mutant.where)
    assert (inner(4), inner(5), members["closure"](6)(6)) == (True, True, True)
    with pytest.raises(tools[1].CannotExchange):
        tools[1].exchange(ast.parse(SOURCE), path, live, "nowhere")


def test_functions_that_keep_results_are_found(tools):
    keeps = functools.cache(lambda value: [value])
    gc.freeze()
    assert any(function is keeps for function in tools[1].cached_functions())


def test_what_makes_no_difference_is_listed_with_a_reason():
    listed = tomllib.loads((ROOT / "tools" / "mutation" / "equivalent.toml").read_text())
    for entries in listed.values():
        for entry in entries:
            assert len(entry["reason"]) > 20
            assert entry["mutants"]
