"""Dated rates from a file: what a central bank or a treasury publishes, one rate a row."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import attrs

from crmcore.domain.currencies import minor_digits
from crmcore.domain.errors import Fault, InvalidInput
from crmcore.domain.money import DatedRates, number
from crmcore.services.importing import Cells
from crmcore.services.incoming import Writing, incoming
from crmcore.services.notation import DAY, Notation, moment, plain
from crmcore.services.rejects import Row
from crmcore.services.rows import Rows

__all__ = ["RateColumns", "read_rates"]

SHOWN = 100


@attrs.frozen(kw_only=True)
class RateColumns:
    """Which column holds what: the day, the currency, and what one unit of it is worth."""

    at: str = "date"
    currency: str = "currency"
    rate: str = "rate"


def read_rates(
    rows: Rows,
    *,
    into: str,
    columns: RateColumns | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    decimal: str | None = None,
    day_first: bool | None = None,
) -> DatedRates:
    """The rates of a CSV file, or of mappings: units of `into` for one unit of a currency on a day.

    They are for `connect(..., rates=...)`. Columns and notation are found out as `import_purchases`
    does. A file with a row that cannot be read, or with two rates of one currency and day, is
    `InvalidInput`, which lists the first hundred: money is not converted by half a table.
    """
    minor_digits(into)
    writing = Writing(encoding=encoding, delimiter=delimiter, decimal=decimal, day_first=day_first)
    table: dict[tuple[str, str, date], Decimal] = {}
    faults: list[Fault] = []
    with incoming(
        rows, None, columns=columns, columns_class=RateColumns,
        required=("at", "currency", "rate"), dates=("at",), numbers=("rate",), writing=writing,
    ) as found:  # fmt: skip
        for index, row in found.rows:
            try:
                day, currency, rate = _read(row, found.columns, found.notation)
                if table.setdefault((currency, into, day), rate) != rate:
                    column = found.columns.rate
                    raise InvalidInput.of(column, "is the second one of that currency and day")
            except InvalidInput as error:
                faults += error.under(f"rows[{index}]").faults
        faults += [Fault(f"rows[{r.row}]", r.reason) for r in found.rejected.first]
    if faults:
        raise InvalidInput(tuple(faults[:SHOWN]))
    return DatedRates(table)


def _read(row: Row, columns: RateColumns, notation: Notation) -> tuple[date, str, Decimal]:
    def day(text: str) -> date:
        found = moment(text, "UTC", notation.day_first).date()
        if len(text) <= 10 or DAY.fullmatch(text):
            return found
        return datetime.fromisoformat(text).date()  # the day as written, whatever its offset

    def rate(text: str) -> Decimal:
        found = number(plain(text, notation), "")
        if found <= 0:
            raise InvalidInput.of("", "must be above zero")
        return found

    cells = Cells(row)
    at = cells.read(columns.at, day, required=True)
    currency = cells.read(columns.currency, _currency, required=True)
    value = cells.read(columns.rate, rate, required=True)
    if at is None or currency is None or value is None:
        raise InvalidInput(tuple(cells.faults))
    return at, currency, value


def _currency(text: str) -> str:
    minor_digits(text)
    return text
