"""The checks of `mapae doctor`: each looks at one thing, changes nothing, and names one cure."""

from __future__ import annotations

import stat
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mapae.cli.language import say
from mapae.cli.storage_words import told
from mapae.cli.times import length, moment
from mapae.errors import MapaeError
from mapae.flows.keyring import SEAL_PURPOSE
from mapae.flows.service import LEAST_LEEWAY
from mapae.keys.schedule import SigningKey, phase
from mapae.keys.sealing import derive, unseal
from mapae.settings import Settings
from mapae.storage import migrate
from mapae.storage.accounts import list_accounts
from mapae.storage.activity import list_activity
from mapae.storage.data_directory import read_master_secret
from mapae.storage.database import Database, database_file, open_database
from mapae.storage.git_tracking import is_tracked
from mapae.storage.keys import load_keys
from mapae.storage.revocations import load_time
from mapae.storage.secret_file import check_secret_file

State = Literal["well", "note", "trouble"]

EARLIEST = 1_767_225_600
"""No clock that is right shows a time before 2026."""
SOON = 14 * 86_400


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what.
        state: `well`, `note` (works, but worth knowing) or `trouble`.
        what: what was found.
        cure: what to do, where there is something to do.
    """

    name: str
    state: State
    what: str
    cure: str = ""


Checks = Iterator[Check]


def master_secret_file(settings: Settings) -> Path:
    """Return the file that holds the master secret, or will."""
    return settings.secret_file or settings.data / "secret"


def check_files(settings: Settings) -> Checks:
    """Look at the data directory, the master secret and whether git has them."""
    yield _directory(settings.data)
    secret = master_secret_file(settings)
    if secret.exists() or settings.secret_file is not None:
        yield _guarded(
            "secret", say("only its owner can read it", "주인만 읽을 수 있어요"), lambda: check_secret_file(secret)
        )
    else:
        yield Check("secret", "well", say("made at the first start", "처음 시작할 때 만들어요"))
    database = database_file(settings.database_url)
    if database is not None and database.exists():
        yield _database_file(database)


def _directory(path: Path) -> Check:
    if not path.exists():
        return Check("data", "well", say(f"{path} is made at the first start", f"{path}는 처음 시작할 때 만들어요"))
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        what = say(
            f"{path} has mode {mode:04o}, others can look in", f"{path}의 권한이 {mode:04o}라서 남이 볼 수 있어요"
        )
        return Check("data", "trouble", what, f"chmod 700 {path}")
    return Check("data", "well", say(f"{path} has mode {mode:04o}", f"{path}의 권한은 {mode:04o}이에요"))


def _database_file(path: Path) -> Check:
    mode = stat.S_IMODE(path.stat().st_mode)
    if is_tracked(path):
        what = say(f"git tracks {path}", f"git이 {path}를 추적해요")
        return Check("database file", "trouble", what, f"git rm --cached {path}")
    if mode & 0o077:
        what = say(f"{path} has mode {mode:04o}", f"{path}의 권한이 {mode:04o}이에요")
        return Check("database file", "trouble", what, f"chmod 600 {path}")
    return Check("database file", "well", str(path))


def check_clock(now: float) -> Checks:
    """Look whether the clock can be right at all."""
    if now < EARLIEST:
        what = say(f"the clock says {moment(now)}", f"시계가 {moment(now)}라고 해요")
        yield Check("clock", "trouble", what, say("set the clock, or start NTP", "시계를 맞추거나 NTP를 켜세요"))
    else:
        yield Check("clock", "well", moment(now))


def check_address(settings: Settings) -> Checks:
    """Look whether issuer, https, cookies and proxies fit together."""
    secure = settings.issuer.startswith("https:")
    if settings.issuer_is_loopback and not settings.host_is_loopback:
        what = say(
            f"the service listens on {settings.host}, but links and tokens say {settings.issuer}",
            f"{settings.host}에서 기다리지만 링크와 토큰에는 {settings.issuer}라고 적혀요",
        )
        yield Check(
            "issuer", "note", what, say("set issuer to the public https URL", "issuer를 공개 https 주소로 정하세요")
        )
    else:
        yield Check("issuer", "well", settings.issuer)
    if secure and settings.tls_cert is None and not settings.trusted_proxies:
        what = say(
            "https ends at a proxy, but no proxy is trusted: everybody seems to come from its address",
            "https가 프록시에서 끝나는데 믿는 프록시가 없어요. 모두가 프록시의 주소에서 온 것처럼 보여요",
        )
        yield Check(
            "proxy", "note", what, say("set trusted_proxies to its address", "trusted_proxies에 그 주소를 적으세요")
        )
    cookies = say("Secure cookies over https", "https로만 보내는 쿠키예요")
    local = say(
        "Secure cookies; browsers allow them on http://localhost", "Secure 쿠키예요. http://localhost에서는 통해요"
    )
    yield Check("cookies", "well", cookies if secure else local)


def check_certificate(settings: Settings, now: float) -> Checks:
    """Look whether the certificate can be used and for how long."""
    if settings.tls_cert is None or settings.tls_key is None:
        return
    key = settings.tls_key
    yield _guarded(
        "tls_key", say("only its owner can read it", "주인만 읽을 수 있어요"), lambda: check_secret_file(key)
    )
    from cryptography.x509 import load_pem_x509_certificate

    try:
        certificate = load_pem_x509_certificate(settings.tls_cert.read_bytes())
    except (OSError, ValueError) as error:
        what = say(f"{settings.tls_cert} cannot be read: {error}", f"{settings.tls_cert}를 읽을 수 없어요: {error}")
        yield Check("tls_cert", "trouble", what, say("name a certificate in PEM", "PEM 인증서를 정하세요"))
        return
    left = certificate.not_valid_after_utc.timestamp() - now
    when = moment(certificate.not_valid_after_utc.timestamp())
    state: State = "well" if left > SOON else "note" if left > 0 else "trouble"
    cure = "" if state == "well" else say("renew it, then restart", "갱신한 뒤 다시 시작하세요")
    yield Check("tls_cert", state, say(f"valid until {when}", f"{when}까지 쓸 수 있어요"), cure)


def check_choices(settings: Settings) -> Checks:
    """Look at settings that are allowed but seldom wise."""
    if settings.access_ttl > 3600:
        what = say(
            f"access tokens live {length(settings.access_ttl)}",
            f"액세스 토큰이 {length(settings.access_ttl)} 동안 살아요",
        )
        yield Check(
            "access_ttl", "note", what, say("minutes are enough: they are refreshed", "몇 분이면 돼요. 갱신하니까요")
        )
    if settings.password_max_age is not None:
        what = say(
            "people are asked to change passwords by age, which NIST SP 800-63B-4 and ASVS advise against",
            "비밀번호를 나이에 따라 바꾸라고 해요. NIST SP 800-63B-4와 ASVS는 권하지 않아요",
        )
        yield Check("password_max_age", "note", what, 'password_max_age = "off"')
    if settings.password_min_length < 15:
        what = say("shorter than the 15 characters of NIST SP 800-63B-4", "NIST SP 800-63B-4의 15자보다 짧아요")
        yield Check("password_min_length", "note", what, "password_min_length = 15")


async def check_database(settings: Settings, now: float) -> list[Check]:
    """Look at the database: can it be read, is it up to date, do its keys open, does its past lie in the past."""
    path = database_file(settings.database_url)
    if path is not None and not path.exists():
        return [
            Check("database", "well", say(f"{path} is made at the first start", f"{path}는 처음 시작할 때 만들어요"))
        ]
    try:
        database = await open_database(settings.database_url)
    except MapaeError as error:
        return [Check("database", "trouble", told(error), say("do what it says", "거기 적힌 대로 하세요"))]
    try:
        return [check async for check in _inside(database, settings, now)]
    except MapaeError as error:
        return [Check("database", "trouble", told(error), say("do what it says", "거기 적힌 대로 하세요"))]
    finally:
        await database.close()


async def _inside(database: Database, settings: Settings, now: float) -> AsyncIterator[Check]:
    began = time.perf_counter()
    pending = [each for each in await migrate.status(database) if each.applied_ms is None]
    took = (time.perf_counter() - began) * 1000
    yield Check("database", "well", say(f"answers in {took:.1f} ms", f"{took:.1f} ms 만에 답해요"))
    if not database.shares_clock:
        yield _compared(now + took / 1000, await load_time(database) / 1000)
    if pending:
        what = say(f"{len(pending)} changes of the schema are pending", f"적용하지 않은 변경이 {len(pending)}개 있어요")
        yield Check("migrations", "trouble", what, "mapae migrate up")
        return
    yield Check("migrations", "well", say("none pending", "모두 적용했어요"))
    for check in check_keys(await load_keys(database), settings, int(now * 1000)):
        yield check
    newest = (await list_activity(database, limit=1)).rows
    if newest and newest[0].at_ms > now * 1000 + 60_000:
        ahead = length(newest[0].at_ms / 1000 - now)
        what = say(f"the last activity lies {ahead} ahead of the clock", f"마지막 기록이 시계보다 {ahead} 앞서요")
        yield Check("clock", "trouble", what, say("set the clock, or start NTP", "시계를 맞추거나 NTP를 켜세요"))
    if not await list_accounts(database, role="admin", limit=1):
        what = say("there is no administrator yet", "아직 관리자가 없어요")
        yield Check("administrator", "note", what, "mapae admin link")


async def check_board(settings: Settings) -> list[Check]:
    """Look whether the board carries a hint, by sending one to everybody and waiting for it to come back."""
    if settings.board == "memory":
        return []
    try:
        from mapae.coordination.trial import try_board
    except ModuleNotFoundError:
        what = say("the package valkey is not installed", "valkey 패키지가 없어요")
        return [Check("board", "trouble", what, 'pip install "mapae[board]"')]
    tried = await try_board(settings.board, prefix=settings.board_prefix)
    if tried.why is None:
        took = tried.seconds * 1000
        what = f"{tried.place}: " + say(f"carries a hint in {took:.1f} ms", f"{took:.1f} ms 만에 알림을 전해요")
        return [Check("board", "well", what)]
    cure = say(
        "correct the setting board, or start that server; until then revocations spread within a second",
        "board 설정을 고치거나 그 서버를 켜세요. 그때까지는 폐기한 것이 1초 안에 퍼져요",
    )
    return [Check("board", "trouble", f"{tried.place}: {tried.why}", cure)]


def _compared(now: float, there: float) -> Check:
    """Compare our clock with the one that all nodes share."""
    apart = abs(now - there)
    if apart <= LEAST_LEEWAY:
        return Check("clock of the database", "well", say("agrees with ours", "이 컴퓨터의 시계와 맞아요"))
    what = say(
        f"{length(apart)} {'behind' if now > there else 'ahead of'} ours",
        f"이 컴퓨터보다 {length(apart)} {'늦어요' if now > there else '빨라요'}",
    )
    return Check("clock of the database", "trouble", what, say("start NTP on both", "두 곳 모두 NTP를 켜세요"))


def check_keys(rows: list[SigningKey], settings: Settings, now_ms: int) -> Checks:
    """Look at the signing keys: is there one, how old is it, does the master secret open it."""
    signing = [row for row in rows if phase(row, now_ms) == "signing"]
    if not rows:
        yield Check("keys", "well", say("made at the first start", "처음 시작할 때 만들어요"))
        return
    if not signing:
        yield Check("keys", "trouble", say("no key may sign now", "지금 서명할 키가 없어요"), "mapae key new")
        return
    newest = max(signing, key=lambda row: row.sign_from_ms)
    age = (now_ms - newest.sign_from_ms) / 1000
    what = say(
        f"{newest.alg} {newest.kid}, signing for {length(age)}", f"{newest.alg} {newest.kid}, {length(age)}째 서명해요"
    )
    overdue = age > settings.key_signs_for + settings.key_announced_for
    yield Check("keys", "note" if overdue else "well", what, "mapae key rotate" if overdue else "")
    try:
        master = read_master_secret(master_secret_file(settings))
        unseal(derive(master, "signing-keys"), newest.sealed, purpose=SEAL_PURPOSE)
    except MapaeError as error:
        yield Check(
            "sealing",
            "trouble",
            str(error),
            say("put back the secret of this database", "이 데이터베이스의 비밀 값을 되돌리세요"),
        )
    else:
        yield Check("sealing", "well", say("the secret opens the keys", "비밀 값으로 키를 열 수 있어요"))


def _guarded(name: str, well: str, look: Callable[[], None]) -> Check:
    try:
        look()
    except MapaeError as error:
        what, _, cure = str(error).rpartition("; ")
        return Check(name, "trouble", what or str(error), cure)
    return Check(name, "well", well)
