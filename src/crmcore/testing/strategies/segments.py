"""Strategies for segments, dynamic and static."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from crmcore.domain.ids import SegmentId
from crmcore.domain.model import Model
from crmcore.domain.predicates import Predicate
from crmcore.domain.segment import Segment
from crmcore.testing.strategies.predicates import predicates
from crmcore.testing.strategies.values import either, ids, instants, symbols, texts

__all__ = ["segments"]


@st.composite
def segments(
    draw: st.DrawFn,
    *,
    model: Model | None = None,
    names: SearchStrategy[str] | None = None,
    asked: SearchStrategy[Predicate | None] | None = None,
) -> Segment:
    """New segments, with predicates over the profiles of the `model`."""
    at = draw(instants())
    return Segment(
        name=draw(either(names, symbols())),
        at=at,
        predicate=draw(either(asked, st.none() | predicates(model))),
        owner=draw(st.none() | texts(max_size=10)),
        description=draw(st.none() | texts(max_size=20)),
        id=SegmentId(draw(ids(st.just(at)))),
    )
