"""FastAPI: who sends a request as a typed dependency, the whole service mounted, and the example application run."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from typing import Annotated

import httpx2
import pytest
from fastapi import Depends, FastAPI, WebSocket

from mapae import Key, KeySet, sign
from mapae.errors import SettingsRefused
from mapae.fastapi import Claims, Mapae, Principal
from mapae.flows.follow import poll
from mapae.remote import RemoteRevocations
from servers import serving

pytestmark = pytest.mark.anyio

ISSUER, AUDIENCE = "https://id.example.com", "https://api.example.com"
KEY = Key.generate("ES256")
PERSON = {"email": "jane@example.com", "password": "a horse of bronze, five strong"}


@pytest.fixture
def anyio_backend():
    return "asyncio"


def client(app, **more):
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://localhost:8000", **more)


def token(*, key=KEY, issuer=ISSUER, audience=AUDIENCE, **claims):
    return sign({"sub": "jane", **claims}, key, issuer=issuer, audience=audience, lifetime=3600, typ="at+jwt")


def bearer(text):
    return {"authorization": f"Bearer {text}"}


def application(auth):
    app = FastAPI()
    auth.init(app)

    @app.get("/me")
    async def me(user: Annotated[Claims, Depends(auth)]) -> dict[str, str | None]:
        return {"sub": user.sub}

    @app.post("/notes")
    async def add(user: Annotated[Claims, auth.require("notes:read", "notes:write")]) -> dict[str, str | None]:
        return {"sub": user.sub}

    @app.get("/perhaps")
    async def perhaps(user: Annotated[Claims | None, Depends(auth.optional)]) -> dict[str, bool]:
        return {"known": user is not None}

    return app


@pytest.fixture(params=["key set", "object", "bytes", "key"])
def verifying(request):
    public = KeySet([KEY.public()])
    keys = {
        "key set": public,
        "object": public.to_jwks(),
        "bytes": httpx2.Response(200, json=public.to_jwks()).content,
        "key": KEY.public(),
    }
    return Mapae(ISSUER, audience=AUDIENCE, keys=keys[request.param])


@pytest.fixture
def only_verifying():
    return Mapae(ISSUER, audience=AUDIENCE, keys=KEY.public())


@pytest.mark.slow
async def test_a_good_token_gives_its_claims(verifying):
    async with client(application(verifying)) as http:
        answer = await http.get("/me", headers=bearer(token()))
    assert (answer.status_code, answer.json()) == (200, {"sub": "jane"})


async def test_an_opaque_session_token_of_a_service_elsewhere_is_of_the_wrong_kind(only_verifying):
    async with client(application(only_verifying)) as http:
        answer = await http.get("/me", headers=bearer("mps_" + "A" * 86))
    assert (answer.status_code, answer.json()["code"]) == (401, "token_kind")


async def test_without_a_token_one_is_asked_for_without_an_error(only_verifying):
    async with client(application(only_verifying)) as http:
        answer = await http.get("/me")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == f'Bearer realm="{ISSUER}"'
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "token_missing"


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ("x", "token_malformed"),
        (token(key=Key.generate("ES256")), "token_key_unknown"),
        (token(issuer="https://evil.example"), "token_issuer"),
        (token(audience="https://other.example"), "token_audience"),
        (sign({"sub": "jane"}, KEY, issuer=ISSUER, audience=AUDIENCE, lifetime=3600), "token_kind"),
    ],
    ids=["garbage", "another key", "another issuer", "another audience", "another kind"],
)
async def test_a_bad_token_is_refused_as_invalid(only_verifying, bad, code):
    async with client(application(only_verifying)) as http:
        answer = await http.get("/me", headers=bearer(bad))
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert answer.json()["code"] in {code, "token_signature"}


@pytest.mark.parametrize(
    ("scope", "missing"),
    [(None, "notes:read notes:write"), ("notes:read", "notes:write"), ("account", "notes:read notes:write")],
)
async def test_missing_scopes_are_all_named(only_verifying, scope, missing):
    async with client(application(only_verifying)) as http:
        answer = await http.post("/notes", headers=bearer(token(**({"scope": scope} if scope else {}))))
        enough = await http.post("/notes", headers=bearer(token(scope="notes:write notes:read")))
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert f'scope="{missing}"' in answer.headers["www-authenticate"]
    assert enough.status_code == 200


async def test_an_optional_caller_may_be_nobody_but_not_somebody_refused(only_verifying):
    async with client(application(only_verifying)) as http:
        assert (await http.get("/perhaps")).json() == {"known": False}
        assert (await http.get("/perhaps", headers=bearer(token()))).json() == {"known": True}
        assert (await http.get("/perhaps", headers=bearer("x"))).status_code == 401


async def test_cookies_of_the_same_host_do_not_confuse_a_verifying_application(only_verifying):
    async with client(application(only_verifying)) as http:
        answer = await http.get("/me", headers=bearer(token()) | {"cookie": "__Host-mapae=another"})
    assert answer.status_code == 200


async def test_without_init_the_status_and_the_challenge_are_the_same(only_verifying):
    app = FastAPI()

    @app.get("/me")
    async def me(user: Annotated[Claims, Depends(only_verifying)]) -> None: ...

    async with client(app) as http:
        answer = await http.get("/me")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, f'Bearer realm="{ISSUER}"')


async def test_the_api_document_shows_the_scheme_and_the_scopes(only_verifying):
    document = application(only_verifying).openapi()
    scheme = document["components"]["securitySchemes"]["mapae"]
    assert (scheme["type"], scheme["scheme"], scheme["bearerFormat"]) == ("http", "bearer", "JWT")
    assert document["paths"]["/me"]["get"]["security"] == [{"mapae": []}]
    assert document["paths"]["/notes"]["post"]["security"] == [{"mapae": ["notes:read", "notes:write"]}]
    assert "parameters" not in document["paths"]["/me"]["get"]


async def test_checking_does_no_input_or_output(only_verifying):
    seen = []
    watching = False

    def watch(event, arguments):
        if watching:
            seen.append(event)

    sys.addaudithook(watch)  # sees files, sockets, threads and databases
    good = token()
    connection = httpx_scope(good)
    for _ in range(2):
        watching = True
        claims = await only_verifying._checked(connection, [])
        watching = False
        assert claims.sub == "jane"
    assert seen == []


def httpx_scope(text):
    from fastapi import Request

    return Request({"type": "http", "method": "GET", "headers": [(b"authorization", b"Bearer " + text.encode())]})


@pytest.mark.slow
def test_a_verifying_application_needs_no_server_module():
    code = "import sys, mapae.fastapi; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert {"argon2", "uvicorn", "prometheus_client", "sqlite3", "mapae.storage", "mapae.web.app"} & set(
        loaded
    ) == set()


@pytest.fixture(params=["jwt", pytest.param("opaque", marks=pytest.mark.slow)])
def embedded(request, tmp_path, monkeypatch):
    """The whole service, with either kind of access token."""
    monkeypatch.setenv("MAPAE_BCRYPT_COST", "10")
    monkeypatch.setenv("MAPAE_HASH_QUEUE_SECONDS", "60s")  # on a busy machine nobody is refused for waiting
    monkeypatch.setenv("MAPAE_ACCESS_TOKEN", request.param)
    return Mapae.embedded(issuer="http://localhost:8000/auth", data=str(tmp_path / "mapae-data"), log_level="error")


@asynccontextmanager
async def started(app):
    async with app.router.lifespan_context(app), client(app) as http:
        yield http


def mounted(auth):
    app = FastAPI()
    auth.init(app)

    @app.api_route("/me", methods=["GET", "POST"])
    async def me(user: Annotated[Principal, Depends(auth)]) -> dict[str, str]:
        return {"account": user.account_id}

    @app.get("/admin")
    async def admin(user: Annotated[Principal, auth.require("admin")]) -> None: ...

    @app.websocket("/live")
    async def live(socket: WebSocket, user: Annotated[Principal, Depends(auth)]) -> None:
        await socket.accept()
        await socket.send_text(user.account_id)
        await socket.close()

    return app


@pytest.mark.slow
async def test_the_service_is_mounted_at_the_path_of_the_issuer(embedded):
    async with started(mounted(embedded)) as http:
        tokens = (await http.post("/auth/v1/sign-up", json=PERSON)).json()
        assert (await http.get("/me", headers=bearer(tokens["access_token"]))).json() == {"account": tokens["account"]}
        page = await http.get("/auth/sign-in")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert "/auth/assets/" in page.text
        for path in ("/auth/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/auth"):
            assert (await http.get(path)).json()["issuer"] == "http://localhost:8000/auth"


@pytest.mark.slow
async def test_both_kinds_of_token_come_in_at_the_same_door(tmp_path, monkeypatch):
    monkeypatch.setenv("MAPAE_BCRYPT_COST", "10")
    monkeypatch.setenv("MAPAE_CLIENTS", "phone=jwt,kiosk=opaque")
    auth = Mapae.embedded(issuer="http://localhost:8000/auth", data=str(tmp_path / "mapae-data"), log_level="error")
    app = mounted(auth)

    @app.get("/client")
    async def client_of(user: Annotated[Principal, Depends(auth)]) -> str:
        return user.client_id

    async with started(app) as http:
        phone = (await http.post("/auth/v1/sign-up", json=PERSON | {"client_id": "phone"})).json()["access_token"]
        kiosk = (await http.post("/auth/v1/sign-in", json=PERSON | {"client_id": "kiosk"})).json()["access_token"]
        assert (phone.count("."), kiosk[:4]) == (2, "mps_")
        assert (await http.get("/client", headers=bearer(phone))).json() == "phone"
        assert (await http.get("/client", headers=bearer(kiosk))).json() == "kiosk"
        assert (await http.get("/admin", headers=bearer(kiosk))).status_code == 403


@pytest.mark.slow
async def test_the_mounted_service_knows_of_a_revocation_at_once(embedded):
    async with started(mounted(embedded)) as http:
        headers = bearer((await http.post("/auth/v1/sign-up", json=PERSON)).json()["access_token"])
        assert (await http.post("/auth/v1/sign-out", headers=headers)).status_code == 204
        await poll(embedded.service)
        answer = await http.get("/me", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_revoked")


@pytest.mark.slow
async def test_a_browser_is_known_by_its_cookies_when_our_own_origin_asks(embedded):
    own, foreign = {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "cross-site"}
    async with started(mounted(embedded)) as http:
        answer = await http.post("/auth/v1/sign-up", json=PERSON | {"delivery": "cookie"}, headers=own)
        # The client in this process keeps Secure cookies for https only; browsers trust localhost.
        pairs = [field.partition(";")[0] for field in answer.headers.get_list("set-cookie")]
        cookies = {"cookie": "; ".join(pairs)}
        assert (await http.get("/me", headers=cookies | foreign)).status_code == 200
        assert (await http.post("/me", headers=cookies | own)).status_code == 200
        refused = await http.post("/me", headers=cookies | foreign)
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_refused")


@pytest.mark.slow
async def test_a_role_is_a_scope(embedded):
    async with started(mounted(embedded)) as http:
        headers = bearer((await http.post("/auth/v1/sign-up", json=PERSON)).json()["access_token"])
        answer = await http.get("/admin", headers=headers)
    assert answer.status_code == 403
    assert 'scope="admin"' in answer.headers["www-authenticate"]


@pytest.mark.slow
@pytest.mark.parametrize("given", [True, False], ids=["with a token", "without"])
async def test_a_websocket_is_accepted_only_from_somebody_known(embedded, given):
    app = mounted(embedded)
    async with started(app) as http:
        tokens = (await http.post("/auth/v1/sign-up", json=PERSON)).json()
        headers = [(b"authorization", f"Bearer {tokens['access_token']}".encode())] if given else []
        sent = []

        async def receive():
            return {"type": "websocket.connect"}

        async def send(message):
            sent.append(message)

        scope = {"type": "websocket", "path": "/live", "headers": headers, "query_string": b"", "root_path": ""}
        await app(scope | {"subprotocols": [], "client": None, "server": None, "scheme": "ws"}, receive, send)
    if given:
        assert [message["type"] for message in sent] == ["websocket.accept", "websocket.send", "websocket.close"]
    else:
        assert [message["type"] for message in sent] == [
            "websocket.http.response.start",
            "websocket.http.response.body",
        ]
        assert sent[0]["status"] == 401


@pytest.mark.slow
async def test_before_the_start_nobody_is_known(embedded):
    async with client(mounted(embedded)) as http:
        assert (await http.get("/me", headers=bearer("x"))).status_code == 503


async def test_the_lifespan_of_the_application_is_kept(embedded):
    events = []

    @asynccontextmanager
    async def lifespan(app):
        events.append("start")
        yield {"answer": 42}
        events.append("end")

    app = FastAPI(lifespan=lifespan)
    embedded.init(app)
    async with app.router.lifespan_context(app) as state:
        assert state == {"answer": 42}
        assert embedded.service
    assert events == ["start", "end"]


def test_an_issuer_without_a_path_is_refused_with_the_cure():
    with pytest.raises(SettingsRefused, match="http://localhost:8000/auth"):
        Mapae.embedded(issuer="http://localhost:8000")


def test_an_unknown_setting_is_refused_with_the_nearest_name():
    with pytest.raises(SettingsRefused, match="did you mean access_ttl"):
        Mapae.embedded(acces_ttl="5m")


def test_the_example_has_at_most_twenty_lines(root):
    assert len((root / "examples" / "fastapi_app.py").read_text().splitlines()) <= 20


@pytest.fixture
def example(root, tmp_path):
    """The example application under a real server."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    options = ["--port", str(port), "--ws", "none", "fastapi_app:app"]
    environment = os.environ | {"PYTHONPATH": str(root / "examples"), "MAPAE_BCRYPT_COST": "10"}
    command = [sys.executable, "-m", "uvicorn", *options]
    server = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx2.get(f"{url}/auth/readyz")
            break
        except httpx2.TransportError:
            assert time.monotonic() < deadline, "the example does not start"
            time.sleep(0.05)
    yield url
    server.send_signal(signal.SIGTERM)
    assert server.wait(60) == -signal.SIGTERM  # uvicorn ends in good order, then lets the signal have its way


@pytest.mark.slow
def test_the_example_runs(example):
    assert httpx2.get(f"{example}/hello").status_code == 401
    tokens = httpx2.post(f"{example}/auth/v1/sign-up", json=PERSON).json()
    headers = bearer(tokens["access_token"])
    assert httpx2.get(f"{example}/hello", headers=headers).json() == {"account": tokens["account"]}
    assert httpx2.get(f"{example}/admin", headers=headers).status_code == 403
    assert httpx2.get(f"{example}/auth/sign-up").status_code == 200
    assert httpx2.get(f"{example}/docs").status_code == 200


@pytest.mark.slow
async def test_an_application_fetches_the_keys_of_a_service_elsewhere_and_follows_their_rotation(tmp_path):
    with serving(tmp_path / "mapae-data") as server, server.connect() as connection:
        elsewhere = Mapae(server.url, audience=server.url)
        async with client(application(elsewhere)) as http:
            first = connection.sign_up("jane@example.com")
            answer = await http.get("/me", headers=bearer(first["access_token"]))
            assert answer.json() == {"sub": first["account"]}
            assert server.mapae("key", "rotate").returncode == 0
            later = connection.sign_in("jane@example.com")
            for tokens in (first, later):
                assert (await http.get("/me", headers=bearer(tokens["access_token"]))).status_code == 200


@pytest.mark.slow
async def test_an_application_elsewhere_refuses_a_session_that_was_ended(tmp_path):
    with serving(tmp_path / "mapae-data") as server, server.connect() as connection:
        elsewhere = Mapae(server.url, audience=server.url)
        app = application(elsewhere)

        @app.post("/transfer")
        async def transfer(user: Annotated[Claims, Depends(elsewhere.fresh)]) -> dict[str, str | None]:
            return {"sub": user.sub}

        async with started(app) as http:
            tokens, other = connection.sign_up("jane@example.com"), connection.sign_in("jane@example.com")
            headers = bearer(tokens["access_token"])
            assert (await http.get("/me", headers=headers)).status_code == 200
            assert (await http.post("/transfer", headers=headers)).status_code == 200
            assert connection.ask("POST", "/v1/sign-out", token=tokens["access_token"]).status == 204
            refused = await http.post("/transfer", headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (401, "token_revoked")
            until = time.monotonic() + 3
            while (answer := await http.get("/me", headers=headers)).status_code == 200:
                assert time.monotonic() < until
            assert answer.json()["code"] == "token_revoked"
            assert (await http.get("/me", headers=bearer(other["access_token"]))).status_code == 200
            server.kill()
            gone = await http.post("/transfer", headers=bearer(other["access_token"]))
            assert (gone.status_code, gone.json()["code"]) == (503, "feed_source")
            assert int(gone.headers["retry-after"]) >= 1
            assert (await http.get("/me", headers=bearer(other["access_token"]))).status_code == 200


@pytest.mark.slow
async def test_a_route_of_the_embedded_service_may_ask_now(embedded):
    app = mounted(embedded)

    @app.post("/transfer")
    async def transfer(user: Annotated[Principal, Depends(embedded.fresh)]) -> None: ...

    async with started(app) as http:
        headers = bearer((await http.post("/auth/v1/sign-up", json=PERSON)).json()["access_token"])
        assert (await http.post("/transfer", headers=headers)).status_code == 200
        assert (await http.post("/auth/v1/sign-out", headers=headers)).status_code == 204
        assert (await http.post("/transfer", headers=headers)).status_code == 401


async def test_a_token_that_names_no_session_needs_an_issuer_without_revocations():
    keys = KEY.public()
    following = RemoteRevocations(ISSUER, keys, start_seconds=0)
    strict, lenient = (Mapae(ISSUER, audience=AUDIENCE, keys=keys, revocations=each) for each in (following, False))
    async with client(application(strict)) as http:
        answer = await http.get("/me", headers=bearer(token()))
        assert (answer.status_code, answer.json()["code"]) == (401, "token_claim")
    async with client(application(lenient)) as http:
        assert (await http.get("/me", headers=bearer(token()))).status_code == 200


async def test_keys_that_cannot_be_fetched_are_a_fault_of_the_moment(free_port):
    nobody = Mapae(f"http://localhost:{free_port}", audience=AUDIENCE)
    async with client(application(nobody)) as http:
        answer = await http.get("/me", headers=bearer(token()))
    assert (answer.status_code, answer.json()["code"]) == (503, "key_source")
    assert int(answer.headers["retry-after"]) >= 1


@pytest.fixture
def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
