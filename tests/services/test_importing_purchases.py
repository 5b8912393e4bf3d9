"""Purchases in: streamed, idempotent, and no bad row takes a good one with it (O17)."""

from __future__ import annotations

import csv
import logging
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import crmcore
from crmcore import DatedRates, InvalidInput, Money
from crmcore.adapters.backend import Backend
from crmcore.services import PurchaseColumns, import_purchases
from crmcore.services import importing as importing_module
from tests.services.conftest import Open
from tests.services.stored import (
    SOURCE,
    bought,
    csv_file,
    customer,
    everything,
    orders,
    profile,
    reasons,
)

HEADER = "customer_id,date,amount"
KEYED = PurchaseColumns(key="order")
FULL = PurchaseColumns(key="order", currency="currency", channel="channel")


def a_row(**cells: Any) -> dict[str, Any]:
    return {"order": "k1", "customer_id": "c1", "date": "2024-01-31", "amount": "12.50"} | cells


def read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_a_file_becomes_customers_and_orders(backend: Backend, tmp_path: Path):
    """Each row is one order of the customer whom the source calls by that id."""
    path = csv_file(tmp_path, HEADER, "c1,2024-01-31,12.50", "c2,20240201,3", "c1,2024-02-01,7.00")

    report = import_purchases(backend, path, source=SOURCE)

    assert (report.rows, report.added, report.customers_added) == (3, 3, 2)
    assert bought(backend) == [
        ("c1", "2024-01-31", "12.50 EUR"),
        ("c1", "2024-02-01", "7.00 EUR"),
        ("c2", "2024-02-01", "3.00 EUR"),
    ]
    assert profile(backend, "c1")["revenue"] == Money("19.50", "EUR")
    assert customer(backend, "c1").at == datetime(2024, 1, 31, tzinfo=UTC)


def test_a_file_and_its_mappings_are_the_same(open_store: Open, tmp_path: Path):
    """Whether the rows come from a file or from a program, nothing differs."""
    path = csv_file(tmp_path, HEADER, "c1,2024-01-31,12.50", "c2,2024-02-01,3.00")
    with path.open(encoding="utf-8", newline="") as file:
        report = import_purchases(open_store(), csv.DictReader(file), source=SOURCE)

    assert report.added == 2
    assert import_purchases(open_store(), str(path), source=SOURCE).unchanged == 2


@pytest.mark.parametrize("columns", [PurchaseColumns(), KEYED], ids=["derived key", "key column"])
def test_a_second_run_writes_nothing(backend: Backend, columns: PurchaseColumns):
    """Journal, profiles, customers and orders are as they were, and the report says so."""
    rows = [
        a_row(order=f"k{n}", customer_id=f"c{n % 3}", date=f"2024-01-{28 - n % 5:02}")
        for n in range(20)
    ]
    first = import_purchases(backend, rows, source=SOURCE, columns=columns)
    before = everything(backend)

    second = import_purchases(backend, rows, source=SOURCE, columns=columns)

    assert (first.added, first.unchanged) == (20, 0)
    assert (second.rows, second.added, second.unchanged, second.customers_added) == (20, 0, 20, 0)
    assert everything(backend) == before


def test_rows_alike_on_one_day_are_two_purchases(backend: Backend):
    """Without a key the second of two equal rows is another purchase, on every run the same."""
    rows = [a_row(), a_row(), a_row(amount="3.00")]

    assert import_purchases(backend, rows, source=SOURCE).added == 3
    assert import_purchases(backend, rows, source=SOURCE).unchanged == 3
    assert import_purchases(backend, [*rows, a_row()], source=SOURCE).added == 1
    assert len(orders(backend)) == 4


def test_the_order_of_rows_does_not_make_their_keys(backend: Backend):
    """Rows that differ in nothing but the channel may come in another order next time."""
    columns = PurchaseColumns(channel="channel")
    rows = [a_row(channel="web"), a_row(channel="shop"), a_row(channel="")]

    assert import_purchases(backend, rows, source=SOURCE, columns=columns).added == 3
    again = import_purchases(backend, rows[::-1], source=SOURCE, columns=columns)
    assert (again.unchanged, again.rejected) == (3, 0)


def test_sources_do_not_share_keys_or_customers(backend: Backend):
    """`k1` of the shop is not `k1` of the till, nor is its customer `c1`."""
    import_purchases(backend, [a_row()], source="shop", columns=KEYED)
    report = import_purchases(backend, [a_row(amount="9.99")], source="till", columns=KEYED)

    assert (report.added, report.customers_added) == (1, 1)
    assert customer(backend, "c1", "shop").id != customer(backend, "c1", "till").id


def test_tenants_do_not_see_each_other(open_store: Open):
    """The same file for two tenants is recorded twice, and neither sees the other (O13)."""
    one, other = open_store(tenant="one"), open_store(tenant="other")
    import_purchases(one, [a_row()], source=SOURCE, columns=KEYED)

    report = import_purchases(other, [a_row(amount="9.00")], source=SOURCE, columns=KEYED)

    assert (report.added, report.customers_added) == (1, 1)
    assert bought(one) == [("c1", "2024-01-31", "12.50 EUR")]
    assert bought(other) == [("c1", "2024-01-31", "9.00 EUR")]


class TestStreaming:
    """Memory holds one batch, however many rows there are."""

    def test_a_generator_is_read_a_batch_at_a_time(
        self, backend: Backend, monkeypatch: pytest.MonkeyPatch
    ):
        """When a row is asked for, all batches before its own are recorded."""
        monkeypatch.setattr(importing_module, "BATCH", 10)
        ahead: list[int] = []

        def rows() -> Iterator[dict[str, str]]:
            for n in range(35):
                with backend.reading() as unit:
                    ahead.append(n - sum(p["order_count"] for p in unit.profiles.where().page()))
                yield a_row(order=f"k{n}")

        report = import_purchases(backend, rows(), source=SOURCE, columns=KEYED)

        assert report.added == 35
        assert max(ahead) == 9

    def test_each_batch_is_recorded_in_the_order_of_dates(self, backend: Backend):
        """A customer first met in an unsorted file is known since the earliest of the dates."""
        rows = [a_row(order=f"k{n}", date=f"2024-01-{n:02}") for n in (20, 5, 11)]
        import_purchases(backend, rows, source=SOURCE, columns=KEYED)

        assert customer(backend, "c1").at == datetime(2024, 1, 5, tzinfo=UTC)

    def test_a_batch_that_is_done_outlives_a_source_that_breaks(
        self, backend: Backend, monkeypatch: pytest.MonkeyPatch
    ):
        """What the caller's generator raises passes; whole batches before it are kept."""
        monkeypatch.setattr(importing_module, "BATCH", 10)

        def rows() -> Iterator[dict[str, str]]:
            yield from (a_row(order=f"k{n}") for n in range(15))
            raise ConnectionError

        with pytest.raises(ConnectionError):
            import_purchases(backend, rows(), source=SOURCE, columns=KEYED)

        assert len(orders(backend)) == 10


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "no customer": ({"customer_id": " "}, "customer_id", "is empty"),
    "absent customer": ({"customer_id": None}, "customer_id", "is missing"),
    "endless customer": ({"customer_id": "x" * 255}, "customer_id", "is longer than"),
    "NUL": ({"customer_id": "a\0b"}, "customer_id", "holds a NUL character"),
    "lone surrogate": ({"customer_id": "a\ud800b"}, "customer_id", "is not text in its encoding"),
    "no date": ({"date": ""}, "date", "is empty"),
    "no such day": ({"date": "2024-02-30"}, "date", "is no date"),
    "day first": ({"date": "31/01/2024"}, "date", "is no date"),
    "too early": ({"date": "0999-12-31"}, "date", "years 1000 to 9999"),
    "before all days": ({"date": "0001-01-01T00:00+14:00"}, "date", "years 1000 to 9999"),
    "no amount": ({"amount": ""}, "amount", "is empty"),
    "words": ({"amount": "twelve"}, "amount", "is not a number"),
    "comma": ({"amount": "12,50"}, "amount", "no grouping"),
    "grouped": ({"amount": "1,250.00"}, "amount", "no grouping"),
    "underscore": ({"amount": "1_250"}, "amount", "is not a number"),
    "foreign digits": ({"amount": "١٢"}, "amount", "is not a number"),
    "three decimals": ({"amount": "12.505"}, "amount", "more than 2 decimal places"),
    "negative": ({"amount": "-0.01"}, "amount", "is negative"),
    "too much": ({"amount": "1e30"}, "amount", "2**53"),
    "endless": ({"amount": "1e999999999"}, "amount", "2**53"),
    "infinite": ({"amount": "inf"}, "amount", "is not a number"),
    "no number": ({"amount": "nan"}, "amount", "is not a number"),
    "not text": ({"amount": [12.5]}, "amount", "is not text"),
    "unknown currency": ({"currency": "EURO"}, "currency", "is no ISO 4217 currency code"),
    "cents of yen": ({"currency": "JPY"}, "amount", "more than 0 decimal places"),
    "unknown channel": ({"channel": "pigeon"}, "channel", "is none of phone, email"),
    "no key": ({"order": ""}, "order", "is empty"),
    "endless key": ({"order": "k" * 201}, "order", "is longer than 200 characters"),
}


class TestBadRows:
    """Each goes to the rejects file with row, column and reason; the others are recorded."""

    @pytest.mark.parametrize("kind", BAD)
    def test_it_is_set_aside_with_its_place(self, memory: Backend, tmp_path: Path, kind: str):
        """Row, column and reason are reported and written, beside the row itself."""
        cells, column, reason = BAD[kind]
        usual = {"currency": "EUR", "channel": ""}
        good = [a_row(order=f"g{n}", **usual) for n in range(2)]
        bad = a_row(**usual) | cells
        file = tmp_path / "rejects.csv"

        report = import_purchases(
            memory, [good[0], bad, good[1]], source=SOURCE, columns=FULL, rejects=file
        )

        assert (report.rows, report.added, report.rejected) == (3, 2, 1)
        assert [(r.row, r.column) for r in report.rejects] == [(2, column)]
        assert reason in report.rejects[0].reason
        header, written = read(file)
        assert header == ["row", "column", "reason", *bad]
        assert written[:2] == ["2", column]
        kept = ["" if v is None else str(v).replace("\ud800", r"\ud800") for v in bad.values()]
        assert written[3:] == kept

    def test_all_faults_of_a_row_come_together(self, memory: Backend, tmp_path: Path):
        """A row with three faults is one reject with three reasons."""
        row = {"customer_id": "", "date": "soon", "amount": "1,0"}
        report = import_purchases(memory, [row], source=SOURCE, rejects=tmp_path / "r.csv")

        assert report.rejected == 1
        assert [r.column for r in report.rejects] == ["customer_id", "date", "amount"]
        assert read(tmp_path / "r.csv")[1][1] == "customer_id, date, amount"

    def test_a_missing_column_is_told_from_an_empty_one(self, memory: Backend):
        report = import_purchases(memory, [{"customer_id": "c1", "date": ""}], source=SOURCE)

        assert reasons(report.rejects) == [(1, "date", "is empty"), (1, "amount", "is missing")]

    def test_the_report_shows_a_hundred_and_the_file_all(self, memory: Backend, tmp_path: Path):
        """The report stays small however bad the file is."""
        rows = [a_row(amount="x") for _ in range(250)]
        report = import_purchases(memory, rows, source=SOURCE, rejects=tmp_path / "r.csv")

        assert (report.rejected, len(report.rejects)) == (250, 100)
        assert len(read(tmp_path / "r.csv")) == 251

    def test_a_mended_rejects_file_can_be_imported(self, backend: Backend, tmp_path: Path):
        """It has the columns of the rows, so only the bad cells need mending."""
        rows = [a_row(), a_row(order="k2", amount="3,00")]
        file = tmp_path / "rejects.csv"
        import_purchases(backend, rows, source=SOURCE, columns=KEYED, rejects=file)
        file.write_text(file.read_text().replace('"3,00"', "3.00"))

        report = import_purchases(backend, file, source=SOURCE, columns=KEYED)

        assert (report.added, report.rejected) == (1, 0)

    def test_rejected_values_appear_nowhere(
        self, memory: Backend, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ):
        """Neither report, repr, log nor output repeats what was refused."""
        caplog.set_level(logging.DEBUG)
        secret = "ana@example.com"
        cells = [
            {"customer_id": secret + "x" * 250}, {"date": secret}, {"amount": secret},
            {"order": secret * 20}, {"channel": secret}, {"currency": secret},
        ]  # fmt: skip
        beyond: dict[Any, Any] = a_row(**{secret: "x"}) | {None: [secret]}
        rows = [*(a_row() | cell for cell in cells), beyond]
        report = import_purchases(memory, rows, source=SOURCE, columns=FULL)

        assert report.rejected == len(rows)
        streams = capfd.readouterr()
        assert secret not in f"{report} {report!r} {caplog.text} {streams.out} {streams.err}"

    @settings(max_examples=25)
    @given(
        kinds=st.lists(st.one_of(st.none(), st.sampled_from(sorted(BAD))), max_size=40),
        size=st.integers(1, 12),
    )
    def test_no_good_row_is_lost(self, kinds: list[str | None], size: int):
        """Whatever the mix and wherever batches end: stored are the good rows, rejected the bad
        ones, and the counts add up."""
        backend = crmcore.connect("memory://")
        backend.migrate()
        rows = [
            a_row(order=f"k{n}", currency="EUR", channel="web") | (BAD[kind][0] if kind else {})
            for n, kind in enumerate(kinds)
        ]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(importing_module, "BATCH", size)
            report = import_purchases(backend, rows, source=SOURCE, columns=FULL)

        good = [n for n, kind in enumerate(kinds) if kind is None]
        assert sorted(o.source_key or "" for o in orders(backend)) == sorted(f"k{n}" for n in good)
        bad = [n for n in range(1, len(kinds) + 1) if n - 1 not in good]
        assert list(dict.fromkeys(r.row for r in report.rejects)) == bad
        assert (report.rows, report.added) == (len(kinds), len(good))
        assert report.rejected == len(bad)


class TestConflicts:
    """The same key with other content is rejected, and nothing else with it."""

    def test_what_is_recorded_stands(self, backend: Backend):
        """A row that contradicts the store is rejected, naming in what; its batch is kept."""
        import_purchases(backend, [a_row()], source=SOURCE, columns=KEYED)
        rows = [a_row(order="k0"), a_row(amount="9.00", date="2024-03-01"), a_row(order="k2")]

        report = import_purchases(backend, rows, source=SOURCE, columns=KEYED)

        assert (report.added, report.rejected) == (2, 1)
        reason = "the same key is recorded with another at, total"
        assert reasons(report.rejects) == [(2, "order", reason)]
        assert ("c1", "2024-01-31", "12.50 EUR") in bought(backend)

    @pytest.mark.parametrize("size", [1, 2, 10])
    def test_within_one_file_the_first_row_stands(
        self, backend: Backend, monkeypatch: pytest.MonkeyPatch, size: int
    ):
        """Wherever batches end, and whatever the dates: earlier rows win, repetitions pass."""
        monkeypatch.setattr(importing_module, "BATCH", size)
        rows = [
            a_row(date="2024-05-01"), a_row(), a_row(order="k2"), a_row(order="k2"),
            a_row(order="k2", customer_id="c2"), a_row(date="2024-05-01"),
        ]  # fmt: skip

        for added, unchanged in ((2, 2), (0, 4)):
            report = import_purchases(backend, rows, source=SOURCE, columns=KEYED)

            assert (report.added, report.unchanged) == (added, unchanged)
            assert [r.row for r in report.rejects] == [2, 5]
            assert report.rows == 6
        assert [o.source_key for o in orders(backend)] == ["k2", "k1"]

    def test_two_unknown_customers_cannot_share_an_order(self, backend: Backend):
        """The key tells apart nobody yet, still the second row is a contradiction."""
        report = import_purchases(
            backend, [a_row(), a_row(customer_id="c2")], source=SOURCE, columns=KEYED
        )

        assert (report.added, report.customers_added) == (1, 1)
        assert reasons(report.rejects)[0][:2] == (2, "order")

    def test_a_repetition_of_either_row_is_judged_alike(self, backend: Backend):
        """k1 is stored; of two further rows of k1, the one that contradicts it is rejected,
        whichever comes first."""
        import_purchases(backend, [a_row()], source=SOURCE, columns=KEYED)
        rows = [a_row(amount="1.00"), a_row(), a_row(order="k2")]

        report = import_purchases(backend, rows, source=SOURCE, columns=KEYED)
        assert [r.row for r in report.rejects] == [1]
        assert (report.added, report.unchanged) == (1, 1)

        report = import_purchases(backend, [rows[1], rows[0]], source=SOURCE, columns=KEYED)
        assert [r.row for r in report.rejects] == [2]

    def test_an_order_taken_out_is_not_brought_back(self, backend: Backend):
        """A wrongly recorded order stays removed when its file comes again."""
        import_purchases(backend, [a_row()], source=SOURCE, columns=KEYED)
        with backend.unit_of_work() as unit:
            unit.orders.remove(unit.orders.of(customer(backend, "c1").id)[0].id)

        assert import_purchases(backend, [a_row()], source=SOURCE, columns=KEYED).unchanged == 1
        assert orders(backend) == []

    def test_thousands_of_conflicts_are_found_at_once(self, open_store: Open):
        """One question for all, not one for each."""
        backend = open_store()
        rows = [a_row(order=f"k{n}", customer_id=f"c{n % 50}") for n in range(2_000)]
        import_purchases(backend, rows, source=SOURCE, columns=KEYED)
        began = time.perf_counter()

        changed = [row | {"amount": "1.00"} for row in rows]
        report = import_purchases(backend, changed, source=SOURCE, columns=KEYED)

        assert report.rejected == 2_000
        assert time.perf_counter() - began < 5


class TestSumsBeyondTheLimit:
    """What no store keeps exactly costs the row that asks for it, and no other."""

    most = "90071992547409.91"
    reason = "takes a sum of the customer's profile beyond 2**53"

    def test_it_costs_one_row(self, backend: Backend):
        """The others are recorded, whoever they are of; a second run says the same."""
        rows = [
            a_row(amount=self.most), a_row(order="k2", customer_id="c2"),
            a_row(order="k3", date="2024-02-01"), a_row(order="k4", customer_id="c3"),
        ]  # fmt: skip

        for added, met in ((3, 3), (0, 0)):
            report = import_purchases(backend, rows, source=SOURCE, columns=KEYED)

            assert (report.rows, report.added, report.unchanged) == (4, added, 3 - added)
            assert (report.rejected, report.customers_added) == (1, met)
            assert reasons(report.rejects) == [(3, "amount", self.reason)]
        assert len(orders(backend)) == 3

    def test_the_earlier_purchase_stands(self, backend: Backend):
        """A batch goes by date, also where it has to be taken apart."""
        rows = [a_row(amount=self.most, date="2024-02-01"), a_row(order="k2")]

        report = import_purchases(backend, rows, source=SOURCE, columns=KEYED)

        assert [r.row for r in report.rejects] == [1]
        assert profile(backend, "c1")["revenue"] == Money("12.50", "EUR")

    def test_a_batch_of_more_than_64_bits(self, backend: Backend):
        """Drivers do not even take such a number."""
        rows = [a_row(order=f"k{n}", amount=self.most) for n in range(1_100)]

        report = import_purchases(backend, rows, source=SOURCE, columns=KEYED)

        assert (report.added, report.rejected) == (1, 1_099)

    def test_conflicts_are_told_as_such(self, backend: Backend):
        """Both kinds in one batch."""
        rows = [
            a_row(amount=self.most), a_row(amount="1.00"), a_row(order="k3", date="2024-02-01"),
            a_row(order="k4", customer_id="c2"),
        ]  # fmt: skip

        report = import_purchases(backend, rows, source=SOURCE, columns=KEYED)

        assert (report.added, [r.row for r in report.rejects]) == (2, [2, 3])

    def test_what_is_no_fault_of_the_rows_is_raised(self, backend: Backend):
        """An actor of whom there is too much is refused, and not every row."""
        with pytest.raises(InvalidInput) as caught:
            import_purchases(backend, [a_row()], source=SOURCE, actor="x" * 300)

        assert caught.value.faults[0].path == "actor"


class TestDaysAndZones:
    """A day is a day of the zone that the import names, or of the model."""

    @pytest.mark.parametrize(
        ("text", "zone", "expected"),
        [
            ("2024-01-31", "UTC", datetime(2024, 1, 31, tzinfo=UTC)),
            ("2024-01-31", "Asia/Tokyo", datetime(2024, 1, 30, 15, tzinfo=UTC)),
            ("2024-07-01", "America/New_York", datetime(2024, 7, 1, 4, tzinfo=UTC)),
            ("2024-03-10", "America/New_York", datetime(2024, 3, 10, 5, tzinfo=UTC)),
            ("2024-03-10T03:00", "America/New_York", datetime(2024, 3, 10, 7, tzinfo=UTC)),
            ("2018-11-04", "America/Sao_Paulo", datetime(2018, 11, 4, 3, tzinfo=UTC)),
            ("2024-01-31T23:59:59+02:00", "UTC", datetime(2024, 1, 31, 21, 59, 59, tzinfo=UTC)),
            ("2024-01-31 08:30", "Europe/Madrid", datetime(2024, 1, 31, 7, 30, tzinfo=UTC)),
        ],
    )
    def test_it_is_read_in_the_zone(
        self, memory: Backend, text: str, zone: str, expected: datetime
    ):
        """Midnights, days of 23 hours and days without midnight begin when they begin there."""
        import_purchases(memory, [a_row(date=text)], source=SOURCE, zone=zone)

        assert [order.at for order in orders(memory)] == [expected]

    def test_the_models_zone_is_the_default(self, open_store: Open):
        backend = open_store(model=crmcore.Model(zone="Asia/Tokyo"))
        import_purchases(backend, [a_row()], source=SOURCE)

        assert orders(backend)[0].at == datetime(2024, 1, 30, 15, tzinfo=UTC)


class TestCurrencies:
    """Amounts keep their currency, and count in the model's at the day's rate."""

    rates = DatedRates({("USD", "EUR", date(2024, 1, 31)): Decimal("0.90")})
    columns = PurchaseColumns(key="order", currency="currency")

    def test_each_counts_at_its_dated_rate(self, open_store: Open):
        """12.50 dollars at 0.90 and 12.50 euros are 23.75 euros."""
        backend = open_store(rates=self.rates)
        rows = [a_row(currency="USD"), a_row(order="k2", currency=" ")]

        assert import_purchases(backend, rows, source=SOURCE, columns=self.columns).added == 2
        assert profile(backend, "c1")["revenue"] == Money("23.75", "EUR")

    def test_a_missing_rate_costs_one_row(self, open_store: Open):
        """No rate is assumed, and the batch is not lost; with the rate, a re-run adds the row."""
        backend = open_store(rates=self.rates)
        rows = [
            a_row(currency="USD"), a_row(order="k2", currency="USD", date="2024-02-01"),
            a_row(order="k3", currency="EUR"),
        ]  # fmt: skip

        report = import_purchases(backend, rows, source=SOURCE, columns=self.columns)

        reason = "no exchange rate from USD to EUR on 2024-02-01"
        assert (report.added, report.rejected) == (2, 1)
        assert reasons(report.rejects) == [(2, "currency", reason)]
        table = {**self.rates.table, ("USD", "EUR", date(2024, 2, 1)): Decimal("0.91")}
        later = open_store(rates=DatedRates(table))
        report = import_purchases(later, rows, source=SOURCE, columns=self.columns)
        assert (report.added, report.unchanged) == (1, 2)

    def test_a_day_beyond_the_calendar_costs_one_row(self, open_store: Open):
        """The last hours of the year 9999 are on no day of a zone east of UTC."""
        backend = open_store(rates=self.rates, model=crmcore.Model(zone="Asia/Tokyo"))
        late = "9999-12-31T23:00:00+00:00"
        rows = [a_row(currency="USD"), a_row(order="k2", currency="USD", date=late)]

        report = import_purchases(backend, rows, source=SOURCE, columns=self.columns)

        reason = "is beyond the last day of the model's zone"
        assert (report.added, reasons(report.rejects)) == (1, [(2, "date", reason)])

    def test_a_currency_can_be_given_for_all(self, open_store: Open):
        backend = open_store(rates=self.rates)
        import_purchases(backend, [a_row()], source=SOURCE, currency="USD")

        assert orders(backend)[0].total == Money("12.50", "USD")

    @pytest.mark.parametrize(
        ("options", "path"),
        [
            ({"currency": "EURO"}, "currency"),
            ({"zone": "Mars"}, "zone"),
            ({"source": ""}, "source"),
        ],
    )
    def test_a_wrong_option_is_refused_at_once(
        self, memory: Backend, options: dict[str, Any], path: str
    ):
        """It is no fault of the rows, so not one is read."""
        rows = iter([a_row()])
        with pytest.raises(InvalidInput) as caught:
            import_purchases(memory, rows, **(dict[str, Any](source=SOURCE) | options))

        assert caught.value.faults[0].path == path
        assert next(rows)


def test_a_hundred_thousand_days_need_no_memory_of_rows(memory: Backend):
    """Rows are let go of when their batch is done."""
    alive: set[int] = set()

    class Row(dict[str, str]):
        def __del__(self) -> None:
            alive.discard(id(self))

    most = 0

    def rows() -> Iterator[Row]:
        nonlocal most
        day = date(2000, 1, 1)
        for n in range(3_000):
            row = Row(a_row(order=f"k{n}", date=(day + timedelta(n)).isoformat()))
            alive.add(id(row))
            most = max(most, len(alive))
            yield row

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importing_module, "BATCH", 100)
        import_purchases(memory, rows(), source=SOURCE, columns=KEYED)

    assert most <= 301
