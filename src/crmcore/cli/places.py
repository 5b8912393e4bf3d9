"""Places: opening the store that a URL names, under the model that it is kept under.

The command line has no model of its own. A URL is shown without user, password and options.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EISDIR, ENOENT
from pathlib import Path
from typing import TYPE_CHECKING

from crmcore.adapters.backend import Backend
from crmcore.connecting import connect
from crmcore.domain.errors import NotMigrated, UnknownBackend
from crmcore.domain.money import Rates

if TYPE_CHECKING:
    from crmcore.cli.terminal import Terminal

__all__ = ["connected", "is_file", "missing_file", "opened", "shown", "within_folder"]


def shown(url: str) -> str:
    """`url` as it may be printed: scheme, host and path.

    Where a password could reach into what follows it, nothing but the scheme is left.
    """
    scheme, mark, rest = url.partition("://")
    if not mark:
        return "…" if "@" in url else url
    if rest.startswith("/"):  # a file; nobody signs in to it
        return f"{scheme}://{rest.partition('?')[0]}"
    signed, at, host = rest.rpartition("@")
    if "?" in signed:
        return f"{scheme}://…"
    return f"{scheme}://{'…@' if at else ''}{host.partition('?')[0]}"


def is_file(url: str) -> bool:
    """Does `url` name a store that is a SQLite file?"""
    return _path(url) is not None


def within_folder(file: Path) -> Path:
    """`file`, whose folder is there: it could not be made elsewhere."""
    if not file.parent.is_dir():
        raise FileNotFoundError(ENOENT, "there is no such folder", str(file.parent))
    if file.is_dir():
        raise IsADirectoryError(EISDIR, "is a folder, not a file", str(file))
    return file


def _path(url: str) -> Path | None:
    scheme, mark, rest = url.partition("://")
    path = rest.partition("?")[0]
    if scheme.partition("+")[0] != "sqlite" or not mark or len(path) < 2:
        return None
    return Path(path[1:])


def missing_file(url: str) -> bool:
    """Does `url` name a SQLite file that is not there? Looking into it would make it."""
    path = _path(url)
    return path is not None and not path.exists()


@contextmanager
def connected(terminal: Terminal) -> Iterator[Backend]:
    """The store that the terminal names, whatever is in it."""
    if terminal.place.startswith("memory:"):
        raise UnknownBackend("memory:// ends with the command, so nothing would be left")
    if (path := _path(terminal.place)) is not None:
        within_folder(path)
    backend = connect(terminal.place, tenant=terminal.tenant)
    try:
        yield backend
    finally:
        backend.close()


@contextmanager
def opened(terminal: Terminal, *, rates: Callable[[str], Rates] | None = None) -> Iterator[Backend]:
    """The store that the terminal names, under its own model; `NotMigrated` where it has none.

    `rates` answers the rates into the currency of that model.
    """
    if missing_file(terminal.place):
        raise NotMigrated(f"there is no file for {terminal.shown_place}")
    with connected(terminal) as backend:
        model = backend.stored_model()
        if model is None:
            where = f"tenant {terminal.tenant} of {terminal.shown_place}"
            raise NotMigrated(f"nothing is stored for {where}")
        if model == backend.model and rates is None:
            yield backend
            return
    into = None if rates is None else rates(model.currency)
    again = connect(terminal.place, tenant=terminal.tenant, model=model, rates=into)
    try:
        yield again
    finally:
        again.close()
