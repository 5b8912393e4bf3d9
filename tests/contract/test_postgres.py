"""PostgreSQL keeps the contract."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import pytest
import sqlalchemy as sa

from crmcore.adapters.sql import SqlBackend
from crmcore.adapters.sql.transaction import entry_of
from crmcore.testing import FrozenClock
from crmcore.testing.contract import BackendContract, LoyaltyHistoriesContract
from crmcore.testing.contract.subject import opened
from tests import servers
from tests.contract.sql_server import OnServer, emptied, migrated


@pytest.fixture(scope="module")
def engine() -> Iterator[sa.Engine]:
    yield from migrated(servers.postgres)


class OnPostgres(OnServer):
    @pytest.fixture
    def backends(self, engine):
        return emptied(engine)


class TestPostgres(OnPostgres, BackendContract):
    pass


@pytest.mark.slow
class TestPostgresAtLength(OnPostgres, LoyaltyHistoriesContract):
    examples = 30
    steps = 30


def in_the_order_of_inserts(self, *, after=0, limit=1000):
    journal = self.tables.journal
    mine = sa.select(journal).where(journal.c.tenant == self.tenant).order_by(journal.c.seq)
    with self.engine.connect() as connection:
        entries = [entry_of(row) for row in connection.execute(mine).mappings()]
    placed = [attrs.evolve(entry, position=n) for n, entry in enumerate(entries, start=1)]
    return placed[after : after + limit]


def test_positions_given_by_inserts_are_noticed(engine, monkeypatch):
    """The control of the journal's promise under writers side by side."""
    make = emptied(engine)
    promise = TestPostgres().test_a_row_that_is_committed_late_is_not_passed_over
    promise(opened(make, FrozenClock(), "kept"))
    monkeypatch.setattr(SqlBackend, "journal", in_the_order_of_inserts)

    with pytest.raises(AssertionError):
        promise(opened(make, FrozenClock(), "broken"))
