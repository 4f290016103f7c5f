"""Run the code blocks of a page, in order, in an empty directory, as its reader would.

    ```python                     run after the earlier Python blocks of the page
    ```python title="app.py"      saved as app.py
    ```toml title="mapae.toml"    saved too; any language with a title is
    ```console                    lines that begin with "$ " are run by sh; the lines after one must appear in its
                                  output, in this order; "..." stands for anything. `make` alone is not run: it
                                  wants a checkout, and test_house.py tries it there
    ```json, ```text, ...         not run

A command that ends in " &" keeps running until the page ends; the next block waits for its port. Ports written in a
page are replaced by free ones, so that it can be run beside anything.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PORT = re.compile(r"(?<=[:=\s])(8[01]00)\b")


@dataclass
class Page:
    """One page being read in `place`."""

    place: Path
    ports: dict[str, str] = field(default_factory=dict)
    script: list[str] = field(default_factory=list)
    running: list[subprocess.Popen] = field(default_factory=list)

    def read(self, text: str) -> int:
        """Run every block and return how many there were."""
        for tool in ("curl", "git"):
            if f"$ {tool} " in text and shutil.which(tool) is None:
                pytest.skip(f"no {tool}, which this page asks its reader to use")
        count = 0
        try:
            for language, title, body in BLOCK.findall(text):
                count += self.run(language, title, PORT.sub(self.free_port, body))
        finally:
            for process in self.running:
                stop(process)
        return count

    def run(self, language: str, title: str, body: str) -> bool:
        if title:
            path = self.place / title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(body)
        elif language == "python":
            self.script.append(body)
            (self.place / "snippet.py").write_text("".join(self.script))
            self.shell(f"{sys.executable} snippet.py")
        elif language == "console" and not all(command.startswith("make ") for command, _ in commands_of(body)):
            self.session(body)
        else:
            return False
        return True

    def session(self, body: str) -> None:
        for command, expected in commands_of(body):
            if command.endswith(" &"):
                self.start(command.removesuffix(" &"))
            else:
                appears(expected, self.shell(command), command)

    def shell(self, command: str) -> str:
        """Run one command; what it sets or exports is there for the next one."""
        kept = self.place / ".variables"
        script = f"[ -e {kept} ] && . {kept}; set -a\n{command}\nexport -p > {kept}"
        done = subprocess.run(
            ["sh", "-e", "-c", script], cwd=self.place, env=self.environment(), text=True, timeout=60,
            check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == 0, f"$ {command}\n{done.stdout}"
        return done.stdout

    def start(self, command: str) -> None:
        """Start a server and wait until one of the page's ports that was closed answers."""
        environment = self.environment()
        closed = [port for port in self.ports.values() if not is_open(port)]
        log = self.place / f"server-{len(self.running)}.log"
        with log.open("wb") as said:
            process = subprocess.Popen(
                ["sh", "-c", f"exec {command}"], cwd=self.place, env=environment, stdin=subprocess.DEVNULL,
                stdout=said, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self.running.append(process)
        until = time.monotonic() + 30
        while not any(is_open(port) for port in closed):
            assert process.poll() is None, f"$ {command} &\nended with {process.returncode}\n{log.read_text()}"
            assert time.monotonic() < until, f"$ {command} &\nlistens on none of {closed}\n{log.read_text()}"
            time.sleep(0.05)

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAPAE_", "COVERAGE"))}
        return kept | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.place),
            "PYTHONPATH": str(self.place),
            "MAPAE_PORT": self.port("8100"),
            "MAPAE_HASH_QUEUE_SECONDS": "60s",  # a machine that is busy with other tests is no crowd
            "NO_COLOR": "1",
            "LC_ALL": "C.UTF-8",
        }

    def free_port(self, written: re.Match) -> str:
        return self.port(written[1])

    def port(self, written: str) -> str:
        if written not in self.ports:
            with socket.socket() as chosen:
                chosen.bind(("127.0.0.1", 0))
                self.ports[written] = str(chosen.getsockname()[1])
        return self.ports[written]


def commands_of(body: str) -> list[tuple[str, list[str]]]:
    """The commands of a console block, each with the output that the page shows below it."""
    found: list[tuple[str, list[str]]] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            found.append((line[2:].split("  #")[0].rstrip(), []))
        elif found and found[-1][0].endswith("\\") and not found[-1][1]:
            found[-1] = (f"{found[-1][0][:-1]} {line.strip()}", [])
        elif line.strip():
            assert found, f"a console block begins with a command: {line}"
            found[-1][1].append(line)
    return found


def appears(expected: list[str], output: str, command: str) -> None:
    """Check that each expected line is in the output, after the one before; "..." inside a line is anything."""
    rest = output
    for line in expected:
        if line.strip() == "...":
            continue
        pattern = ".*?".join(re.escape(part) for part in line.strip().split("..."))
        found = re.search(pattern, rest)
        assert found, f"$ {command}\nshould have printed: {line}\nbut printed:\n{output}"
        rest = rest[found.end() :]


def is_open(port: str) -> bool:
    with socket.socket() as asked:
        asked.settimeout(0.2)
        return asked.connect_ex(("127.0.0.1", int(port))) == 0


def stop(process: subprocess.Popen) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
