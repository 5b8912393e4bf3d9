"""Predicates as expressions over the columns of a frame, one expression each.

The engines know three truth values, predicates two. Within an expression an unknown stands for
false, which `&` and `|` keep, and only `~` would turn into another: it is made known there. So a
predicate without `~` costs nothing more than the comparisons it is made of.

Engines take NaN for the greatest number or for equal to itself; here, as in Python, it is a value
that compares with none.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import attrs

from crmcore.adapters.columns.texts import FOLDED, WORDS, Texts
from crmcore.adapters.wire import column_of
from crmcore.domain.errors import InvalidInput, MissingExtra
from crmcore.domain.fields import Field, FieldType
from crmcore.domain.names import folded_text, name_words
from crmcore.domain.predicates import (
    OPERATORS,
    And,
    Comparison,
    Contains,
    FactTerm,
    Has,
    HasWord,
    Not,
    OnDays,
    OneOf,
    Or,
    OtherField,
    Predicate,
    Present,
    StartsWith,
    Term,
)

try:
    import narwhals.stable.v2 as nw
except ImportError as _error:
    raise MissingExtra("frames") from _error

__all__ = ["Question"]

Fits = Callable[[Any], bool]

FITS: Mapping[FieldType, Fits] = {
    FieldType.TEXT: lambda dtype: dtype in (nw.String, nw.Categorical, nw.Enum),
    FieldType.INTEGER: lambda dtype: dtype.is_integer(),
    FieldType.MONEY: lambda dtype: dtype.is_integer(),
    FieldType.FLOAT: lambda dtype: dtype.is_float(),
    FieldType.DECIMAL: lambda dtype: dtype == nw.Decimal,
    FieldType.BOOLEAN: lambda dtype: dtype == nw.Boolean,
    FieldType.DATE: lambda dtype: dtype == nw.Date,
    FieldType.INSTANT: lambda dtype: dtype == nw.Datetime and dtype.time_zone is not None,
    FieldType.ID: lambda dtype: dtype == nw.Binary,
    FieldType.TEXT_SET: lambda dtype: dtype == nw.List,
}
"""Which columns hold the values of a type."""


@attrs.frozen(kw_only=True)
class Question:
    """What is asked of one frame: its columns, the fields they hold, and facts folded already."""

    fields: Mapping[str, Field]
    schema: Mapping[str, Any]
    texts: Texts
    terms: Mapping[FactTerm, tuple[str, Field]] = attrs.field(factory=dict)
    engine: str = ""
    """The name of the library; of some, a value is written otherwise."""

    def answer(self, predicate: Predicate) -> nw.Expr:
        """A column that is true where the predicate, resolved, holds, and false or unknown where
        it does not.
        """
        match predicate:
            case And(parts):
                return self._joined(operator.and_, parts, none=True)
            case Or(parts):
                return self._joined(operator.or_, parts, none=False)
            case Not(part):
                return ~self.known(part)
            case Comparison(name, op, OtherField(other)):
                return self._between(name, op, other)
            case Comparison(name, op, value):
                return self._against(name, op, value)
            case OneOf(name, values):
                return self._one_of(name, values)
            case Present(name):
                column, known = self._looked_up(name)
                if isinstance(name, FactTerm) and not known.optional:
                    return self.always(True)
                if known.type is FieldType.TEXT_SET:
                    return column.list.len() > 0
                return ~column.is_null()
            case Has(name, value):
                return self._looked_up(name)[0].list.contains(value)
            case OnDays(name, days):
                column, _ = self._looked_up(name)
                day = column.dt.month().cast(nw.Int32) * 100 + column.dt.day().cast(nw.Int32)
                return self._among(day, [int(day.replace("-", "")) for day in days])
        return self._text(predicate)

    def known(self, predicate: Predicate) -> nw.Expr:
        """`answer` without unknowns."""
        if isinstance(predicate, Present | Not):
            return self.answer(predicate)
        return self.answer(predicate).fill_null(False)

    def kept(self, predicate: Predicate) -> nw.Expr:
        """What a frame is filtered by: engines of queries drop what is unknown by themselves."""
        lets_go = self.engine in ("polars", "duckdb", "pyspark")
        return self.answer(predicate) if lets_go else self.known(predicate)

    def number(self, predicate: Predicate) -> nw.Expr:
        """What is added up to count: unknowns add nothing."""
        found = self.kept(predicate)
        return found if self.engine == "polars" else found.cast(nw.Int64)

    def always(self, value: bool) -> nw.Expr:
        """The same answer for every row: of a column, for not all engines spread a literal."""
        column = nw.col(next(iter(self.schema)))
        return (
            column.is_null() | ~column.is_null() if value else column.is_null() & ~column.is_null()
        )

    def _joined(
        self, join: Callable[[Any, Any], Any], parts: Sequence[Predicate], *, none: bool
    ) -> nw.Expr:
        """Joined in halves, so that a thousand parts are ten levels deep."""
        found = [self.answer(part) for part in parts]
        while len(found) > 1:
            halves = zip(found[::2], found[1::2], strict=False)
            odd = found[-1:] if len(found) % 2 else []
            found = [join(left, right) for left, right in halves] + odd
        return found[0] if found else self.always(none)

    def _looked_up(self, term: Term) -> tuple[nw.Expr, Field]:
        if isinstance(term, FactTerm):
            name, known = self.terms[term]
            column = nw.col(name)
            return column.cast(nw.Boolean) if known.type is FieldType.BOOLEAN else column, known
        known = self.fields[term]
        name = column_of(known)
        if name not in self.schema:
            personal = ": it is personal, and only there if asked for" if known.personal else ""
            raise InvalidInput.of(term, f"needs the column {name}, which the frame lacks{personal}")
        dtype = self.schema[name]
        if not FITS[known.type](dtype):
            what = f"is {known.type.value}, and the column {name} of the frame {dtype}"
            raise InvalidInput.of(term, what)
        column = nw.col(name)
        # Categories have an order of their own; texts have that of their characters.
        return column.cast(nw.String) if dtype in (nw.Categorical, nw.Enum) else column, known

    def _between(self, name: Term, op: str, other: str) -> nw.Expr:
        (left, known), (right, _) = self._looked_up(name), self._looked_up(other)
        if known.type is FieldType.BOOLEAN:
            left, right = left.cast(nw.Int8), right.cast(nw.Int8)
        found = _compared(op, left, right)
        if known.type is FieldType.FLOAT:
            return found & ~left.is_nan() & ~right.is_nan()
        return found

    def _against(self, name: Term, op: str, value: Any) -> nw.Expr:
        column, known = self._looked_up(name)
        if known.type is FieldType.BOOLEAN and op != "==":
            column, value = column.cast(nw.Int8), int(value)
        if isinstance(name, FactTerm) and not known.optional:
            column = _or_zero(column, OPERATORS[op](0, _plain(value, known)))
        found = _compared(op, column, self._value(value, known))
        if known.type is FieldType.FLOAT and op in (">", ">="):
            return found & ~column.is_nan()
        return found

    def _one_of(self, name: Term, values: Sequence[Any]) -> nw.Expr:
        column, known = self._looked_up(name)
        if isinstance(name, FactTerm) and not known.optional:
            column = _or_zero(column, 0 in [_plain(value, known) for value in values])
        if known.type is FieldType.INSTANT and self.engine == "pyspark":
            one = [column == self._value(value, known) for value in values]
            return reduce(operator.or_, one) if one else self.always(False)
        plain = [_plain(value, known) for value in values]
        if known.type is FieldType.FLOAT and 0.0 in plain:
            plain.append(-0.0)  # a frame of the host's may hold it; pandas tells it from zero
        return self._among(column, plain)

    def _among(self, column: nw.Expr, values: Sequence[Any]) -> nw.Expr:
        return column.is_in(values) if values else self.always(False)

    def _value(self, value: Any, known: Field) -> Any:
        plain = _plain(value, known)
        if known.type is FieldType.INSTANT:
            if self.engine == "pyspark":
                # Through its driver's calendar, instants before 1582 would be others.
                return nw.lit(plain.isoformat()).cast(nw.Datetime("us", self._session_zone()))
            if self.engine == "polars":
                return nw.lit(plain, nw.Datetime("ms", "UTC"))
        return plain

    def _session_zone(self) -> str:
        """The zone that Spark shows instants in; it takes no other, and they are the same."""
        zones = (dtype.time_zone for dtype in self.schema.values() if dtype == nw.Datetime)
        return next((zone for zone in zones if zone), "UTC")

    def _text(self, node: Predicate) -> nw.Expr:
        """By a column prepared for it, else by those of its different values that fit."""
        match node:
            case Contains(name, text):
                prepared, sought, holds = FOLDED, text, lambda value: text in folded_text(value)
            case StartsWith(name, text):
                prepared, sought, holds = (
                    FOLDED, text, lambda value: folded_text(value).startswith(text),
                )  # fmt: skip
            case HasWord(name, beginning):
                prepared, sought, holds = (
                    WORDS, f" {beginning}",
                    lambda value: any(word.startswith(beginning) for word in name_words(value)),
                )  # fmt: skip
            case _:
                what = f"{type(node).__name__} is no predicate that is resolved"
                raise InvalidInput.of("", what)
        column, known = self._looked_up(name)
        own = column_of(known) + prepared
        if own not in self.schema:
            return self._among(column, self.texts.those(known, holds))
        if isinstance(node, StartsWith):
            return nw.col(own).str.starts_with(sought)
        return nw.col(own).str.contains(sought, literal=True)


def _or_zero(column: nw.Expr, holds_of_zero: bool) -> nw.Expr:
    """A count or sum, zero where no facts were joined. Where zero would not hold, an unknown does
    as well, and an engine may leave out who has no facts.
    """
    return column.fill_null(0) if holds_of_zero else column


def _compared(op: str, left: nw.Expr, right: Any) -> nw.Expr:
    compare: Callable[[Any, Any], Any] = OPERATORS[op]
    found: nw.Expr = compare(left, right)
    return found


def _plain(value: Any, known: Field) -> Any:
    """A value as engines take it: money in minor units, an id as its bytes."""
    if known.type is FieldType.MONEY:
        return value.minor
    return value.bytes if known.type is FieldType.ID else value
