"""The pages people see: server-rendered, complete without JavaScript, in English and Korean.

`routes` lists them for the application; `render_problem` is the page a failed request becomes.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import BaseRoute, Route

from mapae.web.pages import account, enter, explain, reference, wait
from mapae.web.pages.assets import asset, assets_for, client, favicon
from mapae.web.pages.explain import render_problem
from mapae.web.pages.page import environment
from mapae.web.pages.signed_in import Endpoint, for_anyone, for_signed_in
from mapae.web.pages.texts import texts

__all__ = ["assets_for", "render_problem", "routes"]

_FORM = ("GET", "POST")
_ACTION = ("POST",)


def routes() -> list[BaseRoute]:
    """Return every page; the templates and texts are read here, so a mistake in one of them stops the start."""
    environment()
    texts()
    return [
        _route("/", for_anyone(enter.start)),
        _route("/sign-in", for_anyone(enter.sign_in), methods=_FORM),
        _route("/sign-up", for_anyone(enter.sign_up), methods=_FORM),
        _route("/wait", for_anyone(wait.wait)),
        _route("/sign-out", for_signed_in(enter.sign_out), methods=_FORM),
        _route("/setup", for_anyone(enter.set_up), methods=_FORM),
        _route("/account", for_signed_in(account.account)),
        _route("/account/password", for_signed_in(account.change_password), methods=_FORM),
        _route("/account/delete", for_signed_in(account.delete_account), methods=_FORM),
        _route("/account/sessions/end-others", for_signed_in(account.end_others), methods=_ACTION),
        _route("/account/sessions/{sid}/end", for_signed_in(account.end_one), methods=_ACTION),
        _route("/.well-known/change-password", for_anyone(account.change_password_well_known)),
        _route("/problems", for_anyone(explain.problems)),
        _route("/problems/{code}", for_anyone(explain.problem)),
        _route("/reference", for_anyone(reference.reference)),
        _route("/assets/{name}", asset),
        _route("/favicon.ico", favicon),
        _route("/mapae.js", client),
        _route("/mapae.d.ts", client),
    ]


def _route(path: str, endpoint: Endpoint, *, methods: Sequence[str] = ("GET",)) -> Route:
    return Route(path, endpoint, methods=list(methods))
