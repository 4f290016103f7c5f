"""`mapae config`: which settings hold, where each came from, and whether all are right."""

from __future__ import annotations

import click

from mapae.cli.commands import Group, command, json_option, option
from mapae.cli.language import say
from mapae.cli.options import settings_options
from mapae.cli.output import paint, result, result_json, table
from mapae.settings import SETTINGS, Settings, text_of

VERBS = {
    "show": ("config:show", "All settings and where each came from.", "모든 설정과 그 출처를 보여 줘요."),
    "check": ("config:check", "Check them; every mistake at once.", "설정을 검사해 틀린 곳을 모두 알려 줘요."),
}


@click.group(cls=Group, verbs=VERBS, ko="설정을 보고 검사해요.")
def config() -> None:
    """Show and check the settings."""


@command(
    ko="모든 설정과 그 값이 온 곳을 보여 줘요. 비밀 값은 보여 주지 않아요.",
    examples="""
    mapae config show
    mapae config show --help-texts
    mapae config show --json | jq .settings.issuer
    """,
)
@option(
    "--help-texts", "help_texts", is_flag=True, help="Also say what each setting does.", ko="설정마다 설명도 보여 줘요."
)
@settings_options(every=True)
@json_option
def show(settings: Settings, *, help_texts: bool, as_json: bool) -> None:
    """Show every setting, its value and where it came from. Secrets are left out."""
    if as_json:
        members = {
            name: {"value": text_of(settings, name), "origin": settings.origin(name), "default": setting.default}
            for name, setting in SETTINGS.items()
        }
        result_json({"settings": members})
        return
    group = ""
    lines: list[str] = []
    width = max(len(name) for name in SETTINGS)
    values = max(len(text_of(settings, name)) for name in SETTINGS)
    for name, setting in SETTINGS.items():
        if setting.group != group:
            group = setting.group
            lines.append(paint(f"{'' if not lines else chr(10)}# {group}", bold=True))
        lines.append(f"{name:<{width}}  {text_of(settings, name):<{min(values, 40)}}  {settings.origin(name)}")
        if help_texts:
            lines.append(f"{'':<{width}}  {say(setting.en, setting.ko)} ({setting.kind.form})")
    result("\n".join(lines))


@command(ko="설정을 검사해요. 틀린 곳이 있으면 파일과 줄을 모두 알려 주고 2로 끝나요.")
@settings_options(every=True)
@json_option
def check(settings: Settings, *, as_json: bool) -> None:
    """Check the settings. Every mistake is listed with file and line, and the exit code is 2."""
    sources = sorted({origin.partition(":")[0] for origin in settings.origins.values()})
    changed = [(name, text_of(settings, name), settings.origin(name)) for name in settings.origins]
    if as_json:
        result_json({"valid": True, "set": {name: {"value": value, "origin": at} for name, value, at in changed}})
        return
    count = len(changed)
    result(say(f"The settings are right; {count} differ from the defaults.", f"설정이 올바라요. {count}개를 바꿨어요."))
    if sources:
        result(table(changed, indent="  "))
