"""Profiles and facts as data frames, and predicates asked of them: needs the extra `frames`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from crmcore.domain.model import Model
from crmcore.domain.ports import Backend
from crmcore.domain.predicates import Predicate
from crmcore.domain.resolving import Definition

__all__ = ["FrameLibrary", "count_each", "fact_frame", "matching", "profile_frame", "with_segments"]

FrameLibrary = Literal["polars", "pandas", "duckdb", "pyspark"]
"""What frames are made of."""


def profile_frame(
    backend: Backend,
    library: FrameLibrary,
    *,
    personal: bool = False,
    folded: Iterable[str] = (),
) -> Any:
    """The profiles, a row per customer and a column per field of the model, by its type.

    `customer_id` is 16 bytes. Money is `<name>_minor`, 64-bit minor units of the model's currency;
    instants are UTC timestamps of milliseconds, dates dates, decimals of six places; tags are a
    list, which is empty where there are none. Host attributes are columns as all others. Personal
    fields are there when asked for.

    `folded` names the text fields that will be searched (`contains`, `starts_with`, `has_word`):
    each gets a column `<name>__folded`, and a name `<name>__words`, so that the search is made by
    the engine. A frame of `"polars"` or `"pandas"` (with Arrow's types) is eager, `"duckdb"` is a
    relation over a table in memory, `"pyspark"` a frame of the session that is active, and needs
    the extra `spark`. A field or a library that is not known is `InvalidInput`.
    """
    from crmcore.adapters.columns.tables import library_frame, profile_table

    return library_frame(library, lambda: profile_table(backend, personal, tuple(folded)))


def fact_frame(
    backend: Backend,
    kind: str,
    library: FrameLibrary,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    personal: bool = False,
) -> Any:
    """The facts of a kind, or `purchases`, with `since <= at < until`, in columns as
    `Backend.columns` has them; orders and purchases have the lists `products` and `categories` of
    their lines as well. Types and libraries are those of `profile_frame`.
    """
    from crmcore.adapters.columns.tables import fact_table, library_frame

    return library_frame(
        library, lambda: fact_table(backend, kind, since=since, until=until, personal=personal)
    )


def matching(
    predicate: Predicate,
    frame: Any,
    *,
    model: Model,
    at: datetime | None = None,
    facts: Mapping[str, Any] | None = None,
    segments: Definition | None = None,
) -> Any:
    """The rows of a frame of profiles for which the predicate holds: the customers whom
    `uow.profiles.where(predicate)` selects.

    `frame` is one of `profile_frame`, or has the columns asked for under the same names and of the
    same types. It may be lazy, then so is the answer: a frame of the same library. `at` is when it
    is asked, needed where something is relative to it. `facts` are frames of the same library by
    kind, as `fact_frame` makes them, for what is asked of facts; `segments` tells what a segment
    is defined by, `uow.segment_definition` for one.

    A text that is searched without a column prepared for it (`folded=` of `profile_frame`) is read
    when this is called, its different values once. What the model does not know, a column that is
    missing or of another type, is `InvalidInput`.
    """
    from crmcore.adapters.columns.segments import Asking

    return Asking.of(
        {"": predicate}, frame, model=model, at=at, facts=facts or {}, segments=segments
    ).filtered()


def with_segments(
    predicates: Mapping[str, Predicate],
    frame: Any,
    *,
    model: Model,
    at: datetime | None = None,
    facts: Mapping[str, Any] | None = None,
    segments: Definition | None = None,
) -> Any:
    """The frame with one more column per predicate, true or false, under the name it is given by:
    many segments in one pass. All else is as in `matching`.
    """
    from crmcore.adapters.columns.segments import Asking

    return Asking.of(
        predicates, frame, model=model, at=at, facts=facts or {}, segments=segments
    ).marked()


def count_each(
    predicates: Mapping[str, Predicate],
    frame: Any,
    *,
    model: Model,
    at: datetime | None = None,
    facts: Mapping[str, Any] | None = None,
    segments: Definition | None = None,
) -> dict[str, int]:
    """How many rows each of the predicates holds for, by its name, counted in one pass; a lazy
    frame is computed. All else is as in `matching`.
    """
    from crmcore.adapters.columns.segments import Asking

    return Asking.of(
        predicates, frame, model=model, at=at, facts=facts or {}, segments=segments
    ).counted()
