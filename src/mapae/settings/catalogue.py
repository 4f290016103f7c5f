"""What each setting does, in English and Korean, which values it takes, and its default as one would write it.

A setting has one name everywhere: `access_ttl` in `mapae.toml`, `MAPAE_ACCESS_TTL` in the environment, `--access-ttl`
on the command line, `settings.access_ttl` in the code. A file has no sections; the groups only order the documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mapae.settings import kinds
from mapae.settings.definition import DAY, HOUR, MINUTE


@dataclass(frozen=True, slots=True)
class Setting:
    """What the documentation, the command line and the reader know about one setting.

    Attributes:
        name: the name in a file and in the code.
        group: the part of the documentation it belongs to.
        kind: reads a value and knows its bounds.
        default: the default as one would write it; "<...>" stands for another setting.
        en: what it does, in English.
        ko: what it does, in Korean.
        secret: its value may hold a secret: it is never printed, and `name_file` may name a file that holds it.
    """

    name: str
    group: str
    kind: kinds.Kind
    default: str
    en: str
    ko: str
    secret: bool = False

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"MAPAE_{self.name.upper()}"

    @property
    def flag(self) -> str:
        """The flag on the command line."""
        return f"--{self.name.replace('_', '-')}"


_ALL = (
    Setting(
        "issuer",
        "service",
        kinds.issuer(),
        "http://localhost:<port>",
        "The public URL of this service, and the `iss` of every token. Links are built from it.",
        "이 서비스의 공개 주소이자 모든 토큰의 `iss`예요. 링크도 이 주소로 만들어요.",
    ),
    Setting(
        "audience",
        "service",
        kinds.word_or("issuer", kinds.words("https://api.example.com")),
        "issuer",
        'Whom access tokens are for, their `aud`. "issuer" means the issuer itself.',
        '액세스 토큰을 받는 쪽(`aud`)이에요. "issuer"라고 쓰면 발급자 자신이에요.',
    ),
    Setting(
        "host",
        "service",
        kinds.bind_address(),
        "127.0.0.1",
        "The address to listen on.",
        "요청을 기다리는 주소예요.",
    ),
    Setting(
        "port",
        "service",
        kinds.whole(1, 65_535),
        "8100",
        "The port to listen on.",
        "요청을 기다리는 포트예요.",
    ),
    Setting(
        "workers",
        "service",
        kinds.whole(1, 64),
        "1",
        "How many processes answer requests.",
        "요청에 답하는 프로세스의 수예요.",
    ),
    Setting(
        "trusted_proxies",
        "service",
        kinds.networks(),
        "",
        "Proxies whose X-Forwarded-For is believed. All others' is ignored.",
        "X-Forwarded-For를 믿을 프록시예요. 나머지가 보낸 값은 무시해요.",
    ),
    Setting(
        "tls_cert",
        "service",
        kinds.word_or("off", kinds.file_path("/etc/mapae/cert.pem")),
        "off",
        "Certificate chain (PEM), to answer https without a proxy. Needs tls_key.",
        "프록시 없이 https로 답할 때 쓰는 인증서(PEM)예요. tls_key와 함께 써요.",
    ),
    Setting(
        "tls_key",
        "service",
        kinds.word_or("off", kinds.file_path("/etc/mapae/key.pem")),
        "off",
        "Private key (PEM) of tls_cert.",
        "tls_cert의 개인 키(PEM)예요.",
    ),
    Setting(
        "data",
        "storage",
        kinds.file_path("mapae-data"),
        "mapae-data",
        "The directory of the database and the master secret. Made with mode 0700; git ignores it.",
        "데이터베이스와 마스터 비밀 값을 두는 디렉터리예요. 권한 0700으로 만들고 git에서 제외해요.",
    ),
    Setting(
        "database",
        "storage",
        kinds.database_url(),
        "sqlite:///<data>/mapae.db",
        (
            "Where the database is: an SQLite file, or PostgreSQL 15 or newer. A password may stand in the URL, in "
            "the file that libpq's passfile names, or in the variable PGPASSWORD."
        ),
        (
            "데이터베이스의 위치예요. SQLite 파일이거나 PostgreSQL 15 이상이에요. 비밀번호는 주소에 쓰거나, libpq의 "
            "passfile이 가리키는 파일이나 PGPASSWORD 변수에 둘 수 있어요."
        ),
        secret=True,
    ),
    Setting(
        "database_connections",
        "storage",
        kinds.whole(2, 500),
        "10",
        "How many connections to PostgreSQL each worker keeps at most.",
        "워커마다 PostgreSQL에 여는 연결의 최대 수예요.",
    ),
    Setting(
        "secret_file",
        "storage",
        kinds.word_or("auto", kinds.file_path("/run/secrets/mapae")),
        "auto",
        (
            'The file of the master secret, which seals the signing keys. "auto" is the systemd credential '
            '"secret" where there is one, or else the file `secret` in the data directory, made on the first '
            "start."
        ),
        (
            '서명 키를 봉인하는 마스터 비밀 값의 파일이에요. "auto"는 systemd 자격 증명 "secret"이 있으면 그것, '
            "없으면 데이터 디렉터리의 `secret` 파일이고 처음 시작할 때 만들어요."
        ),
    ),
    Setting(
        "board",
        "storage",
        kinds.board(),
        "memory",
        (
            "The Valkey or Redis server through which several nodes tell each other at once what was revoked. Without "
            "it, or while it is away, they learn of it within a second. A Sentinel is written "
            '"redis+sentinel://host1,host2/name", a socket "unix:///run/valkey/valkey.sock", TLS "rediss://".'
        ),
        (
            "여러 노드가 폐기된 것을 곧바로 서로 알리는 Valkey 또는 Redis 서버예요. 없거나 멈춰 있어도 1초 안에는 "
            '알게 돼요. 센티널은 "redis+sentinel://host1,host2/name", 소켓은 "unix:///run/valkey/valkey.sock", '
            'TLS는 "rediss://"로 써요.'
        ),
        secret=True,
    ),
    Setting(
        "board_prefix",
        "storage",
        kinds.prefix(),
        "mapae",
        "Begins every name on the board, so that several services can share one server.",
        "보드에 쓰는 모든 이름의 앞부분이에요. 서비스 여러 개가 서버 하나를 함께 쓸 수 있어요.",
    ),
    Setting(
        "activity_retention",
        "storage",
        kinds.duration(DAY, 3650 * DAY),
        "180d",
        "How long the activity log is kept.",
        "활동 기록을 보관하는 기간이에요.",
    ),
    Setting(
        "log_level",
        "log",
        kinds.choice("debug", "info", "warning", "error"),
        "info",
        "The least important kind of log line that is written.",
        "기록할 로그의 가장 낮은 단계예요.",
    ),
    Setting(
        "log_format",
        "log",
        kinds.choice("auto", "json", "text"),
        "auto",
        "One JSON object a line, or text; auto is text on a terminal and JSON elsewhere.",
        "한 줄에 JSON 하나 또는 글로 써요. auto는 터미널이면 글, 아니면 JSON이에요.",
    ),
    Setting(
        "algorithm",
        "tokens",
        kinds.choice("ES256", "Ed25519", "RS256", "PS256"),
        "ES256",
        "The algorithm of new signing keys (RFC 7518, RFC 9864).",
        "새 서명 키의 알고리즘이에요(RFC 7518, RFC 9864).",
    ),
    Setting(
        "access_token",
        "tokens",
        kinds.choice("jwt", "opaque"),
        "jwt",
        (
            'What a sign-in hands out. "jwt": a short-lived token that any server can check, and a refresh token. '
            '"opaque": one short token for the whole session, which only this service can check. Both kinds are '
            "accepted whatever this says."
        ),
        (
            '로그인하면 내주는 것이에요. "jwt"는 어느 서버든 확인할 수 있는 짧게 사는 토큰과 갱신 토큰이고, "opaque"는 '
            "세션 내내 쓰는 짧은 토큰 하나로, 이 서비스만 확인할 수 있어요. 어느 쪽으로 두든 두 종류를 다 받아요."
        ),
    ),
    Setting(
        "clients",
        "tokens",
        kinds.clients(),
        "",
        (
            "Programs of your own that say who they are when they sign people in (`client_id`), each with the kind of "
            'token it gets: "phone=jwt", "kiosk=opaque". Who says nothing is the client "mapae" and gets what '
            "access_token says."
        ),
        (
            "로그인할 때 스스로를 밝히는(`client_id`) 여러분의 프로그램과, 각각이 받는 토큰의 종류예요. "
            '"phone=jwt", "kiosk=opaque"처럼 써요. 밝히지 않으면 클라이언트 "mapae"이고 '
            "access_token에 정한 것을 받아요."
        ),
    ),
    Setting(
        "access_ttl",
        "tokens",
        kinds.duration(30, DAY),
        "10m",
        "How long an access token is valid; for an opaque one, how long a process may go on with what it has read.",
        "액세스 토큰을 쓸 수 있는 시간이에요. 불투명 토큰이면 한 번 읽은 세션을 다시 읽지 않고 쓰는 시간이에요.",
    ),
    Setting(
        "leeway",
        "tokens",
        kinds.duration(0, 5 * MINUTE),
        "5s",
        "How much clocks may differ when exp, nbf and iat are checked.",
        "exp, nbf, iat를 볼 때 시계가 서로 어긋나도 되는 정도예요.",
    ),
    Setting(
        "max_staleness",
        "tokens",
        kinds.duration(1, HOUR),
        "30s",
        "How old a node's view of the revocations may be before it refuses tokens issued earlier.",
        "폐기 목록을 새로 읽지 못한 채 얼마까지 예전 토큰을 받아 줄지 정해요.",
    ),
    Setting(
        "feed_secret",
        "tokens",
        kinds.word_or("off", kinds.secret(16)),
        "off",
        (
            "What servers elsewhere present as a bearer token to read the revocations. Without it anybody may: the "
            "list holds random ids and no names, but tells how often people sign out."
        ),
        (
            "다른 곳의 서버가 폐기 목록을 읽을 때 베어러 토큰으로 내미는 값이에요. 없으면 누구나 읽을 수 있어요. "
            "목록에는 무작위 id만 있고 이름은 없지만, 로그아웃이 얼마나 잦은지는 드러나요."
        ),
        secret=True,
    ),
    Setting(
        "status_lists",
        "tokens",
        kinds.switch(),
        "false",
        "Give access tokens a place in a Token Status List, for servers that check it; tokens become longer.",
        "토큰 상태 목록을 확인하는 서버를 위해 액세스 토큰에 목록의 자리를 적어요. 토큰이 길어져요.",
    ),
    Setting(
        "idle_ttl",
        "sessions",
        kinds.duration(MINUTE, 400 * DAY),
        "14d",
        "A session ends when it was not used for this long.",
        "이만큼 쓰지 않으면 세션이 끝나요.",
    ),
    Setting(
        "absolute_ttl",
        "sessions",
        kinds.duration(MINUTE, 3650 * DAY),
        "90d",
        "A session ends this long after sign-in, used or not.",
        "로그인한 뒤 이만큼 지나면 쓰고 있어도 세션이 끝나요.",
    ),
    Setting(
        "refresh_window",
        "sessions",
        kinds.duration(1, 5 * MINUTE),
        "20s",
        "How long a refresh that was answered may be asked again (a lost answer, two tabs) with the same result.",
        "응답을 잃었거나 탭이 둘일 때, 같은 갱신을 다시 요청해도 같은 결과를 주는 시간이에요.",
    ),
    Setting(
        "strict_refresh",
        "sessions",
        kinds.switch(),
        "false",
        "Treat every second use of a refresh token as theft, even within refresh_window.",
        "refresh_window 안이라도 갱신 토큰을 두 번 쓰면 도난으로 봐요.",
    ),
    Setting(
        "recover_max",
        "sessions",
        kinds.word_or("off", kinds.duration(MINUTE, 400 * DAY)),
        "off",
        (
            "How long after a refresh whose answer never arrived the client may still come back with the old "
            'token; "off" sets no limit of its own.'
        ),
        '응답이 도착하지 않은 갱신 뒤에 예전 토큰으로 돌아올 수 있는 시간이에요. "off"면 따로 제한하지 않아요.',
    ),
    Setting(
        "password_hash",
        "passwords",
        kinds.choice("bcrypt", "argon2id"),
        "bcrypt",
        "How new passwords are hashed; others are upgraded at the next sign-in.",
        "새 비밀번호를 해시하는 방법이에요. 다른 방식의 해시는 다음 로그인 때 바꿔요.",
    ),
    Setting(
        "bcrypt_cost",
        "passwords",
        kinds.whole(10, 16),
        "12",
        "bcrypt's cost; each step doubles the work.",
        "bcrypt의 비용이에요. 1을 올리면 일이 두 배가 돼요.",
    ),
    Setting(
        "argon2_memory_kib",
        "passwords",
        kinds.whole(7_168, 1_048_576),
        "65536",
        "Memory of one Argon2id hash, in KiB; with three passes about as dear to guess as bcrypt of cost 12.",
        "Argon2id 해시 하나가 쓰는 메모리(KiB)예요. 세 번 훑으면 비용 12인 bcrypt만큼 맞히기 어려워요.",
    ),
    Setting(
        "argon2_time",
        "passwords",
        kinds.whole(1, 32),
        "3",
        "Passes of Argon2id over its memory.",
        "Argon2id가 메모리를 훑는 횟수예요.",
    ),
    Setting(
        "argon2_parallelism",
        "passwords",
        kinds.whole(1, 16),
        "1",
        "Lanes of Argon2id.",
        "Argon2id의 병렬 갈래 수예요.",
    ),
    Setting(
        "password_min_length",
        "passwords",
        kinds.whole(8, 64),
        "15",
        "The least number of characters of a new password (NIST SP 800-63B-4: 15 where it is the only factor).",
        "새 비밀번호의 최소 글자 수예요(NIST SP 800-63B-4: 비밀번호만 쓰면 15자).",
    ),
    Setting(
        "password_max_age",
        "passwords",
        kinds.word_or("off", kinds.duration(DAY, 3650 * DAY)),
        "off",
        'After this long people are asked to change their password, e.g. "90d". NIST and ASVS advise against it.',
        '이만큼 지나면 비밀번호를 바꾸라고 알려요. 예: "90d". NIST와 ASVS는 권하지 않아요.',
    ),
    Setting(
        "hash_threads",
        "passwords",
        kinds.word_or("auto", kinds.whole(1, 256)),
        "auto",
        'Threads that hash passwords, in each worker. "auto" shares the cores among the workers.',
        '워커마다 비밀번호를 해시하는 스레드 수예요. "auto"는 코어를 워커끼리 나눠요.',
    ),
    Setting(
        "hash_queue_seconds",
        "passwords",
        kinds.duration(1, MINUTE),
        "2s",
        "How long a sign-in may wait for a thread before it is refused with Retry-After.",
        "로그인이 해시 차례를 기다리는 시간이에요. 넘으면 Retry-After와 함께 거절해요.",
    ),
    Setting(
        "gate",
        "passwords",
        kinds.switch(),
        "true",
        (
            "Whether a crowd gets places in a waiting line. Without it, whoever does not fit into the hash queue is "
            "refused and tries again by luck."
        ),
        (
            "사람이 몰릴 때 대기 줄에 세울지 정해요. 끄면 해시 차례에 들지 못한 로그인은 거절되고, 다시 시도할 때마다 "
            "운에 맡겨야 해요."
        ),
    ),
    Setting(
        "key_signs_for",
        "keys",
        kinds.duration(HOUR, 3650 * DAY),
        "90d",
        "How long a key signs before the next one takes over.",
        "키 하나로 서명하는 기간이에요. 지나면 다음 키가 이어받아요.",
    ),
    Setting(
        "key_announced_for",
        "keys",
        kinds.duration(MINUTE, 90 * DAY),
        "1d",
        "How long a key is published before it signs.",
        "키를 공개한 뒤 서명에 쓰기까지의 기간이에요.",
    ),
    Setting(
        "sign_up",
        "pages",
        kinds.choice("open", "closed"),
        "open",
        "Whether anyone may make an account.",
        "누구나 가입할 수 있는지 정해요.",
    ),
    Setting(
        "brand",
        "pages",
        kinds.words("Example", 60),
        "Mapae",
        "The name on the pages.",
        "화면에 보이는 이름이에요.",
    ),
    Setting(
        "accent",
        "pages",
        kinds.colour(),
        "#7A4E12",
        "The colour of buttons and links.",
        "단추와 링크의 색이에요.",
    ),
    Setting(
        "languages",
        "pages",
        kinds.several("en", "ko"),
        "en,ko",
        "The languages of the pages; the first one where a browser asks for none of them.",
        "화면의 언어예요. 브라우저가 아무것도 고르지 않으면 첫 번째를 써요.",
    ),
    Setting(
        "security_contact",
        "pages",
        kinds.word_or("off", kinds.contact()),
        "off",
        "Whom to tell about a weakness; published in /.well-known/security.txt (RFC 9116).",
        "취약점을 알릴 곳이에요. /.well-known/security.txt로 공개해요(RFC 9116).",
    ),
)

SETTINGS: Mapping[str, Setting] = MappingProxyType({setting.name: setting for setting in _ALL})
"""Every setting by name, in the order of the documentation."""
