"""`mapae token sign`: make a token with a key of your own; the key comes from a file, never from an argument."""

from __future__ import annotations

import json
import time
from typing import Any

import click

from mapae.cli.commands import command, json_option, option
from mapae.cli.language import say
from mapae.cli.output import result, result_json
from mapae.errors import KeyRefused

_LIFETIME = "10m"


@command(
    ko="키로 클레임에 서명해 토큰을 만들어요. 클레임은 JSON 파일이나 표준 입력, --claim으로 줘요.",
    examples="""
    mapae token sign --key private.pem --issuer https://id.example.com --audience api --claim sub=user-42
    echo '{"sub": "user-42", "plan": "pro"}' | mapae token sign --key key.json --lifetime 1h -
    """,
)
@click.argument("file", required=False)
@option(
    "--key",
    "key_file",
    metavar="FILE",
    required=True,
    help="PEM, JWK or OpenSSH private key, or a secret.",
    ko="개인 키 파일이에요.",
)
@option("--alg", help="The algorithm, where the key file does not say it.", ko="키 파일에 없을 때 쓸 알고리즘이에요.")
@option("--issuer", metavar="URL", help="Becomes iss.", ko="iss가 돼요.")
@option(
    "--audience",
    metavar="TEXT",
    multiple=True,
    help="Becomes aud; may be repeated.",
    ko="aud가 돼요. 여러 번 쓸 수 있어요.",
)
@option(
    "--lifetime",
    metavar="TIME",
    help=f"Until exp, like 10m or 1h. [{_LIFETIME}]",
    ko=f"exp까지의 시간이에요. [{_LIFETIME}]",
)
@option("--typ", default="JWT", show_default=True, help="The kind of token.", ko="토큰의 종류예요.")
@option(
    "--claim",
    "pairs",
    metavar="NAME=VALUE",
    multiple=True,
    help="A claim; VALUE is JSON or text.",
    ko="클레임 하나예요. 값은 JSON이나 글이에요.",
)
@json_option
def sign(
    *,
    file: str | None,
    key_file: str,
    alg: str | None,
    issuer: str | None,
    audience: tuple[str, ...],
    lifetime: str | None,
    typ: str,
    pairs: tuple[str, ...],
    as_json: bool,
) -> None:
    """Sign claims with a key of yours.

    FILE is a JSON object of claims ("-" reads standard input). iat, jti and exp are added.
    """
    from mapae.cli.key_file import read_key
    from mapae.jose.jwt import sign as signed

    if key_file == "-" and file == "-":
        raise click.UsageError(
            say(
                "Only one of key and claims can come from standard input.",
                "키와 클레임을 함께 표준 입력으로 줄 수 없어요.",
            )
        )
    claims = _claims(file, pairs)
    key = read_key(key_file, alg=alg)
    if not key.is_private:
        raise KeyRefused("this is a public key: it verifies, it cannot sign")
    audiences = None if not audience else audience[0] if len(audience) == 1 else list(audience)
    seconds = None if "exp" in claims and lifetime is None else _seconds(lifetime or _LIFETIME)
    token = signed(claims, key, now=int(time.time()), issuer=issuer, audience=audiences, lifetime=seconds, typ=typ)
    if as_json:
        result_json({"token": token, "alg": key.alg, "kid": key.kid})
    else:
        result(token)


def _seconds(text: str) -> int:
    from mapae.settings.kinds import duration

    try:
        seconds = duration(1, 3650 * 86_400).read(text)
    except ValueError as error:
        raise click.UsageError(f"--lifetime: {error}") from None
    return int(str(seconds))


def _claims(file: str | None, pairs: tuple[str, ...]) -> dict[str, Any]:
    from mapae.cli.options import read_file
    from mapae.jose.strict_json import read_object

    claims = read_object(read_file(file, limit=1 << 20).strip(), "claims") if file is not None else {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not name or not equals:
            raise click.UsageError(say(f"--claim {name}: write NAME=VALUE.", f"--claim {name}: 이름=값으로 쓰세요."))
        try:
            claims[name] = json.loads(text)
        except ValueError:
            claims[name] = text
    return claims
