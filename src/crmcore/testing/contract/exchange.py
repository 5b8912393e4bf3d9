"""Exchange: what one store exports another imports, and both are alike to the last byte."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from crmcore.adapters.backend import Backend, streamed_kinds
from crmcore.domain.identifiers import Identifier
from crmcore.domain.kinds import FACTS
from crmcore.services import (
    IMPORT_ORDER,
    ImportReport,
    data_dictionary,
    export,
    import_aggregates,
    import_facts,
)
from crmcore.testing.builders import (
    AT,
    a_customer,
    a_product,
    a_return,
    an_interaction,
    an_order,
)
from crmcore.testing.clock import FrozenClock
from crmcore.testing.contract.contents import Contents, contents
from crmcore.testing.contract.draws import MODEL, RATE
from crmcore.testing.contract.rates import OneRate
from crmcore.testing.contract.subject import Make, Subject, everything_in

__all__ = ["ExchangeContract"]

KINDS = (*IMPORT_ORDER, "purchases", "profiles")
DAY = timedelta(days=1)


class ExchangeContract(Subject):
    """`export`, `import_facts`, `import_aggregates`, `data_dictionary`."""

    @pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
    def test_what_is_exported_is_imported_whole(
        self, backends: Make, clock: FrozenClock, tmp_path: Path, suffix: str
    ) -> None:
        """Aggregates, facts and profiles of any store are equal in another that imported its files,
        whose own files are the same bytes; importing them again changes nothing.
        """
        if suffix == ".parquet" and find_spec("pyarrow") is None:
            suffix = ".jsonl.gz"
        tenants = count(1)

        def store() -> Backend:
            made = backends(
                tenant=f"exchange-{next(tenants)}", model=MODEL, clock=clock, rates=OneRate(RATE)
            )
            made.migrate()
            return made

        @settings(
            max_examples=self.examples,
            deadline=None,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a store shrinks for minutes
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        @given(contents(MODEL))
        def check(drawn: Contents) -> None:
            first, second = store(), store()
            drawn.record(first, clock)
            files = {kind: tmp_path / f"{kind}{suffix}" for kind in KINDS}
            for kind, file in files.items():
                export(first, kind, file, personal=True)
            clock.advance(DAY)
            reports = [_restored(second, kind, files[kind]) for kind in IMPORT_ORDER]
            again = [_restored(second, kind, files[kind]) for kind in IMPORT_ORDER]

            assert [report.rejects for report in reports] == [()] * len(IMPORT_ORDER)
            assert everything_in(second)[:-1] == everything_in(first)[:-1]
            assert all(report.rows == report.unchanged for report in again)
            for kind, file in files.items():
                other = export(second, kind, tmp_path / f"again{suffix}", personal=True)
                assert other.path.read_bytes() == file.read_bytes(), kind

        check()

    def test_the_same_window_is_the_same_bytes(self, backend: Backend, tmp_path: Path) -> None:
        """An extract up to an instant is made again, byte for byte, whatever happened since."""
        with backend.unit_of_work(source="shop") as uow:
            ana = uow.customers.add(a_customer())
            uow.orders.add_many(an_order(ana, nth=n, at=AT + n * DAY) for n in (3, 1, 2, 0))
        first = export(backend, "orders", tmp_path / "a.csv", since=AT, until=AT + 3 * DAY)
        with backend.unit_of_work(source="shop") as uow:
            uow.orders.add(an_order(ana, nth=9, at=AT + 3 * DAY))
        second = export(backend, "orders", tmp_path / "b.csv", since=AT, until=AT + 3 * DAY)

        assert (first.rows, second.rows) == (3, 3)
        assert first.path.read_bytes() == second.path.read_bytes()

    @pytest.mark.parametrize("kind", KINDS)
    def test_personal_columns_are_exported_only_when_asked_for(
        self, backend: Backend, tmp_path: Path, kind: str
    ) -> None:
        """The mark decides, and the values are nowhere in the file."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(
                a_customer("Zoe Hidden", emails=["zoe.hidden@example.com"])
                .identified_by(Identifier("card", "4000HIDDEN"))
                .with_attribute("seat", "hidden", at=AT)
            )
            order = uow.orders.add(an_order(ana))
            uow.returns.add(attrs.evolve(a_return(order, "1"), reason="hidden"))
            uow.interactions.add(an_interaction(ana, subject="hidden"))
        plain = export(backend, kind, tmp_path / "plain.jsonl").path.read_text("utf-8")
        whole = export(backend, kind, tmp_path / "whole.jsonl", personal=True)
        marked = {c.column for c in data_dictionary(backend.model) if c.kind == kind and c.personal}

        assert "hidden" not in plain.lower()
        assert all(not marked & json.loads(line).keys() for line in plain.splitlines())
        for line in whole.path.read_text("utf-8").splitlines():
            assert marked <= json.loads(line).keys()

    @pytest.mark.parametrize("kind", streamed_kinds())
    def test_every_column_is_in_the_dictionary(self, backend: Backend, kind: str) -> None:
        """The columns of a stream are those that are described, in their order; nothing is
        described that does not come.
        """
        with backend.unit_of_work() as uow:
            order = uow.orders.add(an_order(uow.customers.add(a_customer())))
            uow.interactions.add(an_interaction(order.customer_id))
        told = [c for c in data_dictionary(backend.model) if c.kind == kind]
        stream = backend.columns(kind, personal=True)
        plain: Any = backend.columns(kind)

        assert [c.column for c in told] == [c.name for c in stream.columns]  # type: ignore[attr-defined]
        assert [c.column for c in told if not c.personal] == [c.name for c in plain.columns]
        for batch in stream:
            absent = {name for name, values in batch.items() if None in values}
            assert absent <= {c.column for c in told if c.nullable}
            assert list(batch) == [c.column for c in told]

    def test_facts_may_name_whom_they_are_of_by_their_source(self, backend: Backend) -> None:
        """Customers by their external id, orders by their key; a bad row loses no good one, and
        the same again is nothing.
        """
        with backend.unit_of_work() as uow:
            ana = a_customer().identified_by(Identifier("external", "7", source="shop"))
            uow.customers.add(ana)
        orders = [
            {"customer": "7", "at": "2024-03-01", "total": "12.50", "source_key": "1"},
            {"customer": "8", "at": "2024-03-01", "total": "12.50", "source_key": "2"},
            {"customer": 7, "at": "2024-03-02", "total": 20.0, "source_key": 3, "channel": "web"},
            {"customer": "7", "at": "2024-03-01", "total": "13", "source_key": "1"},
        ]
        payments = [
            {"order": "1", "at": "2024-03-03", "amount": "12.50"},
            {"order": "2", "at": "2024-03-03", "amount": "12.50"},
            {"order": "3", "at": "2024-03-03", "amount": "nothing"},
        ]
        first = import_facts(backend, "orders", orders, source="shop")
        paid = import_facts(backend, "payments", payments, source="shop")
        again = import_facts(backend, "orders", orders, source="shop")
        twice = import_facts(backend, "payments", payments, source="shop")
        with backend.reading() as uow:
            profile = uow.profiles.get(ana.id)

        assert (first.added, first.rejected, again.unchanged) == (2, 2, 2)
        assert (paid.added, paid.rejected, twice.unchanged) == (1, 2, 1)
        assert {(r.row, r.column) for r in first.rejects} == {(2, "customer"), (4, "source_key")}
        assert {(r.row, r.column) for r in paid.rejects} == {(2, "order"), (3, "amount")}
        assert [profile["order_count"], str(profile["revenue"])] == [2, "32.50 EUR"]
        assert str(profile["paid"]) == "12.50 EUR"

    def test_rows_update_what_they_say(self, backend: Backend) -> None:
        """A product is known by its SKU, a customer by an external id; an empty cell leaves it."""
        identifiers = [{"type": "external", "value": "7", "source": "shop"}]
        customers = [{"identifiers": identifiers, "kind": "person", "name": "Ana", "zone": "UTC"}]
        mended = [{"identifiers": identifiers, "name": "Ana Ruiz", "zone": None}]
        with backend.unit_of_work() as uow:
            mug = uow.products.add(a_product("SKU-1"))
        sold = import_aggregates(
            backend, "products", [{"sku": "SKU-1", "price": "9.90"}, {"sku": "SKU-2"}, {}],
            source="shop",
        )  # fmt: skip
        added, updated, same = (
            import_aggregates(backend, "customers", rows, source="shop")
            for rows in (customers, mended, mended)
        )
        with backend.reading() as uow:
            found = uow.products.get(mug.id)
            ana = uow.customers.find_by_identifier("external", "7", source="shop")

        assert (sold.added, sold.updated, sold.rejected) == (1, 1, 1)
        assert (str(found.price), found.name, found.version) == ("9.90 EUR", "Blue mug", 2)
        assert (added.added, updated.updated, same.unchanged) == (1, 1, 1)
        assert ana is not None
        assert (ana.name, ana.zone, ana.version) == ("Ana Ruiz", "UTC", 2)

    def test_a_dry_run_keeps_nothing(self, backend: Backend) -> None:
        """It says what would be done."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
        before = everything_in(backend)
        rows = [
            {"customer_id": str(ana.id), "at": "2024-03-01", "total": amount, "source_key": amount}
            for amount in ("1", "2", "x")
        ]
        report = import_facts(backend, "orders", rows, source="shop", dry_run=True)
        sold = import_aggregates(backend, "products", [{"sku": "A"}], source="shop", dry_run=True)

        assert (report.added, report.rejected, report.dry_run) == (2, 1, True)
        assert (sold.added, sold.dry_run) == (1, True)
        assert everything_in(backend) == before

    def test_a_file_of_rejects_can_be_mended_and_imported(
        self, backend: Backend, tmp_path: Path
    ) -> None:
        """It has the rows that were set aside, under their names."""
        with backend.unit_of_work() as uow:
            ana = uow.customers.add(a_customer())
        rows = [{"customer_id": str(ana.id), "at": "2024-03-01", "scorer": "fit", "value": "much"}]
        rejects = tmp_path / "rejects.csv"
        report = import_facts(backend, "scores", rows, source="model", rejects=rejects)
        with rejects.open(newline="") as file:
            (row,) = csv.DictReader(file)
        mended = row | {"value": "0.5", "unit": "1"}
        after = import_facts(backend, "scores", [mended], source="model")

        assert (report.rejected, row["column"], row["reason"]) == (1, "value", "is no number")
        assert after.added == 1


def _restored(backend: Backend, kind: str, file: Path) -> ImportReport:
    put = import_facts if kind in {known.name for known in FACTS} else import_aggregates
    return put(backend, kind, file, source="exchange", restore=True)
