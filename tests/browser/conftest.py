"""A real server as a process of its own, and a real Chromium with and without JavaScript.

Screenshots are written to the folder `MAPAE_SCREENSHOTS` names; without it none are kept. A page that breaks the
Content Security Policy, throws, or logs an error fails the test that showed it.
"""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from mapae.web.pages.texts import texts
from servers import PASSWORD, Server, serving

EXPECTED_ERROR = re.compile(r"Failed to load resource: the server responded with a status of 4\d\d")


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("browser") / "mapae-data", MAPAE_PASSWORD_MAX_AGE="90d") as started:
        yield started


@pytest.fixture(scope="module")
def chromium(chromium_path) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path)
        yield browser
        browser.close()


class Visit:
    """One person at one browser: opens pages, fills in forms, takes pictures, and remembers what went wrong."""

    def __init__(self, context: BrowserContext, server: Server, language: str) -> None:
        self.context, self.server, self.language = context, server, language
        self.page: Page = context.new_page()
        self.wrong: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.wrong.append(f"thrown: {error}"))

    def _heard(self, message) -> None:
        if message.type in {"error", "warning"} and not EXPECTED_ERROR.search(message.text):
            self.wrong.append(f"{message.type}: {message.text}")

    def t(self, key: str, **values: object) -> str:
        """The words of the page in the language of this visit."""
        return texts().say(key, self.language, **values)

    def goes_to(self, path: str) -> None:
        self.page.goto(self.server.url + path)

    def fills(self, **fields: str) -> None:
        for name, value in fields.items():
            self.page.locator(f"[name={name}]").fill(value)

    def presses(self, key: str, **values: object) -> None:
        self.page.get_by_role("button", name=self.t(key, **values)).first.click()

    def follows(self, key: str) -> None:
        self.page.get_by_role("link", name=self.t(key)).first.click()

    def sees(self, key: str, **values: object) -> None:
        self.page.get_by_text(self.t(key, **values)).first.wait_for()

    def is_at(self, path: str) -> None:
        self.page.wait_for_url(self.server.url + path)

    def signs_up(self, email: str, password: str = PASSWORD) -> None:
        self.goes_to("/sign-up")
        self.fills(name="홍길동", email=email, password=password)
        self.presses("sign_up.submit")
        self.is_at("/account")

    def signs_in(self, email: str, password: str = PASSWORD) -> None:
        self.goes_to("/sign-in")
        self.fills(email=email, password=password)
        self.presses("sign_in.submit")


@pytest.fixture
def visit(chromium, server) -> Iterator[Callable[..., Visit]]:
    """Open a browser of its own: `visit("ko", javascript=False, scheme="dark", width=320)`."""
    open_visits: list[Visit] = []

    def begin(
        language: str = "en", *, javascript: bool = True, scheme: str = "light", width: int = 1000, **more
    ) -> Visit:
        context = chromium.new_context(
            locale={"en": "en-GB", "ko": "ko-KR"}[language],
            java_script_enabled=javascript,
            color_scheme=scheme,
            viewport={"width": width, "height": 720},
            timezone_id="Asia/Seoul",
            **more,
        )
        context.set_default_timeout(20_000)
        open_visits.append(Visit(context, server, language))
        return open_visits[-1]

    yield begin
    wrong = [each for opened in open_visits for each in opened.wrong]
    for opened in open_visits:
        opened.context.close()
    assert wrong == []


@pytest.fixture
def picture() -> Callable[[Visit, str], None]:
    """Keep a picture of a page, where somebody asked for them."""
    folder = os.environ.get("MAPAE_SCREENSHOTS")

    def take(visit: Visit, name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            visit.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    return take
