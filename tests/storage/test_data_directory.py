"""Promises of the data directory and of secret files."""

from __future__ import annotations

import base64
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mapae.errors import FileExposed, KeyRefused, StorageFailed
from mapae.settings import Settings
from mapae.storage import git_tracking
from mapae.storage.data_directory import (
    check_secret_file,
    load_master_secret,
    open_data_directory,
    read_master_secret,
)
from mapae.storage.secret_file import write_secret_file


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mapae-data"


@pytest.fixture
def open_folder():
    """A folder that other users may enter, as those of `tmp_path` may not be."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def git(folder, *arguments):
    if shutil.which("git") is None:
        pytest.skip("no git: it is not installed")
    subprocess.run(["git", "-c", "init.defaultBranch=main", *arguments], cwd=folder, check=True, capture_output=True)


def test_a_new_directory_is_closed_to_others_and_to_git(path):
    opened = open_data_directory(path)
    assert opened.fresh
    assert len(opened.secret) == 32
    assert (mode(path), mode(path / "secret")) == (0o700, 0o600)
    assert (path / ".gitignore").read_text() == "*\n"
    assert base64.urlsafe_b64decode((path / "secret").read_text().strip() + "=") == opened.secret
    assert sorted(file.name for file in path.iterdir()) == [".gitignore", "secret"]


def test_the_same_secret_is_found_again(path):
    first, second = open_data_directory(path), open_data_directory(path)
    assert (second.secret, second.fresh) == (first.secret, False)


def test_the_secret_does_not_show_in_the_representation(path):
    opened = open_data_directory(path)
    assert str(opened.secret) not in repr(opened)


def test_processes_that_start_at_once_agree_on_one_secret(path):
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: open_data_directory(path), range(8)))
    assert len({one.secret for one in opened}) == 1
    assert [one.fresh for one in opened].count(True) == 1


def test_an_open_directory_of_ours_is_closed(path):
    path.mkdir(mode=0o755)
    path.chmod(0o777)
    open_data_directory(path)
    assert mode(path) == 0o700


def test_a_gitignore_that_is_there_stays(path):
    path.mkdir()
    (path / ".gitignore").write_text("secret\n")
    open_data_directory(path)
    assert (path / ".gitignore").read_text() == "secret\n"


@pytest.mark.parametrize("exposed", [0o640, 0o604, 0o620, 0o602, 0o644, 0o610])
def test_a_secret_that_others_can_reach_is_refused_with_the_cure(path, exposed):
    open_data_directory(path)
    (path / "secret").chmod(exposed)
    with pytest.raises(FileExposed, match=f"chmod 600 {path}/secret"):
        open_data_directory(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_secret_of_another_user_is_refused_with_the_cure(path):
    open_data_directory(path)
    os.chown(path / "secret", 12345, 12345)
    with pytest.raises(FileExposed, match="chown"):
        open_data_directory(path)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(("of_root", "outcome"), [(0o440, "read"), (0o444, "FileExposed"), (0o460, "FileExposed")])
def test_a_secret_that_root_put_there_may_be_read_by_a_group_but_not_by_everybody(open_folder, of_root, outcome):
    secret = open_folder / "secret"
    secret.write_bytes(base64.urlsafe_b64encode(bytes(32)))
    secret.chmod(of_root)
    os.chown(secret, 0, 12345)
    # A process of that group; what it needs is imported while it is still root.
    program = (
        "import os, sys; from pathlib import Path; from mapae.storage.data_directory import read_master_secret\n"
        "os.setgroups([12345]); os.setgid(12345); os.setuid(12345)\n"
        "try: read_master_secret(Path(sys.argv[1])); print('read')\n"
        "except Exception as error: print(type(error).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", program, secret], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == outcome


@pytest.mark.parametrize("with_git", [True, False], ids=["git", "index"])
def test_a_secret_that_git_tracks_is_refused_with_the_cure(tmp_path, path, monkeypatch, with_git):
    open_data_directory(path)
    git(tmp_path, "init")
    assert open_data_directory(path).secret
    git(tmp_path, "add", "-f", "mapae-data/secret")
    if not with_git:
        monkeypatch.setenv("PATH", "")
    with pytest.raises(FileExposed, match="git rm --cached"):
        open_data_directory(path)


@pytest.mark.parametrize("with_git", [True, False], ids=["git", "index"])
def test_a_secret_beside_a_tracked_file_of_a_similar_name_is_not_tracked(tmp_path, path, monkeypatch, with_git):
    open_data_directory(path)
    git(tmp_path, "init")
    for name in ("secret2", "a-secret", "mapae-data/a-secret"):
        (tmp_path / name).write_text("x")
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "mapae-data").mkdir()
    (tmp_path / "x" / "mapae-data" / "secret").write_text("x")
    git(tmp_path, "add", "-f", "secret2", "a-secret", "mapae-data/a-secret", "x/mapae-data/secret")
    if not with_git:
        monkeypatch.setenv("PATH", "")
    assert not git_tracking.is_tracked(path / "secret")
    assert git_tracking.is_tracked(tmp_path / "x" / "mapae-data" / "secret")


@pytest.mark.parametrize("content", [b"", b"short", base64.b64encode(bytes(31)), b"\xff" * 43, b"!" * 43])
def test_a_file_that_holds_something_else_is_refused_without_showing_it(tmp_path, content):
    file = tmp_path / "secret"
    write_secret_file(file, content)
    with pytest.raises(KeyRefused, match="does not hold a master secret") as caught:
        read_master_secret(file)
    assert not content or content.decode("latin-1") not in str(caught.value)


def test_a_secret_file_set_elsewhere_is_used_and_none_is_made(tmp_path, path):
    elsewhere = tmp_path / "credential"
    write_secret_file(elsewhere, base64.urlsafe_b64encode(bytes(range(32))))
    assert load_master_secret(Settings(data=path, secret_file=elsewhere)) == bytes(range(32))
    assert not (path / "secret").exists()
    assert load_master_secret(Settings(data=path)) == open_data_directory(path).secret


def test_a_missing_secret_file_is_reported(tmp_path):
    with pytest.raises(StorageFailed, match="cannot be read"):
        check_secret_file(tmp_path / "nothing")


def test_a_folder_is_no_secret_file(tmp_path):
    with pytest.raises((FileExposed, StorageFailed)):
        check_secret_file(tmp_path)


def test_a_directory_that_cannot_be_made_is_reported(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageFailed, match="set `data` to another directory"):
        open_data_directory(tmp_path / "file" / "mapae-data")


def test_a_secret_file_is_never_overwritten(tmp_path):
    assert write_secret_file(tmp_path / "a", b"1")
    assert not write_secret_file(tmp_path / "a", b"2")
    assert (tmp_path / "a").read_bytes() == b"1"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]
