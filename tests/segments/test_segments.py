"""A small draw of what `python -m tests.segments --pairs 100000` does at length, and its controls:
each planted mistake, all of them real ones of other systems, is found.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from random import Random

import pytest

from crmcore.adapters.columns.predicates import Question
from crmcore.adapters.memory import MemoryBackend, MemoryStore
from crmcore.domain.expressions import in_segment
from crmcore.testing.contract.draws import MODEL
from tests.segments.__main__ import main
from tests.segments.comparing import Tally, compare
from tests.segments.engines import engines
from tests.segments.people import Population, population
from tests.segments.planted import PLANTED
from tests.segments.populations import SEGMENTS
from tests.segments.questions import questions, shown

FEW = 40
DRAWN = 10_000


@pytest.fixture(scope="module")
def people() -> Iterator[Population]:
    backend = MemoryBackend(MemoryStore(), model=MODEL)
    backend.migrate()
    with population(backend, Random(3), FEW) as found:
        yield found


@pytest.mark.parametrize("engine", ["memory", "sqlite", "polars"])
def test_one_predicate_has_one_answer(engine: str):
    """O5, O6: the engine's, the definition's and the oracle's; and the laws of logic hold."""
    tally = Tally()
    with engines(engine) as (make, library):
        backend = make("a")
        backend.migrate()
        with population(backend, Random(2024), FEW, library) as found:
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


@pytest.fixture(scope="module")
def framed() -> Iterator[Population]:
    with engines("polars") as (make, library):
        backend = make("a")
        backend.migrate()
        with population(backend, Random(3), FEW, library) as found:
            yield found


@pytest.mark.parametrize("mistake", PLANTED)
def test_a_planted_mistake_is_found_in_frames(mistake: str, framed: Population):
    """When many predicates are asked in one pass, as when each is asked by itself."""
    plant = PLANTED[mistake]
    asked = islice(questions(Random(5), framed.instants), DRAWN)
    touched = (p for p in asked if plant(p) != p)
    wrong = (p for p in touched if framed.by_python(plant(p)) != framed.by_oracle(p))
    p = next(wrong)

    assert framed.engine.each([p, plant(p)]) == [framed.by_oracle(p), framed.by_python(plant(p))]


def test_two_values_are_not_three(framed: Population, monkeypatch: pytest.MonkeyPatch):
    """The mistake of a frame's engine: unknown stays unknown under `~`."""
    asked = list(islice(questions(Random(5), framed.instants), 60))
    expected = [framed.by_oracle(~p) for p in asked]
    assert framed.engine.each([~p for p in asked]) == expected

    monkeypatch.setattr(Question, "known", Question.answer)

    assert [framed.engine.alone(~p) for p in asked] != expected


def test_segments_are_asked_about_and_some_are_in_them(people: Population):
    """By hand and by a predicate; each divides the population."""
    for name in SEGMENTS:
        inside = people.by_oracle(in_segment(name))

        assert frozenset() < inside < people.everybody
        assert people.by_python(in_segment(name)) == people.engine.alone(in_segment(name)) == inside


def test_an_engine_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("tests.segments.engines.find_spec", lambda name: None)
    monkeypatch.setattr("sys.argv", ["segments", "--engine", "spark"])

    with pytest.raises(SystemExit):
        main()

    assert "spark is not installed" in capsys.readouterr().err


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
