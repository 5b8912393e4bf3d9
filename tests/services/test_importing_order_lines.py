"""Messy shop exports come in with each decision stated; rows and money account for themselves."""

from __future__ import annotations

import csv
import random
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmcore
from crmcore import DatedRates, InvalidInput, Money, OrderStatus
from crmcore.adapters.backend import Backend
from crmcore.services import ImportReport, OrderLineColumns, import_order_lines
from crmcore.services import importing as importing_module
from crmcore.services.retail import SENTENCES, SET_ASIDE
from tests.services.conftest import Open
from tests.services.messy_retail import HEADER, Export, messy
from tests.services.stored import SOURCE, customer, everything, orders, profile, reasons

POUNDS = crmcore.Model(currency="GBP", zone="Europe/London")


def retail(open_store: Open, **options: Any) -> Backend:
    return open_store(model=POUNDS, **options)


def counts(report: ImportReport) -> dict[str, int]:
    return {decision.name: decision.count for decision in report.decisions}


def amounts(report: ImportReport) -> dict[str, Decimal]:
    return {d.name: sum((m.amount for m in d.amounts), Decimal(0)) for d in report.decisions}


def taken_back(backend: Backend) -> tuple[Decimal, Decimal]:
    """What all returns credit, and what all cancelled orders were worth."""
    with backend.reading() as unit:
        ids = [c.id for c in unit.customers.stream()]
        returned = sum((r.amount.amount for i in ids for r in unit.returns.of(i)), Decimal(0))
        called_off = sum(
            (
                unit.orders.get(c.order_id).total.amount
                for i in ids
                for c in unit.cancellations.of(i)
            ),
            Decimal(0),
        )
    return returned, called_off


class TestMessyExport:
    """The file has every defect, each a known number of times."""

    @pytest.mark.parametrize(
        ("encoding", "delimiter", "comma"),
        [
            ("utf-8", ",", False), ("utf-8-sig", ";", True), ("cp1252", ",", False),
            ("cp1252", ";", True), ("utf-16", "\t", False), ("utf-8", "|", True),
        ],
    )  # fmt: skip
    def test_every_row_is_decided_as_planted(
        self, open_store: Open, tmp_path: Path, encoding: str, delimiter: str, comma: bool
    ):
        """However the file is written, the counts, the orders and the products are the same."""
        export = messy(orders=30)
        path = export.written(
            tmp_path / "retail.csv", encoding=encoding, delimiter=delimiter, comma=comma
        )
        backend = retail(open_store)

        report = import_order_lines(backend, path, source=SOURCE)

        assert counts(report) == export.expected
        assert report.rows == len(export.lines) == sum(export.expected.values())
        assert report.products_added == export.products
        assert len(orders(backend)) == export.orders
        assert report.set_aside == sum(export.expected[name] for name in SET_ASIDE)
        assert report.rejected == export.expected["rejected"]
        kept = report.rows - report.set_aside - report.rejected
        assert (report.added, report.unchanged) == (kept, 0)
        assert all(d.sentence == SENTENCES[d.name] for d in report.decisions)

    @pytest.mark.parametrize("seed", range(5))
    def test_money_accounts_for_itself(self, open_store: Open, tmp_path: Path, seed: int):
        """All amounts of the file are orders, less what came back, and what was set aside."""
        export = messy(seed=seed)
        backend = retail(open_store)

        report = import_order_lines(backend, export.written(tmp_path / "r.csv"), source=SOURCE)

        assert amounts(report) == export.amounts
        placed = sum((order.total.amount for order in orders(backend)), Decimal(0))
        returned, called_off = taken_back(backend)
        aside = sum(amounts(report)[name] for name in {*SET_ASIDE, "rejected"})
        assert sum(export.amounts.values()) == placed - returned - called_off + aside
        assert returned == -export.amounts["returns"]
        assert called_off == -export.amounts["cancellations"]
        with backend.reading() as unit:
            revenue = [p["revenue"].amount for p in unit.profiles.where().page(limit=1000)]
        assert sum(revenue) == placed - returned - called_off

    def test_a_second_run_writes_nothing(self, open_store: Open, tmp_path: Path):
        """To the last journal row, and the decisions are the same."""
        path = messy().written(tmp_path / "retail.csv")
        backend = retail(open_store)
        first = import_order_lines(backend, path, source=SOURCE)
        before = everything(backend), taken_back(backend)

        second = import_order_lines(backend, path, source=SOURCE)

        assert (second.added, second.unchanged) == (0, first.added)
        assert (second.customers_added, second.products_added) == (0, 0)
        assert second.decisions == first.decisions
        assert (everything(backend), taken_back(backend)) == before

    def test_a_dry_run_says_the_same_and_stores_nothing(self, open_store: Open, tmp_path: Path):
        path = messy().written(tmp_path / "retail.csv")
        backend = retail(open_store)
        before = everything(backend)

        dry = import_order_lines(backend, path, source=SOURCE, dry_run=True)

        assert everything(backend) == before
        real = import_order_lines(backend, path, source=SOURCE)
        assert attrs.evolve(dry, dry_run=False) == real

    def test_rejects_can_be_mended(self, open_store: Open, tmp_path: Path):
        """Each has its row, column and reason, and the row as it came."""
        export = messy(orders=5, each=1)
        backend, file = retail(open_store), tmp_path / "rejects.csv"

        report = import_order_lines(
            backend,
            export.written(tmp_path / "retail.csv"),
            source=SOURCE,
            rejects=file,
            day_first=False,
        )

        assert [(r.column, r.reason) for r in report.rejects] == [
            ("InvoiceNo", "is empty"), ("Quantity", "is not a number"),
        ]  # fmt: skip
        with file.open(encoding="utf-8", newline="") as opened:
            header, *rejected = csv.reader(opened)
        assert header == ["row", "column", "reason", *HEADER]
        assert rejected[1][3:] == list(export.lines[-1].values())

    def test_later_files_go_on_where_the_first_ended(self, open_store: Open, tmp_path: Path):
        """Cut between invoices, in two files, then the whole: it is as if it had come at once."""
        export = messy(orders=20)
        cut = next(
            n
            for n in range(40, 200)
            if export.lines[n]["InvoiceNo"] != export.lines[n - 1]["InvoiceNo"]
        )
        parts = [
            attrs.evolve(export, lines=export.lines[:cut]).written(tmp_path / "a.csv"),
            attrs.evolve(export, lines=export.lines[cut:]).written(tmp_path / "b.csv"),
            export.written(tmp_path / "all.csv"),
        ]
        backend = retail(open_store)

        reports = [
            import_order_lines(backend, part, source=SOURCE, day_first=False) for part in parts
        ]

        assert reports[2].added == 0
        assert counts(reports[2]) == export.expected
        sums = Counter(counts(reports[0])) + Counter(counts(reports[1]))
        assert dict(sums) == export.expected

    def test_the_order_of_rows_does_not_matter(self, open_store: Open, tmp_path: Path):
        """But for a line of another customer, of whom the invoice is does not depend on it."""
        export = messy(orders=20)
        lines = [line for line in export.lines if line["CustomerID"]]
        backend = retail(open_store)
        first = import_order_lines(backend, lines, source=SOURCE, day_first=False,
                                   columns=FULL)  # fmt: skip
        random.Random(4).shuffle(lines)

        again = import_order_lines(backend, lines, source="other", day_first=False, columns=FULL)

        free = {"lines", "other_customer", "later_lines", "charges"}
        assert {n: c for n, c in counts(again).items() if n not in free} == {
            n: c for n, c in counts(first).items() if n not in free
        }


FULL = OrderLineColumns(
    invoice="InvoiceNo", product="StockCode", description="Description", quantity="Quantity",
    at="InvoiceDate", unit_price="UnitPrice", customer="CustomerID", country="Country",
)  # fmt: skip


def a_line(**cells: Any) -> dict[str, Any]:
    return {
        "invoice_no": "1", "stock_code": "A", "quantity": "2", "unit_price": "1.50",
        "invoice_date": "2024-01-31 10:00", "customer_id": "c1", "description": "Mug",
    } | cells  # fmt: skip


def imported(backend: Backend, *lines: dict[str, Any], **options: Any) -> ImportReport:
    return import_order_lines(backend, list(lines), source=SOURCE, **options)


class TestOrders:
    def test_lines_of_an_invoice_are_one_order(self, backend: Backend):
        report = imported(
            backend, a_line(), a_line(stock_code="B", unit_price="0.335", quantity="3"),
            a_line(invoice_no="2", customer_id="c2", stock_code="POST", unit_price="18"),
        )  # fmt: skip

        first, second = orders(backend)
        assert (first.source_key, first.total) == ("1", Money("4.00", "EUR"))
        assert [(line.product, str(line.quantity), line.amount.minor) for line in first.lines] == [
            ("A", "2", 300), ("B", "3", 100),
        ]  # fmt: skip
        assert [line.category for line in second.lines] == ["charge"]
        assert (report.added, report.customers_added, report.products_added) == (3, 2, 2)
        with backend.reading() as unit:
            product = unit.products.find_by_sku("A")
            assert product is not None
            assert product.name == "Mug"
            assert unit.products.find_by_sku("POST") is None

    def test_a_country_is_the_region_of_who_is_new(self, backend: Backend):
        imported(backend, a_line(country="EIRE"))

        assert customer(backend, "c1").region == "EIRE"

    def test_an_invoice_of_two_times_is_placed_at_the_first(self, backend: Backend):
        report = imported(
            backend, a_line(invoice_date="2024-01-31 10:01"), a_line(stock_code="B"),
        )  # fmt: skip

        assert orders(backend)[0].at == datetime(2024, 1, 31, 10, tzinfo=UTC)
        assert counts(report) == {"lines": 1, "later_lines": 1}

    def test_a_line_that_is_there_twice_can_count_twice(self, backend: Backend):
        report = imported(backend, a_line(), a_line(), repeated="each")

        assert counts(report) == {"lines": 2}
        assert orders(backend)[0].total == Money("6.00", "EUR")

    def test_those_without_a_customer_can_be_one(self, backend: Backend):
        """Its cancellations find its orders, and an invoice of somebody's stays theirs."""
        lines = [
            a_line(customer_id=""), a_line(invoice_no="C2", quantity="-1", customer_id=""),
            a_line(invoice_no="3", customer_id=""), a_line(invoice_no="3"),
        ]  # fmt: skip

        report = imported(backend, *lines, anonymous="one")

        assert counts(report) == {"lines": 2, "returns": 1, "other_customer": 1}
        assert profile(backend, "anonymous")["revenue"] == Money("1.50", "EUR")
        assert profile(backend, "c1")["revenue"] == Money("3.00", "EUR")

    def test_goods_that_begin_as_a_test_does_are_goods(self, backend: Backend):
        codes = ["TEST", "test001", "Test-2", "TEST_3", "Tester-9", "TESTAROSSA", "A-TEST"]

        report = imported(backend, *(a_line(stock_code=code) for code in codes))

        assert counts(report) == {"lines": 3, "tests": 4}

    def test_a_discount_on_an_invoice_is_told_and_taken_off_nothing(self, backend: Backend):
        """No line of an order is negative, so the order stands at its full price."""
        report = imported(
            backend, a_line(), a_line(stock_code="Discount", quantity="-1", unit_price="0.50"),
            a_line(stock_code="B", quantity="-1"),
        )  # fmt: skip

        assert counts(report) == {"lines": 1, "negative": 1, "discounts": 1}
        assert amounts(report)["discounts"] == Decimal("-0.50")
        assert (report.added, report.set_aside) == (1, 2)
        assert orders(backend)[0].total == Money("3.00", "EUR")

    def test_charges_can_be_named(self, backend: Backend):
        report = imported(
            backend, a_line(stock_code="post"), a_line(stock_code="BAG"), charges=["bag"]
        )

        assert counts(report) == {"lines": 1, "charges": 1}

    @pytest.mark.parametrize("option", [{"anonymous": "two"}, {"repeated": "never"}])
    def test_other_words_are_refused(self, memory: Backend, option: dict[str, str]):
        with pytest.raises(InvalidInput, match="is none of"):
            imported(memory, **option)

    def test_an_invoice_that_has_grown_is_rejected(self, backend: Backend):
        """What is recorded stands; its rows say why they do not."""
        imported(backend, a_line())

        report = imported(backend, a_line(), a_line(stock_code="B"))

        reason = "the same key is recorded with another total, lines"
        assert reasons(report.rejects) == [(1, "invoice_no", reason), (2, "invoice_no", reason)]
        assert counts(report) == {"rejected": 2}

    def test_a_missing_rate_rejects_the_lines_of_its_invoice(self, open_store: Open):
        day = date(2024, 1, 31)
        backend = open_store(rates=DatedRates({("USD", "EUR", day): Decimal("0.90")}))
        columns = OrderLineColumns(currency="currency")

        report = imported(
            backend, a_line(currency="USD"), a_line(invoice_no="2", currency="GBP"),
            a_line(currency="EUR", stock_code="B"), columns=columns,
        )  # fmt: skip

        assert reasons(report.rejects) == [
            (3, "currency", "is another than that of its invoice"),
            (2, "currency", "no exchange rate from GBP to EUR on 2024-01-31"),
        ]
        assert profile(backend, "c1")["revenue"] == Money("2.70", "EUR")
        assert [str(m) for m in report.decisions[1].amounts] == ["3.00 EUR", "3.00 GBP"]

    @pytest.mark.parametrize("dry_run", [True, False])
    def test_what_is_only_on_rejected_invoices_is_no_product(self, backend: Backend, dry_run: bool):
        """An invoice without a rate leaves no trace."""
        lines = [a_line(stock_code="A", currency="GBP"), a_line(stock_code="B", currency="GBP"),
                 a_line(invoice_no="2", stock_code="B", currency="EUR")]  # fmt: skip

        report = imported(
            backend, *lines, columns=OrderLineColumns(currency="currency"), dry_run=dry_run
        )

        assert (report.rejected, report.products_added) == (2, 1)
        with backend.reading() as unit:
            found = [unit.products.find_by_sku(sku) for sku in "AB"]
        assert [product is not None for product in found] == [False, not dry_run]

    def test_sums_beyond_the_limit_cost_their_invoice(self, backend: Backend):
        most = {"unit_price": "9000000000", "quantity": "10000"}
        lines = [a_line(**most), a_line(stock_code="B", **most), a_line(invoice_no="2"),
                 a_line(invoice_no="3", **most), a_line(invoice_no="4", **most)]  # fmt: skip

        report = imported(backend, *lines)

        assert counts(report) == {"lines": 2, "rejected": 3}
        assert [r.row for r in report.rejects] == [1, 2, 5]


class TestCancellations:
    """What comes back goes to the latest earlier order that has as much of it left."""

    def status(self, backend: Backend) -> list[OrderStatus]:
        with backend.reading() as unit:
            return [unit.orders.history(order.id).status for order in orders(backend)]

    def test_a_part_is_a_return_from_the_latest(self, backend: Backend):
        lines = [
            a_line(), a_line(invoice_no="2", invoice_date="2024-02-01"),
            a_line(invoice_no="3", invoice_date="2024-03-01", stock_code="B"),
            a_line(invoice_no="C4", invoice_date="2024-04-01", quantity="-1"),
            a_line(invoice_no="5", invoice_date="2024-05-01"),
        ]  # fmt: skip

        report = imported(backend, *lines)

        assert counts(report) == {"lines": 4, "returns": 1}
        assert self.status(backend) == ["placed", "partly_returned", "placed", "placed"]

    def test_what_does_not_fit_the_latest_goes_to_one_before(self, backend: Backend):
        lines = [
            a_line(quantity="9"), a_line(invoice_no="2", invoice_date="2024-02-01"),
            a_line(invoice_no="C4", invoice_date="2024-04-01", quantity="-3"),
        ]  # fmt: skip

        imported(backend, *lines)

        assert self.status(backend) == ["partly_returned", "placed"]

    def test_the_price_tells_which_order_it_was(self, backend: Backend):
        """Though a later order has as much of the product left; also from a later file."""
        lines = [
            a_line(quantity="1", unit_price="5.00"),
            a_line(invoice_no="2", invoice_date="2024-02-01", quantity="1", unit_price="9.00"),
            a_line(invoice_no="2", invoice_date="2024-02-01", stock_code="B"),
            a_line(stock_code="B"),
        ]  # fmt: skip
        back = [
            a_line(invoice_no=f"C{n}", invoice_date="2024-03-01", quantity="-1", unit_price=price)
            for n, price in [(3, "5.00"), (4, "9.00")]
        ]

        report = imported(backend, *lines, *back[:1])
        later = imported(backend, *back)

        assert counts(report) == {"lines": 4, "returns": 1}
        assert counts(later) == {"returns": 2}
        assert (later.added, later.unchanged) == (1, 1)
        with backend.reading() as unit:
            returned = [unit.orders.history(order.id).returned for order in orders(backend)]
        assert returned == [Money("5.00", "EUR"), Money("9.00", "EUR")]

    def test_lines_of_two_prices_come_back_at_theirs(self, backend: Backend):
        """What is left at one price does not make room at the other."""
        lines = [a_line(quantity="1", unit_price="5.00"), a_line(quantity="1", unit_price="9.00")]
        back = [
            a_line(invoice_no=f"C{n}", invoice_date="2024-03-01", quantity="-1", unit_price=price)
            for n, price in [(2, "9.00"), (3, "9.00"), (4, "5.00")]
        ]

        report = imported(backend, *lines, *back)

        assert counts(report) == {"lines": 2, "returns": 2, "unmatched": 1}
        assert self.status(backend) == ["returned"]

    @pytest.mark.parametrize(
        ("count", "price", "total"), [(3, "0.335", "1.00"), (4, "0.125", "0.50")]
    )
    def test_the_cents_of_what_comes_back_bit_by_bit_add_up(
        self, backend: Backend, count: int, price: str, total: str
    ):
        """The last one gets what is left; the report says what the rows have beyond that (O2)."""
        lines = [a_line(quantity=str(count), unit_price=price)] + [
            a_line(invoice_no=f"C{n}", invoice_date="2024-02-01", quantity="-1", unit_price=price)
            for n in range(count)
        ]

        dry = imported(backend, *lines, dry_run=True)
        report = imported(backend, *lines)
        again = imported(backend, *lines)

        assert attrs.evolve(dry, dry_run=False) == report
        assert counts(report) == {"lines": 1, "returns": count, "rounding": 0}
        assert amounts(report)["returns"] == -Decimal(total)
        assert sum(amounts(report).values()) == sum(map(worth, lines))
        assert (again.added, again.decisions) == (0, report.decisions)
        assert self.status(backend) == ["returned"]
        assert profile(backend, "c1")["revenue"] == Money("0.00", "EUR")

    def test_the_cents_of_a_cancellation_in_parts_add_up(self, backend: Backend):
        """One invoice takes back three times one of three."""
        back = a_line(invoice_no="C2", invoice_date="2024-02-01", quantity="-1", unit_price="0.335")
        lines = [a_line(quantity="3", unit_price="0.335"), back, back, back]

        report = imported(backend, *lines, repeated="each")
        again = imported(backend, *lines, repeated="each")

        assert counts(report) == {"lines": 1, "cancellations": 3, "rounding": 0}
        assert amounts(report)["cancellations"] == Decimal("-1.00")
        assert (again.added, again.decisions) == (0, report.decisions)
        assert self.status(backend) == ["cancelled"]

    def test_all_of_an_order_is_its_cancellation(self, backend: Backend):
        """Also from a later file; postage included."""
        imported(backend, a_line(), a_line(stock_code="POST", quantity="1"))
        back = {"invoice_no": "C2", "invoice_date": "2024-02-01"}
        report = imported(
            backend, a_line(quantity="-2", **back), a_line(stock_code="POST", quantity="-1", **back)
        )

        assert counts(report) == {"cancellations": 2}
        assert self.status(backend) == ["cancelled"]
        assert profile(backend, "c1")["purchase_count"] == 0

    def test_the_rest_after_a_return_is_a_return(self, backend: Backend):
        lines = [
            a_line(), a_line(invoice_no="C2", invoice_date="2024-02-01", quantity="-1"),
            a_line(invoice_no="C3", invoice_date="2024-02-02", quantity="-1"),
            a_line(invoice_no="C4", invoice_date="2024-02-03", quantity="-1"),
        ]  # fmt: skip

        report = imported(backend, *lines)

        assert counts(report) == {"lines": 1, "returns": 2, "unmatched": 1}
        assert self.status(backend) == ["returned"]

    @pytest.mark.parametrize(
        "cells",
        [
            {"customer_id": "c2"}, {"stock_code": "B"}, {"quantity": "-3"}, {"unit_price": "9.00"},
            {"invoice_date": "2024-01-30"},
        ],
    )  # fmt: skip
    def test_what_was_not_bought_does_not_come_back(self, backend: Backend, cells: dict[str, str]):
        """By another customer, another product, more, for more money, or before it was bought."""
        back = a_line(invoice_no="C2", invoice_date="2024-02-01", quantity="-1") | cells

        report = imported(backend, a_line(), back)

        assert counts(report) == {"lines": 1, "unmatched": 1}
        assert self.status(backend) == ["placed"]

    def test_what_was_returned_elsewhere_does_not_come_back_again(self, backend: Backend):
        imported(backend, a_line())
        order = orders(backend)[0]
        with backend.unit_of_work() as unit:
            unit.returns.add(
                crmcore.Return(customer_id=order.customer_id, at=order.at, order_id=order.id,
                               amount=Money("2.00", "EUR"))
            )  # fmt: skip

        report = imported(backend, a_line(invoice_no="C2", quantity="-1"))

        assert counts(report) == {"unmatched": 1}

    def test_a_later_file_knows_what_came_back_of_which_product(self, backend: Backend):
        """Money of another product does not make room for more of this one."""
        imported(
            backend, a_line(), a_line(stock_code="B", unit_price="99"),
            a_line(invoice_no="C2", quantity="-2"),
        )  # fmt: skip

        report = imported(backend, a_line(invoice_no="C3", quantity="-1"))

        assert counts(report) == {"unmatched": 1}

    def test_an_order_that_comes_late_does_not_move_a_return(self, backend: Backend):
        """Once recorded a return stays where it is, and the file that has both changes nothing."""
        early, back = a_line(), a_line(invoice_no="C3", invoice_date="2024-03-01", quantity="-1")
        late = a_line(invoice_no="2", invoice_date="2024-02-01")
        imported(backend, early, back)

        report = imported(backend, early, late, back)

        assert (report.added, report.unchanged) == (1, 2)
        assert self.status(backend) == ["partly_returned", "placed"]


MESS = st.lists(
    st.fixed_dictionaries(
        {
            "invoice_no": st.sampled_from(["1", "2", "3", "C4", "C5", "C6", ""]),
            "stock_code": st.sampled_from(["A", "A", "B", "POST", "TEST1"]),
            "quantity": st.sampled_from(["1", "2", "3", "-1", "-2", "-3", "0", "x"]),
            "unit_price": st.sampled_from(["1.00", "1.00", "2.50", "0.335", "0", "-1.00"]),
            "invoice_date": st.sampled_from(["2024-01-31", "2024-02-01 10:00", "2024-02-03"]),
            "customer_id": st.sampled_from(["c1", "c1", "c2", ""]),
            "currency": st.sampled_from(["EUR", "EUR", "EUR", "USD", "GBP"]),
        }
    ),
    max_size=30,
)


@settings(max_examples=150)
@given(
    before=MESS, rows=MESS, size=st.integers(1, 30), anonymous=st.sampled_from(["skip", "one"]),
    repeated=st.sampled_from(["once", "each"]),
)  # fmt: skip
def test_whatever_the_mess(
    before: list[Any], rows: list[Any], size: int, anonymous: str, repeated: str
):
    """Dry and real say the same; dry leaves no trace; rows and money add up; the same file again
    changes nothing and is decided alike, whatever was stored before and wherever batches end."""
    days = (date(2024, 1, 31), date(2024, 2, 1))
    rates = DatedRates({("USD", "EUR", day): Decimal("0.9") for day in days})
    backend = crmcore.connect("memory://", rates=rates)
    backend.migrate()
    options: dict[str, Any] = {
        "columns": OrderLineColumns(currency="currency"), "anonymous": anonymous,
        "repeated": repeated, "source": SOURCE,
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importing_module, "BATCH", size)
        import_order_lines(backend, before, **options)
        stored = everything(backend), taken_back(backend)
        dry = import_order_lines(backend, rows, dry_run=True, **options)
        assert (everything(backend), taken_back(backend)) == stored
        real = import_order_lines(backend, rows, **options)
        stored = everything(backend), taken_back(backend)
        again = import_order_lines(backend, rows, **options)

    assert attrs.evolve(dry, dry_run=False) == real
    assert (everything(backend), taken_back(backend)) == stored
    assert attrs.evolve(again, added=0, unchanged=0) == attrs.evolve(
        real, added=0, unchanged=0, customers_added=0, products_added=0
    )
    assert (again.added, again.unchanged) == (0, real.added + real.unchanged)
    assert real.rows == len(rows) == sum(counts(real).values())
    assert real.rows == real.added + real.unchanged + real.set_aside + real.rejected
    assert sum(amounts(real).values()) == sum(map(worth, rows))


def worth(row: dict[str, str]) -> Decimal:
    """What a row amounts to, to the cent, if that can be read."""
    if row["quantity"] == "x":
        return Decimal(0)
    exact = Decimal(row["quantity"]) * Decimal(row["unit_price"])
    return exact.quantize(Decimal("0.01"))


def test_the_generator_plants_every_decision():
    """Else a decision could go untested."""
    assert isinstance(messy(), Export)
    assert set(messy().expected) == set(SENTENCES) - {"rounding"}
