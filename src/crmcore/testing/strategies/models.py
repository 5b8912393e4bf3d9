"""Strategy for models: what a host may configure, in small."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from crmcore.domain.attributes import AttributeType
from crmcore.domain.measures import Fold, Measure
from crmcore.domain.model import Model
from crmcore.testing.strategies.loyalty import programmes
from crmcore.testing.strategies.values import ATTRIBUTES, either

__all__ = ["models"]


@st.composite
def models(draw: st.DrawFn, *, currencies: SearchStrategy[str] | None = None) -> Model:
    """Small models: an attribute of some types, a measure or two, perhaps a programme."""
    types = draw(st.lists(st.sampled_from(ATTRIBUTES), max_size=3, unique=True))
    measures = (
        Measure("calls", "interactions", Fold.COUNT),
        Measure("largest_order", "purchases", Fold.MAX, "amount", indexed=True),
        Measure("last_topic", "interactions", Fold.LATEST, "topic"),
    )
    kept = draw(st.lists(st.sampled_from(measures), max_size=2, unique_by=lambda m: m.name))
    currency = draw(either(currencies, st.sampled_from(["EUR", "JPY", "KWD"])))
    club = programmes(names=st.just("club"), currencies=st.just(currency))
    return Model(
        attributes=tuple(AttributeType(f"a_{name}", name) for name in types),
        measures=tuple(kept),
        programmes=tuple(draw(st.lists(club, max_size=1))),
        currency=currency,
    )
