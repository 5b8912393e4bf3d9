"""Purchases expected and made in the holdout, by what was known of customers before it."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal, TypeAlias, get_args

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.checks import Checks, FloatArray, IntArray
from crmcore.analytics.forecasts import (
    MOST_GROUPS,
    ForeseesPurchases,
    answers,
    each_once,
    histories_of,
    told,
)
from crmcore.analytics.histories import History
from crmcore.domain.html import html_table

__all__ = [
    "By",
    "ConditionalExpectations",
    "by_history",
    "checked_groups",
    "conditional_expectations",
]

By: TypeAlias = Literal["frequency", "recency", "T", "time_since_last"]


@attrs.frozen(kw_only=True, eq=False)
class ConditionalExpectations:
    """Mean purchases, or money, per customer in the holdout, in m groups of customers.

    - `label` (m): the group in words, by values of `by`; nobody is in two, and everybody in one.
    - `customers` (m): how many it holds; groups that hold nobody are left out.
    - `expected` (m), `actual` (m): mean purchases, or mean `value` in money, of the holdout.
    - `error` (m): the standard error of `actual`, from the spread within the group, and at least
      that of Poisson counts with the means expected. A group two or three of these away from
      `expected` is off by more than chance.
    - `total_expected`, `total_actual`: over all customers.
    """

    of: Literal["purchases", "value"]
    by: By
    label: tuple[str, ...]
    customers: IntArray
    expected: FloatArray
    actual: FloatArray
    error: FloatArray
    total_expected: float
    total_actual: float

    def _repr_html_(self) -> str:
        names = ("customers", "expected", "actual", "error")
        return html_table(
            zip(self.label, *(getattr(self, name).tolist() for name in names), strict=True),
            header=(self.by, *names),
            caption=f"Mean {self.of} in the holdout by {self.by.replace('_', ' ')}",
            note=f"{self.total_expected:,.1f} expected in all, actual {self.total_actual:,.0f}",
        )


def conditional_expectations(
    model: ForeseesPurchases,
    *,
    t: float,
    frequency: npt.ArrayLike,
    recency: npt.ArrayLike,
    T: npt.ArrayLike,
    holdout_frequency: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    by: By = "frequency",
    groups: int = 8,
) -> ConditionalExpectations:
    """Expected and actual purchases in the holdout, by groups of customers with like histories.

    All columns are (n,), as `summarize(..., holdout_until=...)` gives them, and `t` is its
    `holdout_length`; `weights` (n), whole numbers, tell how many customers each row stands for. By
    `frequency` the groups are 0, 1, 2... and the last one all above (Fader,
    Hardie and Lee 2005, "Counting your customers" the easy way). By `recency`, `T` or
    `time_since_last` (T - recency) they are equal spans of time; of `recency` the first group is
    that of customers without a repeat purchase. InvalidInput names all that is wrong.

        >>> class AsManyAgain:
        ...     def expected_purchases(self, *, t, frequency, recency, T):
        ...         return frequency / T * t
        >>> seen = conditional_expectations(
        ...     AsManyAgain(), t=10, frequency=[0, 1, 1, 4], recency=[0, 3, 9, 9], T=10,
        ...     holdout_frequency=[0, 0, 2, 6], groups=3)
        >>> seen.label, seen.customers.tolist()
        (('0', '1', '2+'), [1, 2, 1])
        >>> seen.expected.tolist(), seen.actual.tolist()
        ([0.0, 1.0, 4.0], [0.0, 1.0, 6.0])
        >>> seen.error.tolist(), seen.total_expected, seen.total_actual
        ([0.0, 1.0, 2.0], 6.0, 8.0)
    """
    checks = Checks()
    answers(checks, "model", model, "expected_purchases")
    ahead = checks.number("t", t)
    checked_groups(checks, by, groups)
    history, (made, many) = histories_of(
        checks, frequency=frequency, recency=recency, T=T,
        more=[("holdout_frequency", holdout_frequency), ("weights", each_once(weights))],
    )  # fmt: skip
    foreseen = told(
        "expected_purchases",
        model.expected_purchases(
            t=ahead, frequency=history.x, recency=history.recency, T=history.T
        ),
        rows=len(history.x),
    )
    return by_history(
        "purchases", history, foreseen, made, many, by=by, groups=groups, least=foreseen
    )  # fmt: skip


def checked_groups(checks: Checks, by: By, groups: int) -> None:
    """Faults of how to group are noted in `checks`."""
    checks.word("by", by, get_args(By))
    checks.whole("groups", groups, least=2, most=MOST_GROUPS)


def by_history(
    of: Literal["purchases", "value"],
    history: History,
    foreseen: FloatArray,
    made: FloatArray,
    many: FloatArray,
    *,
    by: By,
    groups: int,
    least: FloatArray,
) -> ConditionalExpectations:
    """The table of what was `foreseen` (n) and `made` (n); `least` (n) is a least variance.

    Each row stands for so `many` (n) customers.
    """
    if not many.all():
        some = many > 0
        history = History(*(column[some] for column in attrs.astuple(history)))
        foreseen, made, least, many = (c[some] for c in (foreseen, made, least, many))
    group, labels = _groups(history, by, groups)
    size = np.bincount(group, many, minlength=len(labels))
    held = np.flatnonzero(size)
    whole = np.maximum(size, 1)
    expected, actual, floor = (
        np.bincount(group, many * column, len(labels)) / whole for column in (foreseen, made, least)
    )
    apart = many * (made - actual[group]) ** 2
    spread = np.bincount(group, apart, len(labels)) / np.maximum(whole - 1, 1)
    return ConditionalExpectations(
        of=of,
        by=by,
        label=tuple(labels[place] for place in held),
        customers=np.rint(size[held]).astype(np.int64),
        expected=expected[held],
        actual=actual[held],
        error=np.sqrt(np.maximum(spread, floor) / whole)[held],
        total_expected=float((many * foreseen).sum()),
        total_actual=float((many * made).sum()),
    )


def _groups(history: History, by: By, groups: int) -> tuple[IntArray, list[str]]:
    """The group of each customer, and what each group is called."""
    if by == "frequency":
        labels = [str(count) for count in range(groups - 1)] + [f"{groups - 1}+"]
        return np.minimum(history.x, groups - 1).astype(np.int64), labels
    values = {
        "recency": history.recency, "T": history.T, "time_since_last": history.T - history.recency
    }[by]  # fmt: skip
    apart = history.x > 0 if by == "recency" else np.ones(len(values), bool)
    spans = groups - 1 if by == "recency" else groups
    low = 0.0 if by == "recency" else float(values.min(initial=np.inf)) if len(values) else 0.0
    high = float(values.max(initial=low))
    edges = np.linspace(low, high if high > low else low + 1.0, spans + 1)
    group = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, spans - 1)
    written = [f"{edge:.{_decimals(edges)}f}" for edge in edges]
    labels = [f"{a} to {b}" for a, b in pairwise(written)]
    if by == "recency":
        return np.where(apart, group + 1, 0), ["no repeat", *labels]
    return group, labels


def _decimals(edges: FloatArray) -> int:
    """As many as tell the edges apart by two digits, none where they are whole numbers."""
    if (edges == np.round(edges)).all():
        return 0
    return max(0, 1 - int(np.floor(np.log10(edges[1] - edges[0]))))
