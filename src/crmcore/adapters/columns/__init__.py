"""Columns: facts and profiles as a stream of batches, and as data frames that predicates are asked
of, with the same answer as a backend's: Polars, pandas, DuckDB and PySpark.

    frame = profile_frame(backend, "polars")
    matching(field("stage") == "active", frame, model=backend.model)

The frames need the extra `frames`, those of PySpark the extra `spark`.
"""

from crmcore.adapters.columns.frames import (
    FrameLibrary,
    count_each,
    fact_frame,
    matching,
    profile_frame,
    with_segments,
)
from crmcore.adapters.columns.stream import BatchStream, by_id, layout

__all__ = [
    "BatchStream",
    "FrameLibrary",
    "by_id",
    "count_each",
    "fact_frame",
    "layout",
    "matching",
    "profile_frame",
    "with_segments",
]
