"""The table of every operation of the API: routing and the OpenAPI document are both made from it."""

from __future__ import annotations

from mapae.web.api import activity, health, me, revocations, sessions, sign_in, status_lists, ticket, tokens, well_known
from mapae.web.calls import Operation
from mapae.web.problems import Words

_TRIES = ("too_many_attempts", "busy")
_LINE = ("waiting", "ticket_refused", "too_many_places")

API_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="POST",
        path="/v1/sign-up",
        name="signUp",
        summary=Words("Open an account and sign in to it.", "가입하고 바로 로그인해요."),
        run=sign_in.open_account,
        patient=True,
        body=sign_in.SignUpBody,
        status=201,
        answer=tokens.TokenAnswer,
        access="none",
        may_set_cookies=True,
        problems=("password_refused", "email_taken", "sign_up_closed", *_TRIES, *_LINE),
    ),
    Operation(
        method="POST",
        path="/v1/sign-in",
        name="signIn",
        summary=Words("Sign in with e-mail and password.", "이메일과 비밀번호로 로그인해요."),
        run=sign_in.begin_session,
        at_once=sign_in.join_the_line_at_once,
        patient=True,
        body=sign_in.SignInBody,
        answer=tokens.TokenAnswer,
        access="none",
        may_set_cookies=True,
        problems=("sign_in_refused", *_TRIES, *_LINE),
    ),
    Operation(
        method="POST",
        path="/v1/ticket",
        name="askWithTicket",
        summary=Words("Ask how far the waiting line is.", "대기 순서를 물어요."),
        run=ticket.ask_with_ticket,
        at_once=ticket.ask_with_ticket_at_once,
        prepare=ticket.prepare_to_be_asked,
        patient=True,
        body=ticket.TicketBody,
        body_required=False,
        answer=ticket.TicketAnswer,
        access="none",
        may_set_cookies=True,
        problems=("ticket_refused",),
    ),
    Operation(
        method="POST",
        path="/v1/refresh",
        name="refresh",
        summary=Words("Exchange a refresh token for the next tokens.", "갱신 토큰을 다음 토큰으로 바꿔요."),
        run=tokens.exchange,
        body=tokens.RefreshBody,
        body_required=False,
        answer=tokens.TokenAnswer,
        access="refresh",
        may_set_cookies=True,
        problems=("token_missing", "credentials_twice", "refresh_refused", "refresh_reused"),
    ),
    Operation(
        method="POST",
        path="/v1/sign-out",
        name="signOut",
        summary=Words("End the session in use.", "지금 쓰는 세션을 끝내요."),
        run=sign_in.end_this_session,
        body=sign_in.SignOutBody,
        body_required=False,
        status=204,
        access="any",
        may_set_cookies=True,
        problems=("refresh_refused",),
    ),
    Operation(
        method="POST",
        path="/v1/sign-out-everywhere",
        name="signOutEverywhere",
        summary=Words("End every session of the account.", "계정의 모든 세션을 끝내요."),
        run=sign_in.end_all_sessions,
        answer=sign_in.EndedAnswer,
        may_set_cookies=True,
    ),
    Operation(
        method="GET",
        path="/v1/me",
        name="me",
        summary=Words("Say who is signed in.", "누가 로그인했는지 알려 줘요."),
        run=me.show_me,
        at_once=me.show_me_at_once,
        prepare=me.prepare_to_show_me,
        answer=me.MeAnswer,
        problems=("not_found",),
    ),
    Operation(
        method="PUT",
        path="/v1/me/password",
        name="changePassword",
        summary=Words("Change the password.", "비밀번호를 바꿔요."),
        run=me.replace_password,
        body=me.ChangePasswordBody,
        status=204,
        problems=("sign_in_refused", "password_refused", "not_found", *_TRIES),
        refused_pointer="/new_password",
    ),
    Operation(
        method="POST",
        path="/v1/me/delete",
        name="deleteMe",
        summary=Words("Delete the account.", "계정을 지워요."),
        run=me.delete_me,
        body=me.DeleteBody,
        status=204,
        may_set_cookies=True,
        problems=("sign_in_refused", "not_found", *_TRIES),
    ),
    Operation(
        method="GET",
        path="/v1/me/activity",
        name="listActivity",
        summary=Words("List what happened to the account.", "계정에 있었던 일을 보여 줘요."),
        run=activity.list_mine,
        answer=activity.ActivityList,
        query=activity.QUERY,
        problems=("input_refused",),
    ),
    Operation(
        method="GET",
        path="/v1/sessions",
        name="listSessions",
        summary=Words("List the live sessions of the account.", "계정의 살아 있는 세션을 보여 줘요."),
        run=sessions.list_mine,
        answer=sessions.SessionList,
    ),
    Operation(
        method="DELETE",
        path="/v1/sessions/{sid}",
        name="endSession",
        summary=Words("End one session of the account.", "계정의 세션 하나를 끝내요."),
        run=sessions.end_one,
        status=204,
        may_set_cookies=True,
        problems=("not_found",),
        parameters={"sid": Words("The session's id.", "세션의 id예요.")},
    ),
    Operation(
        method="GET",
        path="/v1/revocations",
        name="revocations",
        summary=Words(
            "What was revoked, signed, for servers elsewhere; waits for news.",
            "다른 곳의 서버를 위한 서명된 폐기 목록이에요. 새 소식이 있을 때까지 기다려요.",
        ),
        run=revocations.show_page,
        media_type="application/jwt",
        access="none",
        problems=("reader_refused", "input_refused"),
        query=revocations.QUERY,
    ),
    Operation(
        method="GET",
        path="/v1/status-lists",
        name="listStatusLists",
        summary=Words("The addresses of all token status lists.", "모든 토큰 상태 목록의 주소예요."),
        run=status_lists.show_all,
        answer=status_lists.StatusListUris,
        access="none",
        problems=("not_found",),
    ),
    Operation(
        method="GET",
        path="/v1/status-lists/{number}",
        name="statusList",
        summary=Words(
            "Which sessions were ended, signed, one bit for each.",
            "어떤 세션이 끝났는지 세션마다 한 비트로 알려 주는 서명된 목록이에요.",
        ),
        run=status_lists.show_one,
        media_type="application/statuslist+jwt",
        access="none",
        problems=("not_found",),
        parameters={"number": Words("Which list.", "몇 번째 목록인지예요.")},
    ),
)
"""What people and programs call, under a version."""

DOCUMENTS: tuple[Operation, ...] = (
    Operation(
        method="GET",
        path=well_known.JWKS_PATH,
        name="keys",
        summary=Words("The public keys (RFC 7517).", "공개 키예요(RFC 7517)."),
        run=well_known.show_keys,
        media_type="application/json",
        access="none",
    ),
    *(
        Operation(
            method="GET",
            path=path,
            name=name,
            summary=Words("What this issuer offers (RFC 8414).", "이 발급자가 할 수 있는 일이에요(RFC 8414)."),
            run=well_known.show_metadata,
            answer=well_known.Metadata,
            access="none",
        )
        for path, name in (
            ("/.well-known/oauth-authorization-server", "authorizationServerMetadata"),
            ("/.well-known/openid-configuration", "openidConfiguration"),
        )
    ),
    Operation(
        method="GET",
        path="/.well-known/security.txt",
        name="securityContact",
        summary=Words("Whom to tell about a vulnerability (RFC 9116).", "취약점을 알릴 곳이에요(RFC 9116)."),
        run=well_known.show_security_contact,
        media_type="text/plain",
        access="none",
        problems=("not_found",),
    ),
)
"""Public documents at fixed addresses."""

HEALTH: tuple[Operation, ...] = tuple(
    Operation(
        method="GET",
        path=path,
        name=name,
        summary=Words(en, ko),
        run=run,
        media_type="text/plain",
        access="none",
        problems=("not_ready",) if name != "alive" else (),
    )
    for path, name, run, en, ko in (
        ("/livez", "alive", health.show_alive, "Whether this process answers.", "이 프로세스가 답하는지 알려 줘요."),
        ("/readyz", "ready", health.show_ready, "Whether it should get requests.", "요청을 받아도 되는지 알려 줘요."),
        ("/healthz", "healthy", health.show_ready, "The same as /readyz.", "/readyz와 같아요."),
    )
)
"""For load balancers and supervisors."""

OPERATIONS: tuple[Operation, ...] = (*API_OPERATIONS, *DOCUMENTS, *HEALTH)
