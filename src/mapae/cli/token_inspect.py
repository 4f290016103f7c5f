"""`mapae token inspect`: what anybody can read in a token. It verifies nothing and says so first.

This path loads neither cryptography nor rich: it has to answer at once.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import click

from mapae.cli.commands import command, json_option, option
from mapae.cli.language import language, say
from mapae.cli.output import (
    HEADER_COLOUR,
    PAYLOAD_COLOUR,
    SIGNATURE_COLOUR,
    paint,
    printable,
    result,
    result_json,
    table,
    talk,
)
from mapae.cli.times import length, moment, relative
from mapae.jose.inspect import Inspection, Lifetime, Named, Part, inspect_token, unwrap
from mapae.jose.lint import Finding

OPAQUE = ("mps_", "mpr_", "mpt_", "mpp_")
"""How session tokens, refresh tokens, and tickets and passes of the waiting line begin."""
_SIGNS = {"danger": ("✕", "red"), "warning": ("!", "yellow"), "note": ("·", None)}


@command(
    ko="토큰의 세 부분과 클레임의 뜻, 수명, 이상한 점을 보여 줘요. 서명은 검증하지 않아요.",
    examples="""
    mapae token inspect                     # paste it at the prompt
    pbpaste | mapae token inspect
    mapae token inspect --json token.txt
    """,
)
@click.argument("file", required=False)
@option(
    "--at", type=int, help="Look at it as of this time (seconds since 1970).", ko="이 시각(1970년부터 센 초)으로 봐요."
)
@json_option
def inspect(*, file: str | None, at: int | None, as_json: bool) -> None:
    """Show the parts of a token, what its claims mean, how long it lives and what is odd about it.

    FILE holds the token; "-" or nothing reads standard input, or asks. Quotes, "Bearer", line breaks and whole URLs
    are fine. The signature is not verified: use `mapae token verify` for that.
    """
    now = int(time.time()) if at is None else at
    text = read_token(file)
    seen = inspect_token(text, now=now)
    if seen.form == "broken" and unwrap(text)[0].startswith(OPAQUE):
        talk(
            say(
                "Note: this begins like an opaque token of a Mapae service: only the service itself can read it.",
                "참고: Mapae 서비스의 불투명 토큰처럼 시작해요. 그 서비스만 읽을 수 있어요.",
            )
        )
    if as_json:
        result_json(_members(seen, now))
    else:
        result(_page(seen, now))
    if seen.form == "broken":
        sys.exit(6)


def read_token(file: str | None) -> str:
    """Read the text that holds a token: a file, standard input, a prompt; or, with a warning, the argument itself."""
    if file is None and sys.stdin.isatty():
        talk(say("Paste a token, then press Enter:", "토큰을 붙여 넣고 Enter를 누르세요:"))
        return sys.stdin.readline()
    if file in (None, "-"):
        return sys.stdin.buffer.read(1 << 21).decode("utf-8", "replace")
    text = str(file)
    try:
        with Path(text).open("rb") as opened:
            return opened.read(1 << 21).decode("utf-8", "replace")
    except (OSError, ValueError) as error:
        if text.count(".") < 2 and not unwrap(text)[0].startswith(OPAQUE):
            why = getattr(error, "strerror", None) or str(error)
            raise click.UsageError(say(f"{text} cannot be read: {why}.", f"{text}: 읽을 수 없어요({why}).")) from None
    talk(
        say(
            "Note: other users of this machine can see arguments. Paste a live token at the prompt or pipe it in.",
            "참고: 인자는 이 컴퓨터의 다른 사용자도 볼 수 있어요. 살아 있는 토큰은 붙여 넣거나 파이프로 주세요.",
        )
    )
    return text


def _page(seen: Inspection, now: int) -> str:
    blocks = [
        paint(
            say(
                "Not verified: anybody can write such a token. `mapae token verify` checks it.",
                "검증하지 않았어요. 누구나 이런 토큰을 쓸 수 있어요. 검증은 `mapae token verify`로 해요.",
            ),
            bold=True,
        )
    ]
    if seen.header.text:
        blocks.append(_coloured_token(seen))
        blocks.append(_part_block(say("Header", "머리"), seen.header, HEADER_COLOUR, seen.parameters))
    if seen.payload.text:
        blocks.append(_part_block(say("Payload", "내용"), seen.payload, PAYLOAD_COLOUR, seen.claims))
    if seen.signature.text:
        size = say(f"{seen.signature.octets} octets, not checked", f"{seen.signature.octets}바이트, 확인하지 않았어요")
        blocks.append(paint(say("Signature", "서명"), SIGNATURE_COLOUR, bold=True) + f"  {size}")
    if lines := _lifetime_lines(seen.lifetime, now):
        blocks.append(paint(say("Lifetime", "수명"), bold=True) + "\n" + "\n".join(f"  {line}" for line in lines))
    blocks.append(_findings_block(seen.findings))
    return "\n\n".join(blocks)


def _coloured_token(seen: Inspection) -> str:
    parts = [(seen.header, HEADER_COLOUR), (seen.payload, PAYLOAD_COLOUR), (seen.signature, SIGNATURE_COLOUR)]
    return ".".join(paint(part.text, colour) for part, colour in parts if part.text)


def _part_block(title: str, part: Part, colour: tuple[int, int, int], names: tuple[Named, ...]) -> str:
    head = paint(title, colour, bold=True)
    if part.members is None:
        return f"{head}\n  {printable(part.shown) or say('(not text)', '(글이 아니에요)')}"
    rows = [(each.name, _shown(each.value), _naming(each), _meaning(each)) for each in names]
    return f"{head}\n{table([tuple(map(printable, row)) for row in rows], indent='  ')}"


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _naming(each: Named) -> str:
    match each.naming:
        case "registered":
            return say("registered", "등록")
        case "public":
            return say("public", "공개")
        case "private":
            return say("private", "비공개")


def _meaning(each: Named) -> str:
    if each.meaning is not None:
        return f"{each.meaning.text(language())} ({each.meaning.source})"
    if each.naming == "public":
        return say("a name that cannot collide with another's", "다른 이름과 겹치지 않는 이름이에요")
    return say("known to issuer and audience only; may collide", "발급자와 받는 쪽만 알아요. 겹칠 수 있어요")


def _lifetime_lines(life: Lifetime, now: int) -> list[str]:
    named = (
        (say("issued", "발급"), life.issued_at),
        (say("not before", "시작"), life.not_before),
        (say("expires", "만료"), life.expires_at),
    )
    lines = [f"{name}: {moment(at)} ({relative(at, now)})" for name, at in named if at is not None]
    if life.issued_at is not None and life.expires_at is not None and life.expires_at > life.issued_at:
        whole, passed = life.expires_at - life.issued_at, now - life.issued_at
        if 0 <= passed < whole:
            spent, left = length(passed), length(whole - passed)
            lines.append(
                say(
                    f"{spent} of {length(whole)} have passed, {left} remain",
                    f"{length(whole)} 중 {spent} 지남, {left} 남음",
                )
            )
        else:
            lines.append(say(f"made to live {length(whole)}", f"{length(whole)} 동안 쓰도록 만들었어요"))
    if life.expires_at is None:
        lines.append(say("expires: never, or it cannot be read", "만료: 없거나 읽을 수 없어요"))
    if life.guessed:
        lines.append(
            say(
                "read leniently: see below what is wrong with it",
                "너그럽게 읽은 값이에요. 무엇이 틀렸는지는 아래에 있어요",
            )
        )
    return lines


def _findings_block(findings: tuple[Finding, ...]) -> str:
    if not findings:
        return say("Nothing odd was found.", "이상한 점을 찾지 못했어요.")
    lines = []
    for finding in findings:
        sign, colour = _SIGNS[finding.severity]
        lines.append(f"  {paint(sign, colour, bold=True)} {finding.code}: {finding.text(language())}")
    return paint(say("What is odd", "살펴볼 점"), bold=True) + "\n" + "\n".join(lines)


def _members(seen: Inspection, now: int) -> dict[str, object]:
    def named(each: Named) -> dict[str, object]:
        meaning = None if each.meaning is None else each.meaning.text(language())
        return {"name": each.name, "value": each.value, "kind": each.naming, "meaning": meaning}

    return {
        "verified": False,
        "form": seen.form,
        "header": seen.header.members,
        "payload": seen.payload.members,
        "signature_octets": seen.signature.octets,
        "parameters": [named(each) for each in seen.parameters],
        "claims": [named(each) for each in seen.claims],
        "lifetime": {
            "now": now,
            "issued_at": seen.lifetime.issued_at,
            "not_before": seen.lifetime.not_before,
            "expires_at": seen.lifetime.expires_at,
            "guessed": seen.lifetime.guessed,
        },
        "findings": [
            {"code": each.code, "severity": each.severity, "name": each.name, "text": each.text(language())}
            for each in seen.findings
        ],
    }
