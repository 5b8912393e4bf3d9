"""Reading callers' arrays: every fault of one call is collected, then refused together.

A fault names the argument and the first offending place (`recency[3]`), and how many places
share it; it never repeats the value.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, SupportsFloat, TypeAlias, TypeGuard

import numpy as np
import numpy.typing as npt

from crmcore.analytics.blocks import anywhere
from crmcore.domain.errors import Fault, InvalidInput

__all__ = ["BoolArray", "Checks", "FloatArray", "IntArray", "as_number", "is_whole"]

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

LARGEST = 1e100
"""Numbers beyond this size leave no room for their squares and products."""
LARGEST_BITS = np.float64(LARGEST).view(np.uint64)
LARGEST_COUNT = 2.0**53
"""Counts above this are not exact in float64."""


class Checks:
    """The faults found so far in one call; `close` refuses if there are any."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def refuse(self, path: str, reason: str) -> None:
        """Note one fault of a whole argument."""
        self.faults.append(Fault(path, reason))

    def refuse_where(self, wrong: npt.NDArray[np.bool_], path: str, reason: str) -> None:
        """Note one fault at the first place where `wrong` holds; nothing if it holds nowhere."""
        if not wrong.any():
            return
        places = np.flatnonzero(wrong)
        if wrong.ndim:
            path = f"{path}[{places[0]}]"
        more = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
        self.faults.append(Fault(path, reason + more))

    def numbers(self, path: str, values: npt.ArrayLike, *, negative: bool = False) -> FloatArray:
        """`values` as float64 of at most one dimension; NaN and infinite are faults, and so is
        what is below zero, unless `negative` numbers are allowed.
        """
        try:
            raw = np.asarray(values)
        except (TypeError, ValueError, OverflowError):
            raw = np.zeros(0, str)
        if raw.dtype.kind not in "iufbO" or (
            raw.dtype.kind == "O" and any(isinstance(v, (str, bytes)) for v in raw.flat)
        ):
            self.refuse(path, "must be numbers")
            return np.zeros(0)
        if self.masked(path, values):
            return np.zeros(0)
        if raw.dtype.kind == "O":
            array = np.array([as_number(v) for v in raw.flat], np.float64).reshape(raw.shape)
        else:
            array = raw.astype(np.float64, copy=False)
        if array.ndim > 1:
            self.refuse(path, "must have one dimension")
            return np.zeros(0)
        if not array.size or _in_range(array, negative=negative):
            return array
        self.refuse_where(~np.isfinite(array), path, "must be a finite number")
        too_large = np.isfinite(array) & (np.abs(array) > LARGEST)
        self.refuse_where(too_large, path, "must not exceed 1e100 in size")
        if not negative:
            self.refuse_where(array < 0, path, "must not be negative")
        return array

    def counts(self, path: str, values: npt.ArrayLike) -> FloatArray:
        """Whole numbers from 0 to 2**53, as float64."""
        array = self.numbers(path, values)
        if not array.size:
            return array
        whole_by_type = isinstance(values, np.ndarray) and values.dtype.kind in "iu"
        if array.max() <= LARGEST_COUNT and (whole_by_type or not anywhere(_broken, array)):
            return array
        with np.errstate(invalid="ignore"):
            whole = np.floor(array) == array
            self.refuse_where(
                ~whole & np.isfinite(array) & (array >= 0), path, "must be a whole number"
            )
            self.refuse_where(
                np.isfinite(array) & (array > LARGEST_COUNT), path, "must not exceed 2**53"
            )
        return array

    def masked(self, path: str, values: Any) -> bool:
        """Whether places are masked, as numpy does where there is no value: they are faults."""
        if not np.ma.is_masked(values):
            return False
        places: npt.NDArray[np.bool_] = np.ma.getmaskarray(values)
        self.refuse_where(places, path, "is missing")
        return True

    def number(self, path: str, value: float, *, infinite: bool = False) -> float:
        """One number at or above 0, finite unless `infinite` is allowed."""
        number = as_number(value)
        if not (number >= 0) or (np.isinf(number) and not infinite):
            self.refuse(path, "must be a number at or above 0" + ("" if infinite else ", finite"))
        elif LARGEST < number < np.inf:
            self.refuse(path, "must not exceed 1e100 in size")
        return number

    def whole(self, path: str, value: object, *, least: int = 0, most: float = np.inf) -> int:
        """One whole number of these bounds, as groups, steps and seeds are."""
        if is_whole(value) and least <= value <= most:
            return int(value)
        bounds = f"above {least - 1}" if least else "at or above 0"
        bounds = bounds if most == np.inf else f"from {least} to {most:,}"
        self.refuse(path, f"must be a whole number {bounds}")
        return least

    def word(self, path: str, value: object, words: Sequence[str]) -> None:
        """One word out of several."""
        if not isinstance(value, str) or value not in words:
            self.refuse(path, f"must be one of {', '.join(words)}")

    def flag(self, path: str, value: object) -> None:
        """True or false."""
        if not isinstance(value, bool | np.bool_):
            self.refuse(path, "must be true or false")

    def same_shape(self, **arrays: FloatArray) -> bool:
        """Whether the arrays broadcast (equal lengths, or scalars); a fault where not."""
        lengths = {name: len(array) for name, array in arrays.items() if array.ndim}
        if len(set(lengths.values())) <= 1:
            return True
        first, *others = lengths
        for other in others:
            if lengths[other] != lengths[first]:
                self.refuse(other, f"has {lengths[other]} rows where {first} has {lengths[first]}")
        return False

    def weights(self, weights: npt.ArrayLike | None, *, rows: int) -> FloatArray | None:
        """How many customers each row stands for, or None for one each."""
        if weights is None:
            return None
        array = self.numbers("weights", weights)
        if array.ndim != 1 or len(array) != rows:
            self.refuse("weights", f"must have one number per row, {rows} in all")
        return array

    def close(self) -> None:
        """Raise InvalidInput with all faults noted, if any."""
        if self.faults:
            raise InvalidInput(tuple(self.faults))


def _in_range(array: FloatArray, *, negative: bool) -> bool:
    """Whether all are of a size that can be reckoned with and, unless `negative`, not below zero:
    True only where it is so.

    As bits, zero and the numbers above it come in their order, and all else after; so the usual
    column needs to be read once. Minus zero asks for the second look.
    """
    if not negative and np.ascontiguousarray(array).view(np.uint64).max() <= LARGEST_BITS:
        return True
    least, most = array.min(), array.max()
    return bool((-LARGEST if negative else 0.0) <= least and most <= LARGEST)


def _broken(array: FloatArray) -> BoolArray:
    return np.asarray(np.rint(array) != array)


def is_whole(value: object) -> TypeGuard[int]:
    """Is it a whole number, of Python or of numpy, and no truth value?"""
    return isinstance(value, Integral) and not isinstance(value, bool)


def as_number(value: SupportsFloat) -> float:
    """What is one number, as a float; NaN, which no check lets pass, for all else."""
    if isinstance(value, np.ndarray) and not value.ndim and not np.ma.isMaskedArray(value):
        value = value.item()
    try:
        return float(value) if isinstance(value, Real | Decimal) else np.nan
    except (OverflowError, ValueError):
        return np.nan
