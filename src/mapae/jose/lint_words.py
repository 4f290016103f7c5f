"""What each finding of the inspector says, in English and Korean; `{name}` stands for the claim or parameter."""

# ruff: noqa: E501  # Korean letters count twice

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

_Row = tuple[Literal["danger", "warning", "note"], str, str]

FINDINGS: Mapping[str, _Row] = MappingProxyType(
    {
        "empty": ("danger", "There is nothing to look at.", "살펴볼 것이 없어요."),
        "header-unreadable": (
            "danger",
            "The first part is not base64url of a JSON object, so this is no token.",
            "첫 부분이 base64url로 쓴 JSON 객체가 아니라서 토큰이 아니에요.",
        ),
        "payload-unreadable": (
            "danger",
            "The second part is not base64url of a JSON object, so it holds no claims.",
            "둘째 부분이 base64url로 쓴 JSON 객체가 아니라서 클레임이 없어요.",
        ),
        "signature-missing": (
            "danger",
            "There is no signature: anybody can write such a token.",
            "서명이 없어요. 누구나 이런 토큰을 쓸 수 있어요.",
        ),
        "encrypted": (
            "note",
            "This is an encrypted token (JWE, RFC 7516): only its header can be read without the key.",
            "암호화된 토큰(JWE, RFC 7516)이에요. 키가 없으면 머리만 읽을 수 있어요.",
        ),
        "not-base64url": (
            "danger",
            'It uses "=", "+" or "/": tokens are base64url without padding (RFC 7515 §2), strict verifiers refuse this.',
            '"="이나 "+", "/"가 있어요. 토큰은 채움 없는 base64url이라서(RFC 7515 §2) 엄격한 검증자는 거절해요.',
        ),
        "dup-json-keys": (
            "danger",
            "A name stands twice in one JSON object: programs disagree about which one counts (RFC 8725 §2.5).",
            "한 JSON 객체에 같은 이름이 두 번 나와요. 어느 쪽을 읽는지는 프로그램마다 달라요(RFC 8725 §2.5).",
        ),
        "too-big": (
            "warning",
            "Longer than 4 KiB: cookies and many servers' header limits cut it off.",
            "4 KiB보다 길어요. 쿠키나 서버의 헤더 한도에 걸릴 수 있어요.",
        ),
        "alg-missing": (
            "danger",
            "alg is missing or no text: no verifier can accept it.",
            "alg가 없어요. 검증할 수 없어요.",
        ),
        "alg-none": (
            "danger",
            'alg is "none": the token is not signed and must never be accepted (RFC 8725 §3.2).',
            'alg가 "none"이에요. 서명이 없으니 절대 받아들이면 안 돼요(RFC 8725 §3.2).',
        ),
        "alg-hs-with-public-key": (
            "danger",
            "A shared-secret algorithm with a public key in the header: the classic confusion attack (RFC 8725 §2.1).",
            "공유 비밀 알고리즘인데 머리에 공개 키가 있어요. 전형적인 알고리즘 혼동 공격이에요(RFC 8725 §2.1).",
        ),
        "alg-mismatch-key": (
            "danger",
            "The key in the header cannot be used with this alg.",
            "머리에 있는 키는 이 alg로 쓸 수 없어요.",
        ),
        "alg-deprecated-EdDSA-name": (
            "note",
            'The name "EdDSA" is deprecated: RFC 9864 calls it Ed25519 (or Ed448).',
            '"EdDSA"는 더 이상 권하지 않는 이름이에요. RFC 9864의 이름은 Ed25519(또는 Ed448)예요.',
        ),
        "hs256-secret-weak": (
            "danger",
            "Signed with one of the best known example secrets: anybody can forge such tokens. Change the secret now.",
            "널리 알려진 예제 비밀 값으로 서명했어요. 누구나 위조할 수 있으니 지금 바꾸세요.",
        ),
        "jwk-embedded": (
            "warning",
            "It brings its own key: a verifier that uses it accepts anybody's token.",
            "토큰이 자기 키를 들고 왔어요. 이 키를 믿는 검증자는 누구의 토큰이든 받아들여요.",
        ),
        "crit-unknown": (
            "warning",
            "It demands extensions to be understood; verifiers that do not know them must refuse it (RFC 7515 §4.1.11).",
            "확장을 이해하라고 요구해요. 모르는 검증자는 거절해야 해요(RFC 7515 §4.1.11).",
        ),
        "jku-x5u-present": (
            "warning",
            "{name} points at a key on the web: a verifier must never fetch it (RFC 8725 §3.10).",
            "{name}가 웹에 있는 키를 가리켜요. 검증자가 받아 오면 안 돼요(RFC 8725 §3.10).",
        ),
        "kid-missing": (
            "note",
            "No kid: verifiers with several keys cannot tell which one to use.",
            "kid가 없어요. 키가 여럿이면 어느 것을 쓸지 알 수 없어요.",
        ),
        "kid-looks-like-path-or-sql": (
            "danger",
            "kid looks like a path, a query or a command: an attempt at injection (RFC 8725 §3.10).",
            "kid가 경로나 질의, 명령처럼 보여요. 주입 공격일 수 있어요(RFC 8725 §3.10).",
        ),
        "typ-missing": (
            "note",
            'No typ: tokens of one kind can pass for another; access tokens say "at+jwt" (RFC 9068, RFC 8725 §3.11).',
            'typ가 없어요. 다른 종류의 토큰으로 통할 수 있어요. 액세스 토큰은 "at+jwt"예요(RFC 9068, RFC 8725 §3.11).',
        ),
        "exp-missing": (
            "danger",
            "No exp: whoever steals it can use it for ever.",
            "exp가 없어요. 훔친 사람이 영원히 쓸 수 있어요.",
        ),
        "exp-string": (
            "danger",
            (
                "exp is a string: it must be a NumericDate, a JSON number of seconds without quotes (RFC 7519 §2). Strict"
                " verifiers refuse it; lenient ones each read it their own way."
            ),
            (
                "exp가 문자열이에요. NumericDate, 곧 따옴표 없는 초 단위 숫자여야 해요(RFC 7519 §2). 엄격한 검증자는 거절하고,"
                " 느슨한 검증자는 저마다 다르게 읽어요."
            ),
        ),
        "exp-not-a-number": (
            "danger",
            "exp is not a time: it must be a JSON number of seconds since 1970 (RFC 7519 §2).",
            "exp가 시각이 아니에요. 1970년부터 센 초를 숫자로 써야 해요(RFC 7519 §2).",
        ),
        "exp-fractional": (
            "note",
            "exp has a fraction: legal, but some verifiers refuse it.",
            "exp에 소수점이 있어요. 규칙에는 맞지만 거절하는 검증자가 있어요.",
        ),
        "exp-milliseconds": (
            "danger",
            "exp looks like milliseconds: it means a day thousands of years from now. Divide by 1000.",
            "exp가 밀리초처럼 보여요. 그대로면 수천 년 뒤예요. 1000으로 나누세요.",
        ),
        "time-string": (
            "danger",
            "{name} is a string: it must be a NumericDate, a JSON number of seconds (RFC 7519 §2).",
            "{name}가 문자열이에요. NumericDate, 곧 초 단위 숫자여야 해요(RFC 7519 §2).",
        ),
        "time-not-a-number": (
            "danger",
            "{name} is not a time: it must be a JSON number of seconds since 1970 (RFC 7519 §2).",
            "{name}가 시각이 아니에요. 1970년부터 센 초를 숫자로 써야 해요(RFC 7519 §2).",
        ),
        "time-fractional": (
            "note",
            "{name} has a fraction: legal, but some verifiers refuse it.",
            "{name}에 소수점이 있어요. 규칙에는 맞지만 거절하는 검증자가 있어요.",
        ),
        "time-milliseconds": (
            "danger",
            "{name} looks like milliseconds: divide by 1000.",
            "{name}가 밀리초처럼 보여요. 1000으로 나누세요.",
        ),
        "exp-past": ("warning", "It has expired.", "만료된 토큰이에요."),
        "exp-too-far": (
            "warning",
            "It lives longer than a day: access tokens should live for minutes.",
            "하루보다 오래 살아요. 액세스 토큰은 몇 분이면 돼요.",
        ),
        "iat-future": (
            "warning",
            "It says it was issued in the future: a clock is wrong, here or there.",
            "미래에 발급했다고 해요. 이쪽이나 저쪽의 시계가 틀렸어요.",
        ),
        "iat-missing": ("note", "No iat: its age is unknown.", "iat가 없어요. 언제 만들었는지 알 수 없어요."),
        "nbf-future": ("warning", "It is not valid yet.", "아직 쓸 수 없는 토큰이에요."),
        "nbf-after-exp": (
            "danger",
            "nbf is not before exp: it can never be valid.",
            "nbf가 exp보다 이르지 않아요. 쓸 수 있는 때가 없어요.",
        ),
        "iss-missing": (
            "warning",
            "No iss: a verifier cannot tell whose token it is.",
            "iss가 없어요. 누가 발급했는지 알 수 없어요.",
        ),
        "iss-not-url": ("note", "iss is not a URL.", "iss가 URL이 아니에요."),
        "aud-missing": (
            "warning",
            "No aud: a token for one service works at every other one (RFC 8725 §3.9).",
            "aud가 없어요. 한 서비스의 토큰이 다른 서비스에서도 통해요(RFC 8725 §3.9).",
        ),
        "aud-wildcard": (
            "warning",
            "aud is a wildcard: it is for everybody.",
            "aud가 와일드카드예요. 아무나 받을 수 있어요.",
        ),
        "sub-missing": ("note", "No sub: it is about nobody.", "sub가 없어요. 누구에 대한 토큰인지 몰라요."),
        "sub-is-email": (
            "warning",
            "sub is an e-mail address: people change them, and logs keep them. Use an id.",
            "sub가 이메일 주소예요. 주소는 바뀌고 로그에 남아요. 고유 번호를 쓰세요.",
        ),
        "jti-missing": (
            "note",
            "No jti: one single token cannot be revoked or told apart.",
            "jti가 없어요. 토큰 하나만 폐기하거나 구별할 수 없어요.",
        ),
        "pii-in-payload": (
            "warning",
            "{name} holds personal data: anybody who sees the token can read it.",
            "{name}에 개인 정보가 있어요. 토큰을 본 사람은 누구나 읽을 수 있어요.",
        ),
        "secret-looking-value": (
            "danger",
            "{name} looks like a secret: the payload is not encrypted, anybody can read it.",
            "{name}가 비밀 값처럼 보여요. 내용은 암호화되지 않아서 누구나 읽을 수 있어요.",
        ),
        "cnf-unbound": (
            "warning",
            "Sent as DPoP but bound to no key: whoever steals it can use it (RFC 9449 §6).",
            "DPoP로 보냈지만 키에 묶여 있지 않아요. 훔친 사람도 쓸 수 있어요(RFC 9449 §6).",
        ),
        "unregistered-shortname": (
            "note",
            "{name} is short and not registered: others may use it for something else. A URI cannot collide.",
            "{name}는 짧고 등록되지 않은 이름이에요. 다른 뜻으로 쓰일 수 있어요. URI는 겹치지 않아요.",
        ),
    }
)
"""Severity, English, Korean."""
