"""Cause and cure of each error of the library, for `mapae explain` and the page of token errors; in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class CauseAndCure(NamedTuple):
    """One error: why it comes, and what to do, in both languages."""

    why_en: str
    why_ko: str
    cure_en: str
    cure_ko: str


WORDS: Mapping[str, CauseAndCure] = {
    "token_refused": CauseAndCure(
        "The parent of all token errors. It is raised itself only by code of yours.",
        "모든 토큰 오류의 부모예요. 이것 자체는 여러분의 코드만 일으켜요.",
        "Catch it where you do not care about the reason: answer 401 and log `code`.",
        "이유가 상관없는 곳에서는 이것을 잡아 401로 답하고 `code`를 기록하세요.",
    ),
    "token_malformed": CauseAndCure(
        "The text has not three parts with two dots between them, a part is not strict base64url, or the JSON "
        "inside is not an object, is broken, or names a member twice. Often it was cut off, or still has `Bearer ` "
        "or quotes.",
        "점 두 개로 나뉜 세 부분이 아니거나, 어느 부분이 엄격한 base64url이 아니거나, 안의 JSON이 객체가 아니거나 "
        "깨졌거나 같은 이름이 두 번 나와요. 잘렸거나 `Bearer `나 따옴표가 붙어 있을 때가 많아요.",
        "Hand over the token exactly as it was issued. `mapae token inspect` shows what can still be read.",
        "발급된 그대로 넘기세요. `mapae token inspect`가 읽을 수 있는 데까지 보여 줘요.",
    ),
    "token_too_large": CauseAndCure(
        "The token has more characters than the limit: 16384 for `verify` (`max_length`), 65536 for `read_unverified`.",
        "토큰이 한도보다 길어요. `verify`는 16384글자(`max_length`), `read_unverified`는 65536글자예요.",
        "Put fewer claims into it; headers of requests rarely have room for more than 8 KiB anyway.",
        "클레임을 줄이세요. 어차피 요청의 헤더에는 8KiB 넘게 들어가지 않을 때가 많아요.",
    ),
    "token_algorithm": CauseAndCure(
        "`alg` in the header is not the algorithm of the key. The issuer uses another one than you think, or "
        "somebody tries `none` or takes a public key for a secret.",
        "헤더의 `alg`가 키의 알고리즘이 아니에요. 발급자가 생각과 다른 알고리즘을 쓰거나, 누가 `none`을 쓰거나 공개 "
        "키를 비밀 값처럼 써 보는 거예요.",
        "Take the key and its algorithm from the issuer, never from the token: its JWKS says both.",
        "키와 알고리즘은 토큰이 아니라 발급자에게서 받으세요. JWKS에 둘 다 있어요.",
    ),
    "token_key_unknown": CauseAndCure(
        "No key of the set has the token's `kid`, or the token has none and several keys could be meant. The token "
        "comes from another issuer, or its key is newer or older than your copy of the set.",
        "키 묶음에 토큰의 `kid`인 키가 없거나, `kid`가 없는데 맞을 수 있는 키가 여럿이에요. 다른 발급자의 "
        "토큰이거나, 그 키가 여러분이 가진 묶음보다 새것이거나 오래됐어요.",
        "Fetch the set again; a `RemoteKeySet` does so by itself.",
        "키 묶음을 다시 받으세요. `RemoteKeySet`은 알아서 해요.",
    ),
    "token_signature": CauseAndCure(
        "The token was changed on its way, or another key signed it. These two cannot be told apart.",
        "오는 길에 바뀌었거나 다른 키로 서명했어요. 둘은 구별할 수 없어요.",
        "Do not believe anything in it. If it should be good, compare the thumbprints of both keys: "
        "`key.thumbprint()`.",
        "안에 적힌 것을 아무것도 믿지 마세요. 맞아야 하는 토큰이라면 두 키의 지문(`key.thumbprint()`)을 비교하세요.",
    ),
    "token_decryption": CauseAndCure(
        "The encrypted token was made for another key, or was changed. Which of the two is never told, since the "
        "difference would help whoever tries.",
        "다른 키로 암호화했거나 바뀌었어요. 어느 쪽인지 알려 주면 시험해 보는 사람을 돕게 되니 말하지 않아요.",
        "Check that the sender has the current public key of yours.",
        "보낸 쪽이 여러분의 지금 공개 키를 쓰는지 확인하세요.",
    ),
    "token_expired": CauseAndCure(
        "`exp` has passed by more than `leeway` (5 seconds), or the token is older than `max_age`.",
        "`exp`에서 `leeway`(5초)보다 더 지났거나, `max_age`보다 오래됐어요.",
        "The client gets a new token; that is its everyday business. If fresh tokens expire at once, compare the "
        "clocks.",
        "클라이언트가 새 토큰을 받으면 돼요. 늘 있는 일이에요. 갓 받은 토큰이 만료됐다면 시계를 비교하세요.",
    ),
    "token_not_yet_valid": CauseAndCure(
        "`nbf` or `iat` lies more than `leeway` (5 seconds) ahead. Usually the issuer's clock is fast, or yours is "
        "slow.",
        "`nbf`나 `iat`가 `leeway`(5초)보다 더 앞날이에요. 대개 발급자의 시계가 빠르거나 내 시계가 느려요.",
        "Set the clocks by NTP. A greater `leeway=` hides the fault and lengthens the life of every token.",
        "NTP로 시계를 맞추세요. `leeway=`를 늘리면 잘못이 가려지고 모든 토큰의 수명이 늘어나요.",
    ),
    "token_issuer": CauseAndCure(
        "`iss` is missing or not the one in `issuer=`. Compared letter by letter: a slash at the end is a difference.",
        "`iss`가 없거나 `issuer=`와 달라요. 한 글자씩 비교하니 끝의 `/` 하나도 달라요.",
        "Write the issuer as its tokens do; several issuers: `Verifier.for_issuers`.",
        "발급자의 토큰에 적힌 그대로 쓰세요. 발급자가 여럿이면 `Verifier.for_issuers`를 쓰세요.",
    ),
    "token_audience": CauseAndCure(
        "`aud` is missing or does not name you: the token was issued for somebody else.",
        "`aud`가 없거나 여러분을 가리키지 않아요. 다른 곳에 쓰라고 발급한 토큰이에요.",
        "The client asks for a token for this API. Do not accept the other one: its holder may be that other service.",
        "클라이언트가 이 API를 위한 토큰을 받아야 해요. 그 토큰을 받아 주지 마세요. 다른 서비스가 들고 온 것일 수 "
        "있어요.",
    ),
    "token_kind": CauseAndCure(
        "`typ` in the header is not the expected kind, for example an ID token where an access token belongs. Or it "
        "is a special kind, such as `at+jwt`, and you named none.",
        "헤더의 `typ`가 기대한 종류가 아니에요. 액세스 토큰이 올 자리에 ID 토큰이 온 경우가 그래요. `at+jwt` 같은 "
        "특별한 종류인데 기대하는 종류를 적지 않은 것일 수도 있어요.",
        "Send the right kind, and name it with `typ=`. An issuer that does not set `typ` cannot be used with "
        '`typ="at+jwt"`.',
        '알맞은 종류를 보내고 `typ=`에 적으세요. `typ`를 넣지 않는 발급자에는 `typ="at+jwt"`를 쓸 수 없어요.',
    ),
    "token_claim": CauseAndCure(
        "A claim is missing, or has a wrong type or value: `claim` says which. Most often `exp` is missing or a "
        "text, `sub` is a number, or a field of your claims type is not there. When signing: the token would be "
        "refused later.",
        "클레임이 없거나 타입이나 값이 틀려요. 어느 것인지는 `claim`에 있어요. `exp`가 없거나 문자열이거나, `sub`가 "
        "숫자이거나, 클레임 타입의 항목이 없을 때가 많아요. 서명할 때라면, 나중에 거절될 토큰이라는 뜻이에요.",
        "Correct it where the token is made. For old tokens of one issuer there are `quirks=`, each with an end.",
        "토큰을 만드는 곳에서 고치세요. 한 발급자의 오래된 토큰을 위해서는 끝나는 때가 있는 `quirks=`가 있어요.",
    ),
    "token_replayed": CauseAndCure(
        "A DPoP proof came a second time. It was copied, or the client repeated a request with the same proof.",
        "같은 DPoP 증명이 두 번 왔어요. 복사됐거나, 클라이언트가 같은 증명으로 요청을 되풀이했어요.",
        "Make a new proof for every request, retries included.",
        "다시 시도할 때도 요청마다 증명을 새로 만드세요.",
    ),
    "token_nonce": CauseAndCure(
        "The server wants its nonce in DPoP proofs, and this proof has none or an old one.",
        "서버가 DPoP 증명에 자기 nonce를 넣으라고 하는데, 없거나 오래된 것이에요.",
        "Server: answer 401 with the current nonce in `DPoP-Nonce`. Client: make the proof again with it.",
        "서버는 지금의 nonce를 `DPoP-Nonce`에 담아 401로 답하고, 클라이언트는 그것으로 증명을 다시 만드세요.",
    ),
    "token_revoked": CauseAndCure(
        "The signature is good, but the session, the account, the client or the token was ended before `exp`.",
        "서명은 맞지만 `exp` 전에 세션이나 계정, 클라이언트, 토큰을 끝냈어요.",
        "Sign in again. In the library it comes from your `revocation=` function only.",
        "다시 로그인하세요. 라이브러리에서는 여러분의 `revocation=` 함수만 일으켜요.",
    ),
    "token_stale": CauseAndCure(
        "The guard has not been able to read the revocations for `max_staleness` (30 seconds), so it accepts only "
        "tokens younger than that.",
        "guard가 `max_staleness`(30초) 동안 폐기 목록을 읽지 못해서, 그보다 최근에 발급된 토큰만 받아요.",
        "Refresh the token. Whoever runs the service finds out why its database cannot be read.",
        "토큰을 갱신하세요. 운영하는 사람은 데이터베이스를 왜 읽을 수 없는지 알아봐야 해요.",
    ),
    "key_refused": CauseAndCure(
        "Key material that must not be used: a secret that is too short, an RSA key below 2048 bits, a point that "
        "is not on its curve, a file of another kind, a set with a private key where a published one belongs. It is "
        "a `ValueError` too. No token is to blame.",
        "쓰면 안 되는 키예요. 너무 짧은 비밀 값, 2048비트보다 작은 RSA 키, 곡선 위에 있지 않은 점, 다른 종류의 "
        "파일, 공개 묶음에 든 개인 키 같은 것이에요. `ValueError`이기도 해요. 토큰 탓이 아니에요.",
        "The message says what to write instead; often it is `mapae.Key.generate(...)`.",
        "메시지에 무엇을 써야 하는지 나와 있어요. 대개 `mapae.Key.generate(...)`예요.",
    ),
    "key_source": CauseAndCure(
        "The keys of a `RemoteKeySet` cannot be fetched, and there are none from before that may still be used. "
        "Nothing is known about the token.",
        "`RemoteKeySet`의 키를 가져올 수 없고, 예전에 받은 것 가운데 아직 쓸 수 있는 것도 없어요. 토큰이 맞는지는 "
        "알 수 없어요.",
        "Answer 503 rather than 401, with `retry_after` where it is set. `seed=` lets a process start without the "
        "issuer.",
        "401이 아니라 503으로 답하고, `retry_after`가 있으면 함께 보내세요. `seed=`가 있으면 발급자 없이도 시작할 "
        "수 있어요.",
    ),
    "busy": CauseAndCure(
        "The memory of used DPoP proofs is full. To forget one of them early would let it be used twice.",
        "이미 쓴 DPoP 증명을 기억할 자리가 없어요. 하나를 먼저 잊으면 두 번 쓸 수 있게 되니 잊지 않아요.",
        "Answer 503 and ask to come back; give `Replays` a greater capacity if honest traffic fills it.",
        "503으로 답하고 다시 오라고 하세요. 정상 요청만으로 찬다면 `Replays`의 크기를 늘리세요.",
    ),
}
