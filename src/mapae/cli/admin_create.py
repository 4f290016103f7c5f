"""`mapae admin create`: the same as `mapae user create --admin`."""

from __future__ import annotations

from functools import partial

from mapae.cli.commands import Command
from mapae.cli.user import create as create_user

assert create_user.callback is not None  # noqa: S101  # for the type checker: a command always has one

create = Command(
    name="create",
    callback=partial(create_user.callback, admin=True),
    params=[each for each in create_user.params if each.name != "admin"],
    help="Make an administrator. The password is asked for, or read from a file or standard input.",
    ko="관리자를 만들어요. 비밀번호는 묻거나 파일, 표준 입력에서 읽어요.",
)
