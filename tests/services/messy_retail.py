"""A simulated shop export: every defect of real ones, each planted a known number of times.

The shape is that of the UCI "Online Retail" data (InvoiceNo, StockCode, Description, Quantity,
InvoiceDate, UnitPrice, CustomerID, Country); nothing of it is real.
"""

from __future__ import annotations

import csv
import random
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import attrs

__all__ = ["HEADER", "Export", "messy"]

HEADER: tuple[str, ...] = (
    "InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID",
    "Country",
)  # fmt: skip
NAMES = ("CAFÉ CREAM MUG", "PIÑATA, SMALL", 'BOX "HOME"', "DOLL’S BED", "GARLAND  5M")
COUNTRIES = ("United Kingdom", "España", "EIRE")
BEGIN = datetime(2010, 12, 1, 8, 26)  # noqa: DTZ001  a till knows no zone
Line = dict[str, str]


@attrs.define
class Export:
    """The lines in the order of their times, and what is to be decided of how many of them."""

    lines: list[Line]
    expected: dict[str, int]
    amounts: dict[str, Decimal]
    orders: int
    products: int

    def written(
        self, path: Path, *, encoding: str = "utf-8", delimiter: str = ",", comma: bool = False
    ) -> Path:
        """As a file."""
        with path.open("w", encoding=encoding, newline="") as file:
            writer = csv.DictWriter(file, HEADER, delimiter=delimiter)
            writer.writeheader()
            for line in self.lines:
                price = line["UnitPrice"].replace(".", ",") if comma else line["UnitPrice"]
                writer.writerow({**line, "UnitPrice": price})
        return path


@attrs.define
class _Shop:
    """Makes lines, and counts what it plants."""

    draw: random.Random
    lines: list[Line] = attrs.field(factory=list)
    expected: Counter[str] = attrs.field(factory=Counter)
    amounts: dict[str, Decimal] = attrs.field(factory=dict)
    now: datetime = BEGIN
    number: int = 536_365
    customer: int = 12_346
    orders: int = 0
    sold: set[str] = attrs.field(factory=set)

    def line(self, decision: str, **cells: object) -> Line:
        """One line, of which this is to be decided; what is not told is drawn."""
        product = self.draw.randrange(40)
        code = cells.get("product", f"{20_000 + product}{'AB'[product % 2]}")
        quantity = cells.get("quantity", self.draw.randint(2, 12))
        price = Decimal(str(cells.get("price", f"{self.draw.randint(10, 2_000) / 100:.2f}")))
        at = cells.get("at", self.now)
        assert isinstance(at, datetime)
        found = {
            "InvoiceNo": str(cells.get("invoice", self.number)), "StockCode": str(code),
            "Description": NAMES[product % len(NAMES)], "Quantity": str(quantity),
            "InvoiceDate": f"{at.month}/{at.day}/{at.year} {at.hour}:{at.minute:02}",
            "UnitPrice": str(price), "CustomerID": str(cells.get("customer", self.customer)),
            "Country": COUNTRIES[self.customer % 3],
        }  # fmt: skip
        self.plant(decision, found)
        if decision in ("lines", "later_lines", "free_lines"):
            self.sold.add(str(code))
        return found

    def plant(self, decision: str, line: Line) -> None:
        """This very line."""
        self.lines.append(line)
        self.expected[decision] += 1
        try:
            amount = int(line["Quantity"]) * Decimal(line["UnitPrice"])
        except ValueError:
            return
        self.amounts[decision] = self.amounts.get(decision, Decimal(0)) + amount

    def next(self, *, customer: bool = True) -> None:
        """The next invoice, minutes later; of the next customer unless told."""
        self.number += 1
        self.customer += customer
        self.now += timedelta(minutes=self.draw.randint(200, 900))

    def invoice(self, count: int) -> list[Line]:
        """An invoice of so many products."""
        self.orders += 1
        products = self.draw.sample(range(40), count)
        codes = [f"{20_000 + product}{'AB'[product % 2]}" for product in products]
        return [self.line("lines", product=code) for code in codes]


def messy(*, orders: int = 60, each: int = 3, seed: int = 1) -> Export:
    """An export of so many plain orders, with each defect planted `each` times."""
    shop = _Shop(random.Random(seed))
    for _ in range(orders):
        shop.next(customer=shop.draw.random() < 0.6)
        shop.invoice(shop.draw.randint(1, 5))
    for _ in range(each):
        _kept(shop)
        _cancelled(shop)
        _aside(shop)
        _unreadable(shop)
    return Export(shop.lines, dict(shop.expected), shop.amounts, shop.orders, len(shop.sold))


def _kept(shop: _Shop) -> None:
    """Postage, a gift beside paid goods, and a till that needed a minute more."""
    shop.next()
    shop.invoice(2)
    shop.line("charges", product="POST", quantity=1, price="18.00")
    shop.line("free_lines", product="GIFT", price="0.0", quantity=1)
    shop.line("later_lines", product="LATE", at=shop.now + timedelta(minutes=1))


def _cancelled(shop: _Shop) -> None:
    """A part comes back, all comes back, and what was never bought."""
    shop.next()
    back, _ = shop.invoice(2)
    shop.next(customer=False)
    shop.line("returns", invoice=f"C{shop.number}", product=back["StockCode"], quantity=-1,
              price=back["UnitPrice"])  # fmt: skip
    shop.next()
    bought = shop.invoice(3)
    shop.next(customer=False)
    for line in bought:
        shop.line("cancellations", invoice=f"C{shop.number}", product=line["StockCode"],
                  quantity=-int(line["Quantity"]), price=line["UnitPrice"])  # fmt: skip
    shop.next(customer=False)
    shop.line("unmatched", invoice=f"C{shop.number}", quantity=-1, product=bought[0]["StockCode"])
    shop.next()
    shop.line("unmatched", invoice=f"C{shop.number}", quantity=-4)
    shop.line("unmatched", invoice=f"C{shop.number}", product="D", quantity=-1, price="27.50")


def _aside(shop: _Shop) -> None:
    """What is counted and not recorded."""
    shop.next()
    for line in shop.invoice(2):  # the whole invoice once more
        shop.plant("repeated", dict(line))
    shop.line("other_customer", customer=shop.customer - 1)
    shop.next()
    shop.line("no_customer", customer="")
    shop.line("no_customer", customer="")
    shop.next()
    shop.line("negative", quantity=-20, price="0.0", customer="")
    shop.line("negative", quantity=-2)
    shop.line("discounts", quantity=-1, product="DISCOUNT", price="2.50")
    shop.line("contradictory", invoice=f"C{shop.number}")
    shop.line("adjustments", invoice=f"A{shop.number}", product="B", quantity=1, price="-11062.06",
              customer="")  # fmt: skip
    shop.line("adjustments", quantity=0)
    shop.next()
    shop.line("nothing_paid", price="0.0")
    shop.line("nothing_paid", price="0.0", product="20001B")
    shop.line("tests", product="TEST001", price="4.50")


def _unreadable(shop: _Shop) -> None:
    """What the reader rejects, with an amount that can be told and without."""
    shop.next()
    shop.line("rejected", invoice="")
    shop.line("rejected", quantity="many")
