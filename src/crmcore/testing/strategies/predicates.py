"""Strategies for predicates: questions to profiles, of which some hold and some do not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from crmcore.domain.fields import Field, FieldType
from crmcore.domain.model import Model
from crmcore.domain.predicates import Predicate
from crmcore.testing.strategies.aggregates import tags
from crmcore.testing.strategies.language import Choices, Language
from crmcore.testing.strategies.values import scalars, texts

__all__ = ["predicates"]

T = TypeVar("T")
Values = Mapping[str, SearchStrategy[Any]]


def predicates(
    model: Model | None = None,
    *,
    fields: Mapping[str, Field] | None = None,
    values: Mapping[str, SearchStrategy[Any]] | None = None,
    absolute: bool = False,
) -> SearchStrategy[Predicate]:
    """Predicates over profiles and their facts in the whole language; only over the `fields`, and
    never over facts, where some are given.

    `values` says for a field, of a profile or a fact, what to compare it with; without it,
    anything of its type. With `absolute` they ask nothing that depends on when it is asked, and
    nothing of facts, as in the condition of a `Measure`. They shrink towards one comparison.
    """
    model = model or Model()
    whole = fields is None and not absolute
    language = Language(fields or model.profile_fields, facts=whole, absolute=absolute)
    return _predicates(language.predicate, values or {}, model.currency)


@attrs.frozen
class _Drawn:
    """The choices are hypothesis's."""

    draw: st.DrawFn
    values: Values
    currency: str

    def pick(self, options: Sequence[T]) -> T:
        return options[self.draw(_upto(0, len(options) - 1))]

    def whole(self, low: int, high: int) -> int:
        return self.draw(_upto(low, high))

    def value(self, known: Field) -> Any:
        own = self.values.get(known.name.rpartition(".")[2])
        return self.draw(_anything(known, self.currency) if own is None else own)

    def part(self, make: Callable[[Choices], Predicate]) -> Predicate:
        return self.draw(_predicates(make, self.values, self.currency))


@st.composite
def _predicates(
    draw: st.DrawFn, make: Callable[[Choices], Predicate], values: Values, currency: str
) -> Predicate:
    return make(_Drawn(draw, values, currency))


@lru_cache(maxsize=1024)
def _upto(low: int, high: int) -> SearchStrategy[int]:
    return st.integers(low, high)


@lru_cache(maxsize=1024)
def _anything(known: Field, currency: str) -> SearchStrategy[Any]:
    if known.type is FieldType.TEXT_SET:
        return tags() if known.limit is None else texts(max_size=10)
    if known.type is FieldType.ID:
        return st.uuids()
    return scalars(known.type, currency=currency)
