"""The command `mapae`: which commands there are, and what to do with none."""

from __future__ import annotations

import sys

import click

from mapae.cli.commands import Root
from mapae.cli.language import say

VERBS = {
    "serve": ("serve:serve", "Run the service.", "서비스를 시작해요."),
    "dev": ("serve:dev", "Run it for development, on this machine only.", "개발용으로 이 컴퓨터에서만 시작해요."),
    "doctor": ("doctor:doctor", "Look for trouble; one cure a line.", "문제를 찾고 고치는 방법을 한 줄씩 알려요."),
    "explain": ("explain:explain", "Say what an error code means.", "오류 코드의 뜻을 알려요."),
    "token": ("token:token", "Inspect, verify and sign tokens.", "토큰을 살펴보고 검증하고 서명해요."),
    "key": ("key:key", "Signing keys: list, make, rotate, retire.", "서명 키를 보고 만들고 바꾸고 거둬요."),
    "user": ("user:user", "Accounts: list, show, create, disable, import.", "계정을 보고 만들고 막고 가져와요."),
    "session": ("session:session", "Sessions: list and revoke.", "세션을 보고 끊어요."),
    "gate": ("gate:gate", "The waiting line: look, open, close.", "대기 줄을 보고 열고 닫아요."),
    "bench": ("bench:bench", "What this machine and database can do.", "이 컴퓨터와 데이터베이스의 속도를 재요."),
    "calibrate": ("calibrate:calibrate", "How many sign-ins fit here.", "로그인을 얼마나 받을 수 있는지 재요."),
    "activity": ("activity:activity", "What happened: filter and count.", "일어난 일을 골라 보고 세요."),
    "admin": ("admin:admin", "The first administrator.", "첫 관리자를 만들어요."),
    "config": ("config:config", "Show and check the settings.", "설정을 보고 검사해요."),
    "migrate": ("migrate:migrate", "The tables of the database.", "데이터베이스의 표를 맞춰요."),
    "backup": (
        "backup:backup",
        "Save database and secret in one file.",
        "데이터베이스와 비밀 값을 한 파일에 담아요.",
    ),
    "restore": ("backup:restore", "Bring a backup back.", "백업을 되돌려요."),
    "health": ("health:health", "Ask the running service whether it is well.", "실행 중인 서비스가 괜찮은지 물어요."),
    "crack-time": ("crack_time:crack_time", "How long a password holds out.", "비밀번호가 얼마나 버티는지 계산해요."),
    "lab": ("lab:lab", "Experiments with real servers.", "진짜 서버로 해 보는 실험이에요."),
    "completion": ("completion:completion", "Tab completion for your shell.", "셸에서 탭으로 완성해 줘요."),
}

WHAT_NOW_EN = """\
Mapae: authentication for Python.

  mapae serve                   start the service
  mapae admin link              a one-time link to make the first administrator
  mapae user list               who has an account
  mapae user create EMAIL       make an account
  mapae token inspect           look into a token that you paste
  mapae doctor                  is everything all right?
  mapae explain CODE            what an error means

  Settings come from flags, MAPAE_* variables and mapae.toml; `mapae config show` lists them.
  All commands: mapae --help\
"""

WHAT_NOW_KO = """\
마패: 파이썬을 위한 인증이에요.

  mapae serve                   서비스를 시작해요
  mapae admin link              첫 관리자를 만드는 일회용 링크예요
  mapae user list               누가 가입했는지 봐요
  mapae user create 이메일      계정을 만들어요
  mapae token inspect           붙여 넣은 토큰을 살펴봐요
  mapae doctor                  문제가 없는지 봐요
  mapae explain 코드            오류의 뜻을 알려요

  설정은 플래그, MAPAE_* 변수, mapae.toml에서 읽어요. `mapae config show`로 볼 수 있어요.
  모든 명령: mapae --help\
"""


def _version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted:
        from mapae import __version__

        click.echo(f"mapae {__version__}")
        ctx.exit()


@click.group(
    cls=Root,
    verbs=VERBS,
    ko="마패: 파이썬을 위한 인증 서비스예요.",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
@click.pass_context
def mapae(ctx: click.Context) -> None:
    """Mapae: authentication for Python backends."""
    if ctx.invoked_subcommand is not None:
        return
    if sys.stdout.isatty():
        click.echo(say(WHAT_NOW_EN, WHAT_NOW_KO))
    else:
        click.echo(ctx.get_help())


def main() -> None:
    """Run `mapae` with the arguments of this process."""
    mapae(prog_name="mapae")
