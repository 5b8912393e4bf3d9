"""Strategies for predicates: questions to profiles, of which some hold and some do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from crmcore.domain.expressions import field
from crmcore.domain.fields import Field, FieldType
from crmcore.domain.model import Model
from crmcore.domain.names import name_words
from crmcore.domain.predicates import And, Or, Predicate
from crmcore.testing.strategies.aggregates import tags
from crmcore.testing.strategies.values import scalars

__all__ = ["predicates"]


def predicates(
    model: Model | None = None,
    *,
    fields: Mapping[str, Field] | None = None,
    values: Mapping[str, SearchStrategy[Any]] | None = None,
) -> SearchStrategy[Predicate]:
    """Predicates over the `fields`, all of the model's profile unless given.

    `values` says for a field what to compare it with; without it, anything of its type. They
    shrink towards one comparison.
    """
    model = model or Model()
    known = list((fields or model.profile_fields).values())
    leaf = st.sampled_from(known).flatmap(
        lambda one: _about(one, known, (values or {}).get(one.name), model.currency)
    )
    return st.recursive(leaf, _joined, max_leaves=5)


def _joined(parts: SearchStrategy[Predicate]) -> SearchStrategy[Predicate]:
    several = st.lists(parts, max_size=3).map(tuple)
    return st.one_of(parts.map(lambda part: ~part), several.map(And), several.map(Or))


def _about(
    one: Field, known: list[Field], own: SearchStrategy[Any] | None, currency: str
) -> SearchStrategy[Predicate]:
    ref = field(one.name)
    presence = st.sampled_from([ref.is_present(), ref.is_absent()])
    if one.type is FieldType.TEXT_SET:
        return presence | st.builds(ref.has, tags() if own is None else own)
    value = scalars(one.type, currency=currency) if own is None else own
    peers = [peer.name for peer in known if peer.type is one.type and peer.name != one.name]
    other = value if not peers else value | st.sampled_from(peers).map(field)
    asked: list[SearchStrategy[Predicate]] = [
        st.builds(lambda right: ref == right, other),
        st.builds(lambda right: ref != right, other),
        st.builds(lambda many: ref.is_in(*many), st.lists(value, max_size=3)),
        presence,
    ]
    if one.in_words:
        begun = st.builds(lambda text, end: text[:end], value, st.integers(1, 3))
        asked.append(begun.filter(lambda text: bool(name_words(text))).map(ref.has_word))
    if one.type is not FieldType.BOOLEAN:
        asked += [
            st.builds(lambda right: ref < right, other),
            st.builds(lambda right: ref <= right, other),
            st.builds(lambda right: ref > right, other),
            st.builds(lambda right: ref >= right, other),
        ]
    return st.one_of(asked)
