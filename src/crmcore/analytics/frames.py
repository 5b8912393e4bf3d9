"""Results as data frames: the only place of the analytics that knows pyarrow and narwhals."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, get_args
from uuid import UUID

import numpy as np

from crmcore.domain.errors import InvalidInput, MissingExtra

try:
    import narwhals.stable.v2 as nw
    import pyarrow as pa
except ImportError as _error:
    raise MissingExtra("frames") from _error

if TYPE_CHECKING:
    from crmcore.analytics.summary import Library, Summary

__all__ = ["frame_of"]


def frame_of(summary: Summary, library: Library) -> Any:
    """The columns of a summary as a frame of that library; ids that are UUIDs become texts."""
    from crmcore.analytics.summary import COLUMNS, Library

    if library not in get_args(Library):
        raise InvalidInput.of("library", f"must be one of {', '.join(get_args(Library))}")
    if find_spec(library) is None:
        raise InvalidInput.of("library", f"{library} is not installed")
    ids = summary.customer
    if ids.dtype == object:
        ids = np.array([str(i) if isinstance(i, UUID) else i for i in ids.tolist()], object)
    columns = {name: getattr(summary, name) for name in COLUMNS} | {"customer": ids}
    table = pa.table(
        {
            name: pa.array(column.tolist() if column.dtype.kind in "UO" else column)
            for name, column in columns.items()
            if column is not None
        }
    )
    if library == "pyarrow":
        return table
    return nw.DataFrame.from_arrow(nw.from_native(table), backend=library).to_native()
