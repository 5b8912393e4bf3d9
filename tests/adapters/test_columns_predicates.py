"""A predicate asked of a data frame selects the customers that it selects in a backend."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any
from uuid import UUID

import narwhals.stable.v2 as nw
import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from crmcore import Backend, Predicate, field
from crmcore.adapters.columns import (
    FrameLibrary,
    count_each,
    fact_frame,
    matching,
    profile_frame,
    with_segments,
)
from crmcore.domain.predicates import Not
from crmcore.domain.resolving import inlined
from tests.adapters.frame_questions import (
    AT,
    KINDS,
    MODEL,
    NAMES,
    NOBODY,
    SEGMENTS,
    SOUGHT,
    asked,
    filled,
    populations,
)

LIBRARIES: tuple[FrameLibrary, ...] = ("polars", "pandas", "duckdb")
SEARCHED = ("name", "seat", "language", "email")
ASKED: dict[str, Any] = {"model": MODEL, "at": AT, "segments": SEGMENTS.__getitem__}
# A question is short as it is, and to shorten a population takes minutes.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
Frames = tuple[Any, Mapping[str, Any]]
Few = st.lists(asked(), min_size=6, max_size=6)


def frames(backend: Backend, library: FrameLibrary, **options: Any) -> Frames:
    told = {kind: fact_frame(backend, kind, library, personal=True) for kind in KINDS}
    return profile_frame(backend, library, personal=True, **options), told


def rows_of(frame: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = nw.from_native(frame).lazy().collect("polars").rows(named=True)
    return found


def ids_of(frame: Any) -> list[UUID]:
    return sorted(UUID(bytes=bytes(row["customer_id"])) for row in rows_of(frame))


def selected(backend: Backend, predicate: Predicate) -> list[UUID]:
    whole = inlined(predicate, SEGMENTS.__getitem__)
    with backend.reading() as uow:
        return list(uow.profiles.where(whole, at=AT).ids())


def marked(many: list[Predicate], told: Frames) -> list[list[UUID]]:
    """By predicate, whom it selects: all of them asked in one pass."""
    named = {f"q{index}": one for index, one in enumerate(many)}
    rows = rows_of(with_segments(named, told[0], facts=told[1], **ASKED))
    found = [(UUID(bytes=bytes(row["customer_id"])), row) for row in rows]
    assert all(type(row[name]) is bool for _, row in found for name in named)
    return [sorted(id for id, row in found if row[name]) for name in named]


def check(backend: Backend, many: list[Predicate], told: Frames) -> None:
    """The same customers as in memory, and the laws (O5), in one pass and one by one."""
    both = [*many, *map(Not, many)]
    expected = [selected(backend, one) for one in both]
    everybody = ids_of(told[0])

    assert marked(both, told) == expected
    counts = count_each(
        {str(n): one for n, one in enumerate(both)}, told[0], facts=told[1], **ASKED
    )
    assert list(counts.values()) == list(map(len, expected))
    for yes, no in zip(expected[: len(many)], expected[len(many) :], strict=True):
        assert sorted([*yes, *no]) == everybody
    for one, ids in list(zip(both, expected, strict=True))[:2]:
        found = matching(one, told[0], facts=told[1], **ASKED)
        assert ids_of(found) == ids
        assert type(found) is type(told[0])
        assert schema_of(found) == schema_of(told[0])


def schema_of(frame: Any) -> Any:
    return nw.from_native(frame).lazy().collect_schema()


@pytest.mark.parametrize("library", LIBRARIES)
@given(backend=populations(), many=Few)
@settings(max_examples=5, phases=PHASES)
def test_a_frame_and_the_store_select_the_same(
    library: FrameLibrary, backend: Backend, many: list[Predicate]
):
    """O5 and O6: with absent, empty, 0 and False values, texts folded for case and accents, facts
    over windows, days in the zone of the customer, and `~` of each question."""
    check(backend, many, frames(backend, library))


@pytest.mark.slow
@pytest.mark.parametrize("library", LIBRARIES)
@given(backend=populations(), many=st.lists(asked(), min_size=20, max_size=20))
@settings(max_examples=50, phases=PHASES)
def test_a_thousand_questions_have_the_same_answers(
    library: FrameLibrary, backend: Backend, many: list[Predicate]
):
    assert marked(many, frames(backend, library)) == [selected(backend, one) for one in many]


@given(backend=populations(), many=Few)
@settings(max_examples=5, phases=PHASES)
def test_a_lazy_frame_stays_lazy_and_answers_the_same(backend: Backend, many: list[Predicate]):
    frame, told = frames(backend, "polars")

    check(backend, many, (frame.lazy(), {kind: one.lazy() for kind, one in told.items()}))
    assert isinstance(matching(SEGMENTS["vip"], frame.lazy(), model=MODEL), pl.LazyFrame)


@given(backend=populations(), many=Few)
@settings(max_examples=5, phases=PHASES)
def test_columns_prepared_for_searches_change_no_answer(backend: Backend, many: list[Predicate]):
    check(backend, many, frames(backend, "polars", folded=SEARCHED))


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_prepared_column_is_searched_as_the_text_itself(library: FrameLibrary):
    """Quotes, wildcards, letters of two characters, and words behind an apostrophe."""
    people = [{**NOBODY, "name": name} for name in NAMES if name]
    backend = filled(people, [])
    many = [field("name").contains(text) for text in SOUGHT]
    many += [field("name").starts_with(text) for text in SOUGHT]
    many += [field("name").has_word(text) for text in ("gar", "obr", "brien luc", "att", "arb")]
    both = [*many, *map(Not, many)]
    expected = [selected(backend, one) for one in both]

    assert marked(both, frames(backend, library, folded=["name"])) == expected
    assert marked(both, frames(backend, library)) == expected
    assert min(map(len, expected[: len(SOUGHT)])) > 0


if find_spec("pyspark"):  # who installs it has this test; it starts a virtual machine

    @pytest.mark.slow
    @pytest.mark.filterwarnings("ignore")
    def test_spark_and_the_store_select_the_same():
        """Two hundred questions, forty in a query."""
        from pyspark.sql import SparkSession

        options = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "1"}
        session = SparkSession.builder.master("local[2]").config(map=options).getOrCreate()
        pairs = 0

        @settings(max_examples=5, phases=PHASES, database=None)
        @given(populations(), st.lists(asked(), min_size=40, max_size=40))
        def ask(backend: Backend, many: list[Predicate]) -> None:
            nonlocal pairs
            assert marked(many, frames(backend, "pyspark")) == [selected(backend, q) for q in many]
            pairs += len(many)

        try:
            ask()
        finally:
            session.stop()
        assert pairs >= 200
