"""`mapae crack-time`: how long a password holds out against one graphics card, with the sources of the figures."""

from __future__ import annotations

import click

from mapae.accounts.crack_time import SPEEDS, Card, Holdout, candidates, report
from mapae.accounts.spelled_time import spell, spell_scheme
from mapae.cli.commands import command, json_option, option
from mapae.cli.language import language, say
from mapae.cli.output import paint, result, result_json, table

ALPHABETS = {"digits": 10, "lower": 26, "lower+digits": 36, "letters": 52, "letters+digits": 62, "printable": 94}
DICEWARE = 7776


@command(
    ko="비밀번호 해시가 새어 나갔을 때 그래픽 카드 한 장으로 다 풀어 보는 데 걸리는 시간을 계산해요. "
    "비밀번호 자체는 묻지 않아요.",
    examples="""
    mapae crack-time                              # 7 random letters and digits
    mapae crack-time --length 15
    mapae crack-time --words 4
    mapae crack-time --rank 1000000               # a password in a leaked list
    """,
)
@option(
    "--alphabet",
    type=click.Choice(list(ALPHABETS)),
    default="lower+digits",
    show_default=True,
    help="Drawn from.",
    ko="고른 글자의 종류예요.",
)
@option(
    "--length",
    type=click.IntRange(1, 128),
    default=7,
    show_default=True,
    help="Random characters.",
    ko="무작위 글자 수예요.",
)
@option(
    "--words",
    type=click.IntRange(1, 20),
    help="Instead: random words of a list of 7776.",
    ko="대신 7776개 낱말에서 고른 수예요.",
)
@option(
    "--rank",
    type=click.IntRange(1, 10**18),
    help="Instead: its place in a list of guesses.",
    ko="대신 추측 목록에서의 순위예요.",
)
@option(
    "--card",
    type=click.Choice(list(SPEEDS)),
    default="RTX 5090",
    show_default=True,
    help="The attacker's.",
    ko="공격자의 카드예요.",
)
@option(
    "--cards",
    type=click.IntRange(1, 100_000),
    default=1,
    show_default=True,
    help="How many of them.",
    ko="카드의 수예요.",
)
@json_option
def crack_time(
    *, alphabet: str, length: int, words: int | None, rank: int | None, card: Card, cards: int, as_json: bool
) -> None:
    """Say how long a leaked password hash holds out. It never asks for a password.

    The time is for trying every candidate; on average half of it is enough.
    """
    if words is not None and rank is not None:
        raise click.UsageError(say("Give --words or --rank, not both.", "--words와 --rank 가운데 하나만 주세요."))
    if rank is not None:
        guesses, what = rank, say(f"A password at place {rank:,} of a list", f"목록에서 {rank:,}번째인 비밀번호")
    elif words is not None:
        guesses, what = candidates(DICEWARE, words), say(f"{words} random words", f"무작위 낱말 {words}개")
    else:
        guesses = candidates(ALPHABETS[alphabet], length)
        what = say(f"{length} random characters of {alphabet}", f"{alphabet}에서 고른 무작위 글자 {length}개")
    holdouts = report(guesses, card=card)
    if as_json:
        result_json(
            {"guesses": guesses, "card": card, "cards": cards, "schemes": [_member(h, cards) for h in holdouts]}
        )
        return
    title = say(
        f"{what}: {guesses:.3g} candidates, {cards} x {card}", f"{what}: 후보 {guesses:.3g}개, {card} {cards}장"
    )
    result(paint(title, bold=True))
    rows = [(spell_scheme(h.scheme), f"{h.guesses_per_second * cards:,.3g}/s", _spelled(h, cards)) for h in holdouts]
    result(
        table(
            rows,
            head=(say("hashed with", "해시"), say("guesses", "추측"), say("all tried after", "모두 시도")),
            indent="  ",
        )
    )
    result("\n" + _lesson())
    result(paint(say("Sources", "출처"), bold=True))
    sources = dict.fromkeys(source for h in holdouts for source in h.sources)
    result("\n".join(f"  {source.what}\n    {source.url}" for source in sources))
    if any(h.scaled for h in holdouts):
        result(say("  * scaled from the published parameters", "  * 공개된 매개변수에서 환산했어요"))


def _spelled(holdout: Holdout, cards: int) -> str:
    return spell(holdout.seconds / cards, language()) + (" *" if holdout.scaled else "")


def _member(holdout: Holdout, cards: int) -> dict[str, object]:
    return {
        "scheme": spell_scheme(holdout.scheme),
        "guesses_per_second": holdout.guesses_per_second * cards,
        "seconds": holdout.seconds / cards,
        "spelled": spell(holdout.seconds / cards, language()),
        "scaled": holdout.scaled,
        "sources": [source.url for source in holdout.sources],
    }


def _lesson() -> str:
    return say(
        "Changing passwords every 90 days does not help: one more random character multiplies the time by the size\n"
        "of the alphabet, and a password out of a leaked list falls early under any hash. Long and unique counts.\n",
        "90일마다 바꾸는 것은 도움이 되지 않아요. 무작위 글자를 하나 늘리면 시간이 글자 종류의 수만큼 곱해지고,\n"
        "유출 목록에 있는 비밀번호는 어떤 해시로도 금방 풀려요. 길고 다른 곳에서 쓰지 않은 비밀번호가 중요해요.\n",
    )
