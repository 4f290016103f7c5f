"""`mapae health`: is the running service well? For containers and load balancers that can only run a command."""

from __future__ import annotations

import http.client
import json
import ssl
import sys
from urllib.parse import urlsplit

import click

from mapae.cli.commands import command, json_option, option
from mapae.cli.language import say
from mapae.cli.options import settings_options
from mapae.cli.output import result, result_json
from mapae.settings import Settings

PATIENCE = 5.0
"""Seconds to wait for an answer."""


@command(
    ko="실행 중인 서비스에 준비됐는지 물어요. 준비됐으면 0, 아니면 9로 끝나요.",
    examples="""
    mapae health
    mapae health --url https://id.example.com
    mapae health --live
    """,
)
@option(
    "--url", metavar="URL", help="Ask there instead of at host and port of the settings.", ko="대신 물어볼 주소예요."
)
@option("--live", is_flag=True, help="Only whether the process answers.", ko="프로세스가 답하는지만 봐요.")
@settings_options()
@json_option
def health(settings: Settings, *, url: str | None, live: bool, as_json: bool) -> None:
    """Ask the running service whether it is ready. Exits with 0, or with 9 when it is not."""
    address = url or _address(settings)
    path = "/livez" if live else "/readyz"
    status, why = _asked(address, path)
    well = status == 200
    if as_json:
        result_json({"well": well, "url": f"{address}{path}", "status": status, "reason": why})
    elif well:
        result(say(f"Well: {address}{path} answers 200.", f"괜찮아요. {address}{path} 응답이 200이에요."))
    else:
        result(say(f"Not well: {address}{path}: {why}", f"괜찮지 않아요. {address}{path}: {why}"))
    if not well:
        sys.exit(9)


def _address(settings: Settings) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    bracketed = f"[{host}]" if ":" in host else host
    return f"{'https' if settings.tls_cert else 'http'}://{bracketed}:{settings.port}"


def _asked(address: str, path: str) -> tuple[int, str]:
    url = urlsplit(address)
    try:
        port, host = url.port, url.hostname
    except ValueError:
        host = port = None
    if url.scheme not in ("http", "https") or not host:
        example = "http://127.0.0.1:8100"
        raise click.UsageError(say(f"--url: write a URL, like {example}", f"--url: 주소를 쓰세요. 예: {example}"))
    connection = _connection(url.scheme, host, port)
    try:
        connection.request("GET", path, headers={"User-Agent": "mapae health", "Accept": "application/json"})
        answer = connection.getresponse()
        return answer.status, _reason(answer.read(65_536), answer) or f"HTTP {answer.status}"
    except ConnectionRefusedError:
        cure = "start it with `mapae serve`, or ask elsewhere with --url"
        return 0, say(
            f"nothing listens there; {cure}",
            "기다리는 것이 없어요. `mapae serve`로 시작하거나 --url로 다른 곳에 물으세요",
        )
    except TimeoutError:
        return 0, say("no answer in time", "제때 답하지 않아요")
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error) or type(error).__name__
    finally:
        connection.close()


def _connection(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=PATIENCE)
    context = ssl.create_default_context()
    if host in ("127.0.0.1", "::1", "localhost"):
        # The certificate names the public host; on loopback nobody stands between us and the service.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=PATIENCE, context=context)


def _reason(body: bytes, answer: http.client.HTTPResponse) -> str:
    if answer.getheader("Content-Type", "").startswith("text/plain"):
        return body.decode("utf-8", "replace").strip()[:200]
    try:
        members = json.loads(body)
    except ValueError:
        return ""
    return str(members.get("detail") or members.get("title") or "") if isinstance(members, dict) else ""
