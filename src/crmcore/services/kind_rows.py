"""Rows of any kind: from cells to the fields of its class, as the declarations say.

Nothing here knows one kind from another: a fact or a field that is declared tomorrow is read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache, partial
from hashlib import blake2b
from typing import Any

import attrs

from crmcore.domain.currencies import minor_digits
from crmcore.domain.errors import Fault, InvalidInput, UnknownField
from crmcore.domain.fields import Field, FieldType
from crmcore.domain.identifiers import normalised
from crmcore.domain.money import Money
from crmcore.services.cells import amount_of, is_missing, reader_of, text_of, whole_of
from crmcore.services.notation import moment
from crmcore.services.rejects import Row

__all__ = ["NAMED", "KindReader", "KindRow", "Named"]

RECORDING = frozenset({"recorded_at", "actor", "base_amount", "version"})
"""Fields that the store sets; read only where an export is restored."""

NAMED = {"customer_id": "customer", "order_id": "order"}
"""Fields that hold an id, and the column that may name the same by a key of its source."""

PART = re.compile(r"[.\[]")


@attrs.frozen
class Named:
    """Whom or what a row names by the key that its source has for it."""

    source: str
    key: str = attrs.field(repr=False)


@attrs.frozen
class KindRow:
    """One row that can be read: values by field, and what is named and waits for its id."""

    index: int
    row: Row
    values: dict[str, Any]
    named: dict[str, Named]


@attrs.frozen
class _Money:
    """The columns that may tell an amount."""

    name: str
    minor: str
    major: str
    currency: str


@lru_cache(maxsize=256)
def _currency(text: str) -> str:
    minor_digits(text.strip())
    return text.strip()


def _within(column: str, fault: Fault) -> Fault:
    """The fault of a cell; where in it, if it is nested."""
    return Fault(column, str(fault) if fault.path.startswith("[") else fault.reason)


@attrs.frozen
class KindReader:
    """Reads rows of one kind one after the other, counting those that are alike."""

    fields: tuple[Field, ...]
    source: str
    zone: str
    currency: str
    columns: Mapping[str, str]
    restore: bool
    keyed: bool
    """Have the rows a `source_key`? One is made of what a row says where it names none."""
    seen: Counter[bytes] = attrs.field(factory=Counter[bytes], init=False)
    plan: list[tuple[str, str, Any]] = attrs.field(init=False)
    moneys: dict[str, _Money] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.columns, Mapping):
            raise InvalidInput.of("columns", "must map names of fields to names of columns")
        known = set(self._names())
        for name in self.columns:
            if name not in known:
                raise UnknownField.named(name, known=tuple(sorted(known)))
        read = [f for f in self.fields if self.restore or f.name not in RECORDING]
        at = partial(moment, zone=self.zone)
        plan = [
            (f.name, self.column(f.name), reader_of(f, at))
            for f in read
            if f.type is not FieldType.MONEY
        ]
        object.__setattr__(self, "plan", plan)
        moneys = {
            f.name: _Money(
                f.name, *(self.column(f.name + end) for end in ("_minor", "", "_currency"))
            )
            for f in read
            if f.type is FieldType.MONEY
        }
        object.__setattr__(self, "moneys", moneys)

    def _names(self) -> Iterable[str]:
        for field in self.fields:
            yield field.name
            if field.type is FieldType.MONEY:
                yield from (f"{field.name}_minor", f"{field.name}_currency")
            if field.name in NAMED:
                yield from (NAMED[field.name], f"{NAMED[field.name]}_source")

    @property
    def read_columns(self) -> set[str]:
        """All columns that may be read."""
        return {self.column(name) for name in self._names()}

    def column(self, name: str) -> str:
        """The column of the file that holds it."""
        return self.columns.get(name, name)

    def place(self, path: str, row: Row) -> tuple[str, str]:
        """The column of a fault's path, and what of the path lies within its cell."""
        name = PART.split(path, maxsplit=1)[0]
        within = path[len(name) :].removeprefix(".")
        money = [self.column(n) for n in (name, f"{name}_minor")] if name in self.moneys else []
        if name == "currency":
            ends = ("_currency", "", "_minor")
            money = [self.column(m + end) for end in ends for m in self.moneys]
        spare = self.column(NAMED.get(name, name))
        found = next((c for c in (*money, self.column(name), spare) if c in row), None)
        return found or self.column(name), within

    def told(self, error: InvalidInput, row: Row) -> list[Fault]:
        """The faults of a value, each under the column that it was read from."""
        faults = []
        for fault in error.faults:
            column, within = self.place(fault.path, row)
            faults.append(Fault(column, f"{within}: {fault.reason}" if within else fault.reason))
        return faults

    def __call__(self, index: int, row: Row) -> KindRow:
        """What the row says; all its faults together are `InvalidInput`."""
        faults, values = list[Fault](), dict[str, Any]()
        for name, column, convert in self.plan:
            cell = row.get(column)
            if cell is None or cell == "" or is_missing(cell):
                continue
            try:
                values[name] = convert(cell)
            except InvalidInput as error:
                faults += [_within(column, fault) for fault in error.faults]
        for money in self.moneys.values():
            self._read_money(money, row, values, faults)
        named = self._named(row, values, faults)
        if faults:
            raise InvalidInput(tuple(faults))
        if not self.restore and self.keyed:
            values.setdefault("source", self.source)
            if "id" not in values and "source_key" not in values:
                values["source_key"] = self._own_key(values, named)
        return KindRow(index, row, values, named)

    def _read_money(
        self, money: _Money, row: Row, values: dict[str, Any], faults: list[Fault]
    ) -> None:
        """An amount in minor units, or else in major ones, and its currency."""
        column = money.major if is_missing(row.get(money.minor)) else money.minor
        cell = row.get(column)
        if is_missing(cell):
            return
        try:
            told = row.get(money.currency)
            currency = self.currency if is_missing(told) else _currency(text_of(told) or "")
        except InvalidInput as error:
            faults += [Fault(money.currency, fault.reason) for fault in error.faults]
            return
        try:
            if column == money.minor:
                values[money.name] = Money.of_minor(whole_of(cell), currency)
            else:
                values[money.name] = Money(amount_of(cell), currency)
        except InvalidInput as error:
            faults += [Fault(column, fault.reason) for fault in error.faults]

    def _named(self, row: Row, values: dict[str, Any], faults: list[Fault]) -> dict[str, Named]:
        """What the row names by a key, where it does not by an id."""
        found = {}
        for field in self.fields:
            name = NAMED.get(field.name)
            if name is None or field.name in values:
                continue
            column, other = self.column(name), self.column(f"{name}_source")
            try:
                key = (text_of(row.get(column)) or "").strip()
                source = (text_of(row.get(other)) or "").strip() or self.source
                if key:
                    key = normalised("external", key) if name == "customer" else key
                    found[field.name] = Named(source, key)
            except InvalidInput as error:
                faults += [Fault(column, fault.reason) for fault in error.faults]
        return found

    def _own_key(self, values: Mapping[str, Any], named: Mapping[str, Named]) -> str:
        told = sorted((name, repr(value)) for name, value in values.items())
        told += sorted((name, f"{by.source}|{by.key}") for name, by in named.items())
        digest = blake2b(repr(told).encode(), digest_size=12).digest()
        self.seen[digest] += 1
        return f"{digest.hex()}-{self.seen[digest]}"
