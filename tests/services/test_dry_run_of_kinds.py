"""A dry run of any kind counts what a real run does, wherever batches end."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crmcore.adapters.backend import Backend
from crmcore.services import ImportReport, import_aggregates, import_facts
from crmcore.services import importing as importing_module
from crmcore.testing import a_customer
from tests.services.stored import everything
from tests.services.test_dry_run import MOST, Import, Rows, in_memory, some

IDS = [str(a_customer(name).id) for name in ("Ana", "Eva", "Ina")]


def external(*values: str) -> list[dict[str, str]]:
    return [{"type": "external", "value": value, "source": "s"} for value in values]


CUSTOMERS = some(
    id=[*IDS, None, None],
    kind=["person", "organisation", None],
    name=["Ana", "Eva", None],
    identifiers=[
        external("a"), external("b"), external("c"), external("a", "b"), [], None, external("a")
    ],
)  # fmt: skip
PRODUCTS = some(sku=["A", "B", "C", None], name=["Mug", "Cup", None], price=["1.00", "2.00", "x"])
ORDERS = some(
    customer=["a", "b", "zz"],
    at=["2024-01-31", "2024-02-01", "soon"],
    total=["1.00", "2.00", "-1", MOST],
    total_currency=["EUR", "EUR", "USD"],
    source_key=["k1", "k2", "k3", "k4", None],
)
RETURNS = some(
    order=["k1", "k2", "k9"],
    at=["2024-03-01", "2024-03-02"],
    amount=["1.00", "4.00", "9.00"],
    source_key=["r1", "r2", "r3", "r4", None],
)


def prepared() -> Backend:
    backend = in_memory()
    people = [{"kind": "person", "identifiers": external(name)} for name in "ab"]
    import_aggregates(backend, "customers", people, source="s")
    return backend


def outcome(report: ImportReport) -> tuple[Any, ...]:
    """All but the order and the words of the reasons."""
    rows = sorted({reject.row for reject in report.rejects})
    return (*attrs.astuple(attrs.evolve(report, rejects=(), dry_run=False)), rows)


def check(run: Import, kind: str, before: Rows, rows: Rows, *, on: Backend, size: int) -> None:
    backend = on
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importing_module, "BATCH", size)
        run(backend, kind, before, source="s")
        stored = everything(backend)

        dry = run(backend, kind, rows, source="s", dry_run=True)

        assert everything(backend) == stored
        assert outcome(dry) == outcome(run(backend, kind, rows, source="s"))


@settings(max_examples=40)
@given(before=CUSTOMERS, rows=CUSTOMERS, size=st.integers(1, 8))
@example(
    [],
    [
        {"kind": "person", "identifiers": external("a")},
        {"kind": "person", "identifiers": external("zz")},
        {"id": IDS[0], "kind": "person", "identifiers": external("zz")},
        {"kind": "person", "identifiers": external("a")},
    ],
    10,
)
def test_customers(before: Rows, rows: Rows, size: int):
    check(import_aggregates, "customers", before, rows, on=in_memory(), size=size)


@settings(max_examples=25)
@given(before=PRODUCTS, rows=PRODUCTS, size=st.integers(1, 8))
def test_products(before: Rows, rows: Rows, size: int):
    check(import_aggregates, "products", before, rows, on=in_memory(), size=size)


@settings(max_examples=40)
@given(before=ORDERS, rows=ORDERS, size=st.integers(1, 8))
def test_facts(before: Rows, rows: Rows, size: int):
    for row in (*before, *rows):
        row.update({} if row["total"] != MOST else {"total": "1.50"})
    check(import_facts, "orders", before, rows, on=prepared(), size=size)


@settings(max_examples=40)
@given(before=RETURNS, rows=RETURNS, size=st.integers(1, 8))
def test_facts_of_an_order(before: Rows, rows: Rows, size: int):
    """More than an order is worth does not come back, in however many batches."""
    backend = prepared()
    orders = [
        {"customer": "a", "at": "2024-01-31", "total": "10.00", "source_key": key}
        for key in ("k1", "k2")
    ]
    import_facts(backend, "orders", orders, source="s")
    check(import_facts, "returns", before, rows, on=backend, size=size)
