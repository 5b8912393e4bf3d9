"""Running `crmcore` as a user does: as a program in a pipe, and in a pseudo-terminal."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from crmcore.cli import main

__all__ = ["ESCAPE", "Ran", "Shell"]

ESCAPE = "\x1b["
SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")
PATIENCE = 120.0
ROOT = Path(__file__).parents[2]


@dataclass
class Ran:
    """What a run printed, and how it ended."""

    code: int
    out: str
    err: str = ""

    @property
    def json(self) -> Any:
        """The one document on stdout."""
        return json.loads(self.out)

    @property
    def text(self) -> str:
        """What a person reads of a terminal: without escape sequences."""
        return SEQUENCE.sub("", self.out).replace("\r\n", "\n")


@dataclass
class Shell:
    """A folder to run commands in, with `variables` on top of a bare environment."""

    folder: Path
    variables: Mapping[str, str]

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of the developer's own settings but what Python needs."""
        kept = ("PATH", "HOME", "LANG", "COVERAGE_PROCESS_START", "VIRTUAL_ENV")
        own = {name: os.environ[name] for name in kept if name in os.environ}
        path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
        return {
            **own, "PYTHONPATH": path, "PYTHONUTF8": "1", "TERM": "xterm-256color", **self.variables
        }  # fmt: skip

    def __call__(self, *arguments: str, code: int | None = 0) -> Ran:
        """Run within this process; the exit code must be `code`, where one is given."""
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(self.folder),
            mock.patch.dict(os.environ, self.environment, clear=True),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            ran = Ran(main(arguments), out.getvalue(), err.getvalue())
        assert code is None or ran.code == code, ran
        return ran

    def run(self, *arguments: str) -> Ran:
        """Run as a program, in a pipe."""
        done = subprocess.run(
            self.command(arguments), cwd=self.folder, env=self.environment, timeout=PATIENCE,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr)

    def started(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin in a pipe, and go on."""
        return subprocess.Popen(
            self.command(arguments), cwd=self.folder, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    @staticmethod
    def command(arguments: tuple[str, ...]) -> list[str]:
        """The program with these arguments."""
        return [sys.executable, "-m", "crmcore", *arguments]

    def on_terminal(
        self,
        *arguments: str,
        columns: int = 80,
        interrupt_when: Callable[[str], bool] | None = None,
    ) -> Ran:
        """Run in a terminal of so many columns; Ctrl-C is pressed when `interrupt_when` holds."""
        pid, terminal = pty.fork()
        if pid == 0:  # the child
            os.chdir(self.folder)
            command = self.command(arguments)
            os.execve(command[0], command, self.environment)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        shown, deadline = b"", time.monotonic() + PATIENCE
        try:
            while True:
                if time.monotonic() > deadline:
                    os.kill(pid, signal.SIGKILL)
                    raise TimeoutError(shown.decode(errors="replace"))
                if interrupt_when is not None and interrupt_when(shown.decode(errors="replace")):
                    os.write(terminal, b"\x03")
                    interrupt_when = None
                if not select.select([terminal], [], [], 0.02)[0]:
                    continue
                try:
                    block = os.read(terminal, 65_536)
                except OSError:  # the other side is closed
                    break
                if not block:
                    break
                shown += block
        finally:
            os.close(terminal)
            _, status = os.waitpid(pid, 0)
        return Ran(os.waitstatus_to_exitcode(status), shown.decode(errors="replace"))
