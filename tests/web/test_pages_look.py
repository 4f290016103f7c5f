"""The colours of the pages can be read, in light, in dark, and in anybody's accent (WCAG 2.2, 1.4.3 and 1.4.11)."""

import re
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.errors import SettingsRefused
from mapae.web.pages.assets import assets_for
from mapae.web.pages.look import BRONZE, accent_of, contrast

STYLESHEET = files("mapae.web.pages").joinpath("assets/mapae.css").read_text(encoding="utf-8")
TEXT = ("text", "muted", "accent", "ok", "warn", "bad")


def palette(selector: str) -> dict[str, str]:
    block = STYLESHEET.split(selector + " {", 1)[1].split("}", 1)[0]
    found = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", block))
    return {
        name: value if len(value) == 7 else "#" + "".join(2 * each for each in value[1:])
        for name, value in found.items()
    }


PALETTES = {
    "light": palette(":root"),
    "dark": palette(':root[data-theme="dark"]'),
    "dark by preference": palette(':root:not([data-theme="light"])'),
}


@pytest.mark.parametrize("theme", PALETTES)
def test_every_text_colour_stands_out_from_both_papers(theme):
    colours = PALETTES[theme]
    for name in TEXT:
        for paper in ("bg", "surface"):
            assert contrast(colours[name], colours[paper]) >= 5.6, (name, paper)
    assert contrast(colours["on-accent"], colours["accent"]) >= 5.6


@pytest.mark.parametrize("theme", PALETTES)
def test_the_borders_of_controls_can_be_seen(theme):
    colours = PALETTES[theme]
    assert min(contrast(colours["border"], colours[paper]) for paper in ("bg", "surface")) >= 3


def test_dark_is_the_same_by_choice_and_by_preference():
    assert PALETTES["dark"] == PALETTES["dark by preference"]


def test_contrast_is_that_of_wcag():
    assert contrast("#000000", "#FFFFFF") == contrast("#FFFFFF", "#000000") == 21
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)
    assert contrast("#777777", "#777777") == 1


@pytest.mark.parametrize("colour", ["#FFCC00", "#FFFFFF", "#999999", "bronze", "#12", "#7A4E12;}"])
def test_an_accent_that_could_not_be_read_is_refused(colour):
    with pytest.raises(SettingsRefused):
        accent_of(colour)


@given(st.tuples(*[st.integers(0, 255)] * 3).map(lambda parts: "#{:02X}{:02X}{:02X}".format(*parts)))
def test_an_accepted_accent_can_be_read_everywhere_it_is_used(colour):
    try:
        accent = accent_of(colour)
    except SettingsRefused:
        assert min(contrast(colour, paper) for paper in ("#FBFAF7", "#FFFFFF")) < 4.5
        return
    assert min(contrast(accent.light, paper) for paper in ("#FBFAF7", "#FFFFFF")) >= 4.5
    assert min(contrast(accent.dark, paper) for paper in ("#16130F", "#201C17")) >= 4.5
    assert contrast(accent.on_light, accent.light) >= 4.5
    assert contrast(accent.on_dark, accent.dark) >= 4.5


def test_another_accent_is_another_stylesheet_under_another_name():
    bronze, blue = assets_for(BRONZE), assets_for("#0B5CAD")
    assert bronze.stylesheet.name != blue.stylesheet.name
    assert blue.stylesheet.body.startswith(bronze.stylesheet.body)
    assert b"#0B5CAD" in blue.stylesheet.body
    assert bronze.script == blue.script


def test_the_assets_are_small():
    assets = assets_for(BRONZE)
    assert len(assets.stylesheet.body) < 10_000
    assert len(assets.script.body) < 3_000
    assert len(assets.icon.body) < 2_000
