"""`mapae admin`: the first administrator, by a one-time link or at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mapae.cli.commands import Group, command, json_option
from mapae.cli.language import say
from mapae.cli.options import settings_options
from mapae.cli.output import result, result_json, talk
from mapae.cli.service import inside
from mapae.flows.admin_link import LIFETIME_MS, admin_exists, create_admin_link
from mapae.settings import Settings

if TYPE_CHECKING:
    from mapae.flows.service import Service

VERBS = {
    "create": ("admin_create:create", "Make an administrator now.", "관리자를 바로 만들어요."),
    "link": ("admin:link", "A one-time link to make one.", "관리자를 만드는 일회용 링크를 써요."),
}


@click.group(cls=Group, verbs=VERBS, ko="첫 관리자를 만들어요.")
def admin() -> None:
    """The first administrator."""


@command(ko="관리자를 만드는 링크를 써요. 30분 안에 한 번만 쓸 수 있고, 앞서 만든 링크는 못 쓰게 돼요.")
@settings_options()
@json_option
def link(settings: Settings, *, as_json: bool) -> None:
    """Print a link that makes an administrator. It works once, for 30 minutes; an earlier one stops working."""

    async def work(service: Service) -> tuple[str, bool]:
        return await create_admin_link(service), await admin_exists(service)

    url, another = inside(settings, work)
    if as_json:
        result_json({"url": url, "lifetime_seconds": LIFETIME_MS // 1000, "admin_exists": another})
        return
    result(url)
    talk(say("It works once, within 30 minutes.", "30분 안에 한 번만 쓸 수 있어요."))
    if another:
        talk(
            say(
                "There is an administrator already; this makes another one.",
                "관리자가 이미 있어요. 한 명 더 만들게 돼요.",
            )
        )
