"""Log lines are JSON objects on one line, and hold nothing that must not be there."""

import json
import logging

import pytest

from mapae.errors import MapaeError
from mapae.web.app import create_app
from mapae.web.logs import Log, LogHandler

pytestmark = pytest.mark.anyio


def lines(written):
    return [json.loads(line) for line in b"".join(written).splitlines()]


def test_a_line_is_json_with_its_time_and_level():
    written = []
    Log(written.append, level="info", text=False).line("info", "started", address="http://localhost", code=None)
    (line,) = lines(written)
    assert line.keys() == {"ts", "level", "event", "address"}
    assert (line["level"], line["event"]) == ("info", "started")
    assert line["ts"].endswith("Z")


def test_lower_levels_are_left_out():
    written = []
    log = Log(written.append, level="warning", text=False)
    log.line("info", "quiet")
    log.line("error", "loud")
    assert [line["event"] for line in lines(written)] == ["loud"]


def test_a_terminal_gets_text():
    written = []
    Log(written.append, level="info", text=True).line("info", "started", address="x")
    assert b"started" in written[0]
    assert b"address=x" in written[0]
    assert not written[0].startswith(b"{")


def test_what_other_code_reports_is_kept_without_the_messages_of_strangers():
    written = []
    logger = logging.getLogger("other.library")
    logger.propagate = False
    logger.addHandler(LogHandler(Log(written.append, level="info", text=False)))
    for failure in (KeyError("what the caller sent"), MapaeError("our own words")):
        try:
            raise failure
        except (KeyError, MapaeError):
            logger.exception("failed with what the caller sent")
    strange, ours = lines(written)
    assert strange["error"] == "KeyError"
    assert "what the caller sent" not in json.dumps([strange, ours])
    assert ours["message"] == "our own words"


@pytest.mark.slow
async def test_the_log_of_a_whole_visit_holds_no_secret_and_no_person(settings, api):
    written = []
    app = create_app(settings, log=Log(written.append, level="debug", text=False))
    async with app.running(), type(api)(app) as client:
        tokens = await client.signed_up()
        await client.sign_in(password="a wrong but secret password")
        again = (await client.refresh(tokens["refresh_token"])).json()
        await client.get("/v1/me?token=in-the-query", headers=client.bearer(again))
        await client.get("/v1/me", headers={"authorization": "Bearer eyJhbGciOiJub25lIn0.e30.x"})
        await client.get("/setup?token=a-one-time-link")
        await client.get("/no/such/path-with-jane@example.com")
        await client.post("/v1/sign-in", json={"email": "someone@example.com", "secret-field": 1})
        await client.delete("/v1/sessions/odd-session-id", headers=client.bearer(again))
    text = b"".join(written).decode()
    secrets = [
        *(
            part
            for one in (tokens, again)
            for name in ("access_token", "refresh_token")
            for part in one[name].split(".")
        ),
        *("a wrong but secret password", client.PASSWORD, client.EMAIL, "jane", "someone@example.com", "203.0.113"),
        *("in-the-query", "a-one-time-link", "path-with", "odd-session-id", "eyJ", "mpr_", "mpt_", "mpp_"),
    ]
    assert [secret for secret in secrets if secret in text] == []
    requests = [line for line in lines(written) if line["event"] == "request"]
    assert [line["route"] for line in requests] == [
        *("/v1/sign-up", "/v1/sign-in", "/v1/refresh", "/v1/me", "/v1/me", "/setup", "-", "/v1/sign-in"),
        "/v1/sessions/{sid}",
    ]
    assert all(line.keys() >= {"request_id", "method", "status", "dur_s"} for line in requests)
