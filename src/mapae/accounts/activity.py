"""What happened to accounts, sessions and keys: a closed list of events, each with a line people can read."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

Event = Literal[
    "sign_up",
    "sign_in",
    "sign_in_failed",
    "sign_out",
    "sign_out_everywhere",
    "session_revoked",
    "refresh_reused",
    "password_changed",
    "password_rehashed",
    "account_created",
    "account_disabled",
    "account_enabled",
    "account_deleted",
    "account_imported",
    "key_announced",
    "key_rotated",
    "key_retired",
    "key_destroyed",
    "key_imported",
    "key_exported",
    "link_created",
    "link_redeemed",
    "gate_opened",
    "gate_closed",
    "gate_drained",
    "gate_scheduled",
]
"""Everything that is recorded; the names are stored and never change."""

Outcome = Literal["ok", "refused"]

Reason = Literal[
    "unknown_account",
    "wrong_password",
    "no_password",
    "account_disabled",
    "too_many_attempts",
    "reuse",
    "sign_out",
    "sign_out_everywhere",
    "password_changed",
    "account_disabled_by_admin",
    "account_deleted",
    "revoked_by_admin",
    "scheduled",
    "by_hand",
]
"""Why, where the event alone does not say it. Reasons are for the record: callers are never told them."""


@dataclass(frozen=True, slots=True)
class Activity:
    """One thing that happened.

    Attributes:
        at_ms: when.
        event: one of the closed list.
        outcome: `ok`, or `refused` when the attempt was turned away.
        account_id: whose account it concerns; None where no account is known.
        sid: the session it concerns.
        device: the family of browser and system.
        place: the coarse network it came from.
        reason: why, as a stable word.
        detail: one more word for people, such as a `kid` or a count; never a secret.
    """

    at_ms: int
    event: Event
    outcome: Outcome
    account_id: str | None = None
    sid: str | None = None
    device: str = ""
    place: str = ""
    reason: Reason | None = None
    detail: str = ""


EVENTS: tuple[Event, ...] = get_args(Event)
"""Every event name, in the order people read them."""


@dataclass(frozen=True, slots=True)
class Line:
    """The same line in both languages."""

    en: str
    ko: str

    def text(self, language: str) -> str:
        """Return the line in `language`; English where that is not spoken here."""
        return self.ko if language == "ko" else self.en


EVENT_LINES: MappingProxyType[Event, Line] = MappingProxyType(
    {
        "sign_up": Line("Signed up", "가입했어요"),
        "sign_in": Line("Signed in", "로그인했어요"),
        "sign_in_failed": Line("A sign-in was refused", "로그인이 거절됐어요"),
        "sign_out": Line("Signed out", "로그아웃했어요"),
        "sign_out_everywhere": Line("Signed out on every device", "모든 기기에서 로그아웃했어요"),
        "session_revoked": Line("A session was ended", "세션 하나를 끝냈어요"),
        "refresh_reused": Line(
            "An old refresh token came back, so the session was ended; if that was not you, change your password",
            "예전 갱신 토큰이 다시 쓰여서 세션을 끝냈어요. 본인이 아니라면 비밀번호를 바꾸세요",
        ),
        "password_changed": Line(
            "The password was changed; if that was not you, tell the administrator",
            "비밀번호를 바꿨어요. 본인이 아니라면 관리자에게 알리세요",
        ),
        "password_rehashed": Line(
            "The stored password was hashed anew", "저장된 비밀번호를 새 방식으로 다시 해시했어요"
        ),
        "account_created": Line("The account was created by an administrator", "관리자가 계정을 만들었어요"),
        "account_disabled": Line("The account was disabled", "계정을 정지했어요"),
        "account_enabled": Line("The account was enabled again", "계정을 다시 열었어요"),
        "account_deleted": Line("The account was deleted", "계정을 지웠어요"),
        "account_imported": Line("The account was imported from another system", "다른 시스템에서 계정을 가져왔어요"),
        "key_announced": Line("A new signing key was announced", "새 서명 키를 알렸어요"),
        "key_rotated": Line("The next key signs from now on", "이제부터 다음 키로 서명해요"),
        "key_retired": Line("A key stopped signing", "키 하나가 서명을 멈췄어요"),
        "key_destroyed": Line("A private key was destroyed", "개인 키 하나를 없앴어요"),
        "key_imported": Line("A signing key was imported", "서명 키를 가져왔어요"),
        "key_exported": Line("A private key was exported", "개인 키를 내보냈어요"),
        "link_created": Line("A one-time link was made", "일회용 링크를 만들었어요"),
        "link_redeemed": Line("A one-time link was used", "일회용 링크를 썼어요"),
        "gate_opened": Line("The gate was opened", "문을 열었어요"),
        "gate_closed": Line("The gate was closed", "문을 닫았어요"),
        "gate_drained": Line("The gate takes nobody new", "새로 줄을 서지 못하게 했어요"),
        "gate_scheduled": Line("The gate was closed until a moment", "문을 닫고 열 때를 정했어요"),
    }
)
"""What each event is called."""

REASON_LINES: MappingProxyType[Reason, Line] = MappingProxyType(
    {
        "unknown_account": Line("no account has this e-mail", "이 이메일의 계정이 없어요"),
        "wrong_password": Line("the password was wrong", "비밀번호가 틀렸어요"),
        "no_password": Line("the account has no password", "비밀번호가 없는 계정이에요"),
        "account_disabled": Line("the account is disabled", "정지된 계정이에요"),
        "too_many_attempts": Line("too many failed attempts", "실패한 시도가 너무 많아요"),
        "reuse": Line("an old refresh token came back", "예전 갱신 토큰이 다시 쓰였어요"),
        "sign_out": Line("signed out", "로그아웃했어요"),
        "sign_out_everywhere": Line("signed out everywhere", "모든 기기에서 로그아웃했어요"),
        "password_changed": Line("the password was changed", "비밀번호를 바꿨어요"),
        "account_disabled_by_admin": Line("an administrator disabled the account", "관리자가 계정을 정지했어요"),
        "account_deleted": Line("the account was deleted", "계정을 지웠어요"),
        "revoked_by_admin": Line("an administrator ended the session", "관리자가 세션을 끝냈어요"),
        "scheduled": Line("on schedule", "일정에 따라서예요"),
        "by_hand": Line("by hand", "사람이 직접 했어요"),
    }
)
"""What each reason is called."""


def describe(activity: Activity, language: str) -> str:
    """Return one line in `language` for people to read."""
    line = EVENT_LINES[activity.event].text(language)
    return line if activity.reason is None else f"{line} ({REASON_LINES[activity.reason].text(language)})"
