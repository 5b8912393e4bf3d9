"""A decision tree that tells clusters apart by questions a person can read (CART).

Breiman, Friedman, Olshen and Stone (1984): each question is the one that lowers Gini's impurity
most. A question is `value >= bound`; who has no value (NaN) answers no, so everyone falls into
exactly one leaf. Between two values that are next to each other any bound asks the same: a
`Split` names both, and who prints it may choose a round number between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heappop, heappush

import attrs
import numpy as np
import numpy.typing as npt

from crmcore.analytics.checks import Checks, FloatArray, IntArray, as_number
from crmcore.analytics.options import at_least_1, positive
from crmcore.domain.errors import InvalidInput

__all__ = ["FittedRuleTree", "Leaf", "RuleTree", "Split"]

BINS = 512
"""Bounds are looked for between so many groups of neighbouring values at most."""


@attrs.frozen
class Split:
    """A question of column `name`: is the value above `below`, that is at least `above`? Nobody
    seen lies between. `below` is minus infinity where only absent values answer no.
    """

    name: str
    below: float
    above: float


@attrs.frozen
class Leaf:
    """Who answers yes to all of `yes` and no to all of `no` is of cluster `label`; `size` were
    seen. A column has one question on either side at most.
    """

    label: int
    size: float
    yes: tuple[Split, ...]
    no: tuple[Split, ...]


@attrs.frozen(kw_only=True)
class FittedRuleTree:
    """Rules for labels: who is in which leaf is of its cluster.

    `told` (n) are the labels by the rules. `fidelity` is the share of customers whose rule gives
    their own label; of each label (l), `precision` is the share of those told it who have it, and
    `recall` the share of those who have it that are told so; 0 where there is nobody.
    """

    leaves: tuple[Leaf, ...]
    told: IntArray = attrs.field(eq=attrs.cmp_using(eq=np.array_equal), repr=False)
    fidelity: float
    precision: FloatArray = attrs.field(eq=attrs.cmp_using(eq=np.array_equal))
    recall: FloatArray = attrs.field(eq=attrs.cmp_using(eq=np.array_equal))


@attrs.frozen(kw_only=True)
class RuleTree:
    """How to tell labels apart: by `leaves` leaves at most, `depth` questions deep at most, each
    leaf with `smallest` customers at least.

        >>> tree = RuleTree(leaves=2).fit({"visits": [1, 2, 10, 12]}, [0, 0, 1, 1])
        >>> [(leaf.label, leaf.size, leaf.yes, leaf.no) for leaf in tree.leaves][0]
        (0, 2.0, (), (Split(name='visits', below=2.0, above=10.0),))
        >>> tree.fidelity
        1.0
    """

    leaves: int = attrs.field(default=32, validator=at_least_1)
    depth: int = attrs.field(default=12, validator=at_least_1)
    smallest: float = attrs.field(default=1.0, converter=as_number, validator=positive)

    def fit(
        self,
        columns: Mapping[str, npt.ArrayLike],
        labels: npt.ArrayLike,
        *,
        weights: npt.ArrayLike | None = None,
    ) -> FittedRuleTree:
        """Rules for `labels` (n), whole numbers from 0, in the columns (n) each; NaN is absent.

        `weights` (n) tell how many customers each row stands for. InvalidInput names what cannot
        be read.
        """
        arrays, wanted, heavy = _read(columns, labels, weights)
        binned = [_Binned.of(name, values) for name, values in arrays.items()]
        growth = _Growth(binned, wanted, heavy, self)
        leaves, told = growth.leaves()
        clusters = growth.clusters
        own, said = np.bincount(wanted, heavy, clusters), np.bincount(told, heavy, clusters)
        right = np.bincount(wanted, heavy * (told == wanted), clusters)
        return FittedRuleTree(
            leaves=leaves, told=told, fidelity=float(right.sum() / (own.sum() or 1.0)),
            precision=right / np.where(said > 0, said, 1.0),
            recall=right / np.where(own > 0, own, 1.0),
        )  # fmt: skip


def _read(
    columns: Mapping[str, npt.ArrayLike], labels: npt.ArrayLike, weights: npt.ArrayLike | None
) -> tuple[dict[str, FloatArray], IntArray, FloatArray]:
    checks = Checks()
    arrays: dict[str, FloatArray] = {}
    wanted = checks.counts("labels", labels)
    if wanted.ndim != 1:
        checks.refuse("labels", "must have one dimension")
    if not isinstance(columns, Mapping):
        raise InvalidInput.of("columns", "must hold arrays by name")
    for name, values in columns.items():
        try:
            array = np.asarray(values)
            if array.dtype.kind not in "iufbO":
                raise ValueError
            array = np.ma.filled(np.ma.asarray(values).astype(np.float64), np.nan)
        except (TypeError, ValueError, OverflowError):
            checks.refuse(name, "must be numbers")
            continue
        if array.shape != wanted.shape:
            checks.refuse(name, f"must have one number per row, {wanted.size} in all")
            continue
        checks.refuse_where(np.isinf(array), name, "must be a finite number, or NaN where absent")
        arrays[name] = np.where(np.isnan(array), -np.inf, array)
    own = checks.weights(weights, rows=wanted.size) if not checks.faults else None
    checks.close()
    if wanted.max(initial=0) >= 10_000:
        raise InvalidInput.of("labels", "must be below 10,000")
    return arrays, wanted.astype(np.int64), np.ones(wanted.size) if own is None else own


@attrs.frozen(eq=False)
class _Binned:
    """A column as group numbers, and the neighbours on either side of each group's beginning."""

    name: str
    codes: IntArray
    below: FloatArray
    above: FloatArray

    @classmethod
    def of(cls, name: str, values: FloatArray) -> _Binned:
        ordered = np.sort(values)
        distinct = ordered[np.r_[True, ordered[1:] != ordered[:-1]]] if len(values) else ordered
        if len(distinct) > BINS:
            # Every so many customers a group begins; absent values are a group of their own.
            places = np.linspace(0, len(ordered) - 1, BINS).astype(np.int64)
            begins = np.unique(np.r_[distinct[:2], ordered[places]])
        else:
            begins = distinct
        codes = np.searchsorted(begins, values, side="right") - 1
        before = np.searchsorted(distinct, begins[1:]) - 1
        return cls(name, codes.astype(np.int64), distinct[before], begins[1:])


@attrs.define(eq=False)
class _Node:
    rows: IntArray
    counts: FloatArray
    depth: int
    split: tuple[int, int] | None = None
    no: _Node | None = None
    yes: _Node | None = None

    @property
    def label(self) -> int:
        return int(self.counts.argmax())


class _Growth:
    """A tree as it grows, the question that gains most first."""

    def __init__(
        self, columns: list[_Binned], labels: IntArray, weights: FloatArray, options: RuleTree
    ) -> None:
        self.columns, self.labels, self.weights = columns, labels, weights
        self.options = options
        self.clusters = int(labels.max(initial=-1)) + 1
        self.root = self._node(np.arange(len(labels)), 0)
        if self.clusters > 1:
            self._grow()

    def _node(self, rows: IntArray, depth: int) -> _Node:
        own = np.bincount(self.labels[rows], self.weights[rows], max(self.clusters, 1))
        return _Node(rows, np.asarray(own, np.float64), depth)

    def _grow(self) -> None:
        waiting: list[tuple[float, int, _Node, tuple[int, int]]] = []
        made, leaves = 0, 1

        def offer(node: _Node) -> None:
            nonlocal made
            gain, split = self._best(node)
            if split is not None:
                made += 1
                heappush(waiting, (-gain, made, node, split))

        offer(self.root)
        while waiting and leaves < self.options.leaves:
            _, _, node, split = heappop(waiting)
            column, group = split
            high = self.columns[column].codes[node.rows] > group
            node.split = split
            node.no = self._node(node.rows[~high], node.depth + 1)
            node.yes = self._node(node.rows[high], node.depth + 1)
            leaves += 1
            offer(node.no)
            offer(node.yes)

    def _best(self, node: _Node) -> tuple[float, tuple[int, int] | None]:
        """The question with the greatest gain, by column and the last group that answers no."""
        best, found = 0.0, None
        total = float(node.counts.sum())
        if node.depth >= self.options.depth or total < 2 * self.options.smallest:
            return best, found
        pure = float((node.counts**2).sum()) / total
        labels, weights = self.labels[node.rows], self.weights[node.rows]
        present = np.flatnonzero(node.counts)
        if len(present) < 2:
            return best, found
        place = np.zeros(self.clusters, np.int64)
        place[present] = np.arange(len(present))
        labels, kinds = place[labels], len(present)
        for number, column in enumerate(self.columns):
            groups = len(column.above) + 1
            if groups < 2:
                continue
            flat = np.bincount(column.codes[node.rows] * kinds + labels, weights, groups * kinds)
            no = flat.reshape(groups, kinds).cumsum(axis=0)[:-1]
            yes = node.counts[present] - no
            fewer, more = no.sum(axis=1), yes.sum(axis=1)
            least = self.options.smallest
            allowed = np.flatnonzero((fewer >= least) & (more >= least))
            if not len(allowed):
                continue
            no, yes = no[allowed], yes[allowed]
            gains = (no**2).sum(axis=1) / fewer[allowed] + (yes**2).sum(axis=1) / more[allowed]
            top = int(gains.argmax())
            gain = float(gains[top]) - pure
            if gain > best + 1e-9 * total:
                best, found = gain, (number, int(allowed[top]))
        return best, found

    def leaves(self) -> tuple[tuple[Leaf, ...], IntArray]:
        """The leaves from the lowest answers to the highest, and the label told to each row."""
        told = np.zeros(len(self.labels), np.int64)
        found: list[Leaf] = []
        path: list[tuple[_Node, dict[str, Split], dict[str, Split]]] = [(self.root, {}, {})]
        while path:
            node, yes, no = path.pop()
            if node.split is None or node.no is None or node.yes is None or _one(node):
                told[node.rows] = node.label
                size = float(node.counts.sum())
                found.append(Leaf(node.label, size, tuple(yes.values()), tuple(no.values())))
                continue
            number, group = node.split
            column = self.columns[number]
            split = Split(column.name, float(column.below[group]), float(column.above[group]))
            path.append((node.yes, yes | {split.name: split}, no))
            path.append((node.no, yes, no | {split.name: split}))
        return tuple(found), told


def _one(node: _Node) -> bool:
    """Whether all leaves below tell the same label."""
    labels, waiting = {node.label}, [node]
    while waiting and len(labels) == 1:
        below = waiting.pop()
        if below.no is not None and below.yes is not None:
            waiting += [below.no, below.yes]
        else:
            labels.add(below.label)
    return len(labels) == 1
