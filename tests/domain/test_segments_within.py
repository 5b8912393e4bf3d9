"""Segments within segments: however they are stacked, an answer or an error, and soon."""

from __future__ import annotations

import pytest

from crmcore import InvalidInput, Model, field, in_segment
from crmcore.domain.predicates import And, Predicate
from crmcore.testing.builders import AT

MANY = 3_000
MODEL = Model()


def resolved(name: str, definitions: dict[str, Predicate]) -> Predicate:
    return MODEL.resolved(in_segment(name), at=AT, definition=definitions.__getitem__)


def test_many_segments_one_within_the_other_are_refused():
    chain = {f"s{n}": in_segment(f"s{n - 1}") for n in range(1, MANY)} | {"s0": And(())}
    with pytest.raises(InvalidInput, match="more than 50 levels"):
        resolved(f"s{MANY - 1}", chain)
    assert resolved("s49", chain) == And(())


@pytest.mark.parametrize("least", [And(()), field("tags").has("vip")], ids=["nothing", "a tag"])
def test_segments_that_double_are_refused_before_they_are_written_out(least: Predicate):
    """Forty of them would be a million million terms."""
    twice = {f"s{n}": And((in_segment(f"s{n - 1}"), in_segment(f"s{n - 1}"))) for n in range(1, 41)}
    with pytest.raises(InvalidInput, match="more than 1,000 terms"):
        resolved("s40", twice | {"s0": least})


def test_a_segment_that_several_name_is_asked_for_once():
    asked: list[str] = []

    def definition(name: str) -> Predicate:
        asked.append(name)
        return field("tags").has("vip") if name == "vip" else in_segment("vip") & in_segment("vip")

    MODEL.resolved(in_segment("a") | in_segment("a"), at=AT, definition=definition)
    assert asked == ["a", "vip"]
