"""Random histories compared with the oracle, as many as one likes.

    python -m tests.histories --backend postgres --times 1000 --seed 1
    python -m tests.histories --of members

Each history lives on two fresh tenants of one store. One line is printed: how many histories and
steps there were, how many broke a promise, and how long it took. A history that broke one is
shown as a program, as short as it could be made.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import attrs
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import StopTest
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    run_state_machine_as_test,
)

from crmcore.adapters.memory import MemoryStore
from crmcore.adapters.mongo import MongoBackend
from crmcore.adapters.mongo.client import database_for
from crmcore.adapters.sql import SqlBackend
from crmcore.adapters.sql.engine import engine_for
from crmcore.testing.contract import Make, Subject, loyalty_machine_of, machine_of
from tests import servers
from tests.contract.conftest import memory_make, sqlite_make, throwaway_engine
from tests.contract.test_mariadb import TestMariadb
from tests.contract.test_memory import TestMemory
from tests.contract.test_mongo import TestMongo
from tests.contract.test_postgres import TestPostgres
from tests.contract.test_sqlite import TestSqlite

__all__ = ["STORES", "Outcome", "live"]

Store = Callable[[], AbstractContextManager[Make]]


@attrs.define
class Outcome:
    """What came of some histories; `shortest` is the program of one that broke a promise."""

    histories: int = 0
    steps: int = 0
    violations: int = 0
    seconds: float = 0.0
    shortest: str = ""

    def __str__(self) -> str:
        return (
            f"{self.histories:,} histories, {self.steps:,} steps, {self.violations} violations, "
            f"{self.seconds:.0f} s"
        )


def live(
    machine: type[RuleBasedStateMachine],
    *,
    times: int,
    steps: int = 20,
    seeded: int = 0,
    shrink: bool = True,
) -> Outcome:
    """Live that many histories; the first that breaks a promise is the last but for shrinking."""
    outcome = Outcome()

    class Counted(machine):  # type: ignore[valid-type,misc]
        @invariant()
        def a_step_was_made(self) -> None:
            outcome.steps += not outcome.violations

        def teardown(self) -> None:
            try:
                super().teardown()
            except BaseException:
                outcome.violations = 1
                raise
            ended = sys.exc_info()[1]
            if not isinstance(ended, StopTest | None):
                outcome.violations = 1
            outcome.histories += ended is None and not outcome.violations

    effort = settings(
        max_examples=times,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        derandomize=False,
        report_multiple_bugs=False,
        phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
        suppress_health_check=list(HealthCheck),
    )
    began = time.monotonic()
    try:
        run_state_machine_as_test(seed(seeded)(Counted), settings=effort)
    except Exception:  # noqa: BLE001  whatever breaks a history is a violation
        assert outcome.violations
        outcome.shortest = traceback.format_exc()
    outcome.seconds = time.monotonic() - began
    return outcome


@contextmanager
def _memory() -> Iterator[Make]:
    yield memory_make(MemoryStore())


@contextmanager
def _sqlite() -> Iterator[Make]:
    with tempfile.TemporaryDirectory() as folder:
        engine = throwaway_engine(Path(folder) / "crm.db")
        yield sqlite_make(engine)
        engine.dispose()


def _sql_server(server: Callable[[], AbstractContextManager[str]]) -> Store:
    @contextmanager
    def opened() -> Iterator[Make]:
        with server() as url:
            engine: sa.Engine = engine_for(url)
            yield lambda **given: SqlBackend(engine, **given)
            engine.dispose()

    return opened


@contextmanager
def _mongo() -> Iterator[Make]:
    with servers.mongo() as url:
        database = database_for(url)
        yield lambda **given: MongoBackend(database, **given)
        database.client.close()


MACHINES: dict[str, Callable[[Make, type[Subject]], type[RuleBasedStateMachine]]] = {
    "everything": machine_of,
    "members": lambda make, _: loyalty_machine_of(make),
}
STORES: dict[str, tuple[Store, type[Subject]]] = {
    "memory": (_memory, TestMemory),
    "sqlite": (_sqlite, TestSqlite),
    "postgres": (_sql_server(servers.postgres), TestPostgres),
    "mariadb": (_sql_server(servers.mariadb), TestMariadb),
    "mongo": (_mongo, TestMongo),
}


def main() -> int:
    """Live the histories that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tests.histories")
    parser.add_argument("--of", choices=MACHINES, default="everything")
    parser.add_argument("--backend", choices=STORES, default="memory")
    parser.add_argument("--times", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    store, subject = STORES[asked.backend]
    with store() as make:
        machine = MACHINES[asked.of](make, subject)
        outcome = live(machine, times=asked.times, steps=asked.steps, seeded=asked.seed)
    sys.stdout.write(f"{asked.backend}: {outcome} (seed {asked.seed})\n")
    sys.stderr.write(outcome.shortest)
    return outcome.violations


if __name__ == "__main__":
    sys.exit(main())
