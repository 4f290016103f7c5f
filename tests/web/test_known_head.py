"""A head that comes again on a connection says the same again, and nothing that looks like it says more or less."""

import asyncio
import gc
import json
import weakref
from itertools import pairwise
from unittest.mock import patch

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.server import ServerState

from mapae.web import later
from mapae.web.answers import Repeat
from mapae.web.http_protocol import PoliteHttp
from mapae.web.known_head import LONGEST, known_head
from mapae.web.later import Later

POST = b"POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n"
GET = b"GET /b?c=d HTTP/1.1\r\nhost: a\r\naccept: */*\r\n\r\n"
CHUNKED = b"POST /c HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
TWO_HEADS = b"POST /d HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % len(GET)


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self):
        super().__init__()
        self.said, self.closed = b"", False

    def write(self, data):
        self.said += data

    def is_closing(self):
        return self.closed

    def close(self):
        self.closed = True

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass


class Repeating:
    """Answers with what it was asked, at once where all of it is there."""

    def __init__(self):
        self.scopes = []

    def begin(self, scope, request):
        body = request.whole_body()
        if body is None:
            return self.wait(scope, request)
        self.answer(scope, request, body)
        return None

    async def wait(self, scope, request):
        body, more = b"", True
        while more:
            message = await request.receive()
            if message["type"] != "http.request":
                return
            body, more = body + message["body"], message["more_body"]
        self.answer(scope, request, body)

    def answer(self, scope, request, body):
        self.scopes.append(scope)
        scope["headers"].append((b"x-mine", b"1"))  # whoever answers may do with it as they like
        told = [scope["method"], scope["path"], scope["query_string"].decode(), len(scope["headers"]), body.decode()]
        request.answer(200, b"", json.dumps(told).encode() + b"\n")


class Understanding(Repeating):
    """Answers a repeated head by what it has understood of it, though not every time, and not every head."""

    patient = False

    def __init__(self):
        super().__init__()
        self.repeated = 0

    def prepare(self, scope):
        told = [scope["method"], scope["path"], scope["query_string"].decode(), len(scope["headers"]) + 1]
        if told[1] == "/e":
            return None

        def repeat(body, whole):
            if body == b"cd":
                return False
            self.repeated += 1
            whole(200, b"", json.dumps([*told, body.decode()]).encode() + b"\n")
            return True

        return Repeat(repeat, self.patient)


class Patient(Understanding):
    """Lets others go first, whatever is asked."""

    patient = True

    def __init__(self):
        super().__init__()
        self.later = Later()

    def is_patient(self, scope):
        return scope["method"] != ""


def connected(app, *, keep_seconds=5):
    """A connection to a server of `app`, and where its answers go."""
    config = uvicorn.Config(app, http=PoliteHttp, ws="none", lifespan="off", log_config=None)
    config.load()
    config.loaded_app, config.timeout_keep_alive = app, keep_seconds
    protocol, wire = PoliteHttp(config, ServerState(), {}), Wire()
    protocol.connection_made(wire)
    return protocol, wire


async def heard(pieces, app=None, *, wait=0.0):
    """What is answered to `pieces`, each of which comes by itself once the ones before it are dealt with."""
    protocol, wire = connected(app or Repeating())
    for piece in pieces:
        if wire.closed:
            break
        protocol.data_received(piece)
        for _ in range(40):
            await asyncio.sleep(0)
    await asyncio.sleep(wait)
    protocol.connection_lost(None)
    answers = [line for line in wire.said.split(b"\n") if line.startswith(b"[")]
    return [json.loads(line) for line in answers], wire


def of(request: bytes):
    head, _, body = request.partition(b"\r\n\r\n")
    line, *fields = head.split(b"\r\n")
    method, target, _ = line.split(b" ")
    path, _, query = target.partition(b"?")
    if b"chunked" in head:
        body = body.split(b"\r\n")[1]
    return [method.decode(), path.decode(), query.decode(), len(fields) + 1, body.decode()]


def test_the_same_head_again_is_the_same_request_with_its_own_body():
    app = Repeating()
    answers, _ = asyncio.run(heard([POST + b"ab", POST + b"cd", POST + b"ef"], app))
    assert [body for *_, body in answers] == ["ab", "cd", "ef"]
    assert answers[0][:4] == answers[2][:4] == ["POST", "/a", "", 3]
    assert len({id(scope) for scope in app.scopes}) == 3


REQUESTS = st.sampled_from(
    [
        POST + b"ab",
        POST + b"cd",
        POST + b"\r\n",
        GET,
        GET.replace(b"/b", b"/e"),
        CHUNKED + b"1\r\nx\r\n0\r\n\r\n",
        CHUNKED + b"1\r\ny\r\n0\r\n\r\n",
        TWO_HEADS + GET,
        TWO_HEADS + GET.replace(b"c=d", b"e=f"),
    ]
)


@given(st.lists(REQUESTS, min_size=1, max_size=12), st.data())
def test_however_requests_arrive_each_is_answered_as_itself(requests, data):
    whole = data.draw(st.booleans(), "each by itself")
    stream = b"".join(requests)
    cuts = [] if whole else data.draw(st.lists(st.integers(0, len(stream)), max_size=8), "cuts")
    places = sorted({0, len(stream), *cuts})
    pieces = requests if whole else [stream[one:other] for one, other in pairwise(places)]
    app = data.draw(st.sampled_from([Repeating, Understanding, Patient]))()
    with patch.object(later, "IN_A_TURN", data.draw(st.sampled_from([1, 12]), "work in a turn")):
        answers, wire = asyncio.run(heard(pieces, app))
    assert answers == [of(request) for request in requests]
    assert not wire.closed


def test_a_head_that_is_understood_is_answered_without_a_request():
    app = Understanding()
    asked = [GET, GET, GET, POST + b"ab", POST + b"ab", POST + b"cd", POST + b"ef"]
    answers, wire = asyncio.run(heard(asked, app))
    assert answers == [of(request) for request in asked]
    assert (app.repeated, len(app.scopes)) == (4, 3)
    assert wire.said.count(b"HTTP/1.1 200 OK\r\n") == 7


def test_what_is_understood_of_one_head_is_not_said_to_another():
    other = GET.replace(b"accept: */*", b"accept: a/b")
    app = Understanding()
    answers, _ = asyncio.run(heard([GET, GET, other, POST + b"ab", other, GET], app))
    assert [path for _, path, *_ in answers] == ["/b", "/b", "/b", "/a", "/b", "/b"]
    assert app.repeated == 1


@pytest.mark.parametrize(
    ("pieces", "bodies"),
    [
        pytest.param([POST + b"ab", POST + b"ab" + POST, b"cd"], ["ab", "ab", "cd"], id="more than the request"),
        pytest.param([POST + b"ab", POST + b"a", b"b"], ["ab", "ab"], id="less than the request"),
        pytest.param([POST + b"a", b"b" + GET, GET], ["ab", "", ""], id="a rest first"),
        pytest.param([POST + b"\r\n\r\n", POST + b"ab\r\n"], ["\r\n", "ab"], id="an empty line after it"),
    ],
)
def test_what_only_looks_like_a_request_that_came_is_read_as_what_it_is(pieces, bodies):
    answers, _ = asyncio.run(heard(pieces))
    assert [body for *_, body in answers] == bodies


def test_a_rest_that_came_before_a_head_is_no_part_of_it():
    half = POST + b"a"
    answers, wire = asyncio.run(heard([half, b"b" + GET, b"b" + GET]))
    assert [path for _, path, *_ in answers] == ["/a", "/b"]
    assert wire.said.count(b"400 Bad Request") == 1
    assert wire.closed


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(POST + b"a", id="a part of the body"),
        pytest.param(POST + b"abc", id="more than the body"),
        pytest.param(b"GET / HTTP/1.1\nhost: a\r\n\r\n", id="a line without CR"),
        pytest.param(b"GET / HTTP/1.1\r\nhost: a\n\nx\r\n\r\n", id="an end without CR"),
        pytest.param(b"GET / HTTP/1.1\r\nx: " + b"a" * LONGEST + b"\r\n\r\n", id="too long"),
    ],
)
def test_a_head_is_not_remembered_where_its_end_is_not_plain(request_bytes):
    length = [(b"content-length", b"2")] if b"content-length" in request_bytes else []
    assert known_head(request_bytes, {"headers": length}) is None


@pytest.mark.parametrize("field", [b"transfer-encoding: chunked", b"expect: 100-continue"])
def test_a_request_that_is_more_than_a_head_and_a_body_is_not_remembered(field):
    name, _, value = field.partition(b": ")
    head = b"POST / HTTP/1.1\r\n" + field + b"\r\n\r\n"
    assert known_head(head, {"headers": [(name, value)]}) is None


def about_its_own_length(head: bytes) -> bytes:
    size = len(head) + len(b"content-length: 00\r\n\r\n")
    return head + b"content-length: %d\r\n\r\n" % size


HALF = about_its_own_length(b"POST /c HTTP/1.1\r\nhost: a\r\n")
REST = b"z" * len(HALF)


@pytest.mark.parametrize(
    ("pieces", "asked"),
    [
        pytest.param([GET, TWO_HEADS, GET, GET], [GET, TWO_HEADS + GET, GET], id="a body"),
        pytest.param(
            [GET, b"POST /c HTTP/1.1\r\nx: ", GET, GET], [GET, b"POST /c HTTP/1.1\r\nx: " + GET, GET], id="a field"
        ),
        pytest.param([GET + HALF, REST] * 2, [GET, HALF + REST] * 2, id="with the head of another"),
        pytest.param([b"\r\n", GET, b"\r\n", GET], [GET, GET], id="after an empty line"),
    ],
)
def test_a_known_head_in_another_place_is_what_it_is_there(pieces, asked):
    answers, _ = asyncio.run(heard(pieces))
    assert answers == [of(request) for request in asked]


def test_the_same_again_waits_until_what_came_before_is_answered():
    class SlowAtFirst(Understanding):
        begun = 0

        def begin(self, scope, request):
            self.begun += 1
            return self.slowly(scope, request) if self.begun == 1 else super().begin(scope, request)

        async def slowly(self, scope, request):
            await asyncio.sleep(0.05)
            self.answer(scope, request, request.whole_body())

    answers, _ = asyncio.run(heard([GET, POST + b"ab", POST + b"cd"], SlowAtFirst(), wait=0.2))
    assert [path for _, path, *_ in answers] == ["/b", "/a", "/a"]
    answers, _ = asyncio.run(heard([POST + b"ab", POST + b"ef", POST + b"gh"], SlowAtFirst(), wait=0.2))
    assert [body for *_, body in answers] == ["ab", "ef", "gh"]


async def repeating(**options):
    """A connection on which the same was asked twice and answered twice, the second time by what was understood."""
    app = Understanding()
    protocol, wire = connected(app, **options)
    for _ in range(2):
        protocol.data_received(GET)
    assert (app.repeated, wire.said.count(b"200 OK")) == (1, 2)
    return app, protocol, wire


async def waiting(monkeypatch):
    """A connection on which a repeated head waits for its turn."""
    monkeypatch.setattr(later, "IN_A_TURN", 1)
    app = Patient()
    protocol, wire = connected(app)
    await said(protocol, wire, POST + b"ab", 1)
    await said(protocol, wire, POST + b"ef", 2)
    app.later.do(lambda: None)
    app.later.do(lambda: None)
    protocol.data_received(POST + b"gh")
    assert (app.repeated, wire.said.count(b"200 OK")) == (1, 2)
    return app, protocol, wire


async def said(protocol, wire, request, answers):
    protocol.data_received(request)
    for _ in range(10):
        await asyncio.sleep(0)
    assert wire.said.count(b"200 OK") == answers


@pytest.mark.anyio
async def test_a_repeated_head_that_let_others_go_first_is_answered_by_what_was_understood_too(monkeypatch):
    app, protocol, wire = await waiting(monkeypatch)
    protocol.data_received(GET)  # of another head, and only when its turn has come
    protocol.data_received(GET)
    await said(protocol, wire, GET, 6)
    paths = [json.loads(line)[1:] for line in wire.said.split(b"\n") if line.startswith(b"[")]
    assert paths[2:] == [["/a", "", 3, "gh"], *[["/b", "c=d", 3, ""]] * 3]
    assert (app.repeated, [scope["path"] for scope in app.scopes]) == (2, ["/a", "/b", "/b", "/b"])


@pytest.mark.anyio
async def test_whoever_leaves_before_their_turn_is_not_answered(monkeypatch):
    app, protocol, wire = await waiting(monkeypatch)
    protocol.connection_lost(None)
    for _ in range(10):
        await asyncio.sleep(0)
    assert (app.repeated, wire.said.count(b"200 OK")) == (1, 2)


@pytest.mark.anyio
async def test_whoever_waits_for_their_turn_when_the_server_stops_is_answered_first(monkeypatch):
    _, protocol, wire = await waiting(monkeypatch)
    protocol.shutdown()
    assert not wire.closed
    for _ in range(10):
        await asyncio.sleep(0)
    assert (wire.said.count(b"200 OK"), wire.said.count(b"connection: close"), wire.closed) == (3, 1, True)


@pytest.mark.anyio
async def test_of_repeated_heads_twelve_are_answered_in_a_turn(monkeypatch):
    monkeypatch.setattr(later, "SLOT_SECONDS", 3600.0)
    app = Patient()
    lines = [connected(app) for _ in range(14)]
    for protocol, wire in lines:
        await said(protocol, wire, POST + b"ab", 1)

    def answered():
        return sum(wire.said.count(b"200 OK") for _, wire in lines) - len(lines)

    app.later._at_once = 0
    for protocol, _ in lines:
        protocol.data_received(POST + b"ef")
    assert answered() == app.repeated == 12
    for protocol, _ in lines:
        protocol.data_received(POST + b"gh")
    await asyncio.sleep(0)
    assert answered() == 14 + 10
    await asyncio.sleep(0)
    assert (answered(), app.repeated) == (28, 26), "two came while the one before them waited"


@pytest.mark.anyio
async def test_whoever_goes_first_is_answered_at_once_however_many_wait(monkeypatch):
    app, *_ = await waiting(monkeypatch)
    app.patient = False
    protocol, wire = connected(app)
    monkeypatch.setattr(app, "is_patient", lambda _scope: False)
    for number in range(1, 4):
        protocol.data_received(GET)
        assert wire.said.count(b"200 OK") == number


@pytest.mark.anyio
async def test_who_does_not_read_is_told_nothing_more_until_they_do():
    app, protocol, wire = await repeating()
    protocol.pause_writing()
    protocol.data_received(GET)
    assert wire.said.count(b"200 OK") == 2
    protocol.resume_writing()
    assert wire.said.count(b"200 OK") == 3
    protocol.data_received(GET)
    assert (app.repeated, wire.said.count(b"200 OK")) == (2, 4)


@pytest.mark.anyio
async def test_nothing_is_said_on_a_connection_that_is_being_closed():
    app, protocol, wire = await repeating()
    protocol.shutdown()
    protocol.data_received(GET)
    assert (app.repeated, wire.said.count(b"200 OK"), wire.closed) == (1, 2, True)


@pytest.mark.anyio
async def test_a_repeated_request_is_counted_dated_and_followed_by_the_same_rest():
    _, protocol, wire = await repeating(keep_seconds=0.05)
    assert protocol._server.total_requests == 2
    protocol._server.default_headers = [(b"date", b"tomorrow")]
    protocol.data_received(GET)
    assert wire.said.count(b"date: tomorrow") == 1
    assert not wire.closed
    await asyncio.sleep(0.15)
    assert wire.closed


@pytest.mark.anyio
@pytest.mark.parametrize("times", [1, 2, 3])
async def test_a_connection_that_is_lost_holds_nothing_that_holds_it(times):
    app = Understanding()
    protocol, _ = connected(app)
    for _ in range(times):
        protocol.data_received(GET)
    protocol.connection_lost(None)
    app.scopes.clear()
    gone, enabled = weakref.ref(protocol), gc.isenabled()
    gc.disable()
    try:
        del protocol
        assert gone() is None
    finally:
        if enabled:
            gc.enable()


def test_nothing_is_remembered_while_the_body_of_a_request_that_was_answered_is_not_there():
    class Hasty(Repeating):
        def begin(self, scope, request):
            self.answer(scope, request, b"")

    answers, wire = asyncio.run(heard([GET + HALF, GET + HALF], Hasty()))
    assert [path for _, path, *_ in answers] == ["/b", "/c"]
    assert wire.said.count(b"400 Bad Request") == 1
