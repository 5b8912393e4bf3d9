"""MariaDB keeps the contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from crmcore.testing.contract import BackendContract, LoyaltyHistoriesContract
from tests import servers
from tests.contract.sql_server import OnServer, emptied, migrated


@pytest.fixture(scope="module")
def engine() -> Iterator[sa.Engine]:
    yield from migrated(servers.mariadb)


class OnMariadb(OnServer):
    @pytest.fixture
    def backends(self, engine):
        return emptied(engine)


class TestMariadb(OnMariadb, BackendContract):
    pass


@pytest.mark.slow
class TestMariadbAtLength(OnMariadb, LoyaltyHistoriesContract):
    examples = 30
    steps = 30
