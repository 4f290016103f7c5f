"""`mapae token`: look into, verify and sign tokens. Each verb is imported when it is called."""

from __future__ import annotations

import click

from mapae.cli.commands import Group

VERBS = {
    "inspect": ("token_inspect:inspect", "Look into a token; verifies nothing.", "토큰을 살펴봐요. 검증하지는 않아요."),
    "verify": ("token_verify:verify", "Check signature and claims.", "서명과 클레임을 검증해요."),
    "sign": ("token_sign:sign", "Sign claims with a key of yours.", "내 키로 클레임에 서명해요."),
}


@click.group(cls=Group, verbs=VERBS, ko="토큰을 살펴보고 검증하고 서명해요.")
def token() -> None:
    """Inspect, verify and sign tokens."""
