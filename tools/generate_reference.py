"""Write the look-up pages from the code, in English and Korean. `make docs` runs it.

python tools/generate_reference.py            write docs/look-up/ and docs/ko/look-up/
python tools/generate_reference.py --check    write nothing; fail when a page is not what the code says
"""

import asyncio
import inspect
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import click
from prometheus_client.parser import text_string_to_metric_families
from reference_library import Room, front_door, rooms

from mapae import errors
from mapae.cli.commands import Command, Group, Option
from mapae.cli.main import mapae as command_line
from mapae.cli.token_error_words import WORDS
from mapae.flows.open_service import open_service
from mapae.settings import SETTINGS, Settings
from mapae.web.metrics import COUNTERS, Numbers, exposition
from mapae.web.openapi import openapi_document
from mapae.web.problems import PROBLEMS

ROOT = Path(__file__).resolve().parent.parent
Language = Literal["en", "ko"]
PLACES: Mapping[Language, Path] = {"en": ROOT / "docs" / "look-up", "ko": ROOT / "docs" / "ko" / "look-up"}


class Page(NamedTuple):
    """One generated page: its file, its title and first words in each language, and what writes the rest."""

    file: str
    en: tuple[str, str]
    ko: tuple[str, str]
    body: Callable[[Language], Iterable[str]]


def main(arguments: list[str]) -> int:
    stale = []
    for page in PAGES:
        for language, place in PLACES.items():
            path, text = place / page.file, written(page, language)
            if path.exists() and path.read_text() == text:
                continue
            stale.append(str(path.relative_to(ROOT)))
            if "--check" not in arguments:
                place.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
    if stale:
        print(f"reference: {'out of date' if '--check' in arguments else 'wrote'} {', '.join(stale)}")
    return 1 if stale and "--check" in arguments else 0


def written(page: Page, language: Language) -> str:
    title, first = page.ko if language == "ko" else page.en
    made = "코드에서 만든 페이지예요: `make docs`" if language == "ko" else "Generated from the code: `make docs`"
    text = "\n".join([f"# {title}", "", first, "", *page.body(language), "", f"*{made}*", ""])
    return re.sub(r"\n{3,}", "\n\n", text)


# Settings -------------------------------------------------------------------------------------------------------------

GROUPS = {
    "service": ("Service", "서비스"),
    "storage": ("Storage", "저장"),
    "log": ("Log", "로그"),
    "tokens": ("Tokens", "토큰"),
    "sessions": ("Sessions", "세션"),
    "passwords": ("Passwords", "비밀번호"),
    "keys": ("Keys", "키"),
    "pages": ("Pages", "화면"),
}


def settings(language: Language) -> Iterator[str]:
    for group in dict.fromkeys(setting.group for setting in SETTINGS.values()):
        yield from ("", f"## {pick(language, *GROUPS[group])}", "")
        for setting in SETTINGS.values():
            if setting.group == group:
                default = f"`{setting.default}`" if setting.default else pick(language, "nothing", "없음")
                yield from (f"### `{setting.name}`", "", pick(language, setting.en, setting.ko), "")
                yield f"* {pick(language, 'default', '기본값')}: {default}"
                yield f"* {pick(language, 'environment', '환경 변수')}: `{setting.variable}`"
                yield f"* {pick(language, 'command line', '명령줄')}: `{setting.flag}`"
                yield ""


# Problem codes --------------------------------------------------------------------------------------------------------


def problems(language: Language) -> Iterator[str]:
    for problem in PROBLEMS.values():
        yield from ("", f"## `{problem.code}`", "")
        yield f"**{problem.status}** · {problem.title.into(language)}"
        yield from ("", problem.advice.into(language))


# HTTP API -------------------------------------------------------------------------------------------------------------

ACCESS = {
    "bearer": ("access token", "액세스 토큰"),
    "cookie": ("cookie `__Host-mapae`", "쿠키 `__Host-mapae`"),
    "refreshCookie": ("cookie `__Host-mapae-refresh`", "쿠키 `__Host-mapae-refresh`"),
}


def http_api(language: Language) -> Iterator[str]:
    document = openapi_document(Settings())
    schemas = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            summary = operation["x-summary-ko"] if language == "ko" else operation["summary"]
            yield from ("", f"## {method.upper()} `{path}`", "", summary, "")
            if allowed := [pick(language, *ACCESS[name]) for way in operation["security"] for name in way]:
                yield from (
                    f"{pick(language, 'Needs', '필요한 것')}: {pick(language, ' or ', ' 또는 ').join(allowed)}",
                    "",
                )
            if parameters := operation.get("parameters"):
                yield from table(language, parameter_rows(language, parameters))
            if body := operation.get("requestBody"):
                optional = "" if body["required"] else pick(language, " (may be left out)", " (없어도 돼요)")
                yield from (f"{pick(language, 'Body', '본문')}{optional}:", "")
                yield from table(language, member_rows(language, only(body["content"])["schema"], schemas))
            yield from answers(language, operation["responses"], schemas)


def answers(language: Language, responses: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[str]:
    for status, response in responses.items():
        if status.startswith("2"):
            schema = only(response.get("content", {})).get("schema", {})
            yield from (f"{pick(language, 'Answers', '응답')} **{status}**", "")
            yield from table(language, member_rows(language, schema, schemas))
    codes = re.findall(r"`(\w+)`: ", " ".join(response["description"] for response in responses.values()))
    if codes:
        links = ", ".join(f"[`{code}`](problems.md#{code})" for code in codes)
        yield from (f"{pick(language, 'Problems', '오류')}: {links}", "")


def parameter_rows(language: Language, parameters: list[Mapping[str, Any]]) -> Iterator[tuple[str, str, str, str]]:
    for each in parameters:
        yield each["name"], kind_of(each["schema"]), "yes" if each["required"] else "", told(language, each)


def member_rows(
    language: Language, schema: Mapping[str, Any], schemas: Mapping[str, Any]
) -> Iterator[tuple[str, str, str, str]]:
    described = resolved(schema, schemas)
    for name, member in described.get("properties", {}).items():
        required = "yes" if name in described.get("required", ()) else ""
        yield (
            name,
            kind_of(resolved(member, schemas)),
            required,
            told(language, member if "description" in member else resolved(member, schemas)),
        )


def resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    return schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def told(language: Language, node: Mapping[str, Any]) -> str:
    return str(node.get("x-description-ko" if language == "ko" else "description", ""))


def kind_of(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(f'`"{value}"`' for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(kind_of(each) for each in schema["anyOf"])
    return str(schema.get("type", "object"))


def table(language: Language, rows: Iterable[tuple[str, str, str, str]]) -> Iterator[str]:
    found = list(rows)
    if not found:
        return
    yield pick(language, "| name | type | required | meaning |", "| 이름 | 종류 | 필수 | 뜻 |")
    yield "|---|---|---|---|"
    for name, kind, required, meaning in found:
        needed = pick(language, "yes", "네") if required else ""
        yield f"| `{name}` | {cell(kind)} | {needed} | {cell(meaning)} |"
    yield ""


# Metrics --------------------------------------------------------------------------------------------------------------


def metrics(language: Language) -> Iterator[str]:
    yield pick(language, "| name | kind | labels | meaning |", "| 이름 | 종류 | 라벨 | 뜻 |")
    yield "|---|---|---|---|"
    for family in text_string_to_metric_families(asyncio.run(first_exposition())):
        ending = "_total" if family.type == "counter" else ""
        named = COUNTERS.get(family.name.removeprefix("mapae_"), ("", ()))[1]
        labels = named or sorted({label for sample in family.samples for label in sample.labels if label != "le"})
        yield f"| `{family.name}{ending}` | {family.type} | {', '.join(f'`{each}`' for each in labels)} | {cell(family.documentation)} |"


async def first_exposition() -> str:
    """What a service that has just been made says at /metrics."""
    with tempfile.TemporaryDirectory() as empty:
        async with open_service(Settings(data=Path(empty) / "mapae-data")) as service:
            return exposition(service, Numbers()).decode()


# Commands -------------------------------------------------------------------------------------------------------------


def commands(language: Language) -> Iterator[str]:
    context = click.Context(command_line, info_name="mapae")
    for name, (_, en, ko) in command_line.verbs.items():
        yield from command(language, command_line.get_command(context, name), ("mapae", name), pick(language, en, ko))


def command(language: Language, one: click.Command | None, path: tuple[str, ...], first: str) -> Iterator[str]:
    assert one is not None
    yield from ("", f"{'#' * min(len(path), 4)} `{' '.join(path)}`", "", first, "")
    context = click.Context(one, info_name=" ".join(path))
    if isinstance(one, Group):
        for name, (_, en, ko) in one.verbs.items():
            yield from command(language, one.get_command(context, name), (*path, name), pick(language, en, ko))
        return
    if isinstance(one, click.Group):
        for name, child in one.commands.items():
            yield from command(language, child, (*path, name), spoken(language, child))
        return
    whole = inspect.cleandoc(spoken(language, one)).replace("\b\n", "")
    if whole and whole != first:
        yield from (whole, "")
    settings_here = [each for each in one.params if (each.name or "").removeprefix("set_") in SETTINGS]
    shown = [each for each in one.params if len(settings_here) < len(SETTINGS) or each not in settings_here]
    rows = [(record[0], spoken(language, each)) for each in shown if (record := each.get_help_record(context))]
    if len(shown) < len(one.params):
        every = (
            "Every [setting](settings.md) is a flag of this command.",
            "모든 [설정](settings.md)을 플래그로 쓸 수 있어요.",
        )
        yield from (pick(language, *every), "")
    if rows:
        yield pick(language, "| option | meaning |", "| 옵션 | 뜻 |")
        yield "|---|---|"
        for names, meaning in rows:
            yield f"| `{cell(names)}` | {cell(meaning)} |"
        yield ""
    if examples := getattr(one, "examples", ""):
        yield from ("```console", *(f"$ {line.strip()}" for line in examples.strip().splitlines()), "```", "")


def spoken(language: Language, thing: click.Command | click.Parameter) -> str:
    """The help of a command or an option in `language`; click itself keeps only one."""
    if isinstance(thing, Command | Group | Option):
        return pick(language, thing.en, thing.ko or thing.en)
    return getattr(thing, "help", None) or ""


# The library ----------------------------------------------------------------------------------------------------------


def of_docstrings(lines: Callable[[], Iterator[str]]) -> Callable[[Language], Iterator[str]]:
    """Docstrings are English, so both languages have the same lines."""
    return lambda language: lines()  # noqa: ARG005 (one signature for all pages)


def token_errors(language: Language) -> Iterator[str]:
    """Every error that signing and verifying raise, with cause and cure, and what the service says for it."""
    for error in token_error_classes():
        words = WORDS[error.code]
        yield from ("", f"## `{error.code}`", "")
        yield f"`mapae.errors.{error.__name__}` · {PROBLEMS[error.code].title.into(language)}"
        yield from ("", f"**{pick(language, 'Why', '까닭')}:** {pick(language, words.why_en, words.why_ko)}")
        yield from ("", f"**{pick(language, 'Cure', '고치는 법')}:** {pick(language, words.cure_en, words.cure_ko)}")


def token_error_classes() -> list[type[errors.MapaeError]]:
    """TokenError and its subclasses in the order of `errors`, and the other errors that the library raises."""
    found = [each for each in vars(errors).values() if inspect.isclass(each) and issubclass(each, errors.TokenError)]
    listed = [*found, errors.KeyRefused, errors.KeySourceError, errors.Busy]
    if unused := WORDS.keys() - {each.code for each in listed}:
        raise ValueError(f"token_error_words explains what no error has: {', '.join(sorted(unused))}")
    return listed


# ----------------------------------------------------------------------------------------------------------------------


def pick(language: Language, en: str, ko: str) -> str:
    return ko if language == "ko" else en


def only(content: Mapping[str, Any]) -> Mapping[str, Any]:
    return next(iter(content.values()), {})


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


PAGES = (
    Page(
        "settings.md",
        (
            "Settings",
            (
                "A setting comes from a flag, else from the environment, else from `mapae.toml`, else it has its default. "
                "`mapae config show` prints each value and where it came from; `mapae config check` reports every mistake "
                "at once. Durations are written `10m`, `14d`, `20s`."
            ),
        ),
        (
            "설정",
            (
                "설정은 명령줄, 환경 변수, `mapae.toml`, 기본값 순서로 찾아요. `mapae config show`는 값마다 어디서 왔는지 "
                "보여 주고, `mapae config check`는 잘못을 한꺼번에 모두 알려 줘요. 시간은 `10m`, `14d`, `20s`처럼 써요."
            ),
        ),
        settings,
    ),
    Page(
        "http-api.md",
        (
            "HTTP API",
            (
                "Bodies are JSON objects in UTF-8. A refusal is a problem document (RFC 9457) with one of the "
                "[problem codes](problems.md). A running service has this as an OpenAPI document at `/openapi.json`."
            ),
        ),
        (
            "HTTP API",
            (
                "본문은 UTF-8로 쓴 JSON 객체예요. 거절은 [오류 코드](problems.md)가 든 문제 문서(RFC 9457)로 와요. "
                "실행 중인 서비스의 `/openapi.json`에 OpenAPI 문서가 있어요."
            ),
        ),
        http_api,
    ),
    Page(
        "problems.md",
        (
            "Problem codes",
            (
                "Every refusal carries one of these codes as `code`, and `{issuer}/problems/{code}` as `type`. "
                "Codes are stable: programs may compare them."
            ),
        ),
        (
            "오류 코드",
            (
                "거절에는 언제나 이 코드 가운데 하나가 `code`로, `{issuer}/problems/{code}`가 `type`으로 들어 있어요. "
                "코드는 바뀌지 않으니 프로그램에서 비교해도 돼요."
            ),
        ),
        problems,
    ),
    Page(
        "commands.md",
        (
            "Commands",
            "Results go to standard output, talk to standard error. `--json` makes the output stable for programs.",
        ),
        (
            "명령",
            "결과는 표준 출력으로, 안내는 표준 오류로 나와요. 프로그램이 읽을 때는 `--json`을 쓰세요.",
        ),
        commands,
    ),
    Page(
        "metrics.md",
        ("Metrics", "`/metrics` answers in the text format of Prometheus. No label names a person."),
        ("메트릭", "`/metrics`가 Prometheus 텍스트 형식으로 답해요. 사람을 가리키는 라벨은 없어요. 설명은 영어예요."),
        metrics,
    ),
    Page(
        "token-errors.md",
        (
            "Token errors",
            (
                "What the library raises, why, and what to do. `code` and the class are stable; the sentence of an error "
                "is for people, and never holds a token, a key or the value of a claim. Mistakes in the calling program, such "
                "as a `str` where a key belongs, are `TypeError` or `ValueError`, whose text says what to write instead. "
                "`mapae explain CODE` prints the same without a network, and what the service says for it: "
                "[problem codes](problems.md)."
            ),
        ),
        (
            "토큰 오류",
            (
                "라이브러리가 일으키는 오류와 그 까닭, 고치는 법이에요. `code`와 클래스는 바뀌지 않아요. 오류의 문장은 사람을 위한 것이고, 토큰이나 "
                "키, 클레임의 값을 담지 않아요. 키가 올 자리에 `str`을 준 것처럼 부르는 쪽의 잘못은 `TypeError`나 `ValueError`이고, 무엇을 써야 "
                "하는지 알려 줘요. `mapae explain 코드`는 이 내용과 서비스가 하는 말([오류 코드](problems.md))을 네트워크 없이 보여 줘요."
            ),
        ),
        token_errors,
    ),
    Page(
        "library.md",
        (
            "The library",
            (
                "What `import mapae` offers. It needs `cryptography` and `msgspec`, and no server. Elsewhere: "
                "[proofs, SD-JWT, detached signatures, status lists](library-companions.md), "
                "[remote key sets](library-remote.md), [in FastAPI](library-fastapi.md), "
                "[the calls of PyJWT](library-pyjwt.md), [every error](token-errors.md)."
            ),
        ),
        (
            "라이브러리",
            (
                "`import mapae`로 쓸 수 있는 것이에요. `cryptography`와 `msgspec`만 있으면 돼요. 다른 페이지에는 "
                "[증명, SD-JWT, 분리된 서명, 상태 목록](library-companions.md), [멀리 있는 키 묶음](library-remote.md), "
                "[FastAPI에서](library-fastapi.md), [PyJWT의 호출](library-pyjwt.md), [모든 오류](token-errors.md)가 있어요. "
                "설명은 영어예요."
            ),
        ),
        of_docstrings(front_door),
    ),
    Page(
        "library-companions.md",
        (
            "Companions of the library",
            (
                "Modules beside `mapae.sign` and `mapae.verify`. Import them by name, for example "
                "`from mapae.jose import dpop`. They read no clock: `now` is in seconds since 1970."
            ),
        ),
        (
            "라이브러리의 동반자",
            (
                "`mapae.sign`과 `mapae.verify` 곁의 모듈이에요. `from mapae.jose import dpop`처럼 이름으로 가져와요. 시계를 읽지 않으니 "
                "`now`에 1970년부터 센 초를 주세요. 설명은 영어예요."
            ),
        ),
        of_docstrings(
            rooms(
                Room("mapae.jose.dpop"),
                Room("mapae.jose.sd_jwt"),
                Room("mapae.jose.detached"),
                Room("mapae.jose.status_list"),
            )
        ),
    ),
    Page(
        "library-remote.md",
        (
            "Remote key sets",
            "Keys that an issuer publishes, fetched and renewed. `mapae.RemoteKeySet` is the way in; the rest serves it.",
        ),
        (
            "멀리 있는 키 묶음",
            "발급자가 공개한 키를 가져오고 새로 고쳐요. `mapae.RemoteKeySet`으로 시작하고, 나머지는 그것을 위한 거예요. 설명은 영어예요.",
        ),
        of_docstrings(rooms(Room("mapae.remote"), Room("mapae.jose.jwks_store", ("Bounds",)))),
    ),
    Page(
        "library-client.md",
        (
            "The client",
            "For programs that sign in. [Sign in from a program](../do/sign-in-from-a-program.md) shows it at work.",
        ),
        (
            "클라이언트",
            "로그인하는 프로그램을 위한 거예요. 쓰는 모습은 [프로그램에서 로그인하기](../do/sign-in-from-a-program.md)에 있어요. 설명은 영어예요.",
        ),
        of_docstrings(rooms(Room("mapae.client"))),
    ),
    Page(
        "library-fastapi.md",
        (
            "The library in FastAPI",
            "What `mapae.fastapi` offers. [In FastAPI, in five minutes](../learn/fastapi.md) shows it at work.",
        ),
        (
            "FastAPI에서 쓰는 라이브러리",
            "`mapae.fastapi`가 주는 것이에요. 쓰는 모습은 [FastAPI에서, 5분이면 돼요](../learn/fastapi.md)에 있어요. 설명은 영어예요.",
        ),
        of_docstrings(rooms(Room("mapae.fastapi", ("Mapae", "Principal")))),
    ),
    Page(
        "library-pyjwt.md",
        (
            "The calls of PyJWT",
            "A drop-in for PyJWT. [From PyJWT, python-jose or joserfc](../do/from-pyjwt.md) shows how to come over.",
        ),
        (
            "PyJWT의 호출",
            "PyJWT 대신 쓸 수 있어요. 옮겨 오는 법은 [PyJWT, python-jose, joserfc에서 옮겨 오기](../do/from-pyjwt.md)에 있어요. 설명은 영어예요.",
        ),
        of_docstrings(rooms(Room("mapae.compat.pyjwt"))),
    ),
)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
