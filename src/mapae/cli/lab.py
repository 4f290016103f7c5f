"""`mapae lab`: experiments on this machine, with real servers and real requests."""

from __future__ import annotations

import click

from mapae.cli.commands import Group, Verb

VERBS: dict[str, Verb] = {
    "lb": (
        "lab_lb:lb",
        "Sessions and tokens behind a load balancer.",
        "로드 밸런서 뒤에 둔 세션과 토큰을 재요.",
    ),
    "crowd": (
        "lab_crowd:crowd",
        "A crowd at the door, with the gate and without.",
        "사람이 몰릴 때를 문이 있을 때와 없을 때로 재요.",
    ),
}


@click.group(cls=Group, verbs=VERBS, ko="이 컴퓨터에서 진짜 서버로 해 보는 실험이에요.")
def lab() -> None:
    """Experiments on this machine, with real servers and real requests."""
