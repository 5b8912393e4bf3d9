"""How predicates are written in Python: the language of segments.

    field("stage") == "active"            field("revenue") >= Money("500", "EUR")
    field("language").is_in("es", "ca")   field("last_purchase_at").is_absent()
    field("tags").has_any("vip", "new")   field("name").contains("garcía")
    field("last_purchase_at") < ago(days=90)
    field("last_purchase_at").during("last_month")
    field("born").has_birthday(within=7)
    facts("purchases").where(field("categories").has("flights")).within(months=6).count() >= 3
    in_segment("vip") & ~in_segment("staff")
    (p & q) | ~r

`model.field(...)` writes the same for one model, and refuses at once what it does not know.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NoReturn

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.names import searched_words
from crmcore.domain.predicates import (
    JOINED,
    And,
    Birthday,
    Comparison,
    Contains,
    FactTerm,
    Has,
    HasWord,
    InSegment,
    Not,
    OnDays,
    OneOf,
    Or,
    OtherField,
    Predicate,
    Present,
    StartsWith,
    Term,
    Value,
)
from crmcore.domain.relative import Period, Relative, Unit, Zone

__all__ = [
    "LENGTHS", "PERIODS", "FactsRef", "FieldRef", "ago", "facts", "field", "from_now", "in_segment",
    "start_of",
]  # fmt: skip

PERIODS = {
    "yesterday": (Period.DAY, -1), "today": (Period.DAY, 0), "tomorrow": (Period.DAY, 1),
    **{
        f"{word}_{period.value}": (period, shift)
        for period in (Period.WEEK, Period.MONTH, Period.QUARTER, Period.YEAR)
        for word, shift in (("last", -1), ("this", 0), ("next", 1))
    },
}  # fmt: skip
LENGTHS = {
    Period.DAY: (1, Unit.DAYS), Period.WEEK: (1, Unit.WEEKS), Period.MONTH: (1, Unit.MONTHS),
    Period.QUARTER: (3, Unit.MONTHS), Period.YEAR: (1, Unit.YEARS),
}  # fmt: skip


def _as_is(predicate: Predicate) -> Predicate:
    return predicate


@attrs.frozen(eq=False)
class FieldRef:
    """A term, to be compared: a field by name, or facts folded. A comparison is a predicate."""

    name: Term
    check: Callable[[Predicate], Predicate] = attrs.field(default=_as_is, repr=False)

    def __eq__(self, other: object) -> Predicate:  # type: ignore[override]
        return self._compared("==", other)

    def __ne__(self, other: object) -> Predicate:  # type: ignore[override]
        return Not(self._compared("==", other))

    def __lt__(self, other: Value | FieldRef) -> Predicate:
        return self._compared("<", other)

    def __le__(self, other: Value | FieldRef) -> Predicate:
        return self._compared("<=", other)

    def __gt__(self, other: Value | FieldRef) -> Predicate:
        return self._compared(">", other)

    def __ge__(self, other: Value | FieldRef) -> Predicate:
        return self._compared(">=", other)

    def __rand__(self, other: object) -> NoReturn:
        raise TypeError(JOINED)

    def __ror__(self, other: object) -> NoReturn:
        raise TypeError(JOINED)

    def __contains__(self, value: object) -> NoReturn:
        raise TypeError("`in` asks nothing of a field: write .has(value) or .is_in(...)")

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "a field has no truth value: compare it, as .is_in(True), and join with & | ~"
        )

    def between(self, first: Value, last: Value) -> Predicate:
        """Is the value from `first` to `last`, both included? Absent: false."""
        return And((self >= first, self <= last))

    def is_in(self, *values: Value) -> Predicate:
        """Is the value one of these? No values: false for everybody. Absent: false."""
        return self.check(OneOf(self.name, tuple(_operand(value) for value in values)))

    def has(self, value: str) -> Predicate:
        """Is this text among those of the field? None there: false."""
        return self.check(Has(self._field, _operand(value)))

    def has_any(self, *values: str) -> Predicate:
        """Is at least one of these among the texts of the field? No values: false."""
        return Or(tuple(self.has(value) for value in values))

    def has_all(self, *values: str) -> Predicate:
        """Are all of these among the texts of the field? No values: true."""
        return And(tuple(self.has(value) for value in values))

    def has_word(self, text: str) -> Predicate:
        """Does a word of the name begin so, whatever the case and accents? Every word of `text`
        must be the beginning of one. Absent: false.
        """
        found = [self.check(HasWord(self._field, word)) for word in searched_words(text)]
        return And(tuple(found)) if len(found) > 1 else found[0]

    def contains(self, text: str) -> Predicate:
        """Is `text` somewhere in the value, whatever the case and accents? Absent: false."""
        return self.check(Contains(self._field, _operand(text)))

    def starts_with(self, text: str) -> Predicate:
        """Does the value begin with `text`, whatever the case and accents? Absent: false."""
        return self.check(StartsWith(self._field, _operand(text)))

    def is_present(self) -> Predicate:
        """Is the value known?"""
        return self.check(Present(self.name))

    def is_absent(self) -> Predicate:
        """Is the value not known?"""
        return Not(self.is_present())

    def during(self, period: str, *, zone: Zone | str = Zone.MODEL) -> Predicate:
        """Does the instant or day lie in `yesterday`, `today`, `tomorrow`, or in the `last_`,
        `this_` or `next_` `week`, `month`, `quarter` or `year`? Absent: false.
        """
        if period not in PERIODS:
            raise InvalidInput.of("period", f"is none of {', '.join(PERIODS)}")
        stretch, shift = PERIODS[period]
        length, unit = LENGTHS[stretch]
        begins = Relative(shift * length, unit, stretch, Zone(zone))
        ends = Relative((shift + 1) * length, unit, stretch, Zone(zone))
        return And((self >= begins, self < ends))

    def has_birthday(
        self, *, within: int | None = None, after: int = 0, zone: Zone | str = Zone.MODEL
    ) -> Predicate:
        """Is its day of the year today, or from `after` to `within` days from today, both
        included? Without `within` the last day is today, or `after` where that is later. Who was
        born on 29 February has it on the 28th in a common year. Absent: false.
        """
        last = max(after, 0) if within is None else within
        return self.check(Birthday(self._field, after, last, Zone(zone)))

    def falls_on(self, *days: str) -> Predicate:
        """Is its day of the year one of these, as `MM-DD`, whatever the year? Absent: false."""
        return self.check(OnDays(self._field, days))

    @property
    def _field(self) -> str:
        if not isinstance(self.name, str):
            raise InvalidInput.of("", "facts are compared, present, absent or one of some values")
        return self.name

    def _compared(self, op: str, other: object) -> Predicate:
        return self.check(Comparison(self.name, op, _operand(other)))

    def __hash__(self) -> int:
        return hash(self.name)


def field(name: str) -> FieldRef:
    """The profile or fact field called `name`, to be compared."""
    return FieldRef(name)


def in_segment(name: str) -> Predicate:
    """Is the customer in the segment of that name?"""
    return InSegment(name)


def ago(
    *,
    hours: int | None = None,
    days: int | None = None,
    weeks: int | None = None,
    months: int | None = None,
    years: int | None = None,
    zone: Zone | str = Zone.MODEL,
) -> Relative:
    """So long before the instant of asking; one unit is given. Hours are exact, all else goes by
    the local calendar.
    """
    shift, unit = _one_of(hours, days, weeks, months, years)
    return Relative(-shift, unit, None, Zone(zone))


def from_now(
    *,
    hours: int | None = None,
    days: int | None = None,
    weeks: int | None = None,
    months: int | None = None,
    years: int | None = None,
    zone: Zone | str = Zone.MODEL,
) -> Relative:
    """So long after the instant of asking, as `ago` is before it; 0 is the instant itself."""
    shift, unit = _one_of(hours, days, weeks, months, years)
    return Relative(shift, unit, None, Zone(zone))


def start_of(period: Period | str, *, shift: int = 0, zone: Zone | str = Zone.MODEL) -> Relative:
    """Where the local `day`, `week`, `month`, `quarter` or `year` of asking began, or the one so
    many of them later.
    """
    stretch = Period(period)
    length, unit = LENGTHS[stretch]
    return Relative(shift * length, unit, stretch, Zone(zone))


@attrs.frozen
class FactsRef:
    """Facts of one kind, to be narrowed and folded into a term."""

    of: str
    condition: Predicate | None = attrs.field(default=None, repr=False)
    since: datetime | Relative | None = None
    until: datetime | Relative | None = None
    check: Callable[[Predicate], Predicate] = attrs.field(default=_as_is, repr=False)

    def where(self, condition: Predicate) -> FactsRef:
        """Those of them for which this holds as well; it asks about the fields of the fact."""
        both = condition if self.condition is None else self.condition & condition
        return attrs.evolve(self, condition=both)

    def between(
        self, since: datetime | Relative | None, until: datetime | Relative | None
    ) -> FactsRef:
        """Those that happened from `since` on and before `until`; `None` is no bound."""
        return attrs.evolve(self, since=since, until=until)

    def within(
        self,
        *,
        hours: int | None = None,
        days: int | None = None,
        weeks: int | None = None,
        months: int | None = None,
        years: int | None = None,
        zone: Zone | str = Zone.MODEL,
    ) -> FactsRef:
        """Those of the last so many hours, days, weeks, months or years, up to the instant of
        asking.
        """
        shift, unit = _one_of(hours, days, weeks, months, years)
        return self.between(Relative(-shift, unit, None, Zone(zone)), Relative())

    def count(self) -> FieldRef:
        """How many there are; none: 0."""
        return self._folded("count", None)

    def sum(self, value: str) -> FieldRef:
        """The sum of one field, an integer or money in the model's currency; none: 0."""
        return self._folded("sum", value)

    def min(self, value: str) -> FieldRef:
        """The least of one field; none: absent."""
        return self._folded("min", value)

    def max(self, value: str) -> FieldRef:
        """The greatest of one field; none: absent."""
        return self._folded("max", value)

    def latest(self, value: str) -> FieldRef:
        """One field of the latest of them; none: absent."""
        return self._folded("latest", value)

    def _folded(self, fold: str, value: str | None) -> FieldRef:
        term = FactTerm(self.of, fold, value, self.condition, self.since, self.until)
        return FieldRef(term, self.check)


def facts(of: str) -> FactsRef:
    """The facts `of` a kind: `purchases`, `interactions`, `scores`..."""
    return FactsRef(of)


def _one_of(*given: int | None) -> tuple[int, Unit]:
    stated = [(n, unit) for n, unit in zip(given, Unit, strict=True) if n is not None]
    if len(stated) != 1:
        raise InvalidInput.of("", "say one of hours, days, weeks, months and years")
    return stated[0]


def _operand(value: object) -> Any:
    if value is None:
        raise InvalidInput.of("", "compare with a value; absence is is_absent() or is_present()")
    if isinstance(value, FieldRef):
        if not isinstance(value.name, str):
            raise InvalidInput.of("", "compare with a value or a field, not with other facts")
        return OtherField(value.name)
    return value
