"""Pictures: what they hold, for eyes and for screen readers, and that they are well-formed."""

import xml.etree.ElementTree as ET

import pytest

from mapae.lab.chart import Bar, Bars, Line, Lines, draw, steps

SVG = "{http://www.w3.org/2000/svg}"
WAITS = Lines(
    "응답 시간",
    "초",
    [Line("문이 있을 때", [(0, 1.0), (1, 2.0), (2, 3.0)]), Line("<문이 없을 때>", [(0, 1.0), (1, None), (2, 900.0)])],
    band=(0.5, 1.5, "몰리는 동안"),
    logarithmic=True,
)


def texts(picture):
    return ["".join(each.itertext()) for each in ET.fromstring(picture).iter(f"{SVG}text")]


def paths(picture, kind):
    return [each.get("d") for each in ET.fromstring(picture).iter(f"{SVG}path") if kind in each.get("class").split()]


def test_every_word_of_a_picture_is_the_callers():
    assert {"응답 시간", "초", "문이 있을 때", "<문이 없을 때>", "몰리는 동안", "재었어요"} <= set(
        texts(draw([WAITS], notes=["재었어요"]))
    )


def test_a_gap_in_the_values_is_a_gap_in_the_line():
    whole, broken = paths(draw([WAITS]), "l0"), paths(draw([WAITS]), "l1")
    assert len(whole) == 2  # the legend and the line
    assert len(broken) == 3  # the legend and two pieces


def test_tenfold_values_are_equally_far_apart_on_a_logarithmic_axis():
    picture = draw([Lines("a", "b", [Line("c", [(0, 1), (1, 10), (2, 100), (3, 0)])], logarithmic=True)])
    heights = [float(point.split()[1]) for point in paths(picture, "l0")[1][1:].split("L")]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=0.2)
    assert heights[3] == heights[0], "what is below the axis sits on it"


def test_bars_are_ordered_and_in_proportion():
    picture = draw([Bars("Speed", [Bar("theirs", 10, "", ours=False), Bar("ours", 40, "4 x", ours=True)])])
    bars = [(each.get("class"), float(each.get("width"))) for each in ET.fromstring(picture).iter(f"{SVG}rect")]
    assert bars == [("ours", pytest.approx(bars[1][1] * 4)), ("bar", bars[1][1])]


def test_a_screen_reader_hears_the_values():
    spoken = ET.fromstring(draw([WAITS, Bars("Speed", [Bar("ours", 40, "", ours=True)])])).get("aria-label")
    assert spoken == "응답 시간: 문이 있을 때 1-3; <문이 없을 때> 1-900. Speed: ours 40."


def test_panels_of_nothing_are_left_out():
    assert texts(draw([Bars("Nothing", []), Lines("Nothing", "s", [Line("none", [])])])) == []


@pytest.mark.parametrize(
    ("most", "least", "expected"),
    [(10, 0, [0, 2, 4, 6, 8, 10]), (9.1, 0, [0, 2, 4, 6, 8, 10]), (0.05, 0, [0, 0.01, 0.02, 0.03, 0.04, 0.05])],
)
def test_axes_are_named_in_round_steps(most, least, expected):
    assert steps(most, least=least) == pytest.approx(expected)
