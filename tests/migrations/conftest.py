"""A server for each dialect, and an empty database of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.migrations.databases import DIALECTS, empty_database, server_url


@pytest.fixture(scope="session", params=DIALECTS)
def server(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """The URL of a server, `None` for SQLite."""
    with server_url(request.param) as url:
        yield url


@pytest.fixture
def url(server: str | None, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database."""
    with empty_database(server, tmp_path) as made:
        yield made
