"""What an operation of the API is, and how one request becomes one call of it.

`web/operations.py` lists them all; routing and the OpenAPI document are both made from that table.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import msgspec

from mapae.flows.authenticate import authenticate_async
from mapae.flows.service import Service
from mapae.flows.visitor import Visitor
from mapae.guard import Principal
from mapae.web import csrf
from mapae.web.answers import Answer, Receive, Scope
from mapae.web.attended import attended
from mapae.web.bodies import Body, arrived_body, check_content_type, parse_body, read_body
from mapae.web.problems import Language, Words
from mapae.web.requests import Credentials, Network, read_credentials, read_language, read_visitor

NO_PARAMETERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class QueryField:
    """One name of a query.

    Attributes:
        schema: what its value is, as JSON Schema.
    """

    about: Words
    schema: Mapping[str, object]


@dataclass(slots=True)
class Call:
    """One request to one operation.

    Attributes:
        parameters: the values of the path's `{names}`.
        draining: the process is stopping and wants no new requests.
    """

    service: Service
    scope: Scope
    receive: Receive
    trusted_proxies: Sequence[Network] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    draining: bool = False

    @property
    def visitor(self) -> Visitor:
        """Who is calling, as far as the network tells."""
        return read_visitor(self.scope, trusted_proxies=self.trusted_proxies)

    @property
    def language(self) -> Language:
        """The language the caller prefers."""
        return read_language(self.scope)

    def attended(self) -> AbstractAsyncContextManager[Visitor]:
        """Give the caller to dear work, which then knows whether they are still there; the body was read before."""
        return attended(self.visitor, self.receive)

    async def body(self, kind: type[Body]) -> Body:
        """Read the body as a `kind`.

        Raises:
            BodyTooLarge, ContentTypeUnsupported, JsonMalformed, InputRefused: see `bodies`.
        """
        check_content_type(self.scope)
        return parse_body(await read_body(self.scope, self.receive), kind)

    async def optional_body(self, kind: type[Body]) -> Body:
        """Read the body as a `kind`; an empty body has every field at its default.

        Raises:
            BodyTooLarge, ContentTypeUnsupported, JsonMalformed, InputRefused: see `bodies`.
        """
        return self._parsed(await read_body(self.scope, self.receive), kind)

    def body_at_once(self, kind: type[Body]) -> Body | None:
        """As `body`; None where it has to be waited for. It can be read again.

        Raises:
            BodyTooLarge, ContentTypeUnsupported, JsonMalformed, InputRefused: see `bodies`.
        """
        check_content_type(self.scope)
        content = arrived_body(self.scope)
        return None if content is None else parse_body(content, kind)

    def optional_body_at_once(self, kind: type[Body]) -> Body | None:
        """As `optional_body`; None where it has to be waited for. It can be read again.

        Raises:
            BodyTooLarge, ContentTypeUnsupported, JsonMalformed, InputRefused: see `bodies`.
        """
        content = arrived_body(self.scope)
        return None if content is None else self._parsed(content, kind)

    def _parsed(self, content: bytes, kind: type[Body]) -> Body:
        if not content:
            return kind()
        check_content_type(self.scope)
        return parse_body(content, kind)

    def principal(self, *scopes: str) -> Awaitable[Principal]:
        """Return who sends the request, by bearer token or by cookie.

        Raises:
            TokenMissing, CredentialsTwice, CsrfRefused, TokenError, ScopeMissing: the request is not let in.
        """
        credentials = read_credentials(self.scope)
        return self.authenticated(credentials, *scopes)

    def access_token(self) -> str:
        """Return the access token of the request; a cookie counts only when our own origin sent it.

        Raises:
            TokenMissing, CredentialsTwice, CsrfRefused: the request is not let in.
        """
        credentials = read_credentials(self.scope)
        if credentials.carrier == "cookie":
            self.check_origin()
        return credentials.access_token

    def authenticated(self, credentials: Credentials, *scopes: str) -> Awaitable[Principal]:
        """Return whose `credentials` these are; a cookie counts only when our own origin sent it."""
        if credentials.carrier == "cookie":
            self.check_origin()
        return authenticate_async(self.service, credentials.access_token, scopes=scopes)

    def check_origin(self) -> None:
        """Refuse a request that another site made the browser send.

        Raises:
            CsrfRefused: see `csrf.check`.
        """
        csrf.check(self.scope, issuer=self.service.settings.issuer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One row of the API.

    Attributes:
        path: with `{names}` for what varies.
        name: the operationId.
        run: does the work.
        at_once: does it where nothing has to be waited for, or returns what will when it was decided what to wait for;
            None, or what returns None where all has to be waited for.
        prepare: understands a head that comes again: returns what answers a request with that head at once, by its
            body, or gives None for one that has to wait.
        patient: whether requests of other operations that are ready go first.
        body: what the request body is; None where there is none.
        body_required: false where an empty body is accepted too.
        status: of the answer when all went well.
        answer: what the answer's body is; None where it has none, or is no JSON of ours.
        media_type: of the answer's body.
        access: which token lets one in: the access token, the refresh token, either, or none.
        may_set_cookies: cookies come or go with the answer.
        problems: the codes of this operation, beside those that every operation of its kind has.
        refused_pointer: which field a refused password came from.
        parameters: the `{names}` of the path.
        query: the names of the query.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    name: str
    summary: Words
    run: Callable[[Call], Awaitable[Answer]]
    at_once: Callable[[Call], Answer | Awaitable[Answer] | None] | None = None
    prepare: Callable[[Call], Callable[[bytes], Answer | None]] | None = None
    patient: bool = False
    body: type[msgspec.Struct] | None = None
    body_required: bool = True
    status: int = 200
    answer: type[msgspec.Struct] | None = None
    media_type: str = "application/json"
    access: Literal["access", "refresh", "any", "none"] = "access"
    may_set_cookies: bool = False
    problems: tuple[str, ...] = ()
    refused_pointer: str = "/password"
    parameters: Mapping[str, Words] = field(default_factory=dict)
    query: Mapping[str, QueryField] = field(default_factory=dict)
