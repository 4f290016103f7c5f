"""`mapae completion`: the script that lets a shell complete our commands."""

from __future__ import annotations

import click

from mapae.cli.commands import command
from mapae.cli.language import say

HOW = {
    "bash": 'eval "$(mapae completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(mapae completion zsh)"   # in ~/.zshrc',
    "fish": "mapae completion fish > ~/.config/fish/completions/mapae.fish",
}


@command(
    ko="셸이 명령을 완성하게 하는 스크립트를 써요.",
    examples="\n".join(HOW.values()),
)
@click.argument("shell", type=click.Choice(list(HOW)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that lets your shell complete commands with Tab."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(say(f"{shell} is not supported.", f"{shell}은(는) 지원하지 않아요."))
    click.echo(found(ctx.find_root().command, {}, "mapae", "_MAPAE_COMPLETE").source())
