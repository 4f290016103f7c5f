"""What our own server answers without a task is what any ASGI server would be answered."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest
from uvicorn.server import ServerState

from mapae.admission import gatekeeper
from mapae.admission.waiting import interval
from mapae.flows.gate import look
from mapae.flows.run_gate import set_gate
from mapae.flows.tally import series
from mapae.web import later
from mapae.web.http_protocol import PoliteHttp
from mapae.web.process import _config

pytestmark = pytest.mark.anyio


class Line:
    """One connection to the real server; `tasks` counts what was not answered at once."""

    def __init__(self, reader, writer):
        self.reader, self.writer, self.tasks = reader, writer, 0

    async def ask(self, headers, *, method="GET", path="/v1/me", body=b""):
        headers = headers | ({"content-length": len(body)} if body else {})
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.writer.write(f"{method} {path} HTTP/1.1\r\nhost: id.example.com\r\n{lines}\r\n".encode() + body)
        async with asyncio.timeout(20):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            body = b"" if method == "HEAD" else await self.reader.readexactly(length)
        return parted(head + body)

    def counted(self, loop, work, **more):
        self.tasks += work.__qualname__ == "HttpRequest.run"
        return asyncio.Task(work, loop=loop, **more)


@asynccontextmanager
async def connected(app):
    config = _config(app, app.settings)
    state, loop = ServerState(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: PoliteHttp(config, state, {}), "127.0.0.1", 0)
    line = Line(*await asyncio.open_connection(*server.sockets[0].getsockname()))
    loop.set_task_factory(line.counted)
    try:
        yield line
    finally:
        loop.set_task_factory(None)
        line.writer.close()
        server.close()


def parted(said: bytes):
    head, _, body = said.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, body


async def same(app, api, headers, *, method="GET"):
    """The answer at once, once it has been found to be the one over ASGI."""
    async with connected(app) as line:
        for number in range(20):  # what was read may be forgotten between two requests, but not each time
            status, found, body = await line.ask(headers, method=method)
            if line.tasks == number:
                break
        assert line.tasks < 20
    answer = await api.request(method, "/v1/me", headers=headers)
    expected = dict(answer.headers)
    ours, theirs = found.pop("x-request-id"), expected.pop("x-request-id")
    assert (status, found) == (answer.status_code, expected)
    assert body.replace(ours.encode(), b"-") == answer.content.replace(theirs.encode(), b"-")
    return status, body


async def test_who_i_am_is_answered_at_once_when_the_account_was_read_lately(app, api):
    bearer = api.bearer(await api.signed_up())
    async with connected(app) as line:
        app.service.shown.clear()
        first = await line.ask(bearer)
        assert line.tasks == 1
    second = await same(app, api, bearer)
    assert (first[0], first[2]) == second
    assert b"jane@example.com" in second[1]


async def test_head_is_answered_at_once_without_a_body(app, api):
    bearer = api.bearer(await api.signed_up())
    await api.get("/v1/me", headers=bearer)
    assert await same(app, api, bearer, method="HEAD") == (200, b"")


@pytest.mark.slow
@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer rubbish"}, {"authorization": "Basic x"}])
async def test_who_is_not_let_in_hears_so_at_once(app, api, headers):
    status, body = await same(app, api, headers | {"accept-language": "ko"})
    assert status == 401
    assert b'"code":"' in body


async def test_a_cookie_is_taken_at_once_too_and_two_credentials_are_not(app, api, browser):
    assert (await browser.sign_up(delivery="cookie")).status_code == 201
    await browser.get("/v1/me")
    cookie = {"cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}
    assert (await same(app, api, cookie | browser.OWN_ORIGIN))[0] == 200
    assert (await same(app, api, cookie | {"authorization": "Bearer another"}))[0] == 400


async def test_what_is_answered_at_once_is_counted_and_has_an_id_of_its_own(app, api):
    bearer = api.bearer(await api.signed_up())
    counted = series("http_requests", method="GET", route="/v1/me", status="200")
    before = app.service.tally.counts[counted]
    async with connected(app) as line:
        ids = {(await line.ask(bearer))[1]["x-request-id"] for _ in range(3)}
    assert len(ids) == 3
    assert app.service.tally.counts[counted] == before + 3


JSON = {"content-type": "application/json"}


async def repeated(line, bodies, headers, *, method="GET", path="/v1/me"):
    """The answers to requests with one head on one connection, without what is each one's own."""
    answers = []
    for body in bodies:
        status, fields, content = await line.ask(headers, method=method, path=path, body=body)
        answers.append((status, fields, content.replace(fields.pop("x-request-id").encode(), b"-")))
    return answers


class Remembered(dict):
    """Accounts that are not forgotten after a tenth of a second: a slow machine answers as a quick one."""

    def clear(self):
        pass


@pytest.mark.parametrize(
    "who", ["bearer", "cookie", "cookie of another site", "both", "nobody", "rubbish", "signed out", "HEAD"]
)
async def test_whoever_asks_again_and_again_hears_the_same_and_is_counted_each_time(app, api, browser, who):
    tokens = await api.signed_up(email="another@example.com")
    bearer = api.bearer(tokens)
    await browser.sign_up(delivery="cookie")
    cookie = {"cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}
    headers = {
        "cookie": cookie | browser.OWN_ORIGIN,
        "cookie of another site": cookie | {"sec-fetch-site": "cross-site"},
        "both": cookie | bearer,
        "nobody": {},
        "rubbish": {"authorization": "Bearer rubbish"},
    }.get(who, bearer)
    app.service.shown = Remembered()
    if who == "signed out":
        await api.post("/v1/sign-out", headers=bearer)
    for each in (bearer, cookie | browser.OWN_ORIGIN):
        await api.get("/v1/me", headers=each)
    method = "HEAD" if who == "HEAD" else "GET"
    before = app.service.tally.counts.copy()
    async with connected(app) as line:
        (first, *more) = await repeated(line, [b""] * 4, headers, method=method)
        assert line.tasks == 0
    assert more == [first] * 3
    assert first[0] == {"bearer": 200, "cookie": 200, "HEAD": 200, "both": 400, "cookie of another site": 200}.get(
        who, 401
    )
    counted = app.service.tally.counts - before
    told = {"http_requests", "token_verifications"}
    assert {count for each, count in counted.items() if each.name in told} == {4}


async def test_a_session_that_ends_between_two_requests_with_one_head_is_ended_for_the_next(app, api):
    tokens = await api.signed_up()
    bearer = api.bearer(tokens)
    await api.get("/v1/me", headers=bearer)
    async with connected(app) as line:
        assert [status for status, *_ in await repeated(line, [b""] * 3, bearer)] == [200] * 3
        await api.post("/v1/sign-out", headers=bearer)
        assert [status for status, *_ in await repeated(line, [b""] * 2, bearer)] == [401] * 2


async def test_what_has_to_be_read_first_is_read_under_a_head_that_came_before(app, api):
    bearer = api.bearer(await api.signed_up())
    async with connected(app) as line:
        first = await repeated(line, [b""] * 3, bearer)
        before = line.tasks
        app.service.shown.clear()
        assert await repeated(line, [b""], bearer) == first[:1]
        assert line.tasks == before + 1


async def test_a_head_that_came_before_is_told_too_that_the_service_is_stopping(app, api):
    bearer = api.bearer(await api.signed_up())
    async with connected(app) as line:
        await repeated(line, [b""] * 3, bearer)
        service, app.service = app.service, None
        try:
            assert [status for status, *_ in await repeated(line, [b""] * 2, bearer)] == [503, 503]
        finally:
            app.service = service


@pytest.fixture
async def closed(app, api, monkeypatch):
    """A gate that is closed, so that everybody stands in line; inside is a connection to its server.

    All are told the same seconds, which otherwise differ by lot.
    """
    monkeypatch.setattr(gatekeeper, "interval", lambda ahead, **more: interval(ahead, **more | {"lot": 0.0}))
    await set_gate(app.service, "closed")
    await look(app.service)
    async with connected(app) as line:
        yield line


async def told(line, app, api, path, members, **headers):
    """What is said at once and what is said over ASGI: status, header fields, and the body's members."""
    body = msgspec.json.encode(members)
    await look(app.service)
    tasks = line.tasks
    status, found, content = await line.ask(JSON | headers, method="POST", path=path, body=body)
    assert line.tasks == tasks
    answer = await api.post(path, content=body, headers=JSON | headers)
    for each in (found, expected := dict(answer.headers)):
        each["x-request-id"] = each["content-length"] = each["set-cookie"] = ""
    assert (status, found) == (answer.status_code, expected)
    return status, msgspec.json.decode(content), answer.json()


@pytest.mark.slow
@pytest.mark.parametrize("shown", ["a ticket", "rubbish", 7])
async def test_how_far_the_line_is_is_answered_at_once(app, api, closed, shown):
    if shown == "a ticket":
        shown = (await api.sign_in()).json()["ticket"]
    status, ours, theirs = await told(closed, app, api, "/v1/ticket", {"ticket": shown})
    assert status == {"rubbish": 403, 7: 422}.get(shown, 200)
    ours.pop("instance", None), theirs.pop("instance", None)
    assert ours == theirs


async def test_whoever_waits_hears_the_same_under_a_head_that_came_before(app, api, closed):
    tickets = [(await api.sign_in()).json()["ticket"] for _ in range(4)]
    await look(app.service)
    shown = [*tickets, "r" * 84, tickets[0][:-1] + ("A" if tickets[0][-1] != "A" else "B")]
    bodies = [msgspec.json.encode({"ticket": ticket}) for ticket in shown]
    answers = await repeated(closed, bodies, JSON, method="POST", path="/v1/ticket")
    assert closed.tasks == 0
    assert [status for status, *_ in answers] == [200] * 4 + [403] * 2
    assert all(1 <= msgspec.json.decode(body)["position"] <= 4 for *_, body in answers[:4])
    assert len({tuple(sorted(fields.items())) for _, fields, _ in answers[:4]}) == 1
    again = await api.post("/v1/ticket", content=bodies[-1], headers=JSON)
    ours, theirs = msgspec.json.decode(answers[-1][2]), again.json()
    assert {**ours, "instance": ""} == {**theirs, "instance": ""}


async def test_a_body_of_another_kind_is_refused_under_a_head_that_came_before(app, api, closed):
    bodies = [msgspec.json.encode({"ticket": (await api.sign_in()).json()["ticket"]}) for _ in range(3)]
    answers = await repeated(closed, bodies, {"content-type": "text/plain"}, method="POST", path="/v1/ticket")
    assert [status for status, *_ in answers] == [415] * 3


@pytest.mark.slow
async def test_whoever_asks_too_soon_is_kept_under_a_head_that_came_before(app, api, closed):
    bodies = [msgspec.json.encode({"ticket": (await api.sign_in()).json()["ticket"]}) for _ in range(3)]
    await look(app.service)
    await repeated(closed, bodies, JSON, method="POST", path="/v1/ticket")
    before = closed.tasks
    assert (await repeated(closed, bodies[:1], JSON, method="POST", path="/v1/ticket"))[0][0] == 200
    assert closed.tasks == before + 1


@pytest.mark.slow
async def test_a_browser_may_ask_again_and_again_by_its_cookie(app, browser, closed):
    await browser.get("/wait")
    cookie = {"cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}
    assert "mapae-ticket" in cookie["cookie"]
    answers = await repeated(closed, [b""] * 3, cookie | JSON, method="POST", path="/v1/ticket")
    body = msgspec.json.encode({"ticket": browser.cookies["__Host-mapae-ticket"]})
    answers += await repeated(closed, [body] * 3, cookie | JSON, method="POST", path="/v1/ticket")
    assert [status for status, *_ in answers] == [200] * 6


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "ko"])
async def test_a_newcomer_gets_a_place_at_once(app, api, closed, language):
    asked = {"email": "jane@example.com", "password": "whatever it is"}
    headers = {"accept-language": language}
    status, ours, theirs = await told(closed, app, api, "/v1/sign-in", asked, **headers)
    assert (status, ours["code"]) == (503, "waiting")
    assert theirs["position"] == ours["position"] + 1
    for each in (ours, theirs):
        assert (await api.post("/v1/ticket", json={"ticket": each["ticket"]})).json()["state"] == "waiting"
        del each["ticket"], each["position"], each["instance"]
    assert ours == theirs


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [{"email": "no address"}, {"password": 7}, {"client_id": "nobody"}, {"more": 1}])
async def test_a_newcomer_with_a_mistake_hears_of_it_instead_of_waiting(app, api, closed, wrong):
    asked = {"email": "jane@example.com", "password": "whatever it is"} | wrong
    status, ours, theirs = await told(closed, app, api, "/v1/sign-in", asked)
    assert status == 422
    assert ours["errors"] == theirs["errors"] != []


async def test_whoever_is_let_in_is_not_answered_at_once_but_signed_in(app, api):
    await api.signed_up()
    body = msgspec.json.encode({"email": api.EMAIL, "password": api.PASSWORD})
    async with connected(app) as line:
        await look(app.service)
        assert (await line.ask(JSON, method="POST", path="/v1/sign-in", body=body))[0] == 200
        assert line.tasks == 1


@pytest.mark.slow
@pytest.mark.parametrize("before", [0, 2])
@pytest.mark.parametrize("path", ["/v1/sign-in", "/v1/sign-up", "/v1/ticket"])
async def test_who_holds_a_token_goes_before_a_crowd_that_came_earlier(app, api, path, before, monkeypatch):
    """Also before one whose heads have come so often before."""
    monkeypatch.setattr(later, "SLOT_SECONDS", 3600.0)  # or a slow machine begins many of them meanwhile
    bearer = api.bearer(await api.signed_up())
    await api.get("/v1/me", headers=bearer)
    await set_gate(app.service, "closed")
    await look(app.service)
    members = {"/v1/ticket": {"ticket": "x"}}.get(path, {"email": "new@example.com", "password": "whatever it is"})
    body = msgspec.json.encode(members)
    answered = []

    async def ask(line, *asked, **more):
        found = await line.ask(*asked, **more)
        answered.append(line)
        return found[0]

    async with AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(connected(app)) for _ in range(41)]
        for _ in range(before):
            await asyncio.gather(*(line.ask(JSON, method="POST", path=path, body=body) for line in lines[:40]))
        crowd = [ask(line, JSON, method="POST", path=path, body=body) for line in lines[:40]]
        statuses = await asyncio.gather(*crowd, ask(lines[40], bearer))
        assert answered.index(lines[40]) <= 20, "of newcomers four go in each turn, of the others twelve"
    assert statuses == [{"/v1/ticket": 403}.get(path, 503)] * 40 + [200]
