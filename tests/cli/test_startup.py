import os
import pty
import resource
import subprocess
import sys
from pathlib import Path

import pytest

TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJleHAiOjF9.c2ln"
HEAVY = ("cryptography", "rich", "asyncio", "msgspec", "sqlite3", "starlette", "uvicorn", "argon2", "bcrypt", "jinja2")


@pytest.mark.slow
def test_inspecting_a_token_loads_nothing_heavy():
    program = (
        f"import sys, io; sys.stdin = io.TextIOWrapper(io.BytesIO(b'{TOKEN}'))\n"
        "sys.argv = ['mapae', 'token', 'inspect']\n"
        "from mapae.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith("Not verified")
    assert set(done.stderr.split()) & set(HEAVY) == set()


@pytest.mark.slow
def test_inspecting_a_token_takes_less_than_150_ms_of_cpu_time():
    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "mapae", "token", "inspect"]
        subprocess.run(command, input=TOKEN, text=True, capture_output=True, check=True, timeout=60)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(7)) < 0.150


@pytest.mark.slow
def test_on_a_terminal_the_bare_command_says_what_now():
    try:
        leader, follower = pty.openpty()
    except OSError as why:
        pytest.skip(f"no terminal to be had: {why}")
    environ = {"PATH": os.environ["PATH"], "MAPAE_LANG": "ko", "TERM": "dumb"}
    with subprocess.Popen(
        [sys.executable, "-m", "mapae"], stdout=follower, stdin=follower, stderr=follower, env=environ
    ) as process:
        os.close(follower)
        shown = b""
        while chunk := _read(leader):
            shown += chunk
        assert process.wait(30) == 0
    os.close(leader)
    assert shown.decode().startswith("마패")
    assert len(shown.decode().splitlines()) == 12


def _read(descriptor) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # Linux says EIO when the last process has closed the terminal
        return b""


@pytest.mark.slow
def test_a_closed_pipe_is_no_error():
    script = f"{sys.executable} -m mapae config show | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, timeout=60, cwd=Path("/"))
    assert done.stdout.splitlines() == ["# service", "0"]
    assert done.stderr == ""
