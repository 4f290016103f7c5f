"""GET /v1/sessions and DELETE /v1/sessions/{sid}: where one is signed in."""

from __future__ import annotations

from typing import Annotated

import msgspec

from mapae.flows.sign_out import end_session, list_sessions
from mapae.web.answers import Answer, json_answer
from mapae.web.api.fields import Moment, about, moment
from mapae.web.calls import Call
from mapae.web.cookies import cleared_cookies


class SessionItem(msgspec.Struct, frozen=True):
    """One sign-in on one device."""

    id: str
    current: Annotated[bool, about("Whether this is the session that sends the request.", "요청을 보낸 세션인지예요.")]
    device: Annotated[str, about("Browser and system.", "브라우저와 시스템이에요.", example="Firefox · Linux")]
    place: Annotated[
        str,
        about(
            "The network it came from, coarse on purpose.",
            "접속한 네트워크예요. 일부러 대강만 적어요.",
            example="203.0.113.*",
        ),
    ]
    created_at: Moment
    seen_at: Moment
    client_id: Annotated[
        str, about("The client that it was begun with.", "세션을 시작한 클라이언트예요.", example="mapae")
    ]
    expires_at: Annotated[Moment, about("When it ends if it is not used before then.", "그때까지 쓰지 않으면 끝나요.")]


class SessionList(msgspec.Struct, frozen=True):
    """Every live session of the account, the latest used first."""

    sessions: list[SessionItem]


async def list_mine(call: Call) -> Answer:
    """List the live sessions of the account."""
    principal = await call.principal()
    found = await list_sessions(call.service, principal)
    items = [
        SessionItem(
            session.sid,
            session.sid == principal.sid,
            session.device,
            session.place,
            moment(session.created_ms),
            moment(session.seen_ms),
            session.client_id,
            moment(min(session.idle_expires_ms, session.absolute_expires_ms)),
        )
        for session in found
    ]
    return json_answer(200, SessionList(items))


async def end_one(call: Call) -> Answer:
    """End one session of the account."""
    principal = await call.principal()
    sid = call.parameters["sid"]
    await end_session(call.service, principal, sid, visitor=call.visitor)
    return Answer(204, headers=cleared_cookies() if sid == principal.sid else ())
