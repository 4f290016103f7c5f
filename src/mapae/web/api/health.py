"""GET /livez, /readyz and /healthz: is this process alive, and should it get requests?"""

from __future__ import annotations

from time import monotonic
from urllib.parse import parse_qs

from mapae.errors import MapaeError
from mapae.flows.service import Service
from mapae.web.answers import Answer
from mapae.web.calls import Call

_TEXT = ((b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store"))


async def show_alive(call: Call) -> Answer:
    """Say that this process answers; nothing else is looked at."""
    del call
    return Answer(200, b"ok\n", _TEXT)


async def show_ready(call: Call) -> Answer:
    """Say whether this process should get requests; `?verbose` lists each check."""
    checks = _checks(call.service, draining=call.draining)
    failed = [name for name, well in checks if not well]
    if b"verbose" in call.scope.get("query_string", b"") and "verbose" in parse_qs(
        call.scope["query_string"].decode("latin-1"), keep_blank_values=True
    ):
        lines = "".join(f"[{'+' if well else '-'}] {name} {'ok' if well else 'failed'}\n" for name, well in checks)
        return Answer(503 if failed else 200, lines.encode(), _TEXT)
    if failed:
        return Answer(503, f"not ready: {', '.join(failed)}\n".encode(), (*_TEXT, (b"retry-after", b"1")))
    return Answer(200, b"ok\n", _TEXT)


def _checks(service: Service, *, draining: bool) -> list[tuple[str, bool]]:
    return [
        ("serving", not draining),
        ("database", _database_answers(service)),
        ("writing", service.database.unwritable is None),
        ("clock", service.clock_agrees),
        ("signing key", _can_sign(service)),
        ("revocations", service.revocations.age(monotonic()) <= service.revocations.limit),
    ]


def _database_answers(service: Service) -> bool:
    try:
        service.database.check()
    except MapaeError:
        return False
    return True


def _can_sign(service: Service) -> bool:
    try:
        service.keyring.signing(service.now_ms())
    except (MapaeError, LookupError):
        return False
    return True
