"""Customer ids as whole numbers, whatever they are: integers, texts, UUIDs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from crmcore.analytics.checks import Checks, IntArray

__all__ = ["numbered"]


def numbered(
    checks: Checks, path: str, ids: npt.ArrayLike | Iterable[Any], *, largest: int
) -> tuple[IntArray, npt.NDArray[Any] | int]:
    """A number from 0 to `largest` for each id, ascending with the id, and what they stand for.

    The second value is the array of the different ids, or the id of number 0 where numbers
    follow the integers themselves. Missing ids are faults noted in `checks`.
    """
    if not hasattr(ids, "__array__"):
        ids = list(ids) if isinstance(ids, Iterable) else [ids]
        if ids and isinstance(ids[0], str):
            return _numbered_by_hash(checks, path, ids)
    raw = np.asarray(ids)
    if raw.dtype.kind == "f" and isinstance(ids, list) and all(type(i) is int for i in ids):
        return _numbered_by_hash(checks, path, ids)  # beyond 64 bits: kept as they are
    if raw.ndim != 1:
        checks.refuse(path, "must have one dimension")
    elif not len(raw):
        return np.zeros(0, np.int64), 0
    elif raw.dtype.kind in "iu":
        least, most = int(raw.min()), int(raw.max())
        if most - least <= largest and most < 2**63:
            return raw.astype(np.int64) - least, least
        different, number = np.unique(raw, return_inverse=True)
        return number.astype(np.int64), different
    elif raw.dtype.kind in "UOT":
        return _numbered_by_hash(checks, path, raw.tolist())
    else:
        checks.refuse(path, "must be integers, texts or other ids, all of one type")
    return np.zeros(0, np.int64), 0


def _numbered_by_hash(
    checks: Checks, path: str, values: list[Any]
) -> tuple[IntArray, npt.NDArray[Any]]:
    """Numbers by way of a dictionary: several times faster than sorting texts."""
    nothing = np.zeros(0, np.int64), np.zeros(0, object)
    seen: dict[Any, int] = {}
    try:
        met = np.array([seen.setdefault(value, len(seen)) for value in values], np.int64)
    except TypeError:
        checks.refuse(path, "must be hashable ids")
        return nothing
    if any(map(_is_missing, seen)):
        missing = np.array([_is_missing(value) for value in values])
        checks.refuse_where(missing, path, "is missing")
        return nothing
    try:
        ordered = sorted(seen)
    except TypeError:
        checks.refuse(path, "must be ids of one type")
        return nothing
    number = np.empty(len(ordered), np.int64)
    number[[seen[value] for value in ordered]] = np.arange(len(ordered))
    if all(type(value) is str for value in ordered):
        return number[met], np.array(ordered, dtype=str)
    different = np.empty(len(ordered), object)
    different[:] = ordered
    return number[met], different


def _is_missing(value: Any) -> bool:
    return value is None or bool(value != value)  # noqa: PLR0124 - as NaN and NaT are
