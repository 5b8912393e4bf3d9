"""Cost grows with the work asked: what is looked up is looked up by an index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crmcore import (
    AttributeType,
    Customer,
    Fold,
    Identifier,
    Interaction,
    Measure,
    Model,
    Money,
    Order,
    Payment,
    UnitOfWork,
    connect,
    field,
)
from crmcore.adapters.sql import SqlBackend
from tests import servers

AT = datetime(2024, 1, 1, tzinfo=UTC)
MODEL = Model(
    attributes=[AttributeType("seat", "text", indexed=True)],
    measures=[Measure("calls", "interactions", Fold.COUNT, indexed=True)],
)


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlBackend]:
    """A few hundred customers with orders, payments and calls."""
    folder: Path = tmp_path_factory.mktemp("queries")
    made = connect(f"sqlite:///{folder}/crm.db", model=MODEL, clock=lambda: AT)
    assert isinstance(made, SqlBackend)
    made.migrate()
    people = [
        Customer.person(
            f"Ana Number{n}",
            at=AT,
            emails=[f"p{n}@x.org"],
            identifiers=[Identifier("card", f"{n:08d}")],
        )
        .with_attribute("seat", f"{n}A", at=AT)
        .tagged(f"tag {n}")
        for n in range(300)
    ]
    with made.unit_of_work(source="shop") as uow:
        uow.customers.add_many(people)
        orders = [
            Order(customer_id=p.id, at=AT + timedelta(days=n), total=Money("5", "EUR"),
                  source_key=f"{p.id}-{n}")
            for p in people for n in range(3)
        ]  # fmt: skip
        uow.orders.add_many(orders)
        uow.payments.add_many(
            Payment(customer_id=o.customer_id, at=o.at, order_id=o.id, amount=o.total)
            for o in orders
        )
        uow.interactions.add_many(
            Interaction(customer_id=p.id, at=AT, channel="phone") for p in people
        )
    yield made
    made.close()


def plans(backend: SqlBackend, use: Callable[[UnitOfWork], Any]) -> list[str]:
    """The query plan of every SELECT, UPDATE and DELETE that `use` runs."""
    seen: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, ___: Any, many: bool) -> None:
        if statement.split(maxsplit=1)[0] in ("SELECT", "UPDATE", "DELETE", "WITH"):
            seen.append((statement, parameters[0] if many else parameters))

    sa.event.listen(backend.engine, "before_cursor_execute", note)
    try:
        with backend.unit_of_work() as uow:
            use(uow)
            uow.rollback()
    finally:
        sa.event.remove(backend.engine, "before_cursor_execute", note)
    assert seen
    with backend.engine.connect() as connection:
        return [
            row[3]
            for statement, parameters in seen
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]


def someone(uow: UnitOfWork) -> Customer:
    found = uow.customers.find_by_identifier("card", "00000007")
    assert found is not None
    return found


USES: dict[str, Callable[[UnitOfWork], Any]] = {
    "find by identifier": lambda uow: uow.customers.find_by_identifier("email", "p7@x.org"),
    "find by SKU": lambda uow: uow.products.find_by_sku("x"),
    "get a customer": lambda uow: uow.customers.get(someone(uow).id),
    "get a profile": lambda uow: uow.profiles.get(someone(uow).id),
    "a page by id": lambda uow: uow.profiles.where().page(limit=5),
    "facts of a customer": lambda uow: uow.orders.of(someone(uow).id),
    "history of an order": lambda uow: uow.orders.history(uow.orders.of(someone(uow).id)[0].id),
    "history of a customer": lambda uow: uow.customers.history(someone(uow).id),
    "save a customer": lambda uow: uow.customers.save(someone(uow).renamed("Ana")),
    "order by an indexed measure": lambda uow: uow.profiles.where(field("calls") == 1).page(
        limit=5
    ),
    "in a stage": lambda uow: uow.profiles.where(field("stage") == "loyal").page(limit=5),
    "by an indexed attribute": lambda uow: uow.profiles.where(field("seat") == "7A").page(limit=5),
    "search by name": lambda uow: uow.profiles.search("number7 an").page(limit=5),
    "search by name, counted": lambda uow: uow.profiles.search("number7").count(),
    "with a tag": lambda uow: uow.profiles.where(field("tags").has("tag 7")).page(limit=5),
    "spent more than": lambda uow: uow.profiles.where(field("revenue") > Money("100", "EUR")).page(
        limit=5
    ),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_it_is_looked_up_by_an_index(backend: SqlBackend, use: Callable[[UnitOfWork], Any]):
    """Promise 6: no table is read whole (no SCAN), each look-up is a SEARCH by more than the
    tenant; only a page of everybody walks the key, from where it begins to its limit."""
    steps = plans(backend, use)

    assert [step for step in steps if step.startswith("SCAN") and "CONSTANT" not in step] == []
    by_index = ("INDEX", "PRIMARY KEY")
    assert all(any(w in s for w in by_index) for s in steps if s.startswith("SEARCH"))
    assert [step for step in steps if step.endswith("(tenant=?)") and "crm_models" not in step] == (
        ["SEARCH crm_profiles USING INDEX sqlite_autoindex_crm_profiles_1 (tenant=?)"]
        if use is USES["a page by id"]
        else []
    )


def test_recording_a_fact_touches_its_customer_alone(backend: SqlBackend):
    """One order, one return: neither reads other customers' rows, the refold included."""
    from crmcore import Return

    def sell_and_take_back(uow: UnitOfWork) -> None:
        ana = someone(uow)
        order = Order(customer_id=ana.id, at=AT, total=Money("5", "EUR"))
        uow.orders.add(order)
        uow.returns.add(
            Return(customer_id=ana.id, at=AT, order_id=order.id, amount=Money("2", "EUR"))
        )

    steps = plans(backend, sell_and_take_back)
    tables = {"crm_" + name for name in ("customers", "orders", "profiles", "keys", "payments")}
    assert [step for step in steps if step.startswith("SCAN") and tables & set(step.split())] == []


def test_a_later_page_is_found_by_its_key(backend: SqlBackend):
    """Keyset, not offset: the plan of page 50 is the plan of page 1."""
    with backend.reading() as uow:
        first = uow.profiles.where().page(limit=10)
    steps = plans(backend, lambda uow: uow.profiles.where().page(limit=10, after=first.next))

    assert steps[-1].startswith("SEARCH crm_profiles USING INDEX")
    assert "customer_id>?" in steps[-1]


def test_a_search_reads_one_range_of_words(backend: SqlBackend):
    """The words that begin so, side by side in their key; then the profiles of who has them."""
    steps = plans(backend, lambda uow: uow.profiles.search("Númb").page(limit=5))
    words = [step for step in steps if "crm_words" in step]

    assert words == [
        "SEARCH crm_words USING PRIMARY KEY (tenant=? AND field=? AND word>? AND word<?)"
    ]
    assert any("(tenant=? AND customer_id=?)" in step for step in steps)


@pytest.mark.parametrize("name", ["revenue", "calls", "last_purchase_at"])
def test_an_ordered_page_walks_the_index_of_its_measure(backend: SqlBackend, name: str):
    """The first and a later one: nothing is sorted, and what is before is not read again."""
    with backend.reading() as uow:
        first = uow.profiles.where().order_by(name).page(limit=10)
    later = plans(
        backend, lambda uow: uow.profiles.where().order_by(name).page(limit=10, after=first.next)
    )
    for steps in (plans(backend, lambda uow: uow.profiles.where().order_by(name).page()), later):
        assert [step for step in steps if "TEMP B-TREE" in step or step.startswith("SCAN")] == []
        assert any(f"ix_crm_profiles_{name}" in step for step in steps)
    assert any(f"{name}" in step and ">?" in step for step in later)


def test_postgresql_searches_by_the_key_as_well():
    """Chosen by its planner from statistics, among three thousand names."""
    try:
        with servers.postgres() as url, _filled(url) as made:
            seen: list[tuple[str, Any]] = []

            def note(_: Any, __: Any, statement: str, given: Any, ___: Any, many: bool) -> None:
                if "crm_words" in statement:
                    seen.append((statement, given))

            sa.event.listen(made.engine, "before_cursor_execute", note)
            with made.reading() as uow:
                assert uow.profiles.search("NÚMBER77").count() == 11
            sa.event.remove(made.engine, "before_cursor_execute", note)
            with made.engine.connect() as connection:
                ((statement, given),) = seen
                rows = connection.exec_driver_sql(f"EXPLAIN {statement}", given).scalars().all()
            plan = " ".join(map(str, rows))
    except servers.Unavailable as missing:
        pytest.skip(str(missing))
    assert "crm_words_pkey" in plan
    assert "word >= 'number77'" in plan
    assert "word < 'number77" in plan
    assert "Seq Scan on crm_words" not in plan


@contextmanager
def _filled(url: str) -> Iterator[SqlBackend]:
    """Three thousand names in a database that has counted them."""
    from tests.migrations.databases import empty_database

    with empty_database(url, Path()) as own:
        made = connect(own, clock=lambda: AT)
        assert isinstance(made, SqlBackend)
        made.migrate()
        with made.unit_of_work() as uow:
            uow.customers.add_many(Customer.person(f"Ana Number{n}", at=AT) for n in range(3000))
        with made.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")
        yield made
        made.close()
