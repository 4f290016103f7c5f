"""The names that the IANA registers for claims and header parameters, with what each means in our words.

The registries are "JSON Web Token Claims" and "JSON Web Signature and Encryption Header Parameters" (RFC 7519 §10.1,
RFC 7515 §9.1), as of November 2026. Names of special trades (telephony, attestation) are listed by what they belong to.
"""

# ruff: noqa: E501  # Korean letters count twice

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a name means.

    Attributes:
        en: in English.
        ko: in Korean.
        source: the document that defines it.
    """

    en: str
    ko: str
    source: str

    def text(self, language: str) -> str:
        """Return the meaning in `language`; English where that is not spoken here."""
        return self.ko if language == "ko" else self.en


def _names(*rows: tuple[str, str, str, str]) -> Mapping[str, Meaning]:
    """Each row: names separated by spaces, the meaning in English and Korean, the source."""
    return MappingProxyType({name: Meaning(en, ko, source) for names, en, ko, source in rows for name in names.split()})


CLAIMS: Mapping[str, Meaning] = _names(
    ("iss", "Who issued the token", "누가 발급했나요", "RFC 7519"),
    ("sub", "Whom the token is about", "누구에 대한 토큰인가요", "RFC 7519"),
    ("aud", "Who may accept it", "누가 받아야 하나요", "RFC 7519"),
    ("exp", "From this moment on it is no longer valid", "이때부터 쓸 수 없어요", "RFC 7519"),
    ("nbf", "Before this moment it is not valid yet", "이때까지는 쓸 수 없어요", "RFC 7519"),
    ("iat", "When it was issued", "언제 발급했나요", "RFC 7519"),
    ("jti", "The token's own number, to tell it from every other", "다른 토큰과 구별하는 고유 번호예요", "RFC 7519"),
    ("scope", "What it allows, separated by spaces", "할 수 있는 일이에요", "RFC 8693"),
    ("client_id", "The application that got the token", "토큰을 받은 애플리케이션이에요", "RFC 8693"),
    ("act", "Who acts on behalf of the subject", "주체를 대신해 행동하는 쪽이에요", "RFC 8693"),
    ("may_act", "Who may act on behalf of the subject", "주체를 대신해도 되는 쪽이에요", "RFC 8693"),
    ("roles", "Roles of the subject", "주체의 역할이에요", "RFC 9068"),
    ("groups", "Groups of the subject", "주체가 속한 그룹이에요", "RFC 9068"),
    ("entitlements", "What the subject is entitled to", "주체가 가진 자격이에요", "RFC 9068"),
    ("cnf", "The key its bearer must prove to hold", "가진 사람이 증명해야 하는 키예요", "RFC 7800"),
    ("authorization_details", "What it allows, in detail", "할 수 있는 일을 자세히 적어요", "RFC 9396"),
    ("auth_time", "When the person signed in", "사람이 로그인한 때예요", "OpenID Connect Core"),
    ("nonce", "Ties the token to one sign-in request", "로그인 요청 하나에 묶어요", "OpenID Connect Core"),
    ("acr", "How strong the sign-in was", "로그인이 얼마나 강했는지 나타내요", "OpenID Connect Core"),
    ("amr", "The ways the person proved who they are", "본인임을 보인 방법들이에요", "RFC 8176"),
    ("azp", "The application the token was issued to", "토큰을 발급받은 애플리케이션이에요", "OpenID Connect Core"),
    ("at_hash", "Half a hash of the access token", "액세스 토큰 해시의 앞 절반이에요", "OpenID Connect Core"),
    ("c_hash", "Half a hash of the authorization code", "인가 코드 해시의 앞 절반이에요", "OpenID Connect Core"),
    ("s_hash", "Half a hash of the state", "state 해시의 앞 절반이에요", "FAPI 1.0"),
    ("sid", "The session it belongs to", "속한 세션이에요", "OpenID Connect Front-Channel Logout"),
    ("sub_jwk", "The public key of a self-issued subject", "스스로 발급한 주체의 공개 키예요", "OpenID Connect Core"),
    ("name", "Full name", "이름이에요", "OpenID Connect Core"),
    ("given_name", "Given name", "이름(성 제외)이에요", "OpenID Connect Core"),
    ("family_name", "Family name", "성이에요", "OpenID Connect Core"),
    ("middle_name", "Middle name", "가운데 이름이에요", "OpenID Connect Core"),
    ("nickname", "Casual name", "별명이에요", "OpenID Connect Core"),
    (
        "preferred_username",
        "The name the person wants to be called by",
        "불리고 싶은 이름이에요",
        "OpenID Connect Core",
    ),
    ("profile", "Address of a profile page", "프로필 페이지 주소예요", "OpenID Connect Core"),
    ("picture", "Address of a picture", "사진 주소예요", "OpenID Connect Core"),
    ("website", "Address of a web page", "웹 페이지 주소예요", "OpenID Connect Core"),
    ("email", "E-mail address", "이메일 주소예요", "OpenID Connect Core"),
    ("email_verified", "Whether the e-mail address was checked", "이메일을 확인했는지예요", "OpenID Connect Core"),
    ("gender", "Gender", "성별이에요", "OpenID Connect Core"),
    ("birthdate", "Date of birth", "생년월일이에요", "OpenID Connect Core"),
    ("zoneinfo", "Time zone", "시간대예요", "OpenID Connect Core"),
    ("locale", "Language and region", "언어와 지역이에요", "OpenID Connect Core"),
    ("phone_number", "Telephone number", "전화번호예요", "OpenID Connect Core"),
    ("phone_number_verified", "Whether the number was checked", "번호를 확인했는지예요", "OpenID Connect Core"),
    ("address", "Postal address", "우편 주소예요", "OpenID Connect Core"),
    ("updated_at", "When the profile last changed", "프로필이 마지막으로 바뀐 때예요", "OpenID Connect Core"),
    ("_claim_names _claim_sources", "Claims kept elsewhere", "다른 곳에 있는 클레임이에요", "OpenID Connect Core"),
    (
        (
            "verified_claims place_of_birth nationalities birth_family_name birth_given_name birth_middle_name salutation"
            " title msisdn also_known_as"
        ),
        "What was checked about the person",
        "사람에 대해 확인한 내용이에요",
        "OpenID Identity Assurance",
    ),
    ("htm", "The HTTP method this proof is for", "이 증명이 쓰이는 HTTP 메서드예요", "RFC 9449"),
    ("htu", "The address this proof is for", "이 증명이 쓰이는 주소예요", "RFC 9449"),
    ("ath", "Hash of the access token this proof goes with", "이 증명과 함께 쓰는 토큰의 해시예요", "RFC 9449"),
    ("events", "What happened, in a security event", "보안 이벤트의 내용이에요", "RFC 8417"),
    ("toe", "When the event happened", "이벤트가 일어난 때예요", "RFC 8417"),
    ("txn", "The transaction it belongs to", "속한 처리의 번호예요", "RFC 8417"),
    ("sub_id", "The subject, in a described form", "주체를 정해진 꼴로 나타내요", "RFC 9493"),
    ("token_introspection", "An answer about another token", "다른 토큰에 대한 답이에요", "RFC 9701"),
    ("vot vtm", "How far the identity can be trusted", "신원을 얼마나 믿을 수 있는지예요", "RFC 8485"),
    ("_sd _sd_alg ... sd_hash", "Claims shown only on choice", "골라서 보여 주는 클레임이에요", "RFC 9901"),
    ("vct", "The kind of credential", "자격 증명의 종류예요", "SD-JWT VC"),
    ("vc vp", "A verifiable credential", "검증 가능한 자격 증명이에요", "W3C VC"),
    ("status status_list", "Where to look whether it was revoked", "폐기됐는지 볼 곳이에요", "Token Status List"),
    (
        (
            "orig dest mky opt rph attest origid div jcard rcd rcdi crn msgi sip_from_tag sip_date sip_callid sip_cseq_num"
            " sip_via_branch"
        ),
        "Telephone calls (SIP, PASSporT)",
        "전화 통화(SIP, PASSporT)에 쓰여요",
        "RFC 8225",
    ),
    (
        "cdniv cdnicrit cdniip cdniuc cdniets cdnistt cdnistd",
        "Signed addresses of content networks",
        "콘텐츠 전송망의 서명된 주소에 쓰여요",
        "RFC 9246",
    ),
    (
        (
            "eat_nonce ueid sueids oemid hwmodel hwversion uptime oemboot dbgstat location eat_profile submods bootcount"
            " bootseed dloas swname swversion manifests measurements measres intuse"
        ),
        "Proof about a device",
        "기기에 대한 증명이에요",
        "RFC 9711",
    ),
    ("at_use_nbr", "How many uses were agreed", "정해진 사용 횟수예요", "ETSI"),
    ("rdap_allowed_purposes rdap_dnt_allowed", "Queries about domains", "도메인 조회에 쓰여요", "RFC 9560"),
    ("geohash", "A place on Earth", "지구 위의 위치예요", "CTA-5009"),
)
"""The registered claims."""

HEADER_PARAMETERS: Mapping[str, Meaning] = _names(
    ("alg", "The algorithm of the signature", "서명 알고리즘이에요", "RFC 7515"),
    ("typ", "What kind of token this is", "어떤 종류의 토큰인가요", "RFC 7515"),
    ("cty", "What kind of content is inside", "안에 든 것의 종류예요", "RFC 7515"),
    ("kid", "Which key signed it", "어느 키로 서명했나요", "RFC 7515"),
    ("jku", "Address of a key set", "키 모음의 주소예요", "RFC 7515"),
    ("jwk", "A public key", "공개 키예요", "RFC 7515"),
    ("x5u", "Address of a certificate", "인증서의 주소예요", "RFC 7515"),
    ("x5c", "A certificate chain", "인증서 사슬이에요", "RFC 7515"),
    ("x5t x5t#S256", "Fingerprint of a certificate", "인증서의 지문이에요", "RFC 7515"),
    ("crit", "Parameters that must be understood", "반드시 이해해야 하는 항목들이에요", "RFC 7515"),
    ("b64", "Whether the payload is base64url", "내용이 base64url인지예요", "RFC 7797"),
    ("enc", "How the content is encrypted", "내용을 암호화한 방법이에요", "RFC 7516"),
    ("zip", "How the content was compressed", "내용을 압축한 방법이에요", "RFC 7516"),
    ("epk apu apv iv tag p2s p2c", "For encryption", "암호화에 쓰여요", "RFC 7518"),
    ("iss sub aud", "A claim repeated in the header", "머리에 되풀이한 클레임이에요", "RFC 7519"),
    ("nonce", "Against replay", "다시 쓰지 못하게 해요", "RFC 8555"),
    ("url", "The address of the request", "요청의 주소예요", "RFC 8555"),
    ("ppt", "The kind of telephone token", "전화용 토큰의 종류예요", "RFC 8225"),
    ("svt", "Results of earlier checks", "앞선 검증의 결과예요", "RFC 9321"),
    ("trust_chain", "Who vouches for the issuer", "발급자를 보증하는 쪽이에요", "OpenID Federation"),
)
"""The registered header parameters."""

OURS: Mapping[str, Meaning] = _names(
    (
        "epo",
        "Mapae: the account's epoch, which ends all earlier tokens",
        "마패: 계정의 세대예요. 올리면 이전 토큰이 끝나요",
        "Mapae",
    ),
    ("rsq", "Mapae: the newest revocation the issuer knew", "마패: 발급할 때 알고 있던 마지막 폐기 번호예요", "Mapae"),
)
"""Private claims that this service itself puts into its access tokens."""
