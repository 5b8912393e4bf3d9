"""Reading callers' arrays: every fault of one call is collected, then refused together.

A fault names the argument and the first offending place (`recency[3]`), and how many places
share it; it never repeats the value.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any, TypeAlias, TypeGuard

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.blocks import anywhere
from crmcore.domain.errors import Fault, InvalidInput

__all__ = ["BoolArray", "Checks", "FloatArray", "IntArray", "at_least_1", "is_whole", "positive"]

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

LARGEST_COUNT = 2.0**53
"""Counts above this are not exact in float64."""
INFINITY = np.float64(np.inf).view(np.uint64)
"""The bits of it."""


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
            if raw.dtype.kind not in "iufbO" or (
                raw.dtype.kind == "O" and any(isinstance(v, (str, bytes)) for v in raw.flat)
            ):
                raise ValueError
            array = raw.astype(np.float64, copy=False)
        except (TypeError, ValueError, OverflowError):
            self.refuse(path, "must be numbers")
            return np.zeros(0)
        if array.ndim > 1:
            self.refuse(path, "must have one dimension")
            return np.zeros(0)
        if not array.size or _in_range(array, negative=negative):
            return array
        self.refuse_where(~np.isfinite(array), path, "must be a finite number")
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

    def number(self, path: str, value: float, *, infinite: bool = False) -> float:
        """One number at or above 0, finite unless `infinite` is allowed."""
        try:
            number = float(value)
        except (TypeError, ValueError):
            self.refuse(path, "must be a number")
            return 0.0
        if not (number >= 0) or (np.isinf(number) and not infinite):
            self.refuse(path, "must be a number at or above 0" + ("" if infinite else ", finite"))
        return number

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
    """Whether all are finite and, unless `negative`, not below zero: True only where it is so.

    As bits, zero and the finite numbers above it come before infinity, and all else after; so
    the usual column needs to be read once. Minus zero asks for the second look.
    """
    if not negative and np.ascontiguousarray(array).view(np.uint64).max() < INFINITY:
        return True
    least, most = array.min(), array.max()
    return bool((-np.inf if negative else 0.0) <= least and least > -np.inf and most < np.inf)


def _broken(array: FloatArray) -> BoolArray:
    return np.asarray(np.rint(array) != array)


def positive(_instance: Any, attribute: attrs.Attribute[Any], value: float) -> None:
    """An attrs validator: a finite number above zero, as every parameter is."""
    if not 0 < value < np.inf:
        raise InvalidInput.of(attribute.name, "must be a finite number above 0")


def is_whole(value: object) -> TypeGuard[int]:
    """Is it a whole number, of Python or of numpy, and no truth value?"""
    return isinstance(value, Integral) and not isinstance(value, bool)


def at_least_1(_instance: Any, attribute: attrs.Attribute[Any], value: int) -> None:
    """An attrs validator: a whole number above zero."""
    if not is_whole(value) or value < 1:
        raise InvalidInput.of(attribute.name, "must be a whole number above 0")
