"""The language of predicates as a grammar: what can be asked of each type of field and of facts.

It says only what may stand where; `Choices` makes the choices, so that hypothesis can draw and
shrink them, and a seeded generator can make many in a second. The first option is the simplest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.expressions import (
    PERIODS,
    FactsRef,
    FieldRef,
    ago,
    facts,
    field,
    from_now,
    in_segment,
    start_of,
)
from crmcore.domain.fact_terms import term_field
from crmcore.domain.fields import Field, FieldType
from crmcore.domain.kinds import MEASURABLE
from crmcore.domain.measures import Fold, Measure
from crmcore.domain.names import folded_text, searched_words
from crmcore.domain.predicates import And, FactTerm, Or, Predicate
from crmcore.domain.relative import Period, Relative, Zone

__all__ = ["Choices", "Language"]

T = TypeVar("T")
Ask = Callable[["Choices", FieldRef, Field], Predicate]

ZONES = (*(Zone.MODEL,) * 9, Zone.CUSTOMER)
"""A question in the customers' zones becomes some forty, so there are fewer of them."""
SHIFTS: Mapping[str, tuple[int, ...]] = {
    "days": (1, 0, 2, 7, 30, 90), "hours": (1, 0, 24, 36), "weeks": (1, 2), "months": (1, 3, 6, 12),
    "years": (1, 2),
}  # fmt: skip
FOLDS = ("count", "count", "sum", "min", "max", "latest")
OPERATIONS = ("==", "!=", "<", "<=", ">", ">=")


class Choices(Protocol):
    """Who makes the choices."""

    def pick(self, options: Sequence[T]) -> T:
        """One of them."""
        ...

    def whole(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`."""
        ...

    def value(self, known: Field) -> Any:
        """Something of its type to compare a field with."""
        ...

    def part(self, make: Callable[[Choices], Predicate]) -> Predicate:
        """A predicate within a predicate."""
        ...


@attrs.frozen
class Language:
    """What can be asked of these fields; with `facts` of the customer's facts as well, and unless
    `absolute` of what is relative to the instant of asking.
    """

    fields: Mapping[str, Field]
    facts: bool = False
    absolute: bool = False
    segments: tuple[str, ...] = ()
    """Names of segments that are asked about, of profiles."""

    def predicate(self, choose: Choices, depth: int = 3) -> Predicate:
        """A predicate of at most so many levels."""
        shape = choose.pick(("leaf", "leaf", "leaf", "not", "and", "or")) if depth else "leaf"
        if shape == "leaf":
            return self._leaf(choose)

        def one() -> Predicate:
            return choose.part(lambda within: self.predicate(within, depth - 1))

        if shape == "not":
            return ~one()
        parts = tuple(one() for _ in range(choose.pick((1, 2, 2, 2, 3, 0))))
        return And(parts) if shape == "and" else Or(parts)

    def _leaf(self, choose: Choices) -> Predicate:
        if self.segments and choose.whole(0, 7) == 7:
            return in_segment(choose.pick(self.segments))
        if self.facts and choose.pick((False, False, True)):
            return self._about_facts(choose)
        known = choose.pick(tuple(self.fields.values()))
        if choose.pick((False, True)):  # or most are texts and instants, and hardly one a date
            types = tuple(dict.fromkeys(f.type for f in self.fields.values()))
            type = choose.pick(types)
            known = choose.pick([f for f in self.fields.values() if f.type is type])
        ref = field(known.name)
        asked: list[Ask] = [self._presence]
        match known.type:
            case FieldType.TEXT_SET:
                asked += [self._has, self._has]
            case FieldType.NESTED:
                pass
            case _:
                asked += [self._compared, self._compared, self._among]
        if known.type is FieldType.TEXT:
            asked += [self._searched] * (2 * known.folds + known.in_words)
        if known.type is FieldType.DATE:
            asked += [self._on_days] * 3
        if known.type in (FieldType.DATE, FieldType.INSTANT) and not self.absolute:
            asked += [self._moved, self._moved]
        return choose.pick(asked)(choose, ref, known)

    def _presence(self, choose: Choices, ref: FieldRef, _: Field) -> Predicate:
        return ref.is_present() if choose.pick((True, False)) else ref.is_absent()

    def _has(self, choose: Choices, ref: FieldRef, known: Field) -> Predicate:
        some = [choose.value(known) for _ in range(choose.whole(0, 2))]
        if len(some) == 1:
            return ref.has(*some)
        return ref.has_any(*some) if choose.pick((True, False)) else ref.has_all(*some)

    def _compared(self, choose: Choices, ref: FieldRef, known: Field) -> Predicate:
        peers = [f.name for f in self.fields.values() if f.type is known.type and f != known]
        if isinstance(ref.name, str) and peers and choose.pick((False, False, False, True)):
            return self._with(choose, ref, known, field(choose.pick(peers)))
        return self._with(choose, ref, known, choose.value(known))

    def _with(self, choose: Choices, ref: FieldRef, known: Field, right: Any) -> Predicate:
        op = choose.pick(OPERATIONS[:2] if known.type is FieldType.BOOLEAN else OPERATIONS)
        compare: dict[str, Callable[[Any], Predicate]] = {
            "==": ref.__eq__, "!=": ref.__ne__, "<": ref.__lt__, "<=": ref.__le__,
            ">": ref.__gt__, ">=": ref.__ge__,
        }  # fmt: skip
        return compare[op](right)

    def _among(self, choose: Choices, ref: FieldRef, known: Field) -> Predicate:
        return ref.is_in(*(choose.value(known) for _ in range(choose.whole(0, 3))))

    def _searched(self, choose: Choices, ref: FieldRef, known: Field) -> Predicate:
        """A piece of a value, in capitals or not."""
        whole = choose.value(known)
        first = choose.whole(0, 2)
        piece: str = whole[first : first + choose.whole(1, 3)]
        piece = choose.pick((piece, piece.upper(), piece.title()))
        if known.in_words and choose.pick((False, False, True)):
            return ref.has_word(piece if _has_words(piece) else "a")
        piece = piece if folded_text(piece).strip() else "a"
        return ref.contains(piece) if choose.pick((True, False)) else ref.starts_with(piece)

    def _on_days(self, choose: Choices, ref: FieldRef, known: Field) -> Predicate:
        if self.absolute or choose.pick((True, False)):
            days = [choose.value(known) for _ in range(choose.whole(0, 2))]
            return ref.falls_on(*(f"{day.month:02}-{day.day:02}" for day in days))
        after = choose.pick((0, -1, 1, 7, -30))
        within = after + choose.pick((0, 1, 7, 60, 366))
        return ref.has_birthday(within=max(after, within), after=after, zone=choose.pick(ZONES))

    def _moved(self, choose: Choices, ref: FieldRef, known: Field) -> Predicate:
        if choose.pick((True, False)):
            return ref.during(choose.pick(tuple(PERIODS)), zone=choose.pick(ZONES))
        return self._with(choose, ref, known, _moment(choose, known.type is FieldType.DATE))

    def _about_facts(self, choose: Choices) -> Predicate:
        term = self._term(choose)
        ref, known = FieldRef(term), term_field(term)
        asked: list[Ask] = [self._compared] * 3
        asked += [self._among, self._presence]
        if known.type is FieldType.INSTANT:
            asked += [self._moved]
        return choose.pick(asked)(choose, ref, known)

    def _term(self, choose: Choices) -> FactTerm:
        of = choose.pick(tuple(MEASURABLE))
        asked = self._window(choose, facts(of))
        if choose.pick((False, True)):
            about = Language(MEASURABLE[of].comparable, absolute=self.absolute)
            asked = asked.where(choose.part(lambda within: about.predicate(within, 1)))
        fold = choose.pick(FOLDS)
        taken = _taken(of, fold)
        if fold == "count" or not taken:
            term = asked.count().name
        else:
            term = FactTerm(
                of, fold, choose.pick(taken), asked.condition, asked.since, asked.until
            )  # fmt: skip
        assert isinstance(term, FactTerm)
        return term

    def _window(self, choose: Choices, asked: FactsRef) -> FactsRef:
        def bound() -> Any:
            at = MEASURABLE[asked.of].comparable["at"]
            kinds = ("none", "at") if self.absolute else ("moved", "none", "at")
            match choose.pick(kinds):
                case "none":
                    return None
                case "at":
                    return choose.value(at)
            return _moment(choose, False)

        match choose.pick(("whole", "within", "between")):
            case "within" if not self.absolute:
                return asked.between(_moment(choose, False), Relative())
            case "between":
                return asked.between(bound(), bound())
        return asked


def _moment(choose: Choices, is_day: bool) -> Relative:
    """What is relative to the instant of asking, of any unit or period."""
    zone = choose.pick(ZONES)
    if choose.pick((False, True)):
        return start_of(choose.pick(tuple(Period)), shift=choose.pick((0, -1, 1)), zone=zone)
    unit = choose.pick([unit for unit in SHIFTS if not (is_day and unit == "hours")])
    count = choose.pick(SHIFTS[unit])
    towards: Any = choose.pick((ago, from_now))
    moved: Relative = towards(**{unit: count}, zone=zone)
    return moved


def _taken(of: str, fold: str) -> tuple[str, ...]:
    """The fields that a kind of fact can be folded by so."""
    if (of, fold) not in _TAKEN:
        found = []
        for name in MEASURABLE[of].comparable:
            try:
                Measure("any", of, Fold(fold), name)
            except InvalidInput:
                continue
            found.append(name)
        _TAKEN[of, fold] = tuple(found)
    return _TAKEN[of, fold]


_TAKEN: dict[tuple[str, str], tuple[str, ...]] = {}


def _has_words(piece: str) -> bool:
    try:
        return bool(searched_words(piece))
    except InvalidInput:
        return False
