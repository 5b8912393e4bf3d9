"""A small draw of what `python -m tests.segments --pairs 100000` does at length, and its controls:
each planted mistake, all of them real ones of other systems, is found.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from random import Random

import pytest

from crmcore.adapters.memory import MemoryBackend, MemoryStore
from crmcore.testing.contract.draws import MODEL
from tests.hostile.stores import opened
from tests.segments.comparing import Tally, compare
from tests.segments.people import Population, population
from tests.segments.planted import PLANTED
from tests.segments.questions import questions, shown

FEW = 40
DRAWN = 10_000


@pytest.fixture(scope="module")
def people() -> Iterator[Population]:
    backend = MemoryBackend(MemoryStore(), model=MODEL)
    backend.migrate()
    with population(backend, Random(3), FEW) as found:
        yield found


@pytest.mark.parametrize("engine", ["memory", "sqlite"])
def test_one_predicate_has_one_answer(engine: str):
    """O5, O6: the engine's, the definition's and the oracle's; and the laws of logic hold."""
    tally = Tally()
    with opened(engine, MODEL) as make:
        backend = make("a")
        backend.migrate()
        with population(backend, Random(2024), FEW) as found:
            compare(found, Random(7), 60, tally)

    assert tally.findings == []
    assert (tally.pairs, tally.laws > 40) == (60, True)
    assert tally.nobody + tally.everybody < 0.75 * tally.pairs


@pytest.mark.parametrize("mistake", PLANTED)
def test_a_planted_mistake_is_found(mistake: str, people: Population):
    """Of the predicates that it touches, some select other people than they should."""
    plant = PLANTED[mistake]
    asked = islice(questions(Random(5), people.instants), DRAWN)
    touched = (p for p in asked if plant(p) != p)

    assert any(people.by_python(plant(p)) != people.by_oracle(p) for p in touched)


def test_a_finding_is_told_with_its_smallest_part(people: Population):
    """With the values that no `repr` shows, so that it can be asked again."""
    tally = Tally()
    compare(people, Random(1), 60, tally, plant=PLANTED["null_is_false_under_negation"])

    assert tally.findings
    assert all("too few" in told or "law" in told for told in tally.findings)
    assert any(told.count("(") < 6 for told in tally.findings)


def test_a_seed_draws_the_same_again(people: Population):
    drawn = [
        [shown(p) for p in islice(questions(Random(seed), people.instants), 50)]
        for seed in (1, 1, 2)
    ]

    assert drawn[0] == drawn[1] != drawn[2]
