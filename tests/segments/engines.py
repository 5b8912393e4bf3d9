"""What is asked: a backend's store, or data frames of all that a store holds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from importlib.util import find_spec
from typing import Any, Protocol
from uuid import UUID

import attrs
import narwhals.stable.v2 as nw

from crmcore.adapters.backend import Backend
from crmcore.adapters.columns import (
    FrameLibrary,
    count_each,
    fact_frame,
    matching,
    profile_frame,
    with_segments,
)
from crmcore.adapters.memory import MemoryBackend, MemoryStore
from crmcore.domain.errors import MissingExtra
from crmcore.domain.ids import CustomerId
from crmcore.domain.kinds import MEASURABLE
from crmcore.domain.predicates import Predicate
from crmcore.domain.unit_of_work import UnitOfWork
from crmcore.testing.contract.draws import MODEL
from tests.hostile.stores import STORES, Make, opened

__all__ = ["ENGINES", "SEARCHED", "Engine", "Frames", "Ids", "Store", "engines", "frames_of"]

Ids = frozenset[CustomerId]
LIBRARIES: Mapping[str, FrameLibrary] = {
    "polars": "polars", "pandas": "pandas", "duckdb": "duckdb", "spark": "pyspark",
}  # fmt: skip
ENGINES = (*STORES, *LIBRARIES)
BATCHES: Mapping[FrameLibrary, int] = {"duckdb": 8}
"""It plans longer than it computes, and a query twice as long takes more than twice the time."""
SEARCHED = ("name", "seat", "language", "email")
"""Fields for whose searches a frame can be prepared."""


class Engine(Protocol):
    """Something that holds one population and is asked about it."""

    @property
    def batch(self) -> int:
        """How many pairs it is best asked about at once."""
        ...

    def each(self, asked: Sequence[Predicate]) -> list[Ids]:
        """Whom each of the predicates selects."""
        ...

    def alone(self, asked: Predicate) -> Ids:
        """Whom a predicate selects that is asked by itself."""
        ...

    def count(self, asked: Predicate) -> int:
        """How many it selects."""
        ...


@attrs.frozen
class Store:
    """A backend, in a unit of work that reads."""

    uow: UnitOfWork
    at: datetime
    batch: int = 1

    def each(self, asked: Sequence[Predicate]) -> list[Ids]:
        return [self.alone(one) for one in asked]

    def alone(self, asked: Predicate) -> Ids:
        return frozenset(self.uow.profiles.where(asked, at=self.at).ids())

    def count(self, asked: Predicate) -> int:
        return self.uow.profiles.where(asked, at=self.at).count()


@attrs.frozen
class Frames:
    """Profiles and facts as frames of one library: many predicates are asked in one pass."""

    profiles: Any
    facts: Mapping[str, Any]
    at: datetime
    definition: Callable[[str], Predicate]
    batch: int

    @property
    def asking(self) -> dict[str, Any]:
        """How all of it is asked."""
        told = {"at": self.at, "facts": self.facts, "segments": self.definition}
        return {"model": MODEL, **told}

    def each(self, asked: Sequence[Predicate]) -> list[Ids]:
        named = {f"q{index}": one for index, one in enumerate(asked)}
        found = _rows(with_segments(named, self.profiles, **self.asking), "customer_id", *named)
        ids = list(map(_id, found["customer_id"]))
        answers = []
        for name in named:
            assert all(type(answer) is bool for answer in found[name]), "an answer is yes or no"
            answers.append(frozenset(id for id, yes in zip(ids, found[name], strict=True) if yes))
        return answers

    def alone(self, asked: Predicate) -> Ids:
        found = _rows(matching(asked, self.profiles, **self.asking), "customer_id")
        return frozenset(map(_id, found["customer_id"]))

    def count(self, asked: Predicate) -> int:
        return count_each({"q": asked}, self.profiles, **self.asking)["q"]


def _rows(frame: Any, *columns: str) -> dict[str, list[Any]]:
    table = nw.from_native(frame).lazy().select(*columns).collect("pyarrow")
    return {name: table[name].to_list() for name in columns}


def _id(told: bytes) -> CustomerId:
    return CustomerId(UUID(bytes=bytes(told)))


def frames_of(
    backend: Backend, library: FrameLibrary, *, prepared: bool, at: datetime, uow: UnitOfWork
) -> Frames:
    """Frames of all that a backend holds; `prepared` with columns for searches, and of Polars lazy
    then.
    """
    facts = {kind: fact_frame(backend, kind, library, personal=True) for kind in MEASURABLE}
    searched = SEARCHED if prepared else ()
    profiles = profile_frame(backend, library, personal=True, folded=searched)
    if prepared and library == "polars":
        profiles, facts = profiles.lazy(), {kind: one.lazy() for kind, one in facts.items()}
    return Frames(
        profiles, facts, at, partial(uow.segment_definition, at=at), batch=BATCHES.get(library, 40)
    )


@contextmanager
def engines(name: str) -> Iterator[tuple[Make, FrameLibrary | None]]:
    """What opens the backend that is filled, and the library of the frames that are asked in its
    place; `MissingExtra` where there is no such library.
    """
    library = LIBRARIES.get(name)
    if library is None:
        with opened(name, MODEL) as make:
            yield make, None
        return
    if find_spec(library) is None:
        raise MissingExtra("spark" if library == "pyspark" else "frames")
    with _session(library):
        yield lambda tenant: MemoryBackend(MemoryStore(), tenant=tenant, model=MODEL), library


@contextmanager
def _session(library: FrameLibrary) -> Iterator[None]:
    if library != "pyspark":
        yield
        return
    from pyspark.sql import SparkSession

    logging.getLogger("py4j").setLevel(logging.ERROR)
    options = {
        "spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "1",
        "spark.log.level": "ERROR",
    }  # fmt: skip
    session = SparkSession.builder.master("local[2]").config(map=options).getOrCreate()
    try:
        yield
    finally:
        session.stop()
