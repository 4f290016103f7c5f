"""One page for one reader: its language, its colours, its links, and the answer it becomes.

The environment is built once and compiles every template at once: a mistake in a template stops the start, not a
visitor. Autoescape is on and an undefined name is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from functools import cache
from ipaddress import ip_network
from typing import Final
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mapae.flows.service import Service
from mapae.flows.visitor import Visitor
from mapae.web.attended import attended
from mapae.web.headers import PAGE_HEADERS, headers_for
from mapae.web.pages import moments
from mapae.web.pages.assets import assets_for
from mapae.web.pages.languages import choose_language
from mapae.web.pages.texts import texts
from mapae.web.problems import Language
from mapae.web.requests import Network, read_visitor

LANGUAGE_COOKIE: Final = "__Host-mapae-language"
THEME_COOKIE: Final = "__Host-mapae-theme"
FLASH_COOKIE: Final = "__Host-mapae-flash"

FLASHES: Final = {
    "signed_up": "ok",
    "signed_out": "ok",
    "session_ended": "ok",
    "others_ended": "ok",
    "password_changed": "ok",
    "account_deleted": "ok",
    "set_up_done": "ok",
    "ended": "warn",
    "reused": "warn",
}
"""What the next page may say once, with the colour it says it in."""

_YEAR = 365 * 86_400
_THEMES = ("light", "dark")


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a form comes back.

    Attributes:
        status: 422, or 429 and 503 where waiting helps.
        mistakes: field and sentence; the field "" is the form as a whole.
        retry_after: seconds, where waiting helps.
    """

    status: int
    mistakes: Sequence[tuple[str, str]]
    retry_after: int | None = None


@cache
def environment() -> Environment:
    """Return the environment with every template compiled."""
    made = Environment(
        loader=PackageLoader("mapae.web.pages", "templates"),
        autoescape=select_autoescape(default_for_string=True, default=True),
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["marked"] = marked
    for name in made.list_templates():
        made.get_template(name)
    return made


def marked(text: str) -> Markup:
    """Return `text` with what stands between backticks as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if at % 2 else escape(part) for at, part in enumerate(parts)
    )


class Page:
    """A page about to be written for the sender of `request`.

    Attributes:
        language: one of the settings' languages.
        theme: `light`, `dark`, or empty when the browser decides.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.service: Service = request.app.state.service
        self.settings = self.service.settings
        query, cookies = request.query_params, request.cookies
        self.language = choose_language(
            query.get("lang"),
            remembered=cookies.get(LANGUAGE_COOKIE),
            accept_language=request.headers.get("accept-language", ""),
            offered=self.settings.languages,
        )
        theme = query.get("theme", cookies.get(THEME_COOKIE, ""))
        self.theme = theme if theme in _THEMES else ""
        flash = cookies.get(FLASH_COOKIE, "")
        self.flash = flash if flash in FLASHES else ""

    @property
    def known_language(self) -> Language:
        """The language of this page as the registry of problems names it."""
        return "ko" if self.language == "ko" else "en"

    @property
    def visitor(self) -> Visitor:
        """Whoever sent the request, in the language of this page."""
        seen = read_visitor(self.request.scope, trusted_proxies=trusted_networks(self.settings.trusted_proxies))
        return replace(seen, language=self.language)

    def attended(self) -> AbstractAsyncContextManager[Visitor]:
        """Give the visitor to dear work, which then knows whether they are still there; the form was read before."""
        return attended(self.visitor, self.request.receive)

    def t(self, key: str, **values: object) -> str:
        """Return the text `key` in the language of this page."""
        return texts().say(key, self.language, **values)

    def has(self, key: str) -> bool:
        """Return whether there is a text `key`."""
        return key in texts()

    def path(self, path: str, **query: str) -> str:
        """Return a link to a page of this service, wherever it is mounted; empty query values are left out."""
        wanted = {name: value for name, value in query.items() if value}
        return f"{self.request.scope.get('root_path', '')}{path}{'?' + urlencode(wanted) if wanted else ''}"

    def render(
        self, template: str, values: Mapping[str, object], *, status: int = 200, here: str | None = None
    ) -> Response:
        """Return the answer that `template` makes of `values`.

        Args:
            here: path and query of this page for the language and colour links, where the address the browser shows
                is not it.
        """
        body = environment().get_template(template).render({**self._frame(here), **values})
        response = HTMLResponse(body, status, headers={"content-language": self.language})
        if self.flash:
            _set_cookie(response, FLASH_COOKIE, "", 0)
        return self.dressed(response)

    def form(
        self, template: str, values: Mapping[str, object], *, refused: Rejection | None = None, here: str | None = None
    ) -> Response:
        """Return the answer of a form: fresh, or with what was wrong with it."""
        if refused is None:
            return self.render(template, values, here=here)
        response = self.render(template, {**values, "mistakes": refused.mistakes}, status=refused.status, here=here)
        if refused.retry_after is not None:
            response.headers["retry-after"] = str(refused.retry_after)
        return response

    def redirect(self, path: str, *, flash: str = "", **query: str) -> Response:
        """Send the browser to a page of this service with GET, optionally with something to say there."""
        return self.redirect_to(self.path(path, **query), flash=flash)

    def redirect_to(self, target: str, *, flash: str = "", status: int = 303) -> Response:
        """Send the browser to `target` on this origin (RFC 9110 §15.4.4)."""
        response = RedirectResponse(target, status)
        if flash:
            _set_cookie(response, FLASH_COOKIE, flash, 60)
        return self.dressed(response)

    def dressed(self, response: Response) -> Response:
        """Add the security headers and remember what the reader chose."""
        for name, value in headers_for(PAGE_HEADERS, issuer=self.settings.issuer):
            response.headers[name.decode()] = value.decode()
        query = self.request.query_params
        if query.get("lang") == self.language:
            _set_cookie(response, LANGUAGE_COOKIE, self.language, _YEAR)
        if "theme" in query:
            _set_cookie(response, THEME_COOKIE, self.theme, _YEAR if self.theme else 0)
        return response

    def _frame(self, here: str | None) -> dict[str, object]:
        """Return what every template may use."""
        assets = assets_for(self.settings.accent)
        return {
            "t": self.t,
            "say": lambda key, language: texts().say(key, language),
            "path": self.path,
            "here": lambda **changes: self._here(here, changes),
            "moment": lambda at_ms: moments.moment(at_ms, self.language),
            "assets": {
                "stylesheet": self.path(f"/assets/{assets.stylesheet.name}"),
                "script": self.path(f"/assets/{assets.script.name}"),
                "icon": self.path(f"/assets/{assets.icon.name}"),
            },
            "brand": self.settings.brand,
            "language": self.language,
            "languages": self.settings.languages,
            "theme": self.theme,
            "flash": self.flash,
            "flash_tone": FLASHES.get(self.flash, "ok"),
            "mistakes": (),
        }

    def _here(self, here: str | None, changes: dict[str, str]) -> str:
        if here is not None:
            path, _, query = here.partition("?")
            return f"{path}?{query}{'&' if query else ''}{urlencode(changes)}"
        kept = {name: value for name, value in self.request.query_params.items() if name not in {"lang", "theme"}}
        return f"{self.request.url.path}?{urlencode(kept | changes)}"


@cache
def trusted_networks(proxies: tuple[str, ...]) -> tuple[Network, ...]:
    """Return the networks of the proxies that are believed."""
    return tuple(ip_network(each, strict=False) for each in proxies)


def _set_cookie(response: Response, name: str, value: str, max_age: int) -> None:
    response.set_cookie(name, value, max_age=max_age, path="/", secure=True, httponly=True, samesite="lax")
