"""What is different from PyJWT on purpose, in words for both languages; the documentation shows these rows.

Each name is also that of a test which makes the same call to both libraries.
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class Difference(NamedTuple):
    """One call that PyJWT answers and this library refuses, or the other way round.

    Attributes:
        name: what the test calls it.
        call: what is called.
        here: what happens here.
        instead: what to write.
        call_ko: `call` in Korean; the same for the others.
        here_ko: what happens here.
        instead_ko: what to write.
    """

    name: str
    call: str
    here: str
    instead: str
    call_ko: str
    here_ko: str
    instead_ko: str


DIFFERENCES = (
    Difference(
        "short_secret",
        "a secret shorter than its hash",
        "`InvalidKeyError`",
        "a new secret; until then `pyjwt.legacy(short_keys_until=...)`",
        "해시보다 짧은 비밀 키",
        "`InvalidKeyError`",
        "새 비밀 키를 만드세요. 그때까지는 `pyjwt.legacy(short_keys_until=...)`",
    ),
    Difference(
        "encode_without_exp",
        "`encode` without `exp`",
        "`MissingRequiredClaimError`",
        "an `exp`; until then `pyjwt.legacy(no_expiry_until=...)`",
        "`exp` 없이 `encode`",
        "`MissingRequiredClaimError`",
        "`exp`를 넣으세요. 그때까지는 `pyjwt.legacy(no_expiry_until=...)`",
    ),
    Difference(
        "decode_without_exp",
        "`decode` of a token without `exp`",
        "`MissingRequiredClaimError`",
        '`options={"verify_exp": False}` where it is meant',
        "`exp`가 없는 토큰을 `decode`",
        "`MissingRequiredClaimError`",
        '정말 그래야 한다면 `options={"verify_exp": False}`',
    ),
    Difference(
        "none",
        "`none` or `None` as algorithm, also among `algorithms=`",
        "`InvalidAlgorithmError`",
        "a key and its algorithm",
        "알고리즘 자리의 `none`이나 `None`(`algorithms=` 안에서도)",
        "`InvalidAlgorithmError`",
        "키와 알고리즘을 쓰세요",
    ),
    Difference(
        "naive_datetime",
        "a `datetime` without a zone",
        "`DecodeError` when signing",
        "`datetime.now(UTC)`",
        "시간대가 없는 `datetime`",
        "서명할 때 `DecodeError`",
        "`datetime.now(UTC)`",
    ),
    Difference(
        "sub_is_a_number",
        "`encode` with a number as `sub` or `jti`",
        "refused when signing, not only when verifying",
        '`"sub": str(user.id)`',
        "`sub`나 `jti`에 숫자를 넣어 `encode`",
        "검증할 때만이 아니라 서명할 때도 거절해요",
        '`"sub": str(user.id)`',
    ),
    Difference(
        "exp_is_text",
        'a date in a text: `"exp": "1900000000"`',
        "`DecodeError`",
        "a number",
        '글로 쓴 날짜: `"exp": "1900000000"`',
        "`DecodeError`",
        "숫자로 쓰세요",
    ),
    Difference(
        "aud_is_empty",
        "an empty `aud`",
        "`InvalidAudienceError`",
        "leave it out, or name somebody",
        "비어 있는 `aud`",
        "`InvalidAudienceError`",
        "빼거나 이름을 쓰세요",
    ),
    Difference(
        "padded",
        "base64url with `=` at its end",
        "`DecodeError`",
        "the token as it was issued",
        "끝에 `=`가 붙은 base64url",
        "`DecodeError`",
        "발급된 그대로 쓰세요",
    ),
    Difference(
        "claim_twice",
        "a claim twice in a token",
        "`DecodeError`",
        "one of them",
        "한 토큰에 두 번 나오는 클레임",
        "`DecodeError`",
        "하나만 쓰세요",
    ),
    Difference(
        "not_a_number",
        "`NaN` and infinity",
        "`DecodeError`",
        "a number",
        "`NaN`과 무한대",
        "`DecodeError`",
        "숫자를 쓰세요",
    ),
    Difference(
        "too_large",
        "a token of more than 16384 characters",
        "`DecodeError`",
        "fewer claims",
        "16384자보다 긴 토큰",
        "`DecodeError`",
        "클레임을 줄이세요",
    ),
    Difference(
        "detached_payload",
        "`detached_payload=`, and a header with `b64` or `crit`",
        "`TypeError`, `DecodeError`",
        "JWS libraries; a JWT has its payload inside",
        "`detached_payload=`, 그리고 `b64`나 `crit`가 있는 헤더",
        "`TypeError`, `DecodeError`",
        "JWT는 내용을 안에 담아요. JWS 라이브러리를 쓰세요",
    ),
    Difference(
        "unknown_option",
        "an option with a name that does not exist",
        "`TypeError` that lists the names",
        "the right name",
        "없는 이름의 옵션",
        "이름을 알려 주는 `TypeError`",
        "맞는 이름을 쓰세요",
    ),
    Difference(
        "algorithms_is_text",
        '`algorithms="HS256"`',
        "`TypeError`",
        '`algorithms=["HS256"]`',
        '`algorithms="HS256"`',
        "`TypeError`",
        '`algorithms=["HS256"]`',
    ),
    Difference(
        "small_rsa",
        "an RSA key of fewer than 2048 bits",
        "`InvalidKeyError`",
        "a new key",
        "2048비트보다 작은 RSA 키",
        "`InvalidKeyError`",
        "새 키를 만드세요",
    ),
    Difference(
        "client_by_http",
        "`PyJWKClient` by http, to a private address, or through a redirect",
        "`PyJWKClientError`",
        "https; `allow_loopback=` and `allow_networks=` where it is meant",
        "http나 사설 주소, 리디렉션을 쓰는 `PyJWKClient`",
        "`PyJWKClientError`",
        "https를 쓰세요. 정말 그래야 한다면 `allow_loopback=`, `allow_networks=`",
    ),
)


def rows(language: Literal["en", "ko"]) -> list[str]:
    """Write the rows of the documentation's table."""
    korean = language == "ko"
    return [
        f"| {each.call_ko if korean else each.call} | {each.here_ko if korean else each.here} "
        f"| {each.instead_ko if korean else each.instead} |"
        for each in DIFFERENCES
    ]
