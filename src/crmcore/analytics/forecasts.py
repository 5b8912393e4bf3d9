"""What a model must tell to be held against what happened: ours, or one of the host's own.

Each table of validation needs one or two methods. A model of any making that has them, with the
words and shapes of `PurchaseProcess`, can be validated as ours are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from crmcore.analytics.checks import Checks, FloatArray, IntArray
from crmcore.analytics.histories import History
from crmcore.domain.errors import InvalidInput

__all__ = [
    "MOST_GROUPS",
    "CountsPurchases",
    "ForeseesNewcomers",
    "ForeseesPurchases",
    "TellsAlive",
    "answers",
    "each_once",
    "histories_of",
    "told",
]

MOST_GROUPS = 10_000
"""More groups than these nobody reads."""


class ForeseesPurchases(Protocol):
    """A model that foresees purchases of customers with a history."""

    def expected_purchases(
        self, *, t: float, frequency: FloatArray, recency: FloatArray, T: FloatArray
    ) -> npt.ArrayLike:
        """Purchases expected in (T, T + t], (n,), of customers with histories of shape (n,)."""
        ...


class ForeseesNewcomers(Protocol):
    """A model that foresees repeat purchases of somebody who has just bought first."""

    def expected_purchases_new(self, *, t: FloatArray) -> npt.ArrayLike:
        """Repeat purchases expected in (0, t], (n,)."""
        ...


class CountsPurchases(Protocol):
    """A model that tells how many repeat purchases somebody new makes."""

    def probability_of_n(self, *, n: IntArray, t: FloatArray) -> npt.ArrayLike:
        """P(X(t) = n), (n,)."""
        ...


class TellsAlive(Protocol):
    """A model that tells who is still a customer."""

    def probability_alive(
        self, *, frequency: FloatArray, recency: FloatArray, T: FloatArray
    ) -> npt.ArrayLike:
        """The probability of not having left by T, (n,)."""
        ...


def answers(checks: Checks, path: str, model: object, method: str) -> None:
    """A fault is noted where a model does not answer what it will be asked."""
    if not callable(getattr(model, method, None)):
        checks.refuse(path, f"has no {method}")


def told(method: str, values: npt.ArrayLike, *, rows: int) -> FloatArray:
    """What a model answered, as float64 (rows,). InvalidInput where it is something else."""
    try:
        answer = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput.of(f"model.{method}", "must answer with numbers") from error
    if answer.shape != (rows,):
        raise InvalidInput.of(
            f"model.{method}", f"must answer with {rows} numbers, not with shape {answer.shape}"
        )
    checks = Checks()
    checks.refuse_where(~np.isfinite(answer), f"model.{method}", "answered what is not finite")
    checks.close()
    return answer


def each_once(weights: npt.ArrayLike | None) -> npt.ArrayLike:
    """How many customers each row stands for: one each, unless it is told."""
    return 1 if weights is None else weights


def histories_of(
    checks: Checks,
    *,
    frequency: npt.ArrayLike,
    recency: npt.ArrayLike,
    T: npt.ArrayLike,
    more: Sequence[tuple[str, npt.ArrayLike]] = (),
) -> tuple[History, list[FloatArray]]:
    """Histories and further counts, all of shape (n,). Closes `checks`."""
    history = History.checked(checks, frequency=frequency, recency=recency, T=T)
    others = {name: checks.counts(name, values) for name, values in more}
    if not checks.faults:
        checks.same_shape(frequency=history.x, **others)
    checks.close()
    columns = np.broadcast_arrays(history.x, history.recency, history.T, *others.values())
    x, last, age, *counts = (np.atleast_1d(column) for column in columns)
    return History(x, last, age), counts
