"""What makes a segment different: each field inside the segment and outside, with intervals.

Needs the `analytics` extra.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from math import isinf
from typing import TYPE_CHECKING, Any

import attrs

from crmcore.domain.currencies import minor_digits
from crmcore.domain.errors import InvalidInput
from crmcore.domain.fields import Field, FieldType
from crmcore.domain.html import html_table
from crmcore.domain.model import Model
from crmcore.domain.ports import Backend
from crmcore.domain.predicates import Predicate
from crmcore.services.profile_columns import NUMBERS, TEXTS, ProfileColumns, ids_where, value_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["ComparedNumber", "ComparedShare", "SegmentComparison", "compare_segment"]

DAY = 86_400_000
MOST_TEXTS = 50


@attrs.frozen(kw_only=True)
class ComparedShare:
    """How many have this value inside and outside; `value` is `None` for those without one.

    `lift` is the share inside divided by the share outside, between `low` and `high` at the
    level asked for; infinite where nobody outside has it. `strength` is log2 of the end of the
    interval nearest 1, unsigned, and 0 where the interval holds 1: at 1 the value is twice as
    frequent, or half as frequent, at the least. `enough` is false where fewer customers than the
    minimum have the value, or are inside, or outside: the interval is right, but says little.
    """

    field: str
    value: str | bool | None
    inside: int
    outside: int
    share_inside: float
    share_outside: float
    lift: float
    low: float
    high: float
    strength: float
    enough: bool


@attrs.frozen(kw_only=True)
class ComparedNumber:
    """A field's means inside and outside, among those who have one: `inside` and `outside` many.

    The `difference`, and its interval from `low` to `high`, are in `unit`: the model's currency,
    days, or the field's own (empty). `superiority` is the probability that somebody inside has
    more, or later, than somebody outside, equal ones counted half.
    """

    field: str
    inside: int
    outside: int
    mean_inside: Any
    mean_outside: Any
    difference: float
    low: float | None
    high: float | None
    unit: str
    superiority: float
    enough: bool


@attrs.frozen(kw_only=True)
class SegmentComparison:
    """A segment of `inside` customers against `outside` others, the strongest difference first.

    Of a hundred shares that do not differ, five intervals at .95 leave 1 out all the same.
    `passed_over` says of a field why it was not compared.
    """

    inside: int
    outside: int
    shares: tuple[ComparedShare, ...]
    numbers: tuple[ComparedNumber, ...]
    passed_over: Mapping[str, str]

    def _repr_html_(self) -> str:
        rows = [
            (f"{s.field} = {s.value}", s.share_inside, s.share_outside, s.lift, s.low, s.high)
            for s in self.shares
        ]
        header = ("", "inside", "outside", "lift", "from", "to")
        caption = f"{self.inside:,} customers against {self.outside:,}"
        return html_table(rows, header=header, caption=caption)


def compare_segment(
    backend: Backend,
    predicate: Predicate,
    *,
    against: Predicate | None = None,
    fields: Collection[str] | None = None,
    level: float = 0.95,
    fewest: int = 5,
    personal: bool = False,
) -> SegmentComparison:
    """Compare those for whom `predicate` holds with all others, or those others of `against`.

    Texts, tags and truth values are compared by share: inside against outside, because the two
    have nobody in common, which a segment and everyone have. Numbers, money and times are
    compared by mean, and by share of those without one. All fields are compared but personal ones
    and texts of more than 50 different ones, or the `fields` named; `personal` ones need asking
    for all the same. `fewest` is the minimum of customers below which `enough` is false. Nobody
    on either side is `InvalidInput`.
    """
    import crmcore.analytics  # noqa: F401 - names the extra where it is missing

    model = backend.model
    members = ids_where(backend, predicate)
    others = None if against is None else ids_where(backend, against) - members
    asked = _asked(model, fields, personal)
    among = None if others is None else members | others
    profiles = ProfileColumns.read(backend, asked, among=among)
    work = _Comparing(profiles, model, level, fewest, members)
    if not work.inside or not work.outside:
        path = "against" if work.inside else "predicate"
        raise InvalidInput.of(path, "selects nobody, and nobody can be compared with nobody")
    shares: list[ComparedShare] = []
    numbers: list[ComparedNumber] = []
    passed_over: dict[str, str] = {}
    for name, field in profiles.fields.items():
        found = work.shares(name)
        if found is None:
            passed_over[name] = f"has more than {MOST_TEXTS} different texts"
        shares += found or ()
        if field.type in NUMBERS and field.type is not FieldType.BOOLEAN:
            number = work.number(name)
            if isinstance(number, str):
                passed_over[name] = number
            else:
                numbers.append(number)
        elif found == []:
            passed_over[name] = "everyone is alike"
    shares.sort(key=lambda s: (not s.enough, -s.strength, -_away(s.lift), s.field, str(s.value)))
    numbers.sort(key=lambda n: (not n.enough, -abs(n.superiority - 0.5), n.field))
    return SegmentComparison(
        inside=work.inside, outside=work.outside, shares=tuple(shares), numbers=tuple(numbers),
        passed_over=passed_over,
    )  # fmt: skip


def _asked(model: Model, fields: Collection[str] | None, personal: bool) -> list[str]:
    known = model.profile_fields
    if fields is None:
        return [
            name for name, field in known.items()
            if field.type in NUMBERS | TEXTS and (personal or not field.personal)
        ]  # fmt: skip
    for name in fields:
        if name in known and known[name].personal and not personal:
            raise InvalidInput.of(name, "is personal: ask for it with personal=True")
    return list(dict.fromkeys(fields))


def _away(lift: float) -> float:
    return float("inf") if not lift or isinf(lift) else max(lift, 1 / lift)


class _Comparing:
    """One comparison at work: who is inside, of whom the columns are."""

    def __init__(
        self, profiles: ProfileColumns, model: Model, level: float, fewest: int,
        members: Collection[bytes],
    ) -> None:  # fmt: skip
        import numpy as np

        self.profiles, self.model, self.level, self.fewest = profiles, model, level, fewest
        self.member: npt.NDArray[np.bool_] = np.array([id in members for id in profiles.ids], bool)
        self.inside = int(self.member.sum())
        self.outside = len(self.member) - self.inside

    def shares(self, name: str) -> list[ComparedShare] | None:
        """The shares of each value of a field; of a number, of those without one. `None` where
        there are too many values.
        """
        from crmcore.analytics import lift

        field = self.profiles.fields[name]
        sides = Counter[Any](), Counter[Any]()
        for held, member in zip(self._values(field), self.member.tolist(), strict=True):
            sides[0 if member else 1].update(held)
        values: list[Any] = sorted({*sides[0], *sides[1]}, key=lambda v: (v is None, str(v)))
        if len(values) < 2:
            return []  # everyone is alike
        if field.type not in TEXTS and field.type is not FieldType.BOOLEAN:
            values = [None] if None in values else []
        if len(values) > MOST_TEXTS + (None in values):
            return None
        found = lift(
            inside=[sides[0][v] for v in values], of_inside=self.inside,
            outside=[sides[1][v] for v in values], of_outside=self.outside, level=self.level,
        )  # fmt: skip
        least = min(self.inside, self.outside)
        return [
            ComparedShare(
                field=name, value=value, inside=sides[0][value], outside=sides[1][value],
                share_inside=float(found.share_inside[row]),
                share_outside=float(found.share_outside[row]), lift=float(found.lift[row]),
                low=float(found.low[row]), high=float(found.high[row]),
                strength=float(found.strength[row]),
                enough=min(sides[0][value] + sides[1][value], least) >= self.fewest,
            )
            for row, value in enumerate(values)
        ]  # fmt: skip

    def _values(self, field: Field) -> Iterator[tuple[Any, ...]]:
        if field.type in TEXTS:
            return (several or (None,) for several in self.profiles.texts(field.name))
        truth = field.type is FieldType.BOOLEAN
        stored = self.profiles.stored[field.name]
        return ((None if v is None else bool(v) if truth else 0,) for v in stored)

    def number(self, name: str) -> ComparedNumber | str:
        """The means of a field, or why there are none to compare."""
        import numpy as np

        from crmcore.analytics import mean_difference

        field, values = self.profiles.fields[name], self.profiles.numbers(name)
        known = ~np.isnan(values)
        one, two = values[known & self.member], values[known & ~self.member]
        if not len(one) or not len(two):
            return "nobody on one side has one"
        if values[known].min() == values[known].max():
            return "everyone is alike"
        found = mean_difference(inside=one, outside=two, level=self.level)
        unit, per = self._unit(field)
        currency = self.model.currency
        return ComparedNumber(
            field=name, inside=len(one), outside=len(two),
            mean_inside=value_of(field, found.mean_inside, currency),
            mean_outside=value_of(field, found.mean_outside, currency),
            difference=found.difference / per,
            low=None if found.low is None else found.low / per,
            high=None if found.high is None else found.high / per, unit=unit,
            superiority=found.superiority, enough=min(len(one), len(two)) >= self.fewest,
        )  # fmt: skip

    def _unit(self, field: Field) -> tuple[str, float]:
        """In what a difference is told, and how many of the columns' numbers that is."""
        match field.type:
            case FieldType.MONEY:
                return self.model.currency, 10.0 ** minor_digits(self.model.currency)
            case FieldType.INSTANT:
                return "days", float(DAY)
            case FieldType.DATE:
                return "days", 1.0
            case FieldType.DECIMAL:
                return "", 1e6
        return "", 1.0
