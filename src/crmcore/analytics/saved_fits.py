"""Reading fits that were saved as plain data: nothing is believed before it is checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np

from crmcore.analytics.checks import Checks, FloatArray

__all__ = ["saved_keys", "saved_matrix", "saved_names", "saved_number"]


def saved_keys(
    checks: Checks, data: Any, *, needed: Iterable[str], more: Iterable[str] = ()
) -> bool:
    """Whether `data` hold what is needed, and of the rest only what may be there."""
    if not isinstance(data, Mapping):
        checks.refuse("", "must hold values by name")
        return False
    needed = tuple(needed)
    missing = [name for name in needed if name not in data]
    unknown = [key for key in data if key not in (*needed, *more)]
    for name in missing:
        checks.refuse(name, "is missing")
    for key in unknown:
        checks.refuse(str(key)[:80], "is unknown")
    return not (missing or unknown)


def saved_number(checks: Checks, path: str, value: Any) -> float:
    """A finite number."""
    if isinstance(value, Real) and not isinstance(value, bool) and np.isfinite(float(value)):
        return float(value)
    checks.refuse(path, "must be a finite number")
    return 1.0


def saved_names(checks: Checks, path: str, values: Any) -> tuple[str, ...]:
    """Names, each once."""
    listed: tuple[Any, ...] = tuple(values) if isinstance(values, list | tuple) else (None,)
    if all(isinstance(name, str) for name in listed) and len(set(listed)) == len(listed):
        return listed
    checks.refuse(path, "must list different names")
    return ()


def saved_matrix(checks: Checks, path: str, rows: Any) -> FloatArray:
    """A symmetric matrix (k, k); None makes a gap, NaN here."""
    listed: list[Any] = list(rows) if isinstance(rows, list | tuple) else [None]
    found = np.full((len(listed), len(listed)), np.nan)
    for place, row in enumerate(listed):
        if not isinstance(row, list | tuple) or len(row) != len(listed):
            checks.refuse(path, "must have as many rows as columns")
            return found[:0, :0]
        inner = Checks()
        for column, value in enumerate(row):
            if value is not None:
                found[place, column] = saved_number(inner, f"{path}[{place}]", value)
        if inner.faults:
            checks.faults.append(inner.faults[0])
            return found[:0, :0]
    if not np.array_equal(found, found.T, equal_nan=True):
        checks.refuse(path, "must be symmetric")
    return found
