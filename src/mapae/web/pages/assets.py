"""The stylesheet, the script and the icon: named by their content, so that browsers may keep them for ever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from types import MappingProxyType

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mapae.web.headers import PAGE_HEADERS
from mapae.web.pages.look import BRONZE, Accent, accent_of


@dataclass(frozen=True, slots=True)
class Asset:
    """One file for browsers."""

    name: str
    media_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Assets:
    """What every page links to."""

    stylesheet: Asset
    script: Asset
    icon: Asset

    def by_name(self) -> Mapping[str, Asset]:
        """Return the assets by the name in their URL."""
        return MappingProxyType({each.name: each for each in (self.stylesheet, self.script, self.icon)})


@cache
def assets_for(accent: str) -> Assets:
    """Return the assets of a service whose accent colour is `accent`.

    Raises:
        SettingsRefused: text in that colour could not be read.
    """
    stylesheet = _read("mapae.css")
    if accent.upper() != BRONZE:
        stylesheet += _in_accent(accent_of(accent)).encode()
    return Assets(
        stylesheet=_asset("mapae", "css", media_type="text/css; charset=utf-8", body=stylesheet),
        script=_asset("mapae", "mjs", media_type="text/javascript; charset=utf-8", body=_read("mapae.mjs")),
        icon=_asset("mapae", "svg", media_type="image/svg+xml", body=_read("favicon.svg")),
    )


async def asset(request: Request) -> Response:
    """Answer with one asset; its name changes when its content does, so the answer never expires."""
    found = assets_for(request.app.state.service.settings.accent).by_name().get(request.path_params["name"])
    if found is None:
        raise HTTPException(404)
    headers = {"cache-control": "public, max-age=31536000, immutable", "x-content-type-options": "nosniff"}
    headers["content-security-policy"] = dict(PAGE_HEADERS)[b"content-security-policy"].decode()
    headers["cross-origin-resource-policy"] = "same-origin"
    return Response(found.body, media_type=found.media_type, headers=headers)


async def client(request: Request) -> Response:
    """Answer with the client for scripts, or its types, under a name that stays: browsers ask now and then."""
    typed = request.url.path.endswith(".d.ts")
    found = _asset("client", "d.ts", media_type="text/plain; charset=utf-8", body=_read("client.d.ts"))
    if not typed:
        found = _asset("client", "mjs", media_type="text/javascript; charset=utf-8", body=_read("client.mjs"))
    headers = {"cache-control": "public, max-age=300", "etag": f'"{found.name}"', "x-content-type-options": "nosniff"}
    headers["cross-origin-resource-policy"] = "same-origin"
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(status_code=304, headers=headers)
    return Response(found.body, media_type=found.media_type, headers=headers)


async def favicon(request: Request) -> Response:
    """Send browsers that ask for the old name to the icon."""
    name = assets_for(request.app.state.service.settings.accent).icon.name
    return RedirectResponse(f"{request.scope.get('root_path', '')}/assets/{name}", 302)


def _read(name: str) -> bytes:
    return files("mapae.web.pages").joinpath("assets", name).read_bytes()


def _asset(stem: str, ending: str, *, media_type: str, body: bytes) -> Asset:
    return Asset(f"{stem}.{sha256(body).hexdigest()[:12]}.{ending}", media_type, body)


def _in_accent(accent: Accent) -> str:
    light = f"--accent:{accent.light};--on-accent:{accent.on_light}"
    dark = f"--accent:{accent.dark};--on-accent:{accent.on_dark}"
    return (
        f':root{{{light}}}@media(prefers-color-scheme:dark){{:root:not([data-theme="light"]){{{dark}}}}}'
        f':root[data-theme="dark"]{{{dark}}}\n'
    )
