"""A shell in a folder of its own, and stores to run commands on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("cyclopts")
pytest.importorskip("rich")

from tests import servers
from tests.cli.terminals import Shell
from tests.contract.sql_server import started

PURCHASES = """customer_id,date,amount
C-1,2026-01-05,20.00
C-1,2026-02-09,112.50
C-2,2026-02-30,18.00
C-2,2026-02-10,18.00
C-3,2026-02-11,7.25
"""


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """An empty folder; the store is the default one, crm.db in it."""
    return Shell(tmp_path, {})


@pytest.fixture
def shop(shell: Shell) -> Shell:
    """A folder with a store of three customers and four purchases."""
    (shell.folder / "purchases.csv").write_text(PURCHASES)
    shell("init", "--zone", "Europe/Madrid")
    shell("import", "purchases", "purchases.csv", "--source", "shop", code=3)
    return shell


@pytest.fixture(scope="module", params=["postgres", "mariadb", "mongo"])
def server_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of each server in turn."""
    yield from started(getattr(servers, request.param))
