"""Mapae in a FastAPI application: who sends the request as a typed dependency, and the whole service mounted.

    auth = Mapae.embedded(issuer="http://localhost:8000/auth")
    app = FastAPI()
    auth.init(app)

    @app.get("/hello")
    async def hello(user: Annotated[Principal, Depends(auth)]) -> str: ...

An application that only verifies tokens of a service elsewhere names that service instead, fetches its keys and follows
its revocations: `Mapae("https://id.example.com", audience="https://api.example.com")`.

Checking does no I/O once keys and revocations are known, and never leaves the event loop. Refusals carry the challenges
of RFC 6750.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit

from fastapi import FastAPI, HTTPException
from fastapi.openapi.models import HTTPBearer
from fastapi.params import Security as SecurityMark
from fastapi.requests import HTTPConnection
from fastapi.responses import Response
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from msgspec import ValidationError, convert
from starlette.routing import Mount, Route

from mapae.errors import ClaimRefused, MapaeError, Mistake, SettingsRefused
from mapae.guard import Principal, require
from mapae.jose.claims import Claims
from mapae.jose.jwks import KeySet
from mapae.jose.live_keys import LiveKeys
from mapae.jose.verifier import KeySource
from mapae.remote.key_set import RemoteKeySet
from mapae.remote.revocations import RemoteRevocations
from mapae.sessions.access_token import AccessClaims, refuse_opaque
from mapae.settings import Settings, load_settings
from mapae.settings.kinds import is_loopback
from mapae.tokens import Verifier
from mapae.web import csrf
from mapae.web.answers import challenge, problem_answer
from mapae.web.problems import problem_for
from mapae.web.refusals import NotReady, TokenMissing
from mapae.web.requests import read_bearer, read_credentials, read_language

if TYPE_CHECKING:
    from mapae.flows.service import Service
    from mapae.web.app import MapaeApp

__all__ = ["Claims", "Mapae", "Principal"]

T = TypeVar("T")
DEFAULT_ISSUER = "http://localhost:8000/auth"
_METADATA_PATH = "/.well-known/oauth-authorization-server"

Check = Callable[[HTTPConnection, list[str]], Awaitable[T]]


class TokenRefused(HTTPException):
    """A request without a good token: the status and challenge of RFC 6750, and the error itself.

    Attributes:
        error: why; `str(error)` is for the log, not for the caller.
    """

    def __init__(self, error: MapaeError, issuer: str) -> None:
        """Wrap `error` into the answer it becomes."""
        field = challenge(error, realm=issuer)
        headers = {} if field is None else {"WWW-Authenticate": field}
        super().__init__(problem_for(error).status, problem_for(error).title.en, headers)
        self.error = error
        self.issuer = issuer


class _Guarded(SecurityBase, Generic[T]):
    """What `Depends` calls and the OpenAPI document describes; there the Authorize button takes an access token."""

    def __init__(self, check: Check[T], issuer: str) -> None:
        self._check, self._issuer = check, issuer
        self.model = HTTPBearer(bearerFormat="JWT", description=f"An access token of {issuer}.")
        self.scheme_name = "mapae"

    async def _checked(self, connection: HTTPConnection, scopes: list[str]) -> T:
        try:
            return await self._check(connection, scopes)
        except MapaeError as error:
            raise TokenRefused(error, self._issuer) from error


class _Optional(_Guarded[T]):
    """Lets requests without any token through; a token that is refused is still refused."""

    async def __call__(self, connection: HTTPConnection, security_scopes: SecurityScopes) -> T | None:
        try:
            return await self._checked(connection, security_scopes.scopes)
        except TokenRefused as refused:
            if isinstance(refused.error, TokenMissing):
                return None
            raise


class _Fresh(_Guarded[T]):
    """Asks now what was revoked: for what must not be done a moment too late."""

    async def __call__(self, connection: HTTPConnection, security_scopes: SecurityScopes) -> T:
        return await self._checked(connection, security_scopes.scopes)


class _Auth(_Guarded[T]):
    """What both ways of knowing a caller have in common.

    Attributes:
        optional: lets requests without any token through.
        fresh: asks now what was revoked, over the network, instead of looking into memory.
    """

    def __init__(self, check: Check[T], issuer: str, *, fresh: Check[T]) -> None:
        super().__init__(check, issuer)
        self.optional: _Optional[T] = _Optional(check, issuer)
        self.fresh: _Fresh[T] = _Fresh(fresh, issuer)

    async def __call__(self, connection: HTTPConnection, security_scopes: SecurityScopes) -> T:
        """Return who sends the request.

        Raises:
            TokenRefused: 401 or 403 with the challenge of RFC 6750.
        """
        return await self._checked(connection, security_scopes.scopes)

    def require(self, *scopes: str) -> SecurityMark:
        """Return what marks a parameter whose caller must have all of `scopes`."""
        return SecurityMark(self, scopes=list(scopes))

    def init(self, app: FastAPI) -> None:
        """Answer refusals of `app` with problem documents (RFC 9457)."""
        app.add_exception_handler(TokenRefused, _explained)


class Mapae(_Auth[Claims]):
    """Verifies the access tokens of a service elsewhere, with its keys and what it has revoked.

    Use it as `Annotated[Claims, Depends(auth)]`, `Annotated[Claims, auth.require("notes:write")]`,
    `Annotated[Claims | None, Depends(auth.optional)]`, or `Annotated[Claims, Depends(auth.fresh)]` where a session that
    was ended a moment ago must not pass. Sessions that end elsewhere are refused here within a second; how, and what
    happens while the service cannot be reached, `mapae.remote.RemoteRevocations` says.
    """

    def __init__(
        self,
        issuer: str,
        *,
        audience: str,
        keys: KeySource | LiveKeys | Mapping[str, Any] | bytes | None = None,
        typ: str | None = "at+jwt",
        leeway: int = 5,
        revocations: RemoteRevocations | bool | None = None,
    ) -> None:
        """Prepare to verify.

        Args:
            issuer: the only accepted `iss`.
            audience: what `aud` must name: this API.
            keys: the service's public keys: a `RemoteKeySet`, a `KeySet`, a `Key`, or a JWK Set (RFC 7517) as an object
                or as its bytes. None fetches them from where the issuer says they are and follows their rotation; an
                issuer on this very machine may be asked by http.
            typ: the kind of token; None for an issuer that does not say.
            leeway: seconds by which clocks may differ.
            revocations: whether to follow what the service revokes, or what follows it already. None: where the keys
                are fetched. An issuer that is no Mapae has nothing to follow: False; then a session that was ended is
                accepted until its token expires.

        Raises:
            KeyRefused: `keys` is no JWK Set, or holds a private key.
            ValueError: the issuer is to be asked and is not one that can be.
        """
        source = _source(keys, issuer)
        verifier = Verifier(source, issuer=issuer, audience=audience, typ=typ, leeway=leeway)
        follower = _follower(revocations, source, issuer, leeway, fetched=keys is None)

        async def checked(connection: HTTPConnection, scopes: list[str], max_staleness: float | None) -> Claims:
            token = read_bearer(connection.scope)
            refuse_opaque(token)
            claims = await verifier.verify_async(token)
            if follower is not None:
                await follower.accept_async(_access_claims(claims), max_staleness=max_staleness)
            if scopes:
                scope = claims.get("scope", "")
                require(scope if isinstance(scope, str) else "", scopes)
            return claims

        async def check(connection: HTTPConnection, scopes: list[str]) -> Claims:
            return await checked(connection, scopes, None)

        async def check_now(connection: HTTPConnection, scopes: list[str]) -> Claims:
            return await checked(connection, scopes, 0)

        self._follower = follower
        super().__init__(check, issuer, fresh=check_now)

    def init(self, app: FastAPI) -> None:
        """Answer refusals of `app` with problem documents (RFC 9457), and follow revocations while it runs."""
        super().init(app)
        follower = self._follower
        if follower is None:
            return
        inner = app.router.lifespan_context

        @asynccontextmanager
        async def lifespan(started: FastAPI) -> AsyncIterator[Any]:
            follower.start()
            try:
                async with inner(started) as state:
                    yield state
            finally:
                follower.close()

        app.router.lifespan_context = lifespan

    @staticmethod
    def embedded(*, issuer: str = DEFAULT_ISSUER, **settings: object) -> EmbeddedMapae:
        """Return the whole service, to be mounted by `init` at the path of `issuer`.

        Args:
            issuer: where the service is reached: the application's public URL and a path, such as
                `https://example.com/auth`.
            settings: any setting of Mapae by its name, such as `data="mapae-data"`; what is left out comes from
                `MAPAE_*` and `mapae.toml`, as for the server.

        Raises:
            SettingsRefused: every mistake in the settings.
        """
        loaded = load_settings({"issuer": issuer, **settings}, os.environ)
        if loaded.origin("log_level") == "default":
            loaded = replace(loaded, log_level="warning")  # the application logs its requests itself
        return EmbeddedMapae(loaded)


class EmbeddedMapae(_Auth[Principal]):
    """The whole service inside a FastAPI application; callers come with a bearer token or with its cookies.

    Attributes:
        settings: what it runs with.
    """

    def __init__(self, settings: Settings) -> None:
        """Prepare the service; it opens with the application it is given to.

        Raises:
            SettingsRefused: the issuer has no path to mount the service at.
        """
        from mapae.flows.authenticate import authenticate_async  # noqa: PLC0415  it needs the server's dependencies
        from mapae.web.app import create_app  # noqa: PLC0415

        self._path = urlsplit(settings.issuer).path.rstrip("/")
        if not self._path:
            what = f"add a path to mount the service at, such as {settings.issuer.rstrip('/')}/auth"
            raise SettingsRefused([Mistake(settings.origin("issuer"), "issuer", what)])
        self.settings = settings
        self._service_app: MapaeApp = create_app(settings)
        self._authenticate = authenticate_async
        super().__init__(self._check_here, settings.issuer, fresh=self._check_now)

    @property
    def service(self) -> Service:
        """The open service, for the flows of `mapae.flows`.

        Raises:
            NotReady: the application has not started, or has ended.
        """
        if self._service_app.service is None:
            raise NotReady
        return self._service_app.service

    def init(self, app: FastAPI) -> None:
        """Mount the service in `app`, open and close it with `app`, and answer refusals with problem documents."""
        super().init(app)
        app.router.routes.append(Mount(self._path, app=self._service_app, name="mapae"))
        metadata = Route(_METADATA_PATH + self._path, self._service_app, include_in_schema=False)
        app.router.routes.append(metadata)  # where RFC 8414 §3.1 puts the metadata of an issuer with a path
        inner = app.router.lifespan_context

        @asynccontextmanager
        async def lifespan(started: FastAPI) -> AsyncIterator[Any]:
            async with self._service_app.running(), inner(started) as state:
                yield state

        app.router.lifespan_context = lifespan

    async def _check_here(self, connection: HTTPConnection, scopes: list[str]) -> Principal:
        credentials = read_credentials(connection.scope)
        if credentials.carrier == "cookie":
            csrf.check(connection.scope, issuer=self.settings.issuer)
        return await self._authenticate(self.service, credentials.access_token, scopes=scopes)

    async def _check_now(self, connection: HTTPConnection, scopes: list[str]) -> Principal:
        from mapae.flows.follow import read_anew  # noqa: PLC0415  as above

        await read_anew(self.service)
        return await self._check_here(connection, scopes)


def _source(keys: KeySource | LiveKeys | Mapping[str, Any] | bytes | None, issuer: str) -> KeySource | LiveKeys:
    if keys is None:
        return RemoteKeySet.from_issuer(issuer, allow_loopback=is_loopback(urlsplit(issuer).hostname or ""))
    return KeySet.from_jwks(keys) if isinstance(keys, Mapping | bytes) else keys


def _follower(
    asked: RemoteRevocations | bool | None, keys: KeySource | LiveKeys, issuer: str, leeway: int, *, fetched: bool
) -> RemoteRevocations | None:
    if isinstance(asked, RemoteRevocations):
        return asked
    if asked is False or (asked is None and not fetched):
        return None
    loopback = is_loopback(urlsplit(issuer).hostname or "")
    return RemoteRevocations(issuer, keys, leeway=leeway, allow_loopback=loopback)


def _access_claims(claims: Claims) -> AccessClaims:
    try:
        return convert(claims.to_dict(), AccessClaims)
    except ValidationError:
        why = "is missing, so that nobody can tell whether it was revoked; write revocations=False for such an issuer"
    raise ClaimRefused(why, claim="sid")


async def _explained(connection: HTTPConnection, refused: Exception) -> Response:
    """Answer a request, or refuse the handshake of a WebSocket in the same words."""
    if not isinstance(refused, TokenRefused):
        raise refused
    request_id = connection.headers.get("x-request-id", secrets.token_hex(8))[:64]
    language = read_language(connection.scope)
    answer = problem_answer(refused.error, issuer=refused.issuer, language=language, request_id=request_id)
    response = Response(answer.body, answer.status)
    response.raw_headers.extend(answer.headers)
    return response
