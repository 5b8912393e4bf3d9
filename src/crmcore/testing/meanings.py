"""What a predicate means, worked out again on plain rows and plain facts.

It imports nothing of crmcore but its own calendar beside it, which imports nothing, so that it
cannot share a mistake. A predicate is read by its shape, and none of its code runs; it need not
be checked or resolved before. A row is a mapping by field, a fact by its fields; money is minor
units, and what is absent is `None`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from crmcore.testing.local_days import anniversary, day_meant, moment_meant, today, zone_of

__all__ = ["Meaning", "folded", "holds", "meaning"]

Row = Mapping[str, Any]
Facts = Mapping[str, Sequence[Row]]
"""By kind, purchases among them, what one customer has."""

Meaning = Callable[[Row, Facts, str], bool]
"""Does it hold for this row, with these facts, of somebody in that zone?"""

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}

LETTERS = str.maketrans({
    **dict.fromkeys("áàâäãåÁÀÂÄÃÅ", "a"), **dict.fromkeys("éèêëÉÈÊË", "e"),
    **dict.fromkeys("íìîïÍÌÎÏİı", "i"), **dict.fromkeys("óòôöõøÓÒÔÖÕØ", "o"),
    **dict.fromkeys("úùûüÚÙÛÜ", "u"), **dict.fromkeys("ñÑ", "n"), **dict.fromkeys("çÇ", "c"),
    **dict.fromkeys("łŁ", "l"), "ß": "ss", "ẞ": "ss", "æ": "ae", "Æ": "ae", "œ": "oe", "Œ": "oe",
    "ﬁ": "fi", "ς": "σ", "Σ": "σ", "Ж": "ж", "\u0301": "", "\u00ad": "", "\u00a0": " ",
})  # fmt: skip
"""The letters that the tests write with."""


def folded(text: str) -> str:
    """A text as it is compared whatever the case and accents, for the letters of the tests."""
    return text.translate(LETTERS).lower()


def holds(
    question: Any,
    row: Row,
    facts: Facts | None = None,
    *,
    at: datetime = LONG_AGO,
    zone: str = "UTC",
    definition: Callable[[str], Any] | None = None,
) -> bool:
    """Does a predicate hold for this row and these facts, asked at an instant under a model of
    that zone? `definition` answers the predicate of a segment by its name.
    """
    own = zone_of(row.get("zone"), zone)
    return meaning(question, at=at, zone=zone, definition=definition)(row, facts or {}, own)


def meaning(
    question: Any, *, at: datetime, zone: str, definition: Callable[[str], Any] | None = None
) -> Meaning:
    """What a predicate means, to be asked of many rows; each with the zone of its customer."""
    return _Asked(at, zone, definition).walk(question)


class _Asked:
    """When, under which model, and with which segments something is asked."""

    def __init__(
        self, at: datetime, zone: str, definition: Callable[[str], Any] | None = None
    ) -> None:
        self.at = at
        self.zone = zone
        self.definition = definition

    def walk(self, node: Any) -> Meaning:
        """One node; those below it first."""
        match type(node).__name__:
            case "And":
                every = [self.walk(part) for part in node.parts]
                return lambda row, facts, own: all(one(row, facts, own) for one in every)
            case "Or":
                some = [self.walk(part) for part in node.parts]
                return lambda row, facts, own: any(one(row, facts, own) for one in some)
            case "Not":
                part = self.walk(node.part)
                return lambda row, facts, own: not part(row, facts, own)
            case "InSegment":
                assert self.definition is not None
                return self.walk(self.definition(node.segment))
        about, says = self.term(node.name), self.leaf(node)

        def answer(row: Row, facts: Facts, own: str) -> bool:
            value = about(row, facts, own)
            return value not in (None, ()) and says(value, row, own)

        return answer

    def term(self, term: Any) -> Callable[[Row, Facts, str], Any]:
        """What is asked about: a field of the row, or facts folded."""
        if isinstance(term, str):
            return lambda row, _, __: row[term]
        where = None if term.where is None else self.walk(term.where)

        def value(_: Row, facts: Facts, own: str) -> Any:
            since, until = self.moment(term.since, own), self.moment(term.until, own)
            kept = [
                fact
                for fact in facts.get(term.of, ())
                if (since is None or fact["at"] >= since)
                and (until is None or fact["at"] < until)
                and (where is None or where(fact, facts, own))
            ]
            return _fold(kept, term.fold, term.value)

        return value

    def leaf(self, node: Any) -> Callable[[Any, Row, str], bool]:
        """What is said of a value that is there."""
        match type(node).__name__:
            case "Present":
                return lambda value, row, own: True
            case "OneOf":
                values = [_plain(one) for one in node.values]
                return lambda value, row, own: any(value == one for one in values)
            case "Has":
                wanted = node.value
                if node.name == "tags":
                    wanted = " ".join(wanted.lower().split())
                return lambda value, row, own: wanted in value
            case "HasWord":
                begun = folded(node.beginning)
                return lambda value, row, own: any(w.startswith(begun) for w in _words(value))
            case "Contains":
                inside = folded(node.text)
                return lambda value, row, own: folded(value).find(inside) >= 0
            case "StartsWith":
                first = folded(node.text)
                return lambda value, row, own: folded(value)[: len(first)] == first
            case "OnDays":
                return lambda value, row, own: f"{value.month:02}-{value.day:02}" in node.days
            case "Birthday":
                return lambda value, row, own: self.has_birthday(node, value, own)
        compare, right = OPERATORS[node.op], node.value
        if type(right).__name__ == "OtherField":
            return lambda value, row, own: (
                row[right.name] is not None and compare(value, row[right.name])
            )
        if type(right).__name__ == "Relative":
            return lambda value, row, own: compare(value, self.alike(value, right, own))
        right = _plain(right)
        return lambda value, row, own: compare(value, right)

    def alike(self, value: date, relative: Any, own: str) -> date:
        """What `relative` stands for: an instant to compare instants with, else a day."""
        meant = moment_meant if isinstance(value, datetime) else day_meant
        return meant(relative, self.at, self.whose(relative, own))

    def moment(self, bound: Any, own: str) -> Any:
        """A bound of a window."""
        if type(bound).__name__ != "Relative":
            return bound
        return moment_meant(bound, self.at, self.whose(bound, own))

    def whose(self, asked: Any, own: str) -> str:
        """The zone whose days are meant."""
        return own if asked.zone.value == "customer" else self.zone

    def has_birthday(self, node: Any, born: date, own: str) -> bool:
        """Is a birthday of theirs among the days asked for?"""
        day = today(self.at, self.whose(node, own))
        first, last = day + timedelta(days=node.first), day + timedelta(days=node.last)
        had = (anniversary(born, year) for year in range(first.year, last.year + 1))
        return any(first <= one <= last for one in had)


def _fold(facts: Iterable[Row], fold: str, name: str | None) -> Any:
    if name is None:
        return sum(1 for _ in facts)
    known = [fact for fact in facts if fact[name] is not None]
    if fold == "latest":
        known.sort(key=lambda fact: (fact["at"], fact["recorded_at"], fact[name]))
        return known[-1][name] if known else None
    values = sorted(fact[name] for fact in known)
    if fold == "sum":
        return sum(values)
    return (values[0] if fold == "min" else values[-1]) if values else None


def _words(name: str) -> Iterable[str]:
    """The words of a name, and those of a run in one, for the letters of the tests."""
    for run in folded(name).split():
        parts = [part for part in re.split(r"[^\w]|_", run) if part]
        yield from (*parts, "".join(parts))


def _plain(value: Any) -> Any:
    return getattr(value, "minor", value)
