"""Imports: no bad row loses a good one, twice is once, and a dry run is told from a real one only
by the store.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from crmcore.adapters.backend import Backend
from crmcore.domain.money import Money
from crmcore.services import (
    ImportReport,
    OrderLineColumns,
    PurchaseColumns,
    import_customers,
    import_order_lines,
    import_purchases,
)
from crmcore.services import importing as batches
from crmcore.testing.contract.subject import Subject, everything_in

__all__ = ["ImportingContract"]

Row = dict[str, Any]
MOST = "90071992547409.91"


class ImportingContract(Subject):
    """`import_customers`, `import_purchases` and `import_order_lines`."""

    def test_customers_are_rehearsed_and_stored_alike(
        self, backend: Backend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Added, updated and rejected over several batches."""
        monkeypatch.setattr(batches, "BATCH", 2)
        rows: list[Row] = [
            {"customer_id": "c1", "name": "Ana"}, {"customer_id": "c2", "email": "none"},
            {"customer_id": "c3"}, {"customer_id": "c1", "language": "es"}, {"customer_id": "c3"},
        ]  # fmt: skip

        report = self.imported(backend, import_customers, rows)

        assert (report.added, report.updated, report.unchanged, report.rejected) == (2, 1, 1, 1)

    def test_purchases_are_rehearsed_and_stored_alike(
        self, backend: Backend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another content of a key, a sum beyond the limit, a repetition: all in later batches."""
        monkeypatch.setattr(batches, "BATCH", 2)
        told = [
            ("1", "c1", MOST), ("2", "c2", "1.00"), ("1", "c1", "2.00"), ("3", "c1", "0.01"),
            ("2", "c2", "1.00"), ("4", "c3", "5.00"), ("5", "c2", "x"),
        ]  # fmt: skip
        rows: list[Row] = [
            {"k": key, "customer_id": who, "date": "2024-01-31", "amount": amount}
            for key, who, amount in told
        ]

        report = self.imported(backend, import_purchases, rows, columns=PurchaseColumns(key="k"))

        assert (report.added, report.unchanged, report.customers_added) == (3, 1, 3)
        assert [reject.row for reject in report.rejects] == [3, 4, 7]

    def test_order_lines_are_rehearsed_and_stored_alike(
        self, backend: Backend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Orders, a return of a part, a cancellation of a whole, and what is set aside."""
        monkeypatch.setattr(batches, "BATCH", 2)
        told = [
            ("1", "A", "3", "1.50", "c1"), ("1", "POST", "1", "4.00", "c1"),
            ("2", "A", "2", "1.50", "c2"), ("C3", "A", "-1", "1.50", "c1"),
            ("C4", "A", "-2", "1.50", "c2"), ("C5", "A", "-9", "1.50", "c1"),
            ("6", "B", "1", "1.00", ""),
        ]  # fmt: skip
        rows: list[Row] = [
            {
                "invoice_no": invoice, "stock_code": product, "quantity": quantity,
                "unit_price": price, "customer_id": who, "invoice_date": "2024-01-31",
            }
            for invoice, product, quantity, price, who in told
        ]  # fmt: skip

        report = self.imported(backend, import_order_lines, rows, columns=OrderLineColumns())

        assert {decision.name: decision.count for decision in report.decisions} == {
            "lines": 2, "charges": 1, "returns": 1, "cancellations": 1, "unmatched": 1,
            "no_customer": 1,
        }  # fmt: skip
        with backend.reading() as uow:
            found = {
                external: uow.profiles.get(ids[0])["revenue"]
                for external, ids in uow.customers.ids_by_identifier(
                    "external", ["c1", "c2"], source="till"
                ).items()
            }
            assert uow.products.find_by_sku("A") is not None
        assert found == {"c1": Money("7.00", "EUR"), "c2": Money("0.00", "EUR")}

    def imported(
        self,
        backend: Backend,
        run: Callable[..., ImportReport],
        rows: list[Row],
        **options: Any,
    ) -> ImportReport:
        """Rehearsed, then done, then done again: what the real run reports."""
        before = everything_in(backend)
        dry = run(backend, rows, source="till", dry_run=True, **options)
        assert everything_in(backend) == before
        real = run(backend, rows, source="till", **options)
        assert attrs.evolve(dry, dry_run=False) == real
        stored = everything_in(backend)
        again = run(backend, rows, source="till", **options)
        assert (again.added, again.updated, again.rejects) == (0, 0, real.rejects)
        assert everything_in(backend) == stored
        return real
