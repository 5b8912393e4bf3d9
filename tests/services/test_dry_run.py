"""A dry run stores nothing, and reports what a real run would have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmcore
from crmcore import DatedRates, Measure, Model, field
from crmcore.adapters.backend import Backend
from crmcore.services import (
    CustomerColumns,
    ImportReport,
    PurchaseColumns,
    import_customers,
    import_purchases,
)
from crmcore.services import importing as importing_module
from tests.services.conftest import Open
from tests.services.stored import SOURCE, csv_file, everything

MOST = "90071992547409.91"
RATES = DatedRates({("USD", "EUR", date(2024, 1, 31)): Decimal("0.90")})
Rows = list[dict[str, Any]]
Import = Callable[..., ImportReport]


def in_memory() -> Backend:
    backend = crmcore.connect("memory://", rates=RATES)
    backend.migrate()
    return backend


def some(**choices: list[Any]) -> st.SearchStrategy[Rows]:
    """Rows of few different values, so that they meet one another; some of each are bad."""
    row = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in choices.items()})
    return st.lists(row, max_size=25)


PURCHASES = some(
    order=["k1", "k2", "k3", "k4", "k5", "k6", ""],
    customer_id=["c1", "c2", " c1 ", "c3", ""],
    date=["2024-01-31", "2024-02-01", "2024-01-30", "2024-02-30", "31/01/2024"],
    amount=["1.00", "12.50", MOST, "90071992547408.00", "-1.00", "1,5"],
    currency=["EUR", "USD", "", "EURO"],
    channel=["", "web", "pigeon"],
)
CUSTOMERS = some(
    customer_id=["c1", "c2", "c3", " c1 ", ""],
    since=["2024-01-31", "2020-05-01", "", "soon"],
    kind=["person", "organisation", "", "ghost"],
    name=["Ana", "Ana Ruiz", ""],
    email=["ana@example.com", "ruiz@example.com", "", "none"],
    phone=["", "+34600100200", "600"],
)


def check_rehearsed(run: Import, before: Rows, rows: Rows, size: int, **options: Any) -> None:
    """Dry and real say the same, and dry leaves no trace."""
    backend = in_memory()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importing_module, "BATCH", size)
        run(backend, before, source=SOURCE, **options)
        stored = everything(backend)

        dry = run(backend, rows, source=SOURCE, dry_run=True, **options)

        assert everything(backend) == stored
        real = run(backend, rows, source=SOURCE, **options)
    assert dry.dry_run
    assert attrs.evolve(dry, dry_run=False) == real


@settings(max_examples=200)
@given(before=PURCHASES, rows=PURCHASES, size=st.integers(1, 8))
def test_purchases_are_rehearsed_as_they_are_recorded(before: Rows, rows: Rows, size: int):
    """Whatever is stored, whatever the rows, wherever batches end: conflicts, missing rates and
    sums beyond the limit of earlier batches included."""
    columns = PurchaseColumns(key="order", currency="currency", channel="channel")

    check_rehearsed(import_purchases, before, rows, size, columns=columns)


@settings(max_examples=50)
@given(before=PURCHASES, rows=PURCHASES, size=st.integers(1, 8))
def test_so_are_those_without_a_key(before: Rows, rows: Rows, size: int):
    columns = PurchaseColumns(currency="currency")

    check_rehearsed(import_purchases, before, rows, size, columns=columns)


@settings(max_examples=100)
@given(before=CUSTOMERS, rows=CUSTOMERS, size=st.integers(1, 8))
def test_customers_are_rehearsed_as_they_are_stored(before: Rows, rows: Rows, size: int):
    check_rehearsed(import_customers, before, rows, size, columns=CustomerColumns())


def test_sums_of_the_models_own_are_rehearsed():
    """A sum over some orders alone reaches its limit in a later batch."""
    model = Model(measures=[Measure("online", "orders", "sum", "base_amount",
                                    where=field("channel") == "web")])  # fmt: skip
    backend = crmcore.connect("memory://", model=model)
    backend.migrate()
    rows = [
        {"customer_id": "c1", "date": "2024-01-31", "amount": MOST, "channel": "web", "k": "1"},
        {"customer_id": "c1", "date": "2024-01-31", "amount": "1.00", "channel": "web", "k": "2"},
        {"customer_id": "c2", "date": "2024-01-31", "amount": "1.00", "channel": "web", "k": "3"},
    ]
    columns = PurchaseColumns(key="k", channel="channel")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importing_module, "BATCH", 1)
        dry = import_purchases(backend, rows, source=SOURCE, columns=columns, dry_run=True)

    assert (dry.added, [reject.row for reject in dry.rejects]) == (2, [2])


def test_a_store_is_untouched(open_store: Open, tmp_path: Path):
    """On SQL as in memory: nothing new, and a real run afterwards does what was said."""
    backend = open_store(rates=RATES)
    path = csv_file(tmp_path, "cliente;fecha;importe", "c1;31/01/2024;1,50", "c2;02/01/2024;x")
    before = everything(backend)

    dry = import_purchases(backend, path, source=SOURCE, dry_run=True)

    assert (dry.rows, dry.added, dry.rejected, dry.customers_added) == (2, 1, 1, 1)
    assert everything(backend) == before
    assert import_purchases(backend, path, source=SOURCE) == attrs.evolve(dry, dry_run=False)


def test_it_writes_the_rejects(backend: Backend, tmp_path: Path):
    """They are what a dry run is for."""
    rows = [{"customer_id": "c1", "date": "2024-01-31", "amount": "x"}]

    import_purchases(backend, rows, source=SOURCE, rejects=tmp_path / "r.csv", dry_run=True)

    assert "is not a number" in (tmp_path / "r.csv").read_text()


def test_it_stands_in_nobodys_way(open_store: Open):
    """While it reads its rows another writes to the same store."""
    backend, other = open_store(), open_store()

    def rows() -> Iterator[dict[str, str]]:
        yield {"customer_id": "c1", "date": "2024-01-31", "amount": "1.00"}
        import_customers(other, [{"customer_id": "c9"}], source=SOURCE)
        yield {"customer_id": "c2", "date": "2024-01-31", "amount": "1.00"}

    assert import_purchases(backend, rows(), source=SOURCE, dry_run=True).added == 2
