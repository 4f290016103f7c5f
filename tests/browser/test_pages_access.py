"""Every page can be used by everybody: checked with axe-core, with a ruler, and by keyboard (WCAG 2.2 AA)."""

import json
from pathlib import Path

import pytest

from mapae.web.problems import PROBLEMS

from .conftest import PASSWORD, Visit

pytestmark = pytest.mark.slow

OPEN = ("/sign-in", "/sign-up", "/problems", "/problems/busy", "/reference", "/nowhere")
OWN = ("/account", "/account/password", "/account/delete", "/sign-out")
REFUSED = {
    "/sign-in": ({"email": "jane@example.com", "password": "not the right one"}, "sign_in.submit"),
    "/sign-up": ({"email": "jane@", "password": "short"}, "sign_up.submit"),
    "/account/password": ({"current": "", "new": "short"}, "password.submit"),
}
PLACES = [*OPEN, *OWN, "/setup", *(f"{path}, refused" for path in REFUSED)]
LEAST_TARGET = 44

SMALL_TARGETS = """least => [...document.querySelectorAll("a, button, input:not([type=hidden]):not([hidden])")]
    .filter(each => !each.closest(".skip") && !each.closest(".list"))
    .map(each => [each.outerHTML.slice(0, 120), each.getBoundingClientRect()])
    .filter(([, box]) => box.width > 0 && (box.height < least || box.width < 24))
    .map(([html, box]) => `${html} is ${box.width} x ${box.height}`)"""

FOCUS = """() => { const each = document.activeElement, style = getComputedStyle(each);
    return [each.outerHTML.slice(0, 120), parseFloat(style.outlineWidth), style.outlineStyle]; }"""


@pytest.fixture(scope="module")
def axe(node_modules: Path) -> str:
    return (node_modules / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def state(chromium, server):
    """The cookies of somebody with two sessions."""
    context = chromium.new_context(java_script_enabled=False, locale="en-GB")
    Visit(context, server, "en").signs_up("access@example.com")
    other = chromium.new_context(java_script_enabled=False, locale="en-GB", user_agent="curl/8.5.0")
    Visit(other, server, "en").signs_in("access@example.com")
    kept = context.storage_state()
    context.close()
    other.close()
    return kept


def shown(visit, state, place, language, **more) -> Visit:
    """Open `place` as whoever may see it."""
    path, _, refused = place.partition(", ")
    desk = visit(language, storage_state=state if path in OWN else None, **more)
    if path == "/setup":
        desk.page.goto(desk.server.set_up_link)
    else:
        desk.goes_to(path)
    if refused:
        fields, button = REFUSED[path]
        desk.fills(**fields)
        desk.presses(button)
        desk.sees("form.mistakes")
    return desk


def violations(desk: Visit, axe: str) -> list[str]:
    desk.page.evaluate(axe)
    found = desk.page.evaluate(
        "() => axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
    )
    assert found["passes"], "axe has checked nothing"
    return [
        json.dumps([each["id"], each["help"], [node["html"] for node in each["nodes"]]], ensure_ascii=False)
        for each in found["violations"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("place", PLACES)
def test_a_page_passes_axe_and_fits_a_small_window(visit, picture, axe, state, place, language, scheme):  # noqa: PLR0917
    """A window of 320 CSS pixels is also one of 1280 at 400 % (WCAG 1.4.10)."""
    name = place.strip("/").replace("/", "-").replace(", ", "-")
    desk = shown(visit, state, place, language, scheme=scheme)
    picture(desk, f"{name}-{language}-{scheme}-wide")
    assert violations(desk, axe) == []
    desk.page.set_viewport_size({"width": 320, "height": 720})
    picture(desk, f"{name}-{language}-{scheme}-narrow")
    assert desk.page.evaluate("() => document.documentElement.scrollWidth") <= 320
    assert desk.page.evaluate(SMALL_TARGETS, LEAST_TARGET) == []


@pytest.mark.parametrize("place", ["/sign-in", "/account", "/account/password"])
def test_the_keyboard_reaches_every_control_and_one_sees_where_one_is(visit, state, place):
    desk = shown(visit, state, place, "en")
    controls = desk.page.evaluate(
        "() => document.querySelectorAll('a, button, input:not([type=hidden]):not([hidden])').length"
    )
    reached = set()
    for _ in range(controls):
        desk.page.keyboard.press("Tab")
        html, width, style = desk.page.evaluate(FOCUS)
        assert (width >= 2, style) == (True, "solid"), html
        reached.add(desk.page.evaluate("() => [...document.querySelectorAll('*')].indexOf(document.activeElement)"))
    assert len(reached) == controls


def test_a_mistake_is_tied_to_its_field_and_listed_first(visit, state):
    desk = shown(visit, state, "/sign-up, refused", "en")
    password = desk.page.locator("#password")
    assert password.get_attribute("aria-describedby") == "password-wrong password-hint"
    assert password.get_attribute("aria-invalid") == "true"
    for described in ("password-wrong", "password-hint"):
        assert desk.page.locator(f"#{described}").is_visible()
    assert desk.page.title().startswith(desk.t("form.title_mistake"))
    desk.page.get_by_role("link", name=desk.t("mistake.email_invalid")).click()
    assert desk.page.evaluate("() => document.activeElement.id") == "email"


def test_motion_is_reduced_and_forced_colours_are_respected(visit, picture, state):
    desk = shown(visit, state, "/account", "ko", forced_colors="active", reduced_motion="reduce")
    picture(desk, "account-ko-forced-colours")
    button = desk.page.get_by_role("button").first
    assert button.evaluate("each => getComputedStyle(each).borderTopStyle") == "solid"
    assert desk.page.evaluate("() => document.getAnimations().length") == 0


def test_the_registry_of_problems_is_reachable_from_each_of_its_pages(visit):
    desk = visit(javascript=False)
    for code in list(PROBLEMS)[:3]:
        desk.goes_to(f"/problems/{code}")
        desk.follows("problem.all")
        desk.is_at("/problems")


def test_a_password_is_never_written_back_into_a_page(visit, state):
    desk = shown(visit, state, "/sign-in, refused", "en", javascript=False)
    assert "not the right one" not in desk.page.content()
    assert PASSWORD not in desk.page.content()
