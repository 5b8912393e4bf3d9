"""Without its program a server's tests are one visible line on a laptop, and fail in CI."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from tests.repository.sources import ROOT

WITHOUT_PROGRAMS = """
import sys
import pytest
from tests import servers

def program(name, *places):
    raise servers.Unavailable(f"{name} is not installed")

servers.program = program
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""


SERVERS = ("postgres", "mariadb", "mongo")


def run(**variables: str) -> subprocess.CompletedProcess[str]:
    """The contract tests of all servers, on a machine without their programs."""
    mine = {k: v for k, v in os.environ.items() if not k.startswith("CRMCORE_")}
    files = [f"tests/contract/test_{name}.py" for name in SERVERS]
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_PROGRAMS, *files],
        cwd=ROOT,
        env=mine | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_missing_server_is_one_visible_line():
    finished = run()

    lines = [line for line in finished.stdout.splitlines() if line.startswith("SKIPPED")]
    assert finished.returncode == 0, finished.stdout
    assert len(lines) == len(SERVERS)
    assert all(re.search(r"\[\d{3}\].* is not installed$", line) for line in lines)
    assert " passed" not in finished.stdout


def test_a_missing_server_fails_where_nothing_may_be_missing():
    finished = run(CRMCORE_REQUIRE_ALL="1")

    assert finished.returncode == 1
    assert "CRMCORE_REQUIRE_ALL is set" in finished.stdout
    assert "skipped" not in finished.stdout.splitlines()[-1]
