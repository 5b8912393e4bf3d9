"""Columns are found by their names, in English and Spanish, and asked for where two fit."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from crmcore import InvalidInput
from crmcore.adapters.backend import Backend
from crmcore.services import (
    CustomerColumns,
    PurchaseColumns,
    guess_columns,
    import_customers,
    import_purchases,
)
from crmcore.services.column_names import SYNONYMS, folded
from tests.services.stored import SOURCE, bought, csv_file, customer


def faults(header: list[str], columns_class: type[object]) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        guess_columns(header, columns_class)
    return {fault.path: fault.reason for fault in caught.value.faults}


@pytest.mark.parametrize(
    "header",
    [
        ["CustomerID", "InvoiceDate", "TotalAmount", "InvoiceNo"],
        ["código cliente", "Fecha de Compra", "IMPORTE", "Nº factura"],
        ["codigo_cliente", "fecha_compra", "importe", "num. pedido ".replace("num. ", "nº ")],
        ["Client-Id", "order date", "price", "Order Number"],
    ],
)
def test_case_accents_and_punctuation_do_not_matter(header: list[str]):
    found = guess_columns(header, PurchaseColumns)

    assert [found.customer, found.at, found.amount, found.key] == header


def test_the_usual_names_are_taken_before_all_others():
    """A file that has both `amount` and `total` is read as it always was."""
    found = guess_columns(
        ["customer_id", "client", "date", "fecha", "amount", "total"], PurchaseColumns
    )

    assert (found.customer, found.at, found.amount) == ("customer_id", "date", "amount")


def test_what_is_optional_and_not_there_is_none():
    found = guess_columns(["id", "correo", "móvil", "fecha alta"], CustomerColumns)

    expected = CustomerColumns(
        customer="id", email="correo", phone="móvil", at="fecha alta",
        kind=None, name=None, language=None, zone=None, region=None,
    )  # fmt: skip
    assert found == expected


def test_the_date_of_a_purchase_is_no_date_of_a_customer():
    """`date` says nothing of since when somebody is known."""
    assert guess_columns(["customer_id", "date"], CustomerColumns).at is None


def test_two_names_that_fit_are_asked_for():
    found = faults(["client", "cliente", "date", "total", "importe"], PurchaseColumns)

    assert list(found) == ["customer", "amount"]
    assert found["amount"] == (
        "can be any of 'total', 'importe': say which with PurchaseColumns(amount=...)"
    )


def test_all_that_is_missing_comes_together_with_what_was_found():
    found = faults(["worth", "day", "currency"], PurchaseColumns)

    assert list(found) == ["customer", "at", "amount"]
    assert found["at"] == (
        "has no column that is known as it among 'worth', 'day', 'currency': "
        "name it with PurchaseColumns(at=...)"
    )


def test_one_column_does_not_stand_for_two_fields():
    """`kind` of one class may be `name` of another; within one class each has its own."""

    @attrs.frozen(kw_only=True)
    class Twice:
        amount: str = "total"
        unit_price: str | None = "price"

    assert "would be the same column" in faults(["Precio"], Twice)["amount"]


def test_values_in_a_first_line_are_not_repeated():
    """A file without a header line begins with somebody's data."""
    found = faults(["ana@example.com", "600100200", "2024-01-31", "fine"], PurchaseColumns)

    assert "column 1, column 2, column 3, column 4" in found["customer"]
    assert "ana@example.com" not in str(found)


@pytest.mark.parametrize("value", ["ana@example.com", "12", "12.50"])
def test_a_name_beside_a_value_is_not_repeated_either(memory: Backend, tmp_path: Path, value: str):
    """One cell that is no column's name makes a line of data of it."""
    path = csv_file(tmp_path, f"Ana Ruiz,Madrid,{value}", "Eva Gil,Vigo,7")

    with pytest.raises(InvalidInput) as caught:
        import_purchases(memory, path, source=SOURCE)

    assert "among column 1, column 2, column 3" in str(caught.value)
    assert not any(word in str(caught.value) for word in ("Ana", "Ruiz", "Madrid", value))


def test_no_name_is_known_for_two_fields_of_one_class():
    """The table is unambiguous, but for a price, which can be what was paid."""
    for cls in (PurchaseColumns, CustomerColumns):
        names: dict[str, str] = {}
        for field in attrs.fields(cls):
            texts = [SYNONYMS.get(f"{cls.__name__}.{field.name}", "")]
            if texts == [""] or field.name == "customer":
                texts.append(SYNONYMS[field.name])
            for name in ", ".join(text for text in texts if text).split(", "):
                assert names.setdefault(folded(name), field.name) == field.name


def test_an_import_says_what_it_guessed(backend: Backend, tmp_path: Path):
    path = csv_file(tmp_path, "Cliente,Fecha,Importe,Ticket", "c1,2024-01-31,12.50,t1")

    report = import_purchases(backend, path, source=SOURCE)

    assert bought(backend) == [("c1", "2024-01-31", "12.50 EUR")]
    assert "customer is read from the column 'Cliente'" in report.guessed
    assert "key is read from the column 'Ticket'" in report.guessed


def test_columns_that_are_told_are_not_guessed(backend: Backend, tmp_path: Path):
    """Nor is an order's number taken for a key that nobody asked for."""
    path = csv_file(tmp_path, "who,date,amount,ticket", "c1,2024-01-31,12.50,t1")
    columns = PurchaseColumns(customer="who")

    report = import_purchases(backend, path, source=SOURCE, columns=columns)

    assert report.added == 1
    assert not any("column" in guess for guess in report.guessed)


def test_the_rows_of_a_program_are_guessed_too(memory: Backend):
    rows = [{"cliente": "c1", "correo": "ana@example.com"}, {"cliente": "c2", "name": "Ana"}]

    report = import_customers(memory, rows, source=SOURCE)

    assert report.added == 2
    assert customer(memory, "c1").contact_points[0].value == "ana@example.com"
    assert customer(memory, "c2").name == "Ana"
