"""Streams from Mongo: one cursor on the server, small answers, closed when the reader stops."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from crmcore import Customer, Money, Order
from crmcore.adapters.mongo import MongoBackend
from crmcore.domain.order_facts import Return
from tests import servers
from tests.adapters.mongo_watch import Watch, watched
from tests.contract.sql_server import started

AT = datetime(2024, 1, 1, tzinfo=UTC)
FETCH, ROWS = 3, 20


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    yield from started(servers.mongo)


@pytest.fixture
def at(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[MongoBackend, Watch]]:
    monkeypatch.setattr("crmcore.adapters.mongo.extracts.FETCH", FETCH)
    monkeypatch.setattr("crmcore.adapters.mongo.records.PAGE", FETCH)
    monkeypatch.setattr("crmcore.adapters.mongo.folding.PAGE", FETCH)
    monkeypatch.setattr("crmcore.adapters.columns.stream.BATCH", 2)
    monkeypatch.setattr("crmcore.domain.repositories.BATCH", 2)
    with watched(url) as (backend, watch):
        with backend.unit_of_work() as uow:
            people = [Customer.person(at=AT + timedelta(days=day)) for day in range(ROWS)]
            uow.customers.add_many(people)
            uow.orders.add_many(
                Order(customer_id=person.id, at=person.at, total=Money("2", "EUR"))
                for person in people
            )
        watch.commands.clear()
        yield backend, watch


def sizes(watch: Watch) -> list[int]:
    """How many documents each answer was asked to bring."""
    return [c["batchSize"] for name, c in watch.commands if name in ("find", "getMore")]


@pytest.mark.parametrize("kind", ["orders", "profiles", "purchases"])
def test_columns_come_in_small_answers(at: tuple[MongoBackend, Watch], kind: str):
    backend, watch = at
    batches = list(backend.columns(kind))
    assert sum(len(batch["at" if kind != "profiles" else "stage"]) for batch in batches) == ROWS
    asked = [c for name, c in watch.commands if c.get("batchSize")]
    assert len(asked) >= ROWS // FETCH
    assert {c["batchSize"] for c in asked} == {FETCH}


@pytest.mark.parametrize("kind", ["orders", "profiles", "purchases"])
def test_a_reader_who_stops_closes_the_cursor(at: tuple[MongoBackend, Watch], kind: str):
    """Given a stream of many answers, when its reader leaves after the first batch, then the
    server hears at once that the cursor is done.
    """
    backend, watch = at
    batches = iter(backend.columns(kind))
    next(batches)
    assert "killCursors" not in [name for name, _ in watch.commands]
    batches.close()  # type: ignore[attr-defined]
    assert [name for name, _ in watch.commands].count("killCursors") == 1


def test_a_stream_read_to_its_end_needs_no_closing(at: tuple[MongoBackend, Watch]):
    """The control: the server ends a cursor that has nothing left."""
    backend, watch = at
    list(backend.columns("orders"))
    assert "killCursors" not in [name for name, _ in watch.commands]


def test_leaving_a_stream_of_customers_closes_its_cursor(at: tuple[MongoBackend, Watch]):
    backend, watch = at
    with backend.reading() as uow:
        next(uow.customers.stream())
        assert set(sizes(watch)) == {FETCH}
        assert "killCursors" not in [name for name, _ in watch.commands]
    assert [name for name, _ in watch.commands].count("killCursors") == 1


def test_pages_of_a_unit_of_work_see_what_it_writes_between_them(at: tuple[MongoBackend, Watch]):
    """One cursor for all pages would not; so it is for reading alone."""
    backend, _ = at
    with backend.unit_of_work() as uow:
        stream = uow.customers.stream()
        next(stream)
        late = uow.customers.add(Customer.person(at=AT + timedelta(days=ROWS)))
        assert late.id in {customer.id for customer in stream}


def test_a_cursor_that_the_server_has_forgotten_is_opened_anew(at: tuple[MongoBackend, Watch]):
    """Given pages read so slowly that the server gave up the cursor, none is lost or repeated."""
    backend, watch = at
    with backend.reading() as uow:
        stream = uow.customers.stream()
        seen = [next(stream).id for _ in range(2)]
        (opened,) = [c for name, c in watch.commands if name == "find"]
        page = uow.transaction._page  # type: ignore[attr-defined]
        backend.database.command("killCursors", opened["find"], cursors=[page[2].cursor_id])
        seen += [customer.id for customer in stream]
    with backend.reading() as uow:
        assert seen == [customer.id for customer in uow.customers.stream()]
    assert len(seen) == ROWS


def test_all_profiles_are_folded_anew_page_by_page(at: tuple[MongoBackend, Watch]):
    """Given a store of seven pages, a rebuild reads and writes a page at a time, and every
    profile is as it was: its facts net of a return among them.
    """
    backend, watch = at
    with backend.unit_of_work() as uow:
        ana = next(uow.customers.stream())
        (bought,) = uow.orders.of(ana.id)
        uow.returns.add(
            Return(customer_id=ana.id, order_id=bought.id, at=AT, amount=Money("0.5", "EUR"))
        )
    with backend.reading() as uow:
        before = {p.customer_id: dict(p) for p in uow.profiles.where().page(limit=100)}
    watch.commands.clear()
    transaction = backend.begin(write=True)
    transaction.refold(None)
    transaction.commit()
    updates = [c for name, c in watch.commands if name == "update"]
    assert len(updates) == -(-ROWS // FETCH)
    assert max(len(c["updates"]) for c in updates) == FETCH
    with backend.reading() as uow:
        after = {p.customer_id: dict(p) for p in uow.profiles.where().page(limit=100)}
    assert after == before
    assert after[ana.id]["revenue"] == Money("1.5", "EUR")
