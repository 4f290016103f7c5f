"""The one registry of problems: code, status, and the words for people (RFC 9457).

Every code that leaves the service is a row here. Codes are stable: programs compare them, documents link to them, and
`mapae explain` prints them without a network. An error class finds its row by its `code`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from mapae.errors import MapaeError

Language = Literal["en", "ko"]
LANGUAGES: tuple[Language, ...] = ("en", "ko")


@dataclass(frozen=True, slots=True)
class Words:
    """One text in every language of the product."""

    en: str
    ko: str

    def into(self, language: Language) -> str:
        """Return the text in `language`."""
        return self.ko if language == "ko" else self.en


@dataclass(frozen=True, slots=True)
class Problem:
    """What a code means.

    Attributes:
        code: the stable name, also the last part of the problem's `type` URI.
        status: the HTTP status.
        title: what happened, in a few words.
        advice: why, and what to do next.
    """

    code: str
    status: int
    title: Words
    advice: Words


def problem_for(error: Exception) -> Problem:
    """Return the row of `error`; an error that is not ours is `internal`."""
    if isinstance(error, MapaeError):
        return PROBLEMS.get(error.code, PROBLEMS["internal"])
    return PROBLEMS["internal"]


def _table(*rows: tuple[str, int, tuple[str, str], tuple[str, str]]) -> Mapping[str, Problem]:
    problems = {code: Problem(code, status, Words(*title), Words(*advice)) for code, status, title, advice in rows}
    if len(problems) != len(rows):
        raise ValueError("a code stands in the registry twice")
    return MappingProxyType(problems)


PROBLEMS: Mapping[str, Problem] = _table(
    # The body and the request.
    (
        "request_refused",
        400,
        ("The request was refused.", "요청을 받아들일 수 없어요."),
        (
            "The request breaks a rule of HTTP or of this API. Compare it with the API document.",
            "요청이 HTTP나 이 API의 규칙에 맞지 않아요. API 문서와 비교해 보세요.",
        ),
    ),
    (
        "json_malformed",
        400,
        ("The body is not valid JSON.", "본문이 올바른 JSON이 아니에요."),
        (
            "Send one JSON object in UTF-8, without a byte order mark and without the same member twice.",
            "UTF-8로 쓴 JSON 객체 하나를 보내 주세요. 바이트 순서 표시(BOM)와 중복된 이름은 쓸 수 없어요.",
        ),
    ),
    (
        "body_too_large",
        413,
        ("The body is too large.", "본문이 너무 커요."),
        ("Send at most 16 KiB.", "16 KiB까지만 보낼 수 있어요."),
    ),
    (
        "body_too_slow",
        408,
        ("The body did not arrive in time.", "본문이 제때 오지 않았어요."),
        ("Send it within 30 seconds.", "30초 안에 보내 주세요."),
    ),
    (
        "content_type_unsupported",
        415,
        ("The content type is not supported.", "지원하지 않는 콘텐츠 형식이에요."),
        (
            "Send the body as application/json in UTF-8, not compressed.",
            "본문을 압축하지 않은 UTF-8 application/json으로 보내 주세요.",
        ),
    ),
    (
        "method_not_allowed",
        405,
        ("This path does not have that method.", "이 경로에서 쓸 수 없는 메서드예요."),
        ("The Allow header lists the methods that work.", "쓸 수 있는 메서드는 Allow 헤더에 있어요."),
    ),
    (
        "not_found",
        404,
        ("There is nothing here.", "여기에는 아무것도 없어요."),
        (
            "The path, account, session or key does not exist, or it is not yours.",
            "경로나 계정, 세션, 키가 없거나 내 것이 아니에요.",
        ),
    ),
    (
        "input_refused",
        422,
        ("A field is missing or has a wrong value.", "빠졌거나 잘못된 항목이 있어요."),
        (
            "Each entry of `errors` points at one field and says what to write instead.",
            "`errors`의 항목마다 어느 값을 어떻게 고칠지 나와 있어요.",
        ),
    ),
    (
        "csrf_refused",
        403,
        ("Another site sent this request.", "다른 사이트에서 보낸 요청이에요."),
        (
            "Requests that use cookies must come from this service's own origin. Send a bearer token instead.",
            "쿠키를 쓰는 요청은 이 서비스의 출처에서만 보낼 수 있어요. Bearer 토큰을 보내 주세요.",
        ),
    ),
    # Access tokens.
    (
        "sign_in_first",
        401,
        ("Sign in first.", "먼저 로그인해 주세요."),
        ("This page is for people who are signed in.", "로그인한 사람만 볼 수 있는 페이지예요."),
    ),
    (
        "token_missing",
        401,
        ("Sign in first.", "먼저 로그인해 주세요."),
        (
            "Send the access token as `Authorization: Bearer ...`, or sign in with cookies.",
            "액세스 토큰을 `Authorization: Bearer ...`로 보내거나 쿠키로 로그인해 주세요.",
        ),
    ),
    (
        "credentials_twice",
        400,
        ("The request carries more than one token.", "요청에 토큰이 둘 이상 들어 있어요."),
        (
            "Send one token in one way: in the Authorization header, in the cookie, or in the body.",
            "토큰은 Authorization 헤더, 쿠키, 본문 가운데 한 곳에 하나만 보내 주세요.",
        ),
    ),
    *(
        (code, 401, title, advice)
        for code, title, advice in (
            (
                "token_refused",
                ("The access token was refused.", "액세스 토큰을 받아들일 수 없어요."),
                ("Refresh it, or sign in again.", "토큰을 갱신하거나 다시 로그인해 주세요."),
            ),
            (
                "token_malformed",
                ("The access token is malformed.", "액세스 토큰의 모양이 올바르지 않아요."),
                (
                    "It is not a compact JWS with strict JSON inside. Send it exactly as it was issued.",
                    "엄격한 JSON을 담은 compact JWS가 아니에요. 발급된 그대로 보내 주세요.",
                ),
            ),
            (
                "token_too_large",
                ("The access token is too large.", "액세스 토큰이 너무 커요."),
                ("Send the token exactly as it was issued.", "발급된 그대로 보내 주세요."),
            ),
            (
                "token_algorithm",
                ("The token uses another algorithm than its key.", "토큰의 알고리즘이 키와 달라요."),
                ("Only the algorithm of the issuer's key is accepted.", "발급자 키의 알고리즘만 받아들여요."),
            ),
            (
                "token_key_unknown",
                ("The token was signed with an unknown key.", "알 수 없는 키로 서명한 토큰이에요."),
                (
                    "It may come from another issuer, or its key was retired. Sign in again.",
                    "다른 곳에서 발급했거나 키가 폐기됐어요. 다시 로그인해 주세요.",
                ),
            ),
            (
                "token_signature",
                ("The signature does not match.", "서명이 맞지 않아요."),
                (
                    "The token was changed, or signed with another key. Sign in again.",
                    "토큰이 바뀌었거나 다른 키로 서명했어요. 다시 로그인해 주세요.",
                ),
            ),
            (
                "token_decryption",
                ("The encrypted token cannot be opened.", "암호화된 토큰을 열 수 없어요."),
                (
                    "It was encrypted for another key, or was changed. Ask for a new one.",
                    "다른 키로 암호화했거나 내용이 바뀌었어요. 새 토큰을 받아 주세요.",
                ),
            ),
            (
                "token_expired",
                ("The access token has expired.", "액세스 토큰이 만료됐어요."),
                ("Refresh it.", "토큰을 갱신해 주세요."),
            ),
            (
                "token_not_yet_valid",
                ("The access token is not valid yet.", "아직 쓸 수 없는 액세스 토큰이에요."),
                ("Check the clock of the issuer.", "발급한 서버의 시계를 확인해 주세요."),
            ),
            (
                "token_issuer",
                ("The token comes from another issuer.", "다른 발급자의 토큰이에요."),
                ("Send a token that this service issued.", "이 서비스가 발급한 토큰을 보내 주세요."),
            ),
            (
                "token_audience",
                ("The token is meant for another audience.", "다른 곳에서 쓰도록 발급한 토큰이에요."),
                ("Ask for a token whose `aud` names this API.", "`aud`가 이 API인 토큰을 받아 주세요."),
            ),
            (
                "token_kind",
                ("This is not an access token.", "액세스 토큰이 아니에요."),
                ("Its `typ` must be `at+jwt`.", "`typ`가 `at+jwt`여야 해요."),
            ),
            (
                "token_claim",
                ("A claim is missing or not accepted.", "없거나 받아들일 수 없는 클레임이 있어요."),
                ("Send a token that this service issued.", "이 서비스가 발급한 토큰을 보내 주세요."),
            ),
            (
                "token_replayed",
                ("The proof was used before.", "이미 쓴 증명이에요."),
                ("Make a new proof for every request.", "요청마다 증명을 새로 만들어 주세요."),
            ),
            (
                "token_nonce",
                ("The proof needs a new nonce.", "증명에 새 nonce가 필요해요."),
                (
                    "Make the proof again with the nonce in the `DPoP-Nonce` header of this answer.",
                    "이 응답의 `DPoP-Nonce` 헤더에 있는 nonce로 증명을 다시 만들어 주세요.",
                ),
            ),
            (
                "token_revoked",
                ("The access token was revoked.", "폐기된 액세스 토큰이에요."),
                ("The session has ended. Sign in again.", "세션이 끝났어요. 다시 로그인해 주세요."),
            ),
            (
                "token_stale",
                ("The access token is too old for now.", "지금은 더 새로운 액세스 토큰이 필요해요."),
                (
                    "The list of revocations cannot be read, so only fresh tokens are accepted. Refresh it.",
                    "폐기 목록을 읽을 수 없어 갓 발급한 토큰만 받아요. 토큰을 갱신해 주세요.",
                ),
            ),
        )
    ),
    (
        "scope_missing",
        403,
        ("The token does not allow this.", "이 토큰으로는 할 수 없는 일이에요."),
        (
            "The WWW-Authenticate header lists the scopes that are needed.",
            "필요한 범위(scope)는 WWW-Authenticate 헤더에 있어요.",
        ),
    ),
    # Signing in and staying signed in.
    (
        "sign_in_refused",
        403,
        ("That email and password don't match.", "이메일이나 비밀번호가 맞지 않아요."),
        ("Check both and try again.", "다시 확인해 주세요."),
    ),
    (
        "password_refused",
        422,
        ("This password cannot be used.", "이 비밀번호는 쓸 수 없어요."),
        ("Choose another one; `errors` says why.", "다른 비밀번호를 써 주세요. 이유는 `errors`에 있어요."),
    ),
    (
        "email_taken",
        409,
        ("This email already has an account.", "이미 가입한 이메일이에요."),
        ("Sign in instead.", "로그인해 주세요."),
    ),
    (
        "too_many_attempts",
        429,
        ("Too many attempts.", "시도가 너무 많았어요."),
        ("Wait as long as Retry-After says, then try again.", "Retry-After만큼 기다린 뒤 다시 시도할 수 있어요."),
    ),
    (
        "refresh_refused",
        401,
        ("This session has ended.", "세션이 끝났어요."),
        (
            "The refresh token is unknown, expired or ended. Sign in again.",
            "갱신 토큰이 없거나 만료됐거나 끝났어요. 다시 로그인해 주세요.",
        ),
    ),
    (
        "refresh_reused",
        401,
        ("This session was ended for safety.", "안전을 위해 세션을 끊었습니다."),
        (
            "An old refresh token came back, which happens when it was copied. Sign in again.",
            "이미 쓴 갱신 토큰이 다시 왔습니다. 누군가 복사했을 수 있으니 다시 로그인해 주세요.",
        ),
    ),
    (
        "link_refused",
        404,
        ("This link does not work any more.", "더 이상 쓸 수 없는 링크예요."),
        (
            "It is unknown, was used before, or has expired. Ask for a new one.",
            "알 수 없거나, 이미 썼거나, 만료된 링크예요. 새 링크를 받아 주세요.",
        ),
    ),
    (
        "sign_up_closed",
        403,
        ("Sign-up is closed.", "지금은 가입할 수 없어요."),
        (
            "Ask the administrator of this service for an account.",
            "이 서비스의 관리자에게 계정을 만들어 달라고 해 주세요.",
        ),
    ),
    (
        "refused",
        403,
        ("The service refuses this.", "지금은 할 수 없는 일이에요."),
        ("The settings of this service do not allow it.", "이 서비스의 설정이 허락하지 않아요."),
    ),
    (
        "conflict",
        409,
        ("Something else changed this at the same moment.", "같은 순간에 다른 곳에서 먼저 바꿨어요."),
        ("Nothing was changed by this request. Try again.", "이 요청은 아무것도 바꾸지 않았어요. 다시 시도해 주세요."),
    ),
    # Our side.
    (
        "busy",
        503,
        ("Too busy right now.", "지금은 너무 붐빕니다."),
        ("Try again after the seconds in Retry-After.", "Retry-After만큼 기다린 뒤 다시 시도해 주시기 바랍니다."),
    ),
    (
        "waiting",
        503,
        ("There is a waiting line.", "지금은 차례를 기다려야 합니다."),
        (
            "Keep `ticket`, show it to /v1/ticket after the seconds in Retry-After, and sign in with it in your turn.",
            "`ticket`을 보관했다가 Retry-After 뒤 /v1/ticket에 보여 주고, 차례가 되면 그것으로 로그인하시기 바랍니다.",
        ),
    ),
    (
        "too_many_places",
        429,
        ("Your network has many places in the line already.", "이 네트워크에서 받은 대기표가 이미 많아요."),
        (
            "Come back for the next one after the seconds in Retry-After. Whoever has a place keeps it.",
            "Retry-After만큼 기다리면 다음 대기표를 받을 수 있어요. 이미 받은 순서는 그대로예요.",
        ),
    ),
    (
        "ticket_refused",
        403,
        ("This ticket does not count.", "쓸 수 없는 대기표예요."),
        (
            "It was used, has expired, or belongs to another browser or service. Sign in without it for a new place.",
            "이미 썼거나 만료됐거나 다른 브라우저나 서비스의 대기표예요. 대기표 없이 로그인하면 새 순서를 받아요.",
        ),
    ),
    (
        "not_ready",
        503,
        ("The service is starting or stopping.", "서비스를 시작하거나 멈추는 중입니다."),
        ("Try again in a moment.", "잠시 뒤 다시 시도해 주시기 바랍니다."),
    ),
    *(
        (
            code,
            500,
            ("Something went wrong on our side.", "저희 쪽에 문제가 생겼습니다."),
            (
                "It was recorded under the request id in `instance`.",
                "`instance`의 요청 번호로 기록해 두었습니다.",
            ),
        )
        for code in ("internal", "error")
    ),
    (
        "storage_failed",
        503,
        ("The database cannot be used right now.", "지금은 데이터베이스를 쓸 수 없습니다."),
        (
            "Nothing that was acknowledged is lost. Try again in a moment; the log says the cure.",
            "이미 저장된 것은 그대로 있습니다. 잠시 뒤 다시 시도해 주시기 바랍니다.",
        ),
    ),
    (
        "key_refused",
        500,
        ("A key of this service cannot be used.", "이 서비스의 키를 쓸 수 없습니다."),
        ("The log says which key and why.", "어떤 키가 왜 안 되는지 로그에 적어 두었습니다."),
    ),
    (
        "key_source",
        503,
        (
            "The keys of the token's issuer cannot be fetched right now.",
            "지금은 토큰 발급자의 키를 가져올 수 없습니다.",
        ),
        (
            "Nothing is wrong with the token as far as can be known. Try again in a moment; the log says why.",
            "토큰이 잘못된 것은 아닙니다. 잠시 뒤 다시 시도해 주시기 바랍니다. 이유는 로그에 적어 두었습니다.",
        ),
    ),
    (
        "feed_source",
        503,
        (
            "What the token's issuer has revoked cannot be read right now.",
            "지금은 토큰 발급자가 무엇을 폐기했는지 알 수 없습니다.",
        ),
        (
            "Nothing is wrong with the token as far as can be known. Try again in a moment; the log says why.",
            "토큰이 잘못된 것은 아닙니다. 잠시 뒤 다시 시도해 주시기 바랍니다. 이유는 로그에 적어 두었습니다.",
        ),
    ),
    (
        "service_unreachable",
        503,
        ("The sign-in service gave no usable answer.", "로그인 서비스가 제대로 답하지 않았습니다."),
        (
            "Try again in a moment. If it stays so, check the address of the service and the way to it.",
            "잠시 뒤 다시 시도해 주시기 바랍니다. 계속되면 서비스의 주소와 연결을 확인해 주시기 바랍니다.",
        ),
    ),
    (
        "reader_refused",
        401,
        (
            "The revocations are read with a secret, and this is not it.",
            "폐기 목록을 읽으려면 비밀 값이 필요한데, 맞는 값이 아닙니다.",
        ),
        (
            "Send the setting feed_secret of the service as a bearer token.",
            "서비스의 feed_secret 설정값을 베어러 토큰으로 보내 주시기 바랍니다.",
        ),
    ),
    (
        "settings_refused",
        500,
        ("The settings of this service have mistakes.", "이 서비스의 설정에 잘못이 있습니다."),
        ("`mapae config check` lists them all.", "`mapae config check`로 모두 볼 수 있습니다."),
    ),
    (
        "file_exposed",
        500,
        ("A secret file of this service is exposed.", "이 서비스의 비밀 파일이 드러나 있습니다."),
        (
            "Others can read it, or git tracks it; `mapae doctor` prints the cure.",
            "다른 사람이 읽을 수 있거나 git이 추적하고 있습니다. `mapae doctor`가 고치는 방법을 알려 드립니다.",
        ),
    ),
)
