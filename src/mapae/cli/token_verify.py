"""`mapae token verify`: signature and claims; nothing of a refused token is shown unless asked for."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import click

from mapae.cli.commands import command, json_option, option
from mapae.cli.language import say
from mapae.cli.options import read_settings
from mapae.cli.output import paint, printable, result, result_json, table, talk
from mapae.cli.times import moment, relative
from mapae.cli.token_inspect import read_token
from mapae.errors import TokenError
from mapae.jose.inspect import inspect_token, unwrap

if TYPE_CHECKING:
    from mapae.jose.verifier import Expected, KeySource


@command(
    ko="토큰의 서명과 클레임을 검증해요. 키를 주지 않으면 이 서비스의 키와 폐기 목록으로 검증해요.",
    examples="""
    mapae token verify --jwks jwks.json --issuer https://id.example.com --audience api token.txt
    pbpaste | mapae token verify --key public.pem --alg RS256 --any-issuer --any-audience
    mapae token verify < token.txt          # a token of this service
    """,
)
@click.argument("file", required=False)
@option("--key", "key_file", metavar="FILE", help="PEM, JWK, OpenSSH key, certificate or secret.", ko="키 파일이에요.")
@option("--jwks", "jwks_file", metavar="FILE", help="A published key set.", ko="공개된 키 모음(JWKS) 파일이에요.")
@option("--alg", help="The algorithm, where the key file does not say it.", ko="키 파일에 없을 때 쓸 알고리즘이에요.")
@option("--issuer", metavar="URL", help="The expected iss.", ko="기대하는 iss예요.")
@option("--any-issuer", is_flag=True, help="Accept every iss.", ko="iss를 가리지 않아요.")
@option("--audience", metavar="TEXT", help="The expected aud.", ko="기대하는 aud예요.")
@option("--any-audience", is_flag=True, help="Accept every aud.", ko="aud를 가리지 않아요.")
@option("--typ", help='The expected kind, like "at+jwt".', ko='기대하는 종류예요. 예: "at+jwt"')
@option(
    "--leeway", type=click.IntRange(0, 600), default=5, help="Seconds that clocks may differ.", ko="시계 오차(초)예요."
)
@option(
    "--at", type=int, help="Verify as of this time (seconds since 1970).", ko="이 시각(1970년부터 센 초)으로 검증해요."
)
@option("--show", is_flag=True, help="Show the claims of a refused token too.", ko="거절된 토큰의 클레임도 보여 줘요.")
@option("--config", metavar="FILE", help="The service's settings file.", ko="서비스의 설정 파일이에요.")
@json_option
def verify(
    *,
    file: str | None,
    key_file: str | None,
    jwks_file: str | None,
    alg: str | None,
    issuer: str | None,
    any_issuer: bool,
    audience: str | None,
    any_audience: bool,
    typ: str | None,
    leeway: int,
    at: int | None,
    show: bool,
    config: str | None,
    as_json: bool,
) -> None:
    """Verify the signature and the claims of a token.

    Without --key and --jwks it is verified as an access token of this service, with its keys and its revocations.
    Exit codes: 0 valid, 3 signature, 4 time, 5 another claim, 6 malformed, 7 key not found, 8 revoked.
    """
    if key_file and jwks_file:
        raise click.UsageError(say("Give --key or --jwks, not both.", "--key와 --jwks 가운데 하나만 주세요."))
    if key_file == "-" or jwks_file == "-":
        raise click.UsageError(say("The token comes from standard input; name a key file.", "키는 파일로 주세요."))
    token = _found(read_token(file))
    now = int(time.time()) if at is None else at
    try:
        if key_file or jwks_file:
            keys = _keys(key_file, jwks_file, alg)
            expected = _expected("issuer", issuer, any_issuer), _expected("audience", audience, any_audience)
            claims = _checked(token, keys, *expected, typ=typ, leeway=leeway, now=now)
        else:
            claims = asyncio.run(_checked_here(token, config, at))
    except TokenError:
        if show:
            _show_refused(token, now, as_json=as_json)
        raise
    if as_json:
        result_json({"valid": True, "claims": claims})
    else:
        _print(claims, now)


def _found(text: str) -> str:
    """Take the token out of quotes and `Bearer`; what remains is verified strictly."""
    return unwrap(text)[0]


def _keys(key_file: str | None, jwks_file: str | None, alg: str | None) -> KeySource:
    from mapae.cli.key_file import read_key, read_key_set

    if jwks_file:
        keys = read_key_set(jwks_file, alg=alg)
        for why in keys.skipped:
            talk(say(f"Skipped {why}", f"건너뛰었어요: {why}"))
        return keys
    return read_key(str(key_file), alg=alg)


def _expected(name: str, value: str | None, any_value: bool) -> Expected:
    from mapae.jose.verifier import ANY

    if (value is None) == (not any_value):
        raise click.UsageError(
            say(
                f"Say which {name} you expect (--{name}), or --any-{name} to accept every one.",
                f"기대하는 {name}를 --{name}로 주거나, 가리지 않으려면 --any-{name}를 주세요.",
            )
        )
    return ANY if any_value else value


def _checked(
    token: str, keys: KeySource, issuer: Expected, audience: Expected, *, typ: str | None, leeway: int, now: int
) -> dict[str, Any]:
    from mapae.jose.verifier import Verifier

    verifier = Verifier(keys, issuer=issuer, audience=audience, typ=typ, leeway=leeway, memo_bytes=0)
    return verifier.check(token, now=now).to_dict()


async def _checked_here(token: str, config: str | None, at: int | None) -> dict[str, Any]:
    import msgspec

    from mapae.flows.authenticate import authenticate
    from mapae.flows.find_session import look_at_session
    from mapae.flows.open_service import open_service
    from mapae.sessions.access_token import OPAQUE_PREFIX

    clock = time.time if at is None else (lambda: float(at))
    async with open_service(read_settings({}, config), clock=clock) as service:
        opaque = token.startswith(OPAQUE_PREFIX)
        claims = await look_at_session(service, token) if opaque else authenticate(service, token).claims
        members: dict[str, Any] = msgspec.to_builtins(claims)
    return members


def _show_refused(token: str, now: int, *, as_json: bool) -> None:
    seen = inspect_token(token, now=now)
    if as_json:
        talk(json.dumps({"verified": False, "payload": seen.payload.members}, ensure_ascii=False, default=str))
        return
    talk(say("Refused, but you asked to see it:", "거절됐지만 보여 달라고 했어요:"))
    for claim in seen.claims:
        talk(f"  {printable(claim.name)}: {printable(json.dumps(claim.value, ensure_ascii=False))}")


def _print(claims: dict[str, Any], now: int) -> None:
    result(
        paint(
            say("Valid: signature and claims were verified.", "올바른 토큰이에요. 서명과 클레임을 검증했어요."),
            bold=True,
        )
    )
    rows = []
    for name, value in claims.items():
        when = f"{moment(value)} ({relative(value, now)})" if name in ("exp", "nbf", "iat") else ""
        rows.append((printable(name), printable(json.dumps(value, ensure_ascii=False)), when))
    result(table(rows, indent="  "))
