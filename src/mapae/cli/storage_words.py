"""What the storage room reports, in Korean: the cures are few, and who has to carry them out may not read English."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mapae.cli.language import language
from mapae.errors import MapaeError, StorageFailed

KOREAN: Mapping[str, str] = MappingProxyType(
    {
        # SQLite
        "another program has locked it for too long; close that program, or wait and try again": (
            "다른 프로그램이 너무 오래 잠그고 있어요. 그 프로그램을 닫거나 기다렸다가 다시 시도하세요"
        ),
        "it cannot be written; give the user that runs Mapae write access to it and its folder": (
            "쓸 수 없어요. 마패를 실행하는 사용자에게 파일과 폴더의 쓰기 권한을 주세요"
        ),
        "access was denied; give the user that runs Mapae access to it and its folder": (
            "접근이 거부됐어요. 마패를 실행하는 사용자에게 파일과 폴더의 권한을 주세요"
        ),
        "it cannot be opened; check that its folder exists and may be written by this user": (
            "열 수 없어요. 폴더가 있는지, 이 사용자가 쓸 수 있는지 보세요"
        ),
        "the disk is full; free some space, nothing that was acknowledged is lost": (
            "디스크가 가득 찼어요. 자리를 비우세요. 저장했다고 답한 것은 하나도 잃지 않았어요"
        ),
        "the disk reported an error; check the disk and the system log, then restart": (
            "디스크가 오류를 냈어요. 디스크와 시스템 로그를 살펴본 뒤 다시 시작하세요"
        ),
        "the file is damaged; stop Mapae and restore a backup with `mapae restore`": (
            "파일이 망가졌어요. 마패를 멈추고 `mapae restore`로 백업을 되돌리세요"
        ),
        "this is not an SQLite database; name another file, or run `mapae restore`": (
            "SQLite 데이터베이스가 아니에요. 다른 파일을 정하거나 `mapae restore`를 실행하세요"
        ),
        "its locks do not work here; keep it on a local disk, not on a network folder": (
            "여기서는 잠금이 되지 않아요. 네트워크 폴더가 아니라 이 컴퓨터의 디스크에 두세요"
        ),
        "there is not enough memory; give the machine or the container more": (
            "메모리가 모자라요. 컴퓨터나 컨테이너에 더 주세요"
        ),
        "its tables changed while they were used; try again": "쓰는 동안 표가 바뀌었어요. 다시 시도하세요",
        "check that its folder exists and that the user that runs Mapae may read and write it": (
            "폴더가 있는지, 마패를 실행하는 사용자가 읽고 쓸 수 있는지 보세요"
        ),
        # PostgreSQL
        "it is a standby that cannot be written; name the primary, or add target_session_attrs=read-write": (
            "쓸 수 없는 대기 서버예요. 주 서버를 정하거나 target_session_attrs=read-write를 더하세요"
        ),
        "it has closed a connection that was idle for too long; try again": (
            "오래 쉬던 연결을 서버가 닫았어요. 다시 시도하세요"
        ),
        "it has no schema to put tables into; set search_path for its user": (
            "표를 둘 스키마가 없어요. 그 사용자의 search_path를 정하세요"
        ),
        "too many write the same rows at once; try again": "같은 행에 한꺼번에 너무 많이 써요. 다시 시도하세요",
        "its user may not do this; make it the owner of the database, or GRANT it access to the tables": (
            "이 사용자에게 권한이 없어요. 데이터베이스의 주인으로 만들거나 표에 GRANT를 주세요"
        ),
        "its disk is full; free some space, nothing that was acknowledged is lost": (
            "서버의 디스크가 가득 찼어요. 자리를 비우세요. 저장했다고 답한 것은 하나도 잃지 않았어요"
        ),
        "it has run out of memory; give it more": "서버의 메모리가 모자라요. 더 주세요",
        "it has no connection left; raise max_connections there, or lower database_connections here": (
            "서버에 남은 연결이 없어요. 그쪽의 max_connections를 늘리거나 여기의 database_connections를 줄이세요"
        ),
        "a row was locked by another program for too long; try again": (
            "다른 프로그램이 행을 너무 오래 잠그고 있었어요. 다시 시도하세요"
        ),
        "it took longer than a statement may take; look for a long lock, or too much work, there": (
            "한 문장에 허락된 시간을 넘겼어요. 서버에 오래 걸린 잠금이나 많은 일이 있는지 보세요"
        ),
        "it was stopped; try again when it is back": "서버가 멈췄어요. 돌아오면 다시 시도하세요",
        "it has crashed and restarts; try again when it is back": (
            "서버가 갑자기 죽어서 다시 시작하고 있어요. 돌아오면 다시 시도하세요"
        ),
        "it is starting or stopping; try again in a moment": (
            "서버가 시작하거나 멈추는 중이에요. 잠시 뒤에 다시 시도하세요"
        ),
        "its disk reported an error; look at its log": "서버의 디스크가 오류를 냈어요. 그 로그를 보세요",
        "a page of it is damaged; look at its log, then restore a backup": (
            "데이터의 일부가 망가졌어요. 서버의 로그를 본 뒤 백업을 되돌리세요"
        ),
        "an index of it is damaged; look at its log, then run REINDEX": (
            "색인이 망가졌어요. 서버의 로그를 본 뒤 REINDEX를 실행하세요"
        ),
        "check user and password": "사용자와 비밀번호를 확인하세요",
        "create the database and its user, or correct the URL": "데이터베이스와 사용자를 만들거나 주소를 고치세요",
        "allow this machine, user and encryption in pg_hba.conf there": (
            "서버의 pg_hba.conf에서 이 컴퓨터와 사용자와 암호화를 허락하세요"
        ),
        "check sslrootcert and its certificate": "sslrootcert와 서버의 인증서를 확인하세요",
        "turn on ssl there, or choose another sslmode": "서버의 ssl을 켜거나 다른 sslmode를 고르세요",
        "no server of the URL can be written; wait for the primary": (
            "주소에 적은 서버 가운데 쓸 수 있는 것이 없어요. 주 서버를 기다리세요"
        ),
        "check the host name in the URL": "주소의 호스트 이름을 확인하세요",
        "nothing answers there; check host, port and firewall": (
            "거기서 아무도 답하지 않아요. 호스트와 포트와 방화벽을 확인하세요"
        ),
        "nothing listens there; start PostgreSQL, or correct host and port": (
            "거기서 기다리는 것이 없어요. PostgreSQL을 시작하거나 호스트와 포트를 고치세요"
        ),
        "it cannot be reached": "닿을 수 없어요",
        "the connection broke; try again": "연결이 끊겼어요. 다시 시도하세요",
        " connections are in use; raise database_connections, or look for what is slow there": (
            "개의 연결을 모두 쓰고 있어요. database_connections를 늘리거나 서버에서 느린 것을 찾으세요"
        ),
        # the schema
        "the database has schema ": "데이터베이스의 스키마는 ",
        ", this program knows only ": "인데, 이 프로그램이 아는 것은 ",
        ": install the newer Mapae again, or restore the backup that was made before the upgrade": (
            "까지예요. 더 새로운 마패를 다시 설치하거나, 올리기 전에 만든 백업을 되돌리세요"
        ),
    }
)
"""What a message of the storage room says, by its English words; the rest of a message is what the other side said."""


def told(error: MapaeError) -> str:
    """Return what `error` says, in the caller's language as far as it is ours."""
    text = str(error)
    if language() == "en" or not isinstance(error, StorageFailed):
        return text
    for english, korean in KOREAN.items():
        text = text.replace(english, korean)
    return text.replace(": all ", ": ", 1) if "database_connections를 늘리거나" in text else text
