"""`mapae serve` and `mapae dev`: run the service in the foreground until a signal ends it."""

from __future__ import annotations

import sys
from dataclasses import replace

from mapae.cli.commands import command
from mapae.cli.language import say
from mapae.cli.options import settings_options
from mapae.cli.output import talk
from mapae.errors import Mistake, SettingsRefused
from mapae.settings import Settings


@command(
    ko="서비스를 시작해요. SIGTERM을 받으면 하던 일을 마치고 0으로 끝나요.",
    examples="""
    mapae serve
    mapae serve --port 9000 --workers 4
    MAPAE_ISSUER=https://id.example.com mapae serve --host 0.0.0.0
    """,
)
@settings_options(every=True)
def serve(settings: Settings) -> None:
    """Run the service until SIGTERM or Ctrl-C; what is in flight is finished first.

    Every setting is a flag too; `mapae config show --help-texts` explains them. On an empty database a one-time link
    to make the first administrator is printed.
    """
    _run(settings)


@command(
    ko="개발용으로 시작해요. 이 컴퓨터에서만 열리고 로그를 읽기 쉽게 써요.",
    examples="""
    mapae dev
    mapae dev --port 9000
    """,
)
@settings_options(every=True)
def dev(settings: Settings) -> None:
    """Run the service for development: readable log, everything in it, and reachable from this machine only."""
    mistakes = []
    for name, fine in (("host", settings.host_is_loopback), ("issuer", settings.issuer_is_loopback)):
        if not fine:
            what = "mapae dev is for this machine only: use a loopback address, or `mapae serve`"
            mistakes.append(Mistake(settings.origin(name), name, what))
    if mistakes:
        raise SettingsRefused(mistakes)
    level = settings.log_level if "log_level" in settings.origins else "debug"
    talk(say("Development: this machine only.", "개발용이에요. 이 컴퓨터에서만 열려요."))
    _run(replace(settings, log_format="text", log_level=level))


def _run(settings: Settings) -> None:
    from mapae.web.server import serve as serve_http

    sys.exit(serve_http(settings))
