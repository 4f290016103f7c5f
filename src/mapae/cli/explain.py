"""`mapae explain`: what an error code means and what to do, without a network."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

from mapae import errors
from mapae.cli.commands import command, json_option
from mapae.cli.language import language, say
from mapae.cli.output import paint, result, result_json, table

if TYPE_CHECKING:
    from mapae.cli.token_error_words import CauseAndCure


@command(
    ko="오류 코드의 뜻과 할 일을 알려 줘요. 코드를 주지 않으면 모두 보여 줘요.",
    examples="""
    mapae explain token_expired
    mapae explain
    """,
)
@click.argument("code", required=False)
@json_option
def explain(*, code: str | None, as_json: bool) -> None:
    """Say what an error code means and what to do; without CODE, list them all."""
    from mapae.cli.token_error_words import WORDS
    from mapae.jose.lint_words import FINDINGS
    from mapae.web.problems import PROBLEMS

    if code is None:
        _list(as_json)
        return
    wanted = code.strip().rstrip("/").rpartition("/")[2]
    if problem := PROBLEMS.get(wanted):
        title, advice = problem.title.into(language()), problem.advice.into(language())
        library = _in_the_library(wanted, WORDS[wanted]) if wanted in WORDS else {}
        if as_json:
            result_json({"code": wanted, "status": problem.status, "title": title, "advice": advice, **library})
        else:
            result(f"{paint(wanted, bold=True)}  HTTP {problem.status}\n{title}\n{advice}")
        if library and not as_json:
            result(f"\n{library['class']}")
            result(f"{say('Why:', '까닭:')} {library['why']}\n{say('Cure:', '고치는 법:')} {library['cure']}")
    elif wanted in FINDINGS:
        severity, en, ko = FINDINGS[wanted]
        text = say(en, ko).replace("{name}", say("a claim", "클레임"))
        if as_json:
            result_json({"code": wanted, "severity": severity, "title": text})
        else:
            result(f"{paint(wanted, bold=True)}  {severity}\n{text}")
    else:
        near = get_close_matches(wanted, [*PROBLEMS, *FINDINGS], n=1, cutoff=0.5)
        hint = say(f" Did you mean {near[0]}?", f" 혹시 {near[0]}인가요?") if near else ""
        raise click.UsageError(say(f"No such code {wanted!r}.", f"{wanted!r}라는 코드는 없어요.") + hint)


def _in_the_library(code: str, words: CauseAndCure) -> dict[str, str]:
    """Return the class that carries `code` in a program, why it is raised, and what to do."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.MapaeError)]
    name = next(kind.__name__ for kind in kinds if kind.code == code)
    why, cure = say(words.why_en, words.why_ko), say(words.cure_en, words.cure_ko)
    return {"class": f"mapae.errors.{name}", "why": why, "cure": cure}


def _list(as_json: bool) -> None:
    from mapae.web.problems import PROBLEMS

    if as_json:
        codes = [
            {"code": each.code, "status": each.status, "title": each.title.into(language())}
            for each in PROBLEMS.values()
        ]
        result_json({"codes": codes})
        return
    rows = [(each.code, str(each.status), each.title.into(language())) for each in PROBLEMS.values()]
    result(table(rows, head=(say("code", "코드"), "HTTP", say("meaning", "뜻"))))
