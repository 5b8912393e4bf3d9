"""Cells that no honest file has: each costs its own row, and no error is a library's (O17, O18)."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crmcore import InvalidInput, OrderLine
from crmcore.adapters.backend import Backend
from crmcore.domain.attributes import AttributeValue
from crmcore.domain.identifiers import Identifier
from crmcore.domain.money import Money
from crmcore.services import PurchaseColumns, import_facts, import_purchases
from crmcore.services.nested_values import structured
from tests.services.stored import SOURCE, csv_file

GOOD = '{"customer_id": "c1", "date": "2024-01-31", "amount": "5"}'
HUGE = "1e99999999999999999999"


def test_an_exponent_beyond_all_costs_its_line(memory: Backend, tmp_path: Path):
    path = csv_file(tmp_path, GOOD, GOOD.replace('"5"', HUGE), GOOD, name="rows.jsonl")

    report = import_purchases(memory, path, source=SOURCE)

    assert (report.added, [r.row for r in report.rejects]) == (2, [2])


def test_so_does_one_within_a_cell(memory: Backend):
    import_purchases(memory, [json.loads(GOOD)], source=SOURCE)
    row = {"customer": "c1", "at": "2024-01-31", "total": "5"}

    rows = [row | {"lines": f'[{{"quantity": {HUGE}}}]'}, row]
    report = import_facts(memory, "orders", rows, source=SOURCE)

    assert (report.added, [(r.row, r.column) for r in report.rejects]) == (1, [(1, "lines")])


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text(max_size=8)
    | st.sampled_from(["text", "float", "integer", "money", "EUR", "0001-01-01T00:00:00+23:00"])
)  # fmt: skip
NAMES = st.sampled_from(
    ["name", "type", "value", "source", "at", "minor", "amount", "currency", "product", "quantity"]
)
VALUES = st.recursive(
    SCALARS, lambda part: st.lists(part, max_size=3) | st.dictionaries(NAMES, part, max_size=5)
)
HINTS = [
    int, float, Money, tuple[AttributeValue, ...], tuple[OrderLine, ...], tuple[Identifier, ...]
]  # fmt: skip


@given(st.sampled_from(HINTS), VALUES)
@example(Money, {"minor": Decimal("1e999"), "currency": "EUR"})
@example(Money, {"minor": Decimal("sNaN"), "currency": "EUR"})
@example(Money, {"minor": 10**5000, "currency": "EUR"})
@example(Money, {"minor": 1, "currency": ["EUR"]})
@example(int, float("inf"))
@example(tuple[AttributeValue, ...], [{"type": []}])
@example(
    tuple[AttributeValue, ...],
    [{"name": "a", "type": "float", "value": 10**400, "at": "2024-01-01T00:00:00Z"}],
)
@example(
    tuple[AttributeValue, ...],
    [{"name": "a", "type": "text", "value": "x", "at": "0001-01-01T00:00:00+23:00"}],
)
def test_nested_data_is_a_value_or_our_error(hint: Any, data: Any):
    try:
        found = structured(hint, data)
    except InvalidInput as error:
        assert error.faults  # noqa: PT017  either is right, and nothing else
    else:
        assert structured(hint, data) == found


def test_a_whole_number_is_read_in_every_form():
    for told in (12, 12.0, Decimal("12.00"), Decimal("1.2e1")):
        assert structured(int, told) == 12
    with pytest.raises(InvalidInput, match="must be a whole number"):
        structured(int, Decimal("12.5"))


def test_an_instant_that_python_has_not_costs_its_row(memory: Backend, tmp_path: Path):
    """Arrow's go far beyond the year 9999."""
    far = pa.array([1_706_659_200_000, 10**16, None], pa.timestamp("ms", tz="UTC"))
    nested = pa.array([[1], [10**16], []], pa.list_(pa.timestamp("ms")))
    names = ["customer_id", "date", "amount", "note"]
    table = pa.table([["c1", "c2", "c3"], far, ["5", "6", "7"], nested], names=names)
    path = tmp_path / "rows.parquet"
    pq.write_table(table, path)

    for rows in (path, table):
        file = tmp_path / "rejects.csv"
        report = import_purchases(memory, rows, source=SOURCE, rejects=file)

        assert report.added + report.unchanged == 1
        assert [(r.row, r.column) for r in report.rejects] == [(2, "date"), (3, "date")]
        assert len(file.read_text().splitlines()) == 3


def test_what_is_no_row_is_rejected(memory: Backend, tmp_path: Path):
    good = json.loads(GOOD)
    rows: list[Any] = [["a", "b"], None, 5, good, {None: 5}, good | {"amount": 10**5000}]
    file = tmp_path / "rejects.csv"

    for columns in (None, PurchaseColumns()):
        report = import_purchases(memory, rows, source=SOURCE, columns=columns, rejects=file)

        assert (report.rows, report.added + report.unchanged) == (6, 1)
        assert {r.row for r in report.rejects} == {1, 2, 3, 5, 6}
        assert report.rejects[0].reason == "is no row of named values"


@pytest.mark.parametrize("rows", [5, None, {"a": 1}, b"a,b"])
def test_what_is_no_rows_is_told_at_once(memory: Backend, rows: Any):
    with pytest.raises(InvalidInput, match="rows: is no file, data frame or rows"):
        import_purchases(memory, rows, source=SOURCE)


def test_an_array_in_a_cell_of_text_costs_its_row(memory: Backend):
    rows = [json.loads(GOOD) | {"amount": np.array([1.5, 2.5])}, json.loads(GOOD)]

    assert import_purchases(memory, rows, source=SOURCE).added == 1
