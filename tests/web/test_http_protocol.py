"""Whoever speaks HTTP slowly, endlessly or wrongly is sent away; everybody else is answered."""

import asyncio
from contextlib import asynccontextmanager

import pytest
import uvicorn
from uvicorn.server import ServerState

from mapae.web import http_protocol
from mapae.web.http_protocol import HEAD_FIELDS, HEAD_LIMIT, PoliteHttp

BEGIN = b"GET / HTTP/1.1\r\nhost: localhost\r\n"


async def app(scope, receive, send):
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    answer = b"%s %d" % (scope["path"].encode(), len(body))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(answer))]})
    await send({"type": "http.response.body", "body": answer})


@asynccontextmanager
async def connected():
    config = uvicorn.Config(app, http=PoliteHttp, ws="none", lifespan="off", log_config=None, access_log=False)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: PoliteHttp(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()


async def everything(reader) -> bytes:
    async with asyncio.timeout(10):
        return await reader.read()


async def answer(reader) -> bytes:
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return head + await reader.readexactly(length)


def run(steps):
    return asyncio.run(steps())


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        pytest.param(BEGIN + b"x: " + b"a" * (HEAD_LIMIT + 1) + b"\r\n\r\n", b"431", id="one endless field"),
        pytest.param(BEGIN + b"x: a\r\n" * HEAD_FIELDS + b"\r\n", b"431", id="too many fields"),
        pytest.param(b"GET /" + b"a" * (HEAD_LIMIT + 1) + b" HTTP/1.1\r\nhost: a\r\n\r\n", b"431", id="endless path"),
        pytest.param(BEGIN + b"x: a\r\n" * 20_000, b"431", id="a head without end"),
        pytest.param(
            BEGIN + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", b"400", id="two lengths"
        ),
        pytest.param(b"no HTTP at all\r\n\r\n", b"400", id="no HTTP"),
        pytest.param(BEGIN + b"content-length: -1\r\n\r\n", b"400", id="a negative length"),
    ],
)
def test_a_head_beyond_its_bounds_is_refused_and_the_connection_closed(request_bytes, status):
    async def steps():
        async with connected() as (reader, writer):
            writer.write(request_bytes)
            return await everything(reader)

    said = run(steps)
    assert said.startswith(b"HTTP/1.1 " + status), said[:100]
    assert b"connection: close" in said


@pytest.mark.slow
def test_half_a_head_does_not_hold_a_connection_for_ever(monkeypatch):
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.2)

    async def steps():
        async with connected() as (reader, writer):
            writer.write(BEGIN)
            return await everything(reader)

    assert run(steps).startswith(b"HTTP/1.1 408")


@pytest.mark.slow
def test_a_connection_that_asks_nothing_is_closed(monkeypatch):
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.2)

    async def steps():
        async with connected() as (reader, _):
            return await everything(reader)

    assert run(steps) == b""


@pytest.mark.slow
def test_the_second_head_of_a_connection_has_its_bounds_too(monkeypatch):
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.2)

    async def steps():
        async with connected() as (reader, writer):
            writer.write(BEGIN + b"\r\n")
            first = await answer(reader)
            writer.write(BEGIN)
            return first, await everything(reader)

    first, second = run(steps)
    assert first.startswith(b"HTTP/1.1 200")
    assert second.startswith(b"HTTP/1.1 408")


@pytest.mark.slow
def test_a_kept_connection_that_asks_nothing_more_is_no_slow_head(monkeypatch):
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.1)

    async def steps():
        async with connected() as (reader, writer):
            writer.write(BEGIN + b"\r\n")
            await answer(reader)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.4):
                    await reader.read(1)
            writer.write(BEGIN + b"\r\n")
            return await answer(reader)

    assert run(steps).startswith(b"HTTP/1.1 200")


def test_a_request_in_pieces_a_long_body_and_a_pipeline_are_answered_in_order():
    async def steps():
        async with connected() as (reader, writer):
            for piece in (b"POST /a HT", b"TP/1.1\r\nhost: localhost\r\ncont", b"ent-length: 5\r\n\r\nab", b"cde"):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            first = await answer(reader)
            length = 3 * HEAD_LIMIT
            writer.write(b"POST /b HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % length)
            writer.write(b"x" * length)
            second = await answer(reader)
            writer.write(b"GET /c HTTP/1.1\r\nhost: a\r\n\r\n" * 3)
            return [first, second, *[await answer(reader) for _ in range(3)]]

    bodies = [said.partition(b"\r\n\r\n")[2] for said in run(steps)]
    assert bodies == [b"/a 5", b"/b %d" % (3 * HEAD_LIMIT), b"/c 0", b"/c 0", b"/c 0"]
