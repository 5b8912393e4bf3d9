"""The MongoDB wire protocol keeps the contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pymongo.database import Database

from crmcore.adapters.mongo import MongoBackend
from crmcore.adapters.mongo.client import Document, database_for
from crmcore.testing.contract import BackendContract, LoyaltyHistoriesContract
from crmcore.testing.contract.subject import NEIGHBOUR
from tests import servers
from tests.contract.sql_server import started


@pytest.fixture(scope="module")
def database() -> Iterator[Database[Document]]:
    for url in started(servers.mongo):
        database = database_for(url)
        yield database
        database.client.close()


class OnMongo:
    reads_as_of_its_beginning = True

    @pytest.fixture
    def backends(self, database):
        for name in database.list_collection_names():
            database[name].delete_many({"tenant": {"$ne": NEIGHBOUR}})

        def make(**given):
            return MongoBackend(database, **given)

        return make


class TestMongo(OnMongo, BackendContract):
    pass


@pytest.mark.slow
class TestMongoAtLength(OnMongo, LoyaltyHistoriesContract):
    examples = 30
    steps = 30
