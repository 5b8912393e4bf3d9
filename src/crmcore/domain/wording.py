"""Predicates in words: what they ask, in plain English, for who did not write them.

    revenue is at least 500.00 EUR, and the last purchase was more than 90 days ago,
    and tags include vip

A part that joins others stands in parentheses, and different questions read differently, but for
how parts that all hold, or any of which holds, are grouped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import attrs

from crmcore.domain.bounds import check_size
from crmcore.domain.errors import InvalidInput
from crmcore.domain.fields import Field, FieldType
from crmcore.domain.html import MASKED
from crmcore.domain.kinds import MEASURABLE
from crmcore.domain.predicates import (
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
)
from crmcore.domain.relative import Relative, Zone
from crmcore.domain.spelling import during, last_of, spelt, text_words
from crmcore.domain.text import NAME

if TYPE_CHECKING:
    from crmcore.domain.model import Model

__all__ = ["Wording", "in_words"]

SIZES = {"==": "", "<": "less than ", "<=": "at most ", ">": "more than ", ">=": "at least "}
TIMES = {"==": "{}", "<": "before {}", "<=": "{} or earlier", ">": "after {}", ">=": "{} or later"}
FOLDS = {"sum": "the sum of", "min": "the least", "max": "the greatest", "latest": "the latest"}
EVERYBODY, NOBODY = "everybody", "nobody"


def in_words(predicate: Predicate, model: Model | None = None, *, personal: bool = False) -> str:
    """What the predicate asks, in plain English.

    What personal fields are compared with is told only when asked for. Which they are is the
    `model`'s to say; without one, every field that the library does not have itself is taken for
    personal. Instants are told in the model's zone, without one in UTC.

    ```python
    >>> from crmcore import Money, ago, field, in_words
    >>> print(in_words(field("last_purchase_at") < ago(days=90)))
    the last purchase was more than 90 days ago
    >>> print(in_words((field("revenue") >= Money("500", "EUR")) & ~field("tags").has("vip")))
    revenue is at least 500.00 EUR, and tags do not include vip

    ```
    """
    check_size(predicate)
    return Wording.of(model, personal=personal).said(predicate)


@lru_cache(maxsize=1)
def _default() -> Model:
    from crmcore.domain.model import Model

    return Model()


@attrs.frozen
class Wording:
    """How predicates over these fields are told."""

    fields: Mapping[str, Field]
    zone: str
    personal: bool
    own: str = "their"
    """Whose other field a value is."""

    @classmethod
    def of(cls, model: Model | None, *, personal: bool) -> Wording:
        """Over the profiles of a model."""
        model = _default() if model is None else model
        return cls(model.profile_fields, model.zone, personal)

    def said(self, node: Predicate) -> str:
        """A predicate, within the limits."""
        match _grouped(node):
            case And(parts):
                return ", and ".join(self._joined(parts)) or EVERYBODY
            case Or(parts):
                return ", or ".join(map(self._within, parts)) or NOBODY
            case Not(part):
                inner = _grouped(part)
                compound = isinstance(inner, And | Or | Not)
                return f"not ({self.said(inner)})" if compound else self._leaf(inner, no=True)
            case leaf:
                return self._leaf(leaf, no=False)

    def _joined(self, parts: Sequence[Predicate]) -> list[str]:
        """The parts of an "and"; two that bound one term by a period are told as one."""
        found, place = list[str](), 0
        while place < len(parts):
            period = during(parts[place : place + 2])
            part = parts[place]
            if period is not None and isinstance(part, Comparison):
                found.append(f"{self._subject(part.name)} {self._verb(part.name)} {period}")
            else:
                found.append(self._within(part))
            place += 1 if period is None else 2
        return found

    def _within(self, part: Predicate) -> str:
        inner = _grouped(part)
        text = self.said(inner)
        return f"({text})" if isinstance(inner, And | Or) and inner.parts else text

    def _leaf(self, node: Predicate, *, no: bool) -> str:
        match node:
            case Comparison(name, op, value):
                told = self._compared(op, value, name)
                return f"{self._subject(name)} {self._verb(name)}{_not(no)} {told}"
            case OneOf(name, values):
                told = ", ".join(self._value(name, value) for value in values) or "nothing"
                verb = f"{self._verb(name)} {'none' if no else 'one'}"
                return f"{self._subject(name)} {verb} of {told}"
            case Present(name):
                verb = "are" if self._is_many(name) else "is"
                return f"{self._subject(name)} {verb}{_not(no)} known"
            case Has(name, value):
                told = self._value(name, value)
                return f"{self._subject(name)} {'do not include' if no else 'include'} {told}"
            case HasWord(name, text):
                told = f"begins with {self._value(name, text)}"
                return f"{'no' if no else 'a'} word of {self._subject(name)} {told}"
            case Contains(name, text):
                told = self._value(name, text)
                return f"{self._subject(name)} {'does not contain' if no else 'contains'} {told}"
            case StartsWith(name, text):
                told = self._value(name, text)
                verb = "does not start with" if no else "starts with"
                return f"{self._subject(name)} {verb} {told}"
            case OnDays(name, days):
                told = self._masked(name, lambda: ", ".join(map(_day, days)) or "nothing")
                return f"{self._subject(name)} falls on {'none' if no else 'one'} of {told}"
            case Birthday(name):
                told = self._masked(name, lambda: _around(node))
                return f"the birthday of {self._subject(name)} is{_not(no)} {told}"
            case InSegment(segment):
                return f"is{_not(no)} in segment {_named(segment)}"
        raise InvalidInput.of("", f"{type(node).__name__} is no predicate")

    def _compared(self, op: str, value: Any, name: Term) -> str:
        if isinstance(value, OtherField):
            told = f"{self.own} {_spaced(value.name)}"
        else:
            told = self._value(name, value)
        if self._is_time(name, value):
            if op == "<" and isinstance(value, Relative) and told.endswith(" ago"):
                return f"more than {told}"
            return TIMES[op].format(told)
        if isinstance(value, str) and op != "==":
            return f"{'before' if op[0] == '<' else 'after'}{' or equal to' * (len(op) - 1)} {told}"
        return f"{SIZES[op]}{told}"

    def _is_time(self, name: Term, value: Any) -> bool:
        if isinstance(value, Relative | date):
            return True
        known = self.fields.get(name) if isinstance(name, str) else None
        other = isinstance(value, OtherField) and known is not None
        return other and known.type in (FieldType.INSTANT, FieldType.DATE)  # type: ignore[union-attr]

    def _subject(self, term: Term) -> str:
        if isinstance(term, FactTerm):
            return self._facts(term)
        text = _spaced(term)
        if term.endswith("_at") and term != "_at" and NAME.fullmatch(term):
            return f"the {text.removesuffix(' at')}"
        return text

    def _verb(self, term: Term) -> str:
        if not isinstance(term, str):
            return "is"
        past = term.endswith("_at") and not term.startswith("next_")
        return "was" if past else "is"

    def _is_many(self, term: Term) -> bool:
        known = self.fields.get(term) if isinstance(term, str) else None
        return known is not None and known.type is FieldType.TEXT_SET

    def _facts(self, term: FactTerm) -> str:
        if term.fold == "count" and term.value is None:
            folded = f"the number of {_named(term.of)}"
        else:
            how = FOLDS.get(term.fold, f"the {_named(term.fold)} of")
            what = "" if term.value is None else f" {_spaced(term.value)}"
            folded = f"{how}{what} of {_named(term.of)}"
        if term.where is not None:
            kind = MEASURABLE.get(term.of)
            fields = {} if kind is None else kind.comparable
            within = attrs.evolve(self, fields=fields, own="its")
            folded += f" where ({within.said(term.where)})"
        bounds = [
            f"{word} {spelt(bound, zone=self.zone)}"
            for word, bound in (("since", term.since), ("until", term.until))
            if bound is not None
        ]
        return " ".join([folded, *([last] if (last := last_of(term)) else bounds)])

    def _value(self, term: Term, value: Any) -> str:
        return self._masked(term, lambda: spelt(value, zone=self.zone))

    def _masked(self, term: Term, told: Callable[[], str]) -> str:
        return told() if self.personal or not self.is_personal(term) else MASKED

    def is_personal(self, term: Term) -> bool:
        """May what it is compared with be personal? Of a field that is not known, it may."""
        if isinstance(term, FactTerm):
            kind = MEASURABLE.get(term.of)
            known = None if kind is None else kind.comparable.get(term.value or "")
            return term.value is not None and (known is None or known.personal)
        return term not in self.fields or self.fields[term].personal


def _grouped(node: Predicate) -> Predicate:
    """Without groups within groups of their own kind, and of one part."""
    if not isinstance(node, And | Or):
        return node
    parts: list[Predicate] = []
    for part in map(_grouped, node.parts):
        parts += part.parts if isinstance(part, type(node)) else (part,)
    return parts[0] if len(parts) == 1 else type(node)(tuple(parts))


def _around(node: Predicate) -> str:
    """When a birthday is, from the day of asking."""
    if not isinstance(node, Birthday):
        return ""
    own = " in the customer's zone" if node.zone is Zone.CUSTOMER else ""
    if node.first == node.last == 0:
        return f"today{own}"
    if node.first == 0:
        return f"today or in the next {node.last:,} day{'' if node.last == 1 else 's'}{own}"
    return f"from {node.first:,} to {node.last:,} days from today{own}"


def _day(day: str) -> str:
    return day if re.fullmatch(r"[0-9]{2}-[0-9]{2}", day) else text_words(day)


def _named(text: object) -> str:
    return text if isinstance(text, str) and NAME.fullmatch(text) else text_words(str(text))


def _spaced(name: object) -> str:
    return _named(name).replace("_", " ") if NAME.fullmatch(str(name)) else _named(name)


def _not(no: bool) -> str:
    return " not" if no else ""
