"""Mistakes that others made, planted in what the library is asked: each must be found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import attrs

from crmcore.domain.predicates import (
    And,
    Birthday,
    Comparison,
    FactTerm,
    Has,
    Not,
    OnDays,
    OneOf,
    Or,
    OtherField,
    Predicate,
    Present,
)
from crmcore.domain.relative import Period, Relative, Zone
from tests.segments.comparing import Plant

__all__ = ["PLANTED"]

Change = Callable[[Predicate], Predicate]


def _everywhere(change: Change) -> Plant:
    """The change made at every node, those below first; conditions on facts are nodes too."""

    def walk(node: Predicate) -> Predicate:
        match node:
            case And(parts):
                return change(And(tuple(map(walk, parts))))
            case Or(parts):
                return change(Or(tuple(map(walk, parts))))
            case Not(part):
                return change(Not(walk(part)))
            case Comparison(name) | OneOf(name) | Present(name) if isinstance(name, FactTerm):
                if name.where is not None:
                    node = attrs.evolve(node, name=attrs.evolve(name, where=walk(name.where)))
        return change(node)

    return walk


def null_is_false_under_negation(node: Predicate) -> Predicate:
    """As SQL has it: `NOT (x < 1)` leaves out who has no x."""
    match node:
        case Not(Comparison(name) | OneOf(name)):
            return And((Present(name), node))
    return node


def every_zone_is_the_models(node: Predicate) -> Predicate:
    """Customers' zones passed over."""

    def models(value: object) -> object:
        return attrs.evolve(value, zone=Zone.MODEL) if isinstance(value, Relative) else value

    match node:
        case Birthday():
            return attrs.evolve(node, zone=Zone.MODEL)
        case Comparison(name, op, value):
            return Comparison(_windows(name, models), op, models(value))  # type: ignore[arg-type]
        case OneOf(name) | Present(name):
            return attrs.evolve(node, name=_windows(name, models))  # type: ignore[arg-type]
    return node


def _windows(term: object, change: Callable[[object], object]) -> object:
    if not isinstance(term, FactTerm):
        return term
    return attrs.evolve(term, since=change(term.since), until=change(term.until))  # type: ignore[arg-type]


def windows_include_their_end(node: Predicate) -> Predicate:
    """`until` one millisecond later, so that what is at it counts."""
    match node:
        case Comparison(name) | OneOf(name) | Present(name) if isinstance(name, FactTerm):
            if isinstance(name.until, datetime):
                later = name.until + timedelta(milliseconds=1)
                return attrs.evolve(node, name=attrs.evolve(name, until=later))
    return node


def all_is_any(node: Predicate) -> Predicate:
    """`has_all` answered as `has_any`."""
    match node:
        case And(parts) if len(parts) > 1 and all(isinstance(part, Has) for part in parts):
            return Or(parts)
    return node


def weeks_begin_on_sunday(node: Predicate) -> Predicate:
    """Where `start_of("week")` is, as many calendars have it."""
    match node:
        case Comparison(name, op, Relative(unit=unit, period=Period.WEEK, zone=zone) as value):
            earlier = 7 * value.shift - 1 if unit == "weeks" else value.shift - 1
            return Comparison(name, op, Relative(earlier, "days", Period.WEEK, zone))
    return node


def leap_days_are_skipped(node: Predicate) -> Predicate:
    """Who was born on 29 February has no birthday in a common year."""
    match node:
        case Birthday(name):
            return And((node, ~OnDays(name, ("02-29",))))
    return node


def absent_equals_absent(node: Predicate) -> Predicate:
    """Two fields without a value taken for equal."""
    match node:
        case Comparison(name, "==", OtherField(other)):
            return Or((node, And((~Present(name), ~Present(other)))))
    return node


PLANTED: Mapping[str, Plant] = {
    change.__name__: _everywhere(change)
    for change in (
        null_is_false_under_negation, every_zone_is_the_models, windows_include_their_end,
        all_is_any, weeks_begin_on_sunday, leap_days_are_skipped, absent_equals_absent,
    )
}  # fmt: skip
