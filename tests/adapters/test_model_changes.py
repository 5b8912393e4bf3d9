"""Another model over the same store: what is derived is derived anew, what was recorded stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crmcore import (
    AttributeType,
    Customer,
    Fold,
    InvalidInput,
    Measure,
    Model,
    Money,
    NotMigrated,
    Order,
    Refused,
    Return,
    connect,
    field,
)
from crmcore.adapters.backend import Backend
from crmcore.adapters.memory import MemoryBackend, MemoryStore

AT = datetime(2024, 1, 1, tzinfo=UTC)
Opened = Callable[..., Backend]


@pytest.fixture(params=["memory", "sqlite"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    """Opens one and the same store under a model and for a tenant; the clock stands still."""
    store = MemoryStore()

    def open(model: Model | None = None, tenant: str = "main") -> Backend:
        told: dict[str, Any] = {"model": model or Model(), "tenant": tenant, "clock": lambda: AT}
        if request.param == "memory":
            return MemoryBackend(store, **told)
        return connect(f"sqlite:///{tmp_path}/crm.db", **told)

    return open


def a_history(backend: Backend) -> Customer:
    """A customer with two orders, of which one came back in part."""
    ana = Customer.person("Ana", at=AT, life_cycle=backend.model.life_cycle)
    with backend.unit_of_work(source="shop") as uow:
        uow.customers.add(ana)
        orders = [
            Order(customer_id=ana.id, at=AT + timedelta(days=n), total=Money(total, "EUR"))
            for n, total in enumerate(["10.00", "30.00"])
        ]
        uow.orders.add_many(orders)
        uow.returns.add(
            Return(customer_id=ana.id, at=AT, order_id=orders[1].id, amount=Money("5.00", "EUR"))
        )
    return ana


LARGEST = Measure("largest", "purchases", Fold.MAX, "amount", indexed=True)
RETURNS = Measure("return_count", "returns", Fold.COUNT)
LAST_AMOUNT = Measure("last_amount", "orders", Fold.LATEST, "base_amount")


def test_a_new_measure_is_folded_from_the_facts_there_are(opened: Opened):
    """Given a history under the default model, when a measure is added, it is as if it had
    always been there; a measure taken away is gone; going back gives the old answers."""
    first = opened()
    first.migrate()
    ana = a_history(first)
    with first.reading() as uow:
        before = dict(uow.profiles.get(ana.id))

    wider = opened(Model(measures=[LAST_AMOUNT, LARGEST, RETURNS]))
    with pytest.raises(NotMigrated):
        wider.reading().__enter__()
    wider.migrate()
    with wider.reading() as uow:
        profile = uow.profiles.get(ana.id)
        assert profile["largest"] == Money("25.00", "EUR")
        assert profile["return_count"] == 1
        assert (profile["last_amount"], profile["last_amount_at"]) == (
            Money("30.00", "EUR"), AT + timedelta(days=1),
        )  # fmt: skip
        assert {name: profile[name] for name in before} == before
        assert uow.profiles.where(field("largest") > Money("20", "EUR")).count() == 1

    narrower = opened(Model(measures=[RETURNS]))
    narrower.migrate()
    with narrower.reading() as uow:
        assert dict(uow.profiles.get(ana.id)) == before | {"return_count": 1}
    again = opened()
    again.migrate()
    with again.reading() as uow:
        assert dict(uow.profiles.get(ana.id)) == before


def test_columns_of_profiles_follow_the_model_of_the_reader(opened: Opened):
    """After measures came, went and changed places, each column holds its own values."""
    opened(Model(measures=[RETURNS, LARGEST])).migrate()
    ana = a_history(opened(Model(measures=[RETURNS, LARGEST])))
    for measures in ([LARGEST, RETURNS], [LARGEST], [LAST_AMOUNT, LARGEST]):
        backend = opened(Model(measures=measures))
        backend.migrate()
        (batch,) = list(backend.columns("profiles"))
        assert batch["customer_id"] == (ana.id.bytes,)
        assert batch["largest_minor"] == (2500,)
        assert batch["revenue_minor"] == (3500,)
        assert ("return_count" in batch) == (RETURNS in measures)


def test_facts_recorded_after_the_change_count_in_both_measures(opened: Opened):
    opened().migrate()
    ana = a_history(opened())
    backend = opened(Model(measures=[LARGEST]))
    backend.migrate()
    with backend.unit_of_work() as uow:
        uow.orders.add(Order(customer_id=ana.id, at=AT, total=Money("99.00", "EUR")))
        profile = uow.profiles.get(ana.id)
    assert (profile["largest"], profile["revenue"]) == (
        Money("99.00", "EUR"),
        Money("134.00", "EUR"),
    )


def test_another_currency_is_refused_and_the_store_stays_as_it_was(opened: Opened):
    """O12: what was recorded in euros is no dollars, whatever the new model says."""
    first = opened()
    first.migrate()
    ana = a_history(first)
    with pytest.raises(Refused) as refused:
        opened(Model(currency="USD")).migrate()
    assert refused.value.rule == "model.one_currency"
    with opened().reading() as uow:
        assert uow.profiles.get(ana.id)["revenue"] == Money("35.00", "EUR")


def test_an_attribute_keeps_its_type(opened: Opened):
    opened(Model(attributes=[AttributeType("seat", "text")])).migrate()
    with pytest.raises(Refused) as refused:
        opened(Model(attributes=[AttributeType("seat", "integer")])).migrate()
    assert refused.value.rule == "model.attributes_keep_type"


def test_a_new_attribute_is_absent_until_it_is_told(opened: Opened):
    opened().migrate()
    ana = a_history(opened())
    backend = opened(Model(attributes=[AttributeType("seat", "text", indexed=True)]))
    backend.migrate()
    with backend.unit_of_work() as uow:
        assert uow.profiles.get(ana.id)["seat"] is None
        uow.customers.save(uow.customers.get(ana.id).with_attribute("seat", "7A", at=AT))
        assert list(uow.profiles.where(field("seat") == "7A").ids()) == [ana.id]


def test_tenants_of_one_store_have_models_of_their_own(opened: Opened):
    """O13: neither the currency nor the measures of one tenant bind another."""
    opened(Model(measures=[LARGEST]), "one").migrate()
    opened(Model(currency="USD", measures=[RETURNS]), "two").migrate()
    ana = a_history(opened(Model(measures=[LARGEST]), "one"))

    with opened(Model(currency="USD", measures=[RETURNS]), "two").reading() as uow:
        assert uow.profiles.where().count() == 0
    with opened(Model(measures=[LARGEST]), "one").reading() as uow:
        assert uow.profiles.get(ana.id)["largest"] == Money("25.00", "EUR")


def test_a_column_of_another_type_is_told_and_not_reused(tmp_path: Path):
    """In SQL, tenants share the profile table: a measure's name means one type in it."""
    url = f"sqlite:///{tmp_path}/crm.db"
    connect(url, model=Model(measures=[Measure("last", "orders", Fold.COUNT)])).migrate()
    with pytest.raises(InvalidInput) as refused:
        connect(
            url,
            tenant="two",
            model=Model(measures=[Measure("last", "interactions", Fold.LATEST, "topic")]),
        ).migrate()
    assert refused.value.faults[0].path == "measures.last"
