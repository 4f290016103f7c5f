"""What our HTTP server makes of an ASGI application: its messages, its mistakes, and clients that do as they like."""

import asyncio
from contextlib import asynccontextmanager

import pytest
import uvicorn
from uvicorn.server import ServerState

from mapae.web.head_lines import FixedHeaders, written
from mapae.web.http_protocol import PoliteHttp

TWO = (b"content-length", b"2")
GET = b"GET /a?b=c HTTP/1.1\r\nhost: localhost\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nhost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n"


def sending(*parts, status=200, headers=(), **more):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body"})

    return app


async def failing(scope, receive, send):
    raise OSError("the disk is full")


async def forgetful(scope, receive, send):
    return


async def broken_off(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"ab", "more_body": True})
    raise OSError("the disk is full")


async def echo(scope, receive, send):
    body = (await receive())["body"]
    await sending(body, headers=[(b"content-length", b"%d" % len(body))])(scope, receive, send)


class AtOnce:
    """Answers without a task; counts how often."""

    def __init__(self, body=b"at once"):
        self.body, self.begun = body, 0

    def begin(self, _scope, request):
        self.begun += 1
        request.answer(200, b"content-length: %d\r\n" % len(self.body), self.body)


@asynccontextmanager
async def serving(app, **settings):
    config = uvicorn.Config(app, http=PoliteHttp, ws="none", lifespan="off", log_config=None, **settings)
    config.load()
    config.loaded_app = app
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(lambda: PoliteHttp(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        async with asyncio.timeout(20):
            yield state, reader, writer
    finally:
        writer.close()
        server.close()


async def said_to(app, request: bytes) -> bytes:
    """All that is said to `request` and to a last one after it."""
    async with serving(app) as (_, reader, writer):
        writer.write(request + b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        return await reader.read()


def first_answer(app, request: bytes) -> bytes:
    return asyncio.run(said_to(app, request))


def test_an_answer_without_a_length_is_sent_in_chunks():
    said = first_answer(sending(b"ab", b"cde"), GET)
    assert b"transfer-encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n" in said


@pytest.mark.parametrize(
    ("app", "request_bytes", "end"),
    [
        pytest.param(sending(b"ab", headers=[TWO]), HEAD, b"content-length: 2\r\n\r\n", id="HEAD"),
        pytest.param(sending(b"ab"), HEAD, b"HTTP/1.1 200 OK\r\n\r\n", id="HEAD of an unknown length"),
        pytest.param(sending(status=204), GET, b"HTTP/1.1 204 No Content\r\n\r\n", id="204"),
        pytest.param(sending(status=304), GET, b"HTTP/1.1 304 Not Modified\r\n\r\n", id="304"),
    ],
)
def test_an_answer_without_a_body_ends_with_its_head(app, request_bytes, end):
    said = first_answer(app, request_bytes)
    assert said.startswith(end) or said.partition(b"HTTP/1.1 200 OK\r\n")[2].startswith(end), said
    assert said[len(end) :].count(b"HTTP/1.1 ") <= 2


@pytest.mark.parametrize(
    ("app", "status"),
    [
        (failing, b"500"),
        (forgetful, b"500"),
        (sending(headers=[(b"x", b"a\r\nset-cookie: b")]), b"500"),
        (sending(headers=[(b"x y", b"a")]), b"500"),
        (broken_off, b"200"),
        (sending(b"abc", headers=[TWO]), b""),
    ],
    ids=["fails", "says nothing", "a value with a line", "a name with a blank", "breaks off", "says too much"],
)
def test_after_an_answer_that_went_wrong_the_connection_ends(app, status):
    said = first_answer(app, GET)
    assert said[9:12] == status, said
    assert said.count(b"HTTP/1.1 ") == (1 if status else 0), said
    assert b"set-cookie" not in said


def test_who_waits_to_be_told_sends_its_body_then():
    async def steps():
        async with serving(echo) as (_, reader, writer):
            writer.write(POST + b"expect: 100-continue\r\n\r\n")
            told = await reader.readuntil(b"\r\n\r\n")
            writer.write(b"hi")
            return told, await reader.readuntil(b"hi")

    told, answer = asyncio.run(steps())
    assert told == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


def test_an_application_hears_that_the_client_has_left():
    heard = []

    async def patient(scope, receive, send):
        heard.append((await receive())["type"])
        heard.append((await receive())["type"])
        gone.set()

    gone = asyncio.Event()

    async def steps():
        async with serving(patient) as (state, _, writer):
            writer.write(GET)
            await asyncio.sleep(0)
            writer.close()
            await gone.wait()
            while state.tasks or state.connections:  # noqa: ASYNC110  uvicorn looks so, too
                await asyncio.sleep(0)

    asyncio.run(steps())
    assert heard == ["http.request", "http.disconnect"]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    ],
    ids=["HTTP/1.0", "close", "upgrade"],
)
def test_a_connection_that_is_not_kept_is_closed_after_its_answer(request_bytes):
    async def steps():
        async with serving(AtOnce()) as (_, reader, writer):
            writer.write(request_bytes)
            return await reader.read()

    said = asyncio.run(steps())
    assert said == b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\nat once"


def test_requests_sent_together_are_answered_at_once_in_order_without_a_task():
    async def steps():
        async with serving(AtOnce()) as (state, reader, writer):
            writer.write(GET * 3)
            for _ in range(3):
                assert (await reader.readuntil(b"at once")).count(b"HTTP/1.1 200 OK") == 1
            return len(state.tasks), state.total_requests

    assert asyncio.run(steps()) == (0, 3)


@pytest.mark.slow
def test_who_asks_without_reading_is_not_answered_without_end():
    app, asked = AtOnce(b"x" * 4096), 5_000

    async def steps():
        async with serving(app) as (_, reader, writer):
            reader._transport.pause_reading()
            writer.write(GET * asked)
            before = -1
            while before != app.begun:
                before = app.begun
                await asyncio.sleep(0.3)
            unread = app.begun
            reader._transport.resume_reading()
            for _ in range(asked):
                await reader.readexactly(len(b"HTTP/1.1 200 OK\r\ncontent-length: 4096\r\n\r\n") + 4096)
            return unread

    assert asyncio.run(steps()) < asked
    assert app.begun == asked


@pytest.mark.slow
def test_an_idle_connection_is_closed_in_time_and_one_in_use_is_not():
    async def steps():
        async with serving(AtOnce(), timeout_keep_alive=1) as (_, reader, writer):
            loop = asyncio.get_running_loop()
            for _ in range(3):
                writer.write(GET)
                await reader.readuntil(b"at once")
                await asyncio.sleep(0.5)
            last = loop.time() - 0.5
            assert await reader.read() == b""
            return loop.time() - last

    assert asyncio.run(steps()) >= 0.99


def test_at_the_end_an_idle_connection_is_closed_and_a_busy_one_is_answered_first():
    released = asyncio.Event()

    async def slow(scope, receive, send):
        await released.wait()
        await sending(b"done")(scope, receive, send)

    async def steps():
        async with serving(AtOnce()) as (state, reader, writer):
            writer.write(GET)
            await reader.readuntil(b"at once")
            for connection in list(state.connections):
                connection.shutdown()
            assert await reader.read() == b""
        async with serving(slow) as (state, reader, writer):
            writer.write(GET)
            while not state.tasks:  # noqa: ASYNC110  uvicorn looks so, too
                await asyncio.sleep(0)
            for connection in list(state.connections):
                connection.shutdown()
            released.set()
            return await reader.read()

    said = asyncio.run(steps())
    assert b"connection: close" in said
    assert b"done" in said


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/v1/me", "/v1/me", b""),
        (b"/a%20b?x=%20", "/a b", b"x=%20"),
        (b"//a//b", "//a//b", b""),
        (b"/a#b", "/a", b""),
        (b"http://localhost/c?d", "/c", b"d"),
    ],
)
def test_the_target_of_a_request_is_taken_apart(target, path, query):
    seen = {}

    async def app(scope, receive, send):
        seen.update(scope)
        await sending(status=204)(scope, receive, send)

    async def steps():
        async with serving(app) as (_, reader, writer):
            writer.write(b"GET %b HTTP/1.1\r\nhost: localhost\r\n\r\n" % target)
            await reader.readuntil(b"\r\n\r\n")

    asyncio.run(steps())
    raw = target.partition(b"?")[0].partition(b"#")[0].removeprefix(b"http://localhost")
    assert (seen["path"], seen["query_string"], seen["raw_path"]) == (path, query, raw)


@pytest.mark.parametrize(
    "header", [(b"x", b"a\r\nb: c"), (b"x\r\ny", b"a"), (b"x", b"a\nb"), (b"", b"a"), (b"x", b"\0")]
)
def test_nothing_in_a_header_can_begin_another_line(header):
    with pytest.raises(ValueError, match="no header field may hold"):
        written([(b"content-type", b"a"), header])


def test_fixed_headers_are_the_lines_they_are_written_as():
    headers = ((b"a", b"b"), (b"c", "é".encode("latin-1")))
    assert FixedHeaders(headers) == headers
    assert FixedHeaders(headers).lines == b"a: b\r\nc: \xe9\r\n"
