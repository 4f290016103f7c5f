"""`mapae doctor`: look at everything, change nothing, one cure a line."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator, Sequence

from mapae.cli.checkup import (
    Check,
    check_address,
    check_board,
    check_certificate,
    check_choices,
    check_clock,
    check_database,
    check_files,
)
from mapae.cli.commands import command, json_option, option
from mapae.cli.exits import USAGE
from mapae.cli.language import say
from mapae.cli.options import read_settings
from mapae.cli.output import paint, result, result_json
from mapae.errors import SettingsRefused
from mapae.settings import SETTINGS, Settings, text_of

_SIGNS = {"well": ("✓", "green"), "note": ("!", "yellow"), "trouble": ("✕", "red")}


@command(
    ko="설정, 파일 권한, git, 시계, 키, 데이터베이스를 살펴보고 고치는 방법을 한 줄씩 알려 줘요. "
    "아무것도 바꾸지 않아요.",
    examples="""
    mapae doctor
    mapae doctor --json | jq '.checks[] | select(.state != "well")'
    """,
)
@option("--config", metavar="FILE", help="The settings file.", ko="설정 파일이에요.")
@json_option
def doctor(*, config: str | None, as_json: bool) -> None:
    """Look for trouble and name one cure a line. Nothing is changed. Exits with 2 when there is trouble.

    With --json this is what to attach to a question: secrets are [REDACTED].
    """
    try:
        settings = read_settings({}, config)
    except SettingsRefused as refused:
        cure = say("correct it there", "그곳을 고치세요")
        _report(
            [Check(f"setting {m.name}", "trouble", f"{m.where}: {m.what}", cure) for m in refused.mistakes],
            None,
            as_json,
        )
    else:
        _report(_all(settings), settings, as_json)


def _all(settings: Settings) -> list[Check]:
    now = time.time()
    count = len(settings.origins)
    what = say(f"all right; {count} differ from the defaults", f"모두 올바라요. 기본값과 다른 것은 {count}개예요")
    return [
        Check("settings", "well", what),
        *reachable(check_files(settings)),
        *check_clock(now),
        *asyncio.run(check_database(settings, now)),
        *asyncio.run(check_board(settings)),
        *check_address(settings),
        *check_certificate(settings, now),
        *check_choices(settings),
    ]


def reachable(checks: Iterator[Check]) -> list[Check]:
    """Carry out checks of files; a directory that cannot be entered is one more trouble."""
    found: list[Check] = []
    try:
        found.extend(checks)
    except OSError as error:
        cure = say("run it as the user that runs the service", "서비스를 실행하는 사용자로 실행하세요")
        found.append(Check("files", "trouble", f"{error.filename}: {error.strerror}", cure))
    return found


def _report(checks: Sequence[Check], settings: Settings | None, as_json: bool) -> None:
    trouble = any(check.state == "trouble" for check in checks)
    if as_json:
        listed = [{"name": c.name, "state": c.state, "what": c.what, "cure": c.cure or None} for c in checks]
        result_json({"well": not trouble, "checks": listed, **_surroundings(settings)})
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            sign, colour = _SIGNS[check.state]
            cure = f"  ->  {check.cure}" if check.cure else ""
            result(f"{paint(sign, colour, bold=True)} {check.name:<{width}}  {check.what}{cure}")
    if trouble:
        sys.exit(USAGE)


def _surroundings(settings: Settings | None) -> dict[str, object]:
    import platform

    from mapae import __version__

    around: dict[str, object] = {
        "mapae": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "variables": {name: "[REDACTED]" for name in sorted(os.environ) if name.startswith("MAPAE_")},
    }
    if settings is not None:
        values = {
            name: "[REDACTED]" if setting.secret and name in settings.origins else text_of(settings, name)
            for name, setting in SETTINGS.items()
        }
        around["settings"] = values
    return around
