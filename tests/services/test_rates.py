"""Rates from a file: whole and unambiguous, or refused."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from crmcore import InvalidInput, Money
from crmcore.services import PurchaseColumns, import_purchases, read_rates
from tests.services.conftest import Open
from tests.services.stored import SOURCE, csv_file, profile, reasons


def test_amounts_convert_at_the_rates_of_a_file(open_store: Open, tmp_path: Path):
    """A Spanish file of rates; a day that it lacks costs the row that needs it."""
    path = csv_file(
        tmp_path, "Fecha;Moneda;Tipo de cambio", "31/01/2024;USD;0,92", "01/02/2024;USD;0,93",
        "31/01/2024;GBP;1,17",
    )  # fmt: skip
    backend = open_store(rates=read_rates(path, into="EUR"))
    rows = [
        {"customer_id": "c1", "date": day, "amount": amount, "currency": currency}
        for day, amount, currency in [
            ("2024-01-31", "10.00", "USD"), ("2024-02-01", "10.00", "USD"),
            ("2024-01-31", "10.00", "GBP"), ("2024-02-01", "10.00", "GBP"),
        ]
    ]  # fmt: skip

    report = import_purchases(
        backend, rows, source=SOURCE, columns=PurchaseColumns(currency="currency")
    )

    assert profile(backend, "c1")["revenue"] == Money("30.20", "EUR")
    assert reasons(report.rejects) == [
        (4, "currency", "no exchange rate from GBP to EUR on 2024-02-01")
    ]


def test_rates_keep_all_their_digits():
    rows = [{"date": "2024-01-31", "currency": "JPY", "rate": "0.006234567891"}]

    rates = read_rates(rows, into="EUR")

    assert rates.rate("JPY", "EUR", date(2024, 1, 31)) == Decimal("0.006234567891")
    assert rates.rate("JPY", "EUR", date(2024, 2, 1)) is None


@pytest.mark.parametrize(
    "written",
    ["2024-01-31T00:00:00+02:00", "2024-01-31T23:30-05:00", "2024-01-31 09:00", "20240131",
     "31/01/2024 23:59"],
)  # fmt: skip
def test_a_rate_is_that_of_the_day_as_written(written: str):
    """A table published at midnight of its zone is not that of the day before."""
    rows = [{"date": written, "currency": "USD", "rate": "0.9"}]

    rates = read_rates(rows, into="EUR", day_first=True)

    assert [day for _, _, day in rates.table] == [date(2024, 1, 31)]


def test_the_same_rate_twice_is_one():
    row = {"date": "2024-01-31", "currency": "USD", "rate": "0.9"}

    assert len(read_rates([row, row], into="EUR").table) == 1


def test_all_that_is_wrong_is_told_with_its_row(tmp_path: Path):
    path = csv_file(
        tmp_path, "date,currency,rate", "2024-01-31,USD,0.90", "2024-01-31,USD,0.91",
        "soon,EURO,0", '2024-01-31,"USD,0.90', "2024-01-31,GBP,",
    )  # fmt: skip

    with pytest.raises(InvalidInput) as caught:
        read_rates(path, into="EUR")

    assert [str(fault) for fault in caught.value.faults] == [
        "rows[2].rate: is the second one of that currency and day",
        "rows[3].date: is no date or instant in ISO 8601 form",
        "rows[3].currency: is no ISO 4217 currency code",
        "rows[3].rate: must be above zero",
        "rows[5].rate: is empty",
        "rows[4]: its quotation marks do not pair up",
    ]


def test_they_are_rates_into_a_currency():
    with pytest.raises(InvalidInput, match="is no ISO 4217 currency code"):
        read_rates([], into="euros")
