"""The figures: each one fault, its full count, and the control that must be noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from tests.faults import every_statement as statements
from tests.faults.conflicts import conflicts, impatient, isolated
from tests.faults.durability import acknowledged_by_the_server
from tests.faults.every_statement import every_statement
from tests.faults.full_disk import LIMITS, full_disk, in_two
from tests.faults.idle import idle_connections
from tests.faults.killed_writers import CONTROLS, killed_servers, killed_writers
from tests.faults.lost_updates import forced, lost_updates
from tests.faults.reset_commits import reset_commits
from tests.faults.stores import EVERY, ON_SERVERS, Store
from tests.faults.work import customers_in

__all__ = ["FIGURES", "Figure", "Outcome"]


class Outcome(Protocol):
    """What a figure answers: printed whole, with the count of what must not be."""

    @property
    def violations(self) -> int:
        """All that must not be."""
        ...


@dataclass(frozen=True)
class Figure:
    """One fault, tried `times` times on a store; each control is tried `fewer` times."""

    tried: Callable[[Store, int], Outcome]
    controls: dict[str, Callable[[Store, int], Outcome]]
    times: dict[str, int]
    fewer: int
    durable: bool = False


def _of(**times: int) -> dict[str, int]:
    return times


def _every(times: int, backends: tuple[str, ...] = EVERY) -> dict[str, int]:
    return dict.fromkeys(backends, times)


@dataclass
class Counted:
    """What has no class of its own: how many faults there were, as text."""

    text: str
    violations: int

    def __str__(self) -> str:
        return self.text


def _statements(store: Store, times: int, unit: Any = statements.large) -> Outcome:
    del times  # as many as there are
    return every_statement(store, unit=unit)


def _two_units(store: Store, times: int) -> Outcome:
    del times
    return every_statement(store, unit=statements.in_two, way="fails")


def _bare(store: Store, times: int) -> Outcome:
    """Control: the same ended connections under a plain driver's pool."""
    found = idle_connections(store, times, restarts=0)
    return Counted(f"ended={found.ended} errors={found.unprotected_errors}",
                   found.unprotected_errors)  # fmt: skip


def _conflicts(store: Store, times: int) -> Outcome:
    """Deadlocks, write conflicts, serialisation failures and lock time-outs of one store."""
    kinds: dict[str, Callable[[str], Any]] = {"as connected": store.opened}
    if store.name in ("postgres", "mariadb"):
        refused = ("REPEATABLE READ",) if store.name == "mariadb" else ()
        for level in {"REPEATABLE READ", "SERIALIZABLE"}.difference(refused):
            kinds[level.lower()] = partial(isolated, store, level=level)
        kinds["impatient"] = lambda tenant: impatient(store, tenant)
    told, violations = [], 0
    for name, opened in kinds.items():
        tenant = store.tenant()
        plain = store.opened(tenant)
        ids = customers_in(plain, 2)
        plain.close()
        for shape in ("crossing", "same"):
            if shape == "crossing" and store.name == "mongo":
                continue  # there the second writer is told at once: nobody waits
            backend = opened(tenant)
            found = conflicts(backend, times, shape=shape, ids=ids)
            backend.close()
            told.append(f"{name}, {shape}: {found}")
            violations += found.violations
    return Counted("; ".join(told), violations)


def _unrepeated(store: Store, times: int) -> Outcome:
    """Control: the same conflicts without `run`, of which the callers are told."""
    backend = store.opened(store.tenant())
    shape = "same" if store.name == "mongo" else "crossing"
    found = conflicts(backend, times, shape=shape, by_run=False)
    backend.close()
    return Counted(str(found), found.busy)


def _full_disk(store: Store, times: int, **more: Any) -> Outcome:
    found = [full_disk(store, limit, n, **more) for limit in LIMITS for n in range(times)]
    units = sum(each.findings.units for each in found)
    violations = sum(each.violations for each in found)
    text = f"units={units} told={sorted({each.told for each in found})} violations={violations}"
    return Counted(text, violations)


def _disk_in_two(store: Store, times: int) -> Outcome:
    return _full_disk(store, times, unit=in_two)


FIGURES: dict[str, Figure] = {
    "killed-writers": Figure(
        killed_writers,
        {name: partial(killed_writers, unit=unit) for name, unit in CONTROLS.items()},
        _of(sqlite=10_000, postgres=2_000, mariadb=500, mongo=500), 40, durable=True,
    ),
    "killed-servers": Figure(
        killed_servers,
        {name: partial(killed_servers, unit=unit) for name, unit in CONTROLS.items()},
        _every(100, ON_SERVERS), 6, durable=True,
    ),
    "killed-servers-bare": Figure(
        acknowledged_by_the_server, {}, _of(mongo=100), 0, durable=True
    ),
    "lost-updates": Figure(
        lost_updates, {"saved over others": partial(lost_updates, save=forced)},
        _every(20_000), 500,
    ),
    "reset-commits": Figure(
        reset_commits, {"no source key": partial(reset_commits, keyed=False)},
        _every(10_000, ON_SERVERS), 200,
    ),
    "every-statement": Figure(
        _statements, {"two units": _two_units}, _every(1, ("sqlite", *ON_SERVERS)), 1
    ),
    "idle-connections": Figure(
        partial(idle_connections, restarts=3), {"unprotected": _bare},
        _every(50, ON_SERVERS), 10, durable=True,
    ),
    "conflicts": Figure(
        _conflicts, {"without run": _unrepeated}, _every(6, ON_SERVERS), 2
    ),
    "full-disk": Figure(_full_disk, {"two units": _disk_in_two}, _of(sqlite=8), 4),
}  # fmt: skip
