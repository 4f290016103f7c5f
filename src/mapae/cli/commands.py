"""Click's classes with what ours need beyond them: late loading, two languages, suggestions, exit codes."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import click

from mapae.cli.language import say
from mapae.errors import MapaeError, SettingsRefused

_ID = re.compile(r"-(?:[\w-]{21}|[\w-]{42})", re.ASCII)
"""An id of 128 bits, or a thumbprint of 256, in base64url, that happens to begin like an option."""
Verb = tuple[str, str, str]
"""Where a command is ("module:name"), and its line of help in English and Korean."""


class Option(click.Option):
    """An option whose help is in two languages."""

    def __init__(self, *args: Any, ko: str = "", **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.en, self.ko = self.help or "", ko

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the flag and its help in the caller's language."""
        self.help = say(self.en, self.ko or self.en)
        return super().get_help_record(ctx)


class Command(click.Command):
    """A command whose help is in two languages, and whose examples keep their lines."""

    def __init__(self, *args: Any, ko: str = "", examples: str = "", **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.en, self.ko, self.examples = self.help or "", ko, examples

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; an id or a key's id is one of them even if its first letter is a dash."""
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            mistaken = [each for each in given if _ID.fullmatch(each) and each.startswith(error.option_name)]
            if not mistaken:
                raise
            rest = [each for each in given if each != mistaken[0]]
            return super().parse_args(ctx, [*rest, "--", mistaken[0]])

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help, in the caller's language, and the examples."""
        self.help = say(self.en, self.ko or self.en)
        super().format_help_text(ctx, formatter)
        if self.examples:
            with formatter.section(say("Examples", "예")), formatter.indentation():
                for line in self.examples.strip().splitlines():
                    formatter.write(f"{'':>{formatter.current_indent}}{line.strip()}\n")


class Group(click.Group):
    """Commands that are imported when they are called, so that `token inspect` does not wait for the server.

    Attributes:
        verbs: the commands by name, in the order of the help.
    """

    def __init__(self, *args: Any, verbs: Mapping[str, Verb], ko: str = "", **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **kwargs)
        self.verbs, self.en, self.ko = verbs, self.help or "", ko

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names of the commands."""
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command `cmd_name`."""
        if cmd_name not in self.verbs:
            return None
        module, _, name = self.verbs[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(f"mapae.cli.{module}"), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or refuse with the nearest name."""
        if args and args[0] not in self.verbs and not args[0].startswith("-"):
            near = get_close_matches(args[0], self.verbs, n=1, cutoff=0.5)
            hint = say(f" Did you mean {near[0]}?", f" 혹시 {near[0]}인가요?") if near else ""
            raise click.UsageError(say(f"No such command {args[0]!r}.", f"{args[0]!r}라는 명령은 없어요.") + hint, ctx)
        return super().resolve_command(ctx, args)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help in the caller's language."""
        self.help = say(self.en, self.ko or self.en)
        super().format_help_text(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section(say("Commands", "명령")):
            formatter.write_dl([(name, say(en, ko)) for name, (_, en, ko) in self.verbs.items()])


class Root(Group):
    """The program itself: errors become one message and an exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Run the command line `args` and exit with its code."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, False, windows_expand_args=windows_expand_args, **extra)
        given = list(sys.argv[1:] if args is None else args)
        try:
            code = super().main(given, prog_name, complete_var, standalone_mode=False, **extra)
        except click.ClickException as error:
            code = _complain(error.format_message(), error.exit_code, "usage", given, usage=error)
        except SettingsRefused as error:
            from mapae.cli.exits import USAGE

            mistakes = [{"where": m.where, "name": m.name, "what": m.what} for m in error.mistakes]
            code = _complain(str(error), USAGE, error.code, given, mistakes=mistakes)
        except MapaeError as error:
            from mapae.cli.exits import exit_code
            from mapae.cli.storage_words import told

            message = str(error) if "--json" in given else told(error)
            code = _complain(message, exit_code(error), error.code, given)
        except click.Abort:
            click.echo(say("Stopped.", "멈췄어요."), err=True)
            code = 130
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 0
        sys.exit(code if isinstance(code, int) else 0)


def _complain(
    message: str,
    code: int,
    name: str,
    given: Sequence[str],
    *,
    usage: click.ClickException | None = None,
    mistakes: Sequence[Mapping[str, str]] = (),
) -> int:
    if "--json" in given:
        from mapae.cli.output import result_json

        listed = {"mistakes": list(mistakes)} if mistakes else {}
        result_json({"error": {"code": name, "reason": message, "exit": code, **listed}})
    elif usage is not None:
        usage.show()
    else:
        click.echo(message if mistakes else f"{message} [{name}]", err=True)
    return code


def option(*names: str, ko: str = "", **kwargs: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:  # noqa: ANN401
    """Add an option with help in two languages."""
    return click.option(*names, cls=Option, ko=ko, **kwargs)


def command(
    *,
    ko: str,
    examples: str = "",
    **kwargs: Any,  # noqa: ANN401
) -> Callable[[Callable[..., None]], click.Command]:
    """Make a command; its docstring is the English help."""
    return click.command(cls=Command, ko=ko, examples=examples, **kwargs)


def json_option(function: Callable[..., None]) -> Callable[..., None]:
    """Add `--json`, which the function gets as `as_json`."""
    return option(
        "--json", "as_json", is_flag=True, help="Print JSON for programs.", ko="프로그램이 읽을 JSON으로 써요."
    )(function)
