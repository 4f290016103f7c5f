"""The table of RFC 8725bis: every point has tests, and they exist."""

import re
import tomllib
from pathlib import Path

TESTS = Path(__file__).parents[1]
POINTS = tomllib.loads((TESTS / "requirements" / "rfc8725bis.toml").read_text())["point"]


def test_every_point_of_section_3_is_there():
    assert [point["section"] for point in POINTS] == [f"3.{number}" for number in range(1, 16)]


def test_every_named_test_exists():
    for point in POINTS:
        assert point["tests"], point["section"]
        for name in point["tests"]:
            path, _, function = name.partition("::")
            assert re.search(rf"^def {function}\(", (TESTS / path).read_text(), re.MULTILINE), name
