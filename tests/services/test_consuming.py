"""Consumers of the journal: cursors in files, killed processes, and effects exactly once."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import crmcore
from crmcore import Entry, InvalidInput, StorageError
from crmcore.services import FileCursor, MemoryCursor, consume
from crmcore.testing import a_customer

KILLED = """
import os, sys
import crmcore
from crmcore.services import FileCursor, consume

url, cursor, seen, dies_at, limit = sys.argv[1:]

def handle(entry):
    with open(seen, "a") as file:
        file.write(f"{entry.position}\\n")
    if entry.position == int(dies_at):
        file.close()
        os._exit(9)

consume(crmcore.connect(url), handle, cursor=FileCursor(cursor), limit=int(limit))
"""


def filled(url: str, customers: int) -> crmcore.Backend:
    backend = crmcore.connect(url)
    backend.migrate()
    for nth in range(1, customers + 1):
        backend.run(lambda uow, n: uow.customers.add(a_customer(nth=n)), nth)
    return backend


def test_after_a_kill_at_most_one_page_comes_again(tmp_path: Path):
    url, seen = f"sqlite:///{tmp_path / 'crm.db'}", tmp_path / "seen"
    filled(url, 10).close()
    codes = []
    for dies_at in ("2", "7", "99"):
        command = [sys.executable, "-c", KILLED, url, str(tmp_path / "c"), str(seen), dies_at, "3"]
        codes.append(subprocess.run(command, check=False).returncode)

    assert codes == [9, 9, 0]
    first, again, rest = [1, 2], [1, 2, 3, 4, 5, 6, 7], [7, 8, 9, 10]
    assert [int(line) for line in seen.read_text().split()] == first + again + rest
    assert FileCursor(tmp_path / "c").load() == 10


def test_an_effect_is_had_once_where_the_handler_keeps_the_position(tmp_path: Path):
    """Effect and position in one transaction of the host's, and a cursor that reads it."""
    backend = filled("memory://", 6)

    class HostCursor:
        def load(self) -> int:
            ((position,),) = database.execute("SELECT max(position) FROM sent").fetchall()
            return position or 0

        def save(self, position: int) -> None:
            """The handler has done it."""

    def handle(entry: Entry) -> None:
        with database:
            database.execute("INSERT INTO sent VALUES (?)", [entry.position])
            if entry.position == dies_at:
                raise LookupError

    with closing(sqlite3.connect(tmp_path / "host.db")) as database:
        database.execute("CREATE TABLE sent (position INTEGER PRIMARY KEY)")
        dies_at = 4
        with pytest.raises(LookupError):
            consume(backend, handle, cursor=HostCursor())
        assert HostCursor().load() == 3
        dies_at = 0
        assert consume(backend, handle, cursor=HostCursor()) == 3
        assert database.execute("SELECT count(*) FROM sent").fetchall() == [(6,)]


def test_an_interruption_is_an_exception_like_any_other():
    backend, cursor = filled("memory://", 3), MemoryCursor()

    def interrupted(entry: Entry) -> None:
        if entry.position == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        consume(backend, interrupted, cursor=cursor)

    assert cursor.position == 1


def test_a_cursor_file_is_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    cursor = FileCursor(tmp_path / "cursor")
    assert cursor.load() == 0
    cursor.save(41)

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match="cannot be written: OSError"):
        cursor.save(42)

    assert cursor.load() == 41


@pytest.mark.parametrize("content", [b"", b"-1", b"1.5", b"many", "½".encode(), b"9" * 20])
def test_a_file_that_holds_no_position_is_told(tmp_path: Path, content: bytes):
    (tmp_path / "cursor").write_bytes(content)

    with pytest.raises(StorageError, match="the cursor file"):
        FileCursor(tmp_path / "cursor").load()


def test_a_cursor_file_that_cannot_be_read_is_told(tmp_path: Path):
    with pytest.raises(StorageError, match="cannot be read: IsADirectoryError"):
        FileCursor(tmp_path).load()


@pytest.mark.parametrize("position", [-1, None, True, "3"])
def test_a_cursor_that_loads_no_position_is_refused(position: int):
    with pytest.raises(InvalidInput):
        consume(filled("memory://", 1), print, cursor=MemoryCursor(position))
