"""A full disk under SQLite: nothing half, readable at once, and writable when there is room."""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from sqlalchemy import event

from crmcore.adapters.backend import Backend
from crmcore.domain.errors import Busy, OutcomeUnknown, StorageError
from crmcore.domain.ids import CustomerId
from tests.faults.processes import beside
from tests.faults.stores import Store
from tests.faults.work import (
    Findings,
    audit,
    called,
    complaints_about,
    customers_in,
    patiently,
    saved_and_ordered,
    written,
)

__all__ = ["LIMITS", "FullDisk", "full_disk", "in_two"]

Unit = Callable[[Backend, CustomerId, str], None]


def in_two(backend: Backend, who: CustomerId, key: str) -> None:
    """Control: what belongs together in two transactions, of which the second takes more room."""
    patiently(backend, saved_and_ordered, who, key)
    patiently(backend, called, who, key, "." * 10_000)


@dataclass
class FullDisk:
    """What was written until the disk was full, and how that was told."""

    told: str
    findings: Findings
    complaints: list[str]

    @property
    def violations(self) -> int:
        """All that must not be."""
        return self.findings.violations + len(self.complaints)

    def __str__(self) -> str:
        return f"{self.told}: {self.findings} complaints={self.complaints}"


def _few_pages(store: Store, backend: Any, more: int) -> Callable[[bool], None]:
    """The database may grow by a few pages only."""
    limit = [0]

    @event.listens_for(backend.engine, "connect")
    def set_limit(connection: Any, _: Any) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 12 + more if limit[0] else 1 << 30}")

    def full(is_full: bool) -> None:
        limit[0] = is_full
        backend.engine.dispose()

    return full


def _small_files(store: Store, backend: Any, more: int) -> Callable[[bool], None]:
    """No file of this process may grow further than its log is now, and a little."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)

    def full(is_full: bool) -> None:
        assert store.folder is not None
        largest = max(file.stat().st_size for file in store.folder.glob(f"{backend.tenant}.db*"))
        resource.setrlimit(
            resource.RLIMIT_FSIZE, (largest + 200_000 + 4_000 * more if is_full else most, most)
        )

    return full


LIMITS = {"pages": _few_pages, "files": _small_files}


def full_disk(store: Store, limit: str, more: int = 0, *, unit: Unit = written) -> FullDisk:
    """Units until the disk is full, then what is there, then a unit more when there is room.
    `more` moves the moment at which it is full.

    In a child: a limit of the process stays with it.
    """
    return beside(_filled, (store, limit, more, unit))[0]


def _filled(store: Store, limit: str, more: int, unit: Unit) -> FullDisk:
    tenant = store.tenant()
    backend = store.opened(tenant)
    ids = customers_in(backend)
    full = LIMITS[limit](store, backend, more)
    full(True)
    acknowledged: set[str] = set()
    failed: set[str] = set()
    complaints: list[str] = []
    told: set[str] = set()
    number = 0
    for number in count():
        key = str(number)
        try:
            unit(backend, ids[number % 3], key)
        except Exception as error:  # noqa: BLE001  whatever reaches the caller is looked at
            told.add(type(error).__name__)
            complaints += complaints_about(error)
            if not isinstance(error, StorageError) or isinstance(error, Busy | OutcomeUnknown):
                complaints.append(f"{type(error).__name__} of a full disk")
            failed.add(key)
            if len(failed) == 3:
                break
        else:
            acknowledged.add(key)
        if number > 5_000:
            complaints.append("the disk was never full")
            break
    with backend.reading() as uow:  # full as it is
        held = sum(len(uow.orders.of(who)) for who in ids)
    if held < len(acknowledged):
        complaints.append("not all is readable while the disk is full")
    full(False)
    unit(backend, ids[0], "with room")
    found = audit(backend, acknowledged | {"with room"}, failed=failed, ids=ids)
    backend.close()
    return FullDisk(f"{limit} {sorted(told)}", found, complaints)
