"""`mapae key`: the signing keys and their life: announced, signing, retiring, destroyed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from mapae.cli.commands import Group, command, json_option, option
from mapae.cli.key_file import read_key
from mapae.cli.language import say
from mapae.cli.options import confirm, settings_options, write_private
from mapae.cli.output import result, result_json, table, talk
from mapae.cli.service import inside
from mapae.cli.times import moment_ms
from mapae.flows import export_key, rotate_keys
from mapae.flows.service import Service
from mapae.jose.key import Key
from mapae.keys.schedule import Action, Destroy, Make, Move, SigningKey, phase
from mapae.settings import Settings
from mapae.storage.keys import load_keys

VERBS = {
    "list": ("key:list_keys", "All keys and what each does now.", "모든 키와 지금 하는 일을 보여 줘요."),
    "new": (
        "key:new",
        "Announce the next key, or make one for other uses.",
        "다음 키를 알리거나 다른 데 쓸 키를 만들어요.",
    ),
    "rotate": ("key:rotate", "Let the next key sign as soon as possible.", "다음 키가 되도록 빨리 서명하게 해요."),
    "retire": ("key:retire", "Withdraw a key that may have leaked.", "새어 나갔을지 모르는 키를 거둬요."),
    "export": ("key:export", "Write keys to a file.", "키를 파일로 내보내요."),
    "import": ("key:import_key", "Make a key of yours the next signing key.", "가진 키를 다음 서명 키로 넣어요."),
}

_PHASES = {"announced": "예고", "signing": "서명 중", "retiring": "검증만", "destroyed": "없앰"}


@click.group(cls=Group, verbs=VERBS, ko="서명 키를 보고 만들고 바꾸고 거둬요.")
def key() -> None:
    """Signing keys: each is announced, signs, retires (verifies only) and is destroyed, by itself or by hand."""


@command(ko="모든 서명 키와 지금 하는 일, 시각을 보여 줘요.")
@settings_options()
@json_option
def list_keys(settings: Settings, *, as_json: bool) -> None:
    """Show all signing keys, what each does now and until when."""
    rows, now_ms = inside(settings, _rows)
    if as_json:
        result_json({"keys": [_member(row, now_ms) for row in rows]})
        return
    lines = []
    for row in rows:
        does = phase(row, now_ms)
        signs = f"{moment_ms(row.sign_from_ms)} - {moment_ms(row.sign_until_ms)}"
        lines.append((row.kid, row.alg, say(does, _PHASES[does]), signs, moment_ms(row.destroy_ms)))
    head = ("kid", "alg", say("does", "하는 일"), say("signs", "서명"), say("destroyed", "없애는 때"))
    result(table(lines, head=head))


@command(
    ko="다음 서명 키를 알려요. --out을 주면 서비스와 상관없는 키를 파일에 만들어요.",
    examples="""
    mapae key new                                   # the service's next key
    mapae key new --alg Ed25519 --out private.pem   # a key for other uses
    """,
)
@option(
    "--out",
    metavar="FILE",
    help="Make a key for other uses, in this file (mode 0600).",
    ko="다른 데 쓸 키를 이 파일에 만들어요.",
)
@option("--alg", help="Its algorithm, with --out. [ES256]", ko="--out과 함께 쓰는 알고리즘이에요. [ES256]")
@option(
    "--format",
    "form",
    type=click.Choice(["pem", "jwk"]),
    default="pem",
    show_default=True,
    help="With --out.",
    ko="--out의 형식이에요.",
)
@settings_options()
@json_option
def new(settings: Settings, *, out: str | None, alg: str | None, form: str, as_json: bool) -> None:
    """Announce the service's next signing key; with --out, make a key that has nothing to do with the service."""
    if out is None:
        if alg is not None:
            raise click.UsageError(
                say(
                    "The service's keys follow the setting `algorithm`; --alg goes with --out.",
                    "--alg는 --out과 함께 쓰세요.",
                )
            )
        _tell(inside(settings, rotate_keys.rotate_key), as_json)
        return
    made = Key.generate(alg or "ES256")
    write_private(Path(out), _written(made, "jwk" if made.alg.startswith("HS") else form, private=True))
    if as_json:
        result_json({"file": out, "alg": made.alg, "kid": made.kid})
    else:
        result(
            say(
                f"Made {made.alg} key {made.kid} in {out} (mode 0600).",
                f"{out}에 {made.alg} 키 {made.kid}를 만들었어요.",
            )
        )
        talk(say("Keep it out of git.", "git에는 넣지 마세요."))


@command(
    ko="모두가 알 수 있게 되는 대로 다음 키로 서명해요. 올바른 토큰은 하나도 거절되지 않아요.",
    examples="""
    mapae key rotate
    mapae key rotate --now --yes      # at once; some verifiers may lag behind
    """,
)
@option(
    "--now",
    "at_once",
    is_flag=True,
    help="At once, though verifiers may not know the key yet.",
    ko="검증자가 모를 수 있어도 바로 바꿔요.",
)
@option("--yes", is_flag=True, help="Do not ask.", ko="묻지 않아요.")
@settings_options()
@json_option
def rotate(settings: Settings, *, at_once: bool, yes: bool, as_json: bool) -> None:
    """Let the next key sign as soon as every verifier can know it. No valid token is refused."""
    if at_once:
        confirm(
            say(
                "Verifiers that have not fetched the new key will refuse its tokens for a while.",
                "새 키를 아직 받지 않은 검증자는 한동안 새 토큰을 거절해요.",
            ),
            yes=yes,
        )
    _tell(inside(settings, lambda service: rotate_keys.rotate_key(service, forced=at_once)), as_json)


@command(ko="새어 나갔을지 모르는 키를 바로 거둬요. 그 키로 서명한 토큰은 모두 거절돼요.")
@click.argument("kid")
@option("--yes", is_flag=True, help="Do not ask.", ko="묻지 않아요.")
@settings_options()
@json_option
def retire(settings: Settings, *, kid: str, yes: bool, as_json: bool) -> None:
    """Withdraw the key KID at once, because it may have leaked: every token it signed is refused from now on."""
    confirm(say(f"Every token signed with {kid} will be refused.", f"{kid}로 서명한 토큰이 모두 거절돼요."), yes=yes)
    _tell(inside(settings, lambda service: rotate_keys.retire_key(service, kid)), as_json)


@command(
    ko="공개 키를 JWKS로 쓰거나, 키 하나를 파일로 내보내요. 개인 키를 내보내면 기록에 남아요.",
    examples="""
    mapae key export > jwks.json
    mapae key export KID --format pem
    mapae key export KID --private --out key.pem
    """,
)
@click.argument("kid", required=False)
@option(
    "--private",
    is_flag=True,
    help="The private key too; recorded in the activity.",
    ko="개인 키까지 내보내요. 기록에 남아요.",
)
@option(
    "--format",
    "form",
    type=click.Choice(["jwk", "pem"]),
    default="jwk",
    show_default=True,
    help="Of one key.",
    ko="키 하나의 형식이에요.",
)
@option("--out", metavar="FILE", help="Write to this file, mode 0600.", ko="권한 0600인 이 파일에 써요.")
@option("--yes", is_flag=True, help="Do not ask.", ko="묻지 않아요.")
@settings_options()
@json_option
def export(
    settings: Settings, *, kid: str | None, private: bool, form: str, out: str | None, yes: bool, as_json: bool
) -> None:
    """Write the published keys as a JWKS, or one key with its KID."""
    if private and (kid is None or out is None):
        raise click.UsageError(
            say("--private needs a KID, and a file to write to (--out).", "--private에는 KID와 파일(--out)이 필요해요.")
        )
    if kid is None:
        _give(inside(settings, _jwks), out, as_json)
        return
    if private:
        confirm(
            say("Whoever has this key can sign tokens of yours.", "이 키가 있으면 누구나 토큰에 서명할 수 있어요."),
            yes=yes,
        )

    async def take(service: Service) -> Key:
        if private:
            return await export_key.export_private_key(service, str(kid))
        return export_key.public_key(service, str(kid))

    _give(_written(inside(settings, take), form, private=private), out, as_json)


@command(ko="다른 곳에서 만든 개인 키를 다음 서명 키로 넣어요.")
@click.argument("file")
@settings_options()
@json_option
def import_key(settings: Settings, *, file: str, as_json: bool) -> None:
    """Make the private key in FILE ("-" for standard input) the next signing key, announced like any other."""
    given = read_key(file, alg=settings.algorithm)

    async def work(service: Service) -> None:
        await rotate_keys.import_key(service, given)

    inside(settings, work)
    if as_json:
        result_json({"kid": given.kid, "alg": given.alg})
    else:
        result(say(f"Imported {given.kid}; it is announced now.", f"{given.kid}를 넣었어요. 이제 예고된 키예요."))
        result(say("Next: mapae key list", "다음: mapae key list"))


async def _rows(service: Service) -> tuple[list[SigningKey], int]:
    return await load_keys(service.database), service.now_ms()


async def _jwks(service: Service) -> bytes:
    return service.keyring.jwks + b"\n"


def _written(key: Key, form: str, *, private: bool) -> bytes:
    if form == "pem":
        return key.to_pem(private=private)
    return json.dumps(key.to_jwk(private=private)).encode() + b"\n"


def _give(octets: bytes, out: str | None, as_json: bool) -> None:
    if out is not None:
        write_private(Path(out), octets)
        if as_json:
            result_json({"file": out})
        else:
            result(say(f"Written to {out} (mode 0600).", f"{out}에 썼어요(권한 0600)."))
    elif as_json:
        text = octets.decode()
        result_json(json.loads(text) if text.startswith("{") else {"pem": text})
    else:
        result(octets.decode().removesuffix("\n"))


def _member(row: SigningKey, now_ms: int) -> dict[str, object]:
    return {
        "kid": row.kid,
        "alg": row.alg,
        "does": phase(row, now_ms),
        "created_ms": row.created_ms,
        "sign_from_ms": row.sign_from_ms,
        "sign_until_ms": row.sign_until_ms,
        "destroy_ms": row.destroy_ms,
        "public": row.public,
    }


def _tell(actions: Sequence[Action], as_json: bool) -> None:
    """Say what was changed, and the next command."""
    lines: list[str] = []
    done: list[dict[str, object]] = []
    for action in actions:
        match action:
            case Make(alg=alg, sign_from_ms=start_ms):
                when = moment_ms(start_ms)
                lines.append(
                    say(
                        f"Announced a new {alg} key; it signs from {when}.",
                        f"새 {alg} 키를 알렸어요. {when}부터 서명해요.",
                    )
                )
                done.append({"done": "made", "alg": alg, "sign_from_ms": start_ms})
            case Move(after=after):
                lines.append(_moved(after))
                done.append({"done": "moved", **_times(after)})
            case Destroy(after=after):
                lines.append(say(f"{after.kid} is destroyed.", f"{after.kid}를 없앴어요."))
                done.append({"done": "destroyed", "kid": after.kid})
    if as_json:
        result_json({"actions": done})
        return
    result(
        "\n".join(lines)
        or say("Nothing to do: the next key is on its way already.", "할 일이 없어요. 다음 키가 이미 준비됐어요.")
    )
    result(say("Next: mapae key list", "다음: mapae key list"))


def _moved(after: SigningKey) -> str:
    start, end = moment_ms(after.sign_from_ms), moment_ms(after.sign_until_ms)
    if after.sign_until_ms is None:
        return say(f"{after.kid} signs from {start}.", f"{after.kid}는 {start}부터 서명해요.")
    return say(f"{after.kid} signs until {end}.", f"{after.kid}는 {end}까지 서명해요.")


def _times(after: SigningKey) -> dict[str, object]:
    return {"kid": after.kid, "sign_from_ms": after.sign_from_ms, "sign_until_ms": after.sign_until_ms}
