"""What the URL says reaches the driver; what the host's client says does not weaken us."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from bson.son import SON
from pymongo.errors import BulkWriteError

from crmcore import Busy, Customer, StorageError
from crmcore.adapters.mongo import MongoBackend
from crmcore.adapters.mongo.client import database_for, translated
from tests import servers
from tests.adapters.mongo_watch import watched
from tests.contract.sql_server import started

AT = datetime(2024, 1, 1, tzinfo=UTC)
NOBODY = "mongodb://127.0.0.1:1/crm"


def test_pool_timeouts_and_tls_of_the_url_win_over_our_defaults():
    database = database_for(
        f"{NOBODY}?tls=true&tlsAllowInvalidCertificates=true&maxPoolSize=7&minPoolSize=2"
        "&maxIdleTimeMS=9000&socketTimeoutMS=1500&connectTimeoutMS=700&waitQueueTimeoutMS=300"
        "&serverSelectionTimeoutMS=200&appName=host"
    )
    options = database.client.options
    pool = options.pool_options
    database.client.close()
    assert (pool.max_pool_size, pool.min_pool_size) == (7, 2)
    assert (pool.max_idle_time_seconds, pool.socket_timeout) == (9, 1.5)
    assert (pool.connect_timeout, pool.wait_queue_timeout) == (0.7, 0.3)
    assert options.server_selection_timeout == 0.2
    assert pool.appname == "host"
    assert pool._ssl_context is not None  # what tls=true makes of itself


def test_without_a_word_of_the_url_there_is_no_tls_and_five_seconds_of_patience():
    """The control of the above."""
    database = database_for(NOBODY)
    options = database.client.options
    database.client.close()
    assert options.server_selection_timeout == 5
    assert options.pool_options._ssl_context is None


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    yield from started(servers.mongo)


def test_a_client_of_the_hosts_own_weakens_nothing(url: str):
    """Given a client that acknowledges by one, reads from anywhere whatever is there, and decodes
    in its own way, then a unit commits to a majority's journal and reads a snapshot all the same.
    """
    lax = {
        "w": 1, "journal": False, "readPreference": "secondaryPreferred",
        "readConcernLevel": "local", "document_class": SON, "tz_aware": True,
    }  # fmt: skip
    with watched(url, **lax) as (backend, watch):
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(Customer.person("Ana Ruiz", at=AT))
        commits = [c for name, c in watch.commands if name == "commitTransaction"]
        begins = [c for _, c in watch.commands if c.get("startTransaction")]
        assert [c["writeConcern"] for c in commits] == [{"w": "majority", "j": True}]
        assert [c["readConcern"]["level"] for c in begins] == ["snapshot"]
        watch.commands.clear()
        with backend.reading() as uow:
            assert uow.customers.get(ana.id) == ana
        ((_, look_up),) = watch.commands
        assert look_up["readConcern"]["level"] == "majority"
        assert look_up.get("$readPreference", {"mode": "primary"})["mode"] == "primary"


def test_how_long_to_wait_for_a_majority_is_the_hosts_to_say(url: str):
    with watched(url, w=1, wTimeoutMS=2500) as (backend, watch):
        with backend.unit_of_work() as uow:
            uow.customers.add(Customer.person(at=AT))
        (commit,) = [c for name, c in watch.commands if name == "commitTransaction"]
        assert commit["writeConcern"] == {"w": "majority", "j": True, "wtimeout": 2500}


@contextmanager
def standing_alone() -> Iterator[str]:
    """A server that says it is no replica set."""
    with servers.started("mongo") as server:
        server.stop()
        server.command = [*server.command, "--standalone"]
        server.start()
        yield server.url


def test_a_server_that_stands_alone_is_refused_with_what_to_do():
    """At `migrate()`, before anything is created there, and at a unit of work."""
    try:
        with standing_alone() as url:
            database = database_for(url)
            for attempt in (MongoBackend(database).migrate, enter(MongoBackend(database))):
                with pytest.raises(StorageError, match=r"--replSet rs0 .* rs\.initiate\(\)"):
                    attempt()
            assert database.list_collection_names() == []
            database.client.close()
    except servers.Unavailable as missing:
        pytest.skip(str(missing))


def enter(backend: MongoBackend):
    def attempt() -> None:
        with backend.unit_of_work():
            pass

    return attempt


def test_the_server_is_asked_once_what_it_is(url: str):
    with watched(url) as (backend, watch):
        for _ in range(3):
            with backend.unit_of_work():
                pass
        assert "hello" not in watch.names()
        again = MongoBackend(backend.database)
        for _ in range(3):
            with again.unit_of_work():
                pass
        assert [name for name, _ in watch.commands].count("hello") == 1


@pytest.mark.parametrize("code", [112, 251, 24])
def test_a_conflict_among_several_writes_is_busy(code: int):
    """Pymongo gives such an error no number of its own: the writes have theirs."""
    refused = BulkWriteError({"writeErrors": [{"index": 0, "code": code, "errmsg": "secret"}]})
    with pytest.raises(Busy) as told, translated():
        raise refused
    assert told.value.__context__ is None

    with pytest.raises(StorageError, match=r"BulkWriteError 99$") as other, translated():
        raise BulkWriteError({"writeErrors": [{"index": 0, "code": 99, "errmsg": "secret"}]})
    assert not isinstance(other.value, Busy)
