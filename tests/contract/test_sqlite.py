"""SQLite keeps the contract."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from crmcore.testing.contract import (
    BackendContract,
    HistoriesContract,
    LoyaltyHistoriesContract,
    PredicatesContract,
)


class OnSqlite:
    one_writer = True
    joins_host_transactions = True

    @pytest.fixture
    def backends(self, sqlite):
        return sqlite

    @contextmanager
    def host_transaction(self, backend):
        with backend.engine.begin() as connection:
            yield {"connection": connection}


class TestSqlite(OnSqlite, BackendContract):
    pass


@pytest.mark.slow
class TestSqliteAtLength(OnSqlite, HistoriesContract, LoyaltyHistoriesContract, PredicatesContract):
    examples = 60
    steps = 50
