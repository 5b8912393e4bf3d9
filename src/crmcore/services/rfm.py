"""RFM: customers by recency, frequency and money, in cells and named groups (S48).

Needs the `analytics` extra.
"""

from __future__ import annotations

from itertools import groupby, product
from typing import TYPE_CHECKING, Any

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.expressions import field
from crmcore.domain.model import Model
from crmcore.domain.money import Money
from crmcore.domain.ports import Backend
from crmcore.domain.predicates import Predicate
from crmcore.services.profile_columns import ProfileColumns, ids_where
from crmcore.services.rfm_groups import NAMED_GROUPS, RfmGroup, check_groups
from crmcore.services.round_bounds import at_least
from crmcore.services.rules import every, nobody, some

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["RfmCell", "RfmCells", "RfmSegment", "rfm_cells"]

RECENCY, FREQUENCY, MONEY = "last_purchase_at", "purchase_count", "revenue"
NEVER = "never_bought"
MOST_BINS = 10


@attrs.frozen(kw_only=True)
class RfmCell:
    """The customers of one score each of recency, frequency and money."""

    recency: int
    frequency: int
    money: int
    predicate: Predicate
    customers: int
    revenue: Money


@attrs.frozen(kw_only=True)
class RfmSegment:
    """A named group: its `share` is of all customers, `revenue_share` of all revenue, `None`
    where that is not above zero.
    """

    name: str
    predicate: Predicate
    customers: int
    share: float
    revenue: Money
    revenue_share: float | None


@attrs.frozen(kw_only=True, eq=False)
class RfmCells:
    """Named `groups`, which hold for exactly one each, and the `cells` of those who bought.

    Those who never bought are a group of their own, the last. The cells are those that a
    customer can be in: equal values have equal scores, so there may be fewer than bins³.
    """

    groups: tuple[RfmSegment, ...]
    cells: tuple[RfmCell, ...] = attrs.field(repr=False)

    @property
    def predicates(self) -> dict[str, Predicate]:
        """The predicate of each group by name."""
        return {group.name: group.predicate for group in self.groups}


def rfm_cells(
    backend: Backend,
    *,
    bins: int = 5,
    groups: tuple[RfmGroup, ...] = NAMED_GROUPS,
    where: Predicate | None = None,
) -> RfmCells:
    """Score everyone who bought from 1 to `bins`, 5 the best, and group them by their scores.

    The scores are of what the profiles say now. Frequency: 1 and one more for each fifth of the
    buyers who bought less often; money, the same by revenue; recency: 5 and one less for each
    fifth of the buyers who bought more recently. Equal values have equal scores. A group is told
    by recency and the mean of the other two, rounded half up; other `bins` (2 to 10) than 5 need
    `groups` of their own, which must hold each pair of scores once, else `InvalidInput`. With
    `where` only they are scored, and every predicate asks that as well.
    """
    import crmcore.analytics  # noqa: F401 - names the extra where it is missing

    if type(bins) is not int or not 2 <= bins <= MOST_BINS:
        raise InvalidInput.of("bins", f"must be a whole number from 2 to {MOST_BINS}")
    check_groups(groups, bins)
    model, names = backend.model, (RECENCY, FREQUENCY, MONEY)
    among = None if where is None else ids_where(backend, where)
    found = _Scored.of(ProfileColumns.read(backend, names, among=among), bins, model)
    first = () if where is None else (where,)
    segments = [found.segment(group, first) for group in groups]
    segments.append(found.never((*first, field(RECENCY).is_absent())))
    return RfmCells(groups=tuple(segments), cells=found.cells(first))


@attrs.frozen(kw_only=True, eq=False)
class _Ladder:
    """The scores of one field. `steps[s]` asks for a score of s + 1 at least: `True` if every
    value has that, `False` if none has; `downs` ask the contrary. `taken` are the scores that
    somebody has: all values, also those to come, lie in the range of one of these.
    """

    scores: npt.NDArray[np.int64]
    steps: tuple[Predicate | bool, ...]
    downs: tuple[Predicate | bool, ...]
    taken: frozenset[int]

    @classmethod
    def of(cls, values: npt.NDArray[np.float64], name: str, bins: int, model: Model) -> _Ladder:
        import numpy as np

        ordered, count = np.sort(values), max(len(values), 1)
        if name == RECENCY:  # exact: of integers, never of shares
            later = len(values) - np.searchsorted(ordered, values, side="right")
            scores = bins - later * bins // count
        else:
            scores = 1 + np.searchsorted(ordered, values, side="left") * bins // count
        steps: list[Predicate | bool] = []
        downs: list[Predicate | bool] = []
        for score in range(1, bins + 2):
            reach = scores >= score
            if reach.all() or not reach.any():
                # Of no buyers at all each score is all the same: everyone has the best one.
                everyone = bool(reach.all()) and score <= bins
                steps.append(everyone)
                downs.append(not everyone)
                continue
            below, above = float(values[~reach].max()), float(values[reach].min())
            known = model.profile_fields[name]
            bound = at_least(known, below=below, above=above, model=model)
            steps.append(field(name) >= bound)
            downs.append(field(name) < bound)
        taken = frozenset(map(int, scores)) or frozenset({bins})
        return cls(scores=scores, steps=tuple(steps), downs=tuple(downs), taken=taken)

    def within(self, least: int, most: int) -> list[Predicate] | None:
        """What a score from `least` to `most` asks; `None` where nobody can have one."""
        if self.taken.isdisjoint(range(least, most + 1)):
            return None
        parts = (self.steps[least - 1], self.downs[most])
        return [part for part in parts if isinstance(part, Predicate)]


@attrs.frozen(kw_only=True, eq=False)
class _Scored:
    recency: _Ladder
    frequency: _Ladder
    money: _Ladder
    bins: int
    revenue: npt.NDArray[np.float64]
    customers: int
    never_revenue: npt.NDArray[np.float64]
    currency: str

    @classmethod
    def of(cls, profiles: ProfileColumns, bins: int, model: Model) -> _Scored:
        import numpy as np

        columns = [profiles.numbers(name) for name in (RECENCY, FREQUENCY, MONEY)]
        bought = ~np.isnan(columns[0])
        ladders = [
            _Ladder.of(column[bought], name, bins, model)
            for column, name in zip(columns, (RECENCY, FREQUENCY, MONEY), strict=True)
        ]
        return cls(
            recency=ladders[0], frequency=ladders[1], money=ladders[2], bins=bins,
            revenue=columns[2][bought], customers=len(bought),
            never_revenue=columns[2][~bought], currency=model.currency,
        )  # fmt: skip

    def _sum(self, minor: Any) -> Money:
        return Money.of_minor(sum(map(int, minor.tolist())), self.currency)

    def segment(self, group: RfmGroup, first: tuple[Predicate, ...]) -> RfmSegment:
        value = (self.frequency.scores + self.money.scores + 1) // 2
        held = value < 0
        found: list[Predicate] = []
        for (oldest, latest), (least, most) in group.cells:
            recency = self.recency.scores
            held |= (recency >= oldest) & (recency <= latest) & (value >= least) & (value <= most)
            when = self.recency.within(oldest, latest)
            worth = self._worth(least, most)
            if when is not None and worth is not None:
                when = when or [field(RECENCY).is_present()]
                found.append(every((*when, *worth)))
        rule = every((*first, some(found) if found else nobody()))
        return self._segment(group.name, rule, self.revenue[held])

    def never(self, asked: tuple[Predicate, ...]) -> RfmSegment:
        return self._segment(NEVER, every(asked), self.never_revenue)

    def _segment(self, name: str, rule: Predicate, minor: Any) -> RfmSegment:
        whole = float(self.revenue.sum() + self.never_revenue.sum())
        return RfmSegment(
            name=name, predicate=rule, customers=len(minor),
            share=len(minor) / max(self.customers, 1), revenue=self._sum(minor),
            revenue_share=float(minor.sum()) / whole if whole > 0 else None,
        )  # fmt: skip

    def _worth(self, least: int, most: int) -> list[Predicate] | None:
        """What a mean score of frequency and money asks: frequency by frequency, the money that
        goes with it. Nothing where everyone has it, `None` where nobody can.
        """
        low, high = 2 * least - 1, 2 * most

        def money(frequency: int) -> tuple[int, int]:
            return max(1, low - frequency), min(self.bins, high - frequency)

        ways: list[list[Predicate]] = []
        scores = [f for f in range(1, self.bins + 1) if self.frequency.within(f, f) is not None]
        for (lowest, highest), run in groupby(scores, key=money):
            together = list(run)
            if lowest > highest:
                continue
            often = self.frequency.within(together[0], together[-1])
            much = self.money.within(lowest, highest)
            if often is not None and much is not None:
                ways.append([*often, *much])
        if not ways:
            return None
        if any(not way for way in ways):
            return []
        return ways[0] if len(ways) == 1 else [some(map(every, ways))]

    def cells(self, first: tuple[Predicate, ...]) -> tuple[RfmCell, ...]:
        found = []
        every_score = range(1, self.bins + 1)
        ladders = (self.recency, self.frequency, self.money)
        for scores in product(every_score, repeat=3) if len(self.revenue) else ():
            asked = [
                ladder.within(score, score) for ladder, score in zip(ladders, scores, strict=True)
            ]
            if any(part is None for part in asked):
                continue
            parts = [part for several in asked for part in several or ()]
            if not asked[0]:
                parts.insert(0, field(RECENCY).is_present())
            held = self.revenue > -float("inf")
            for ladder, score in zip(ladders, scores, strict=True):
                held &= ladder.scores == score
            minor = self.revenue[held]
            found.append(
                RfmCell(
                    recency=scores[0], frequency=scores[1], money=scores[2],
                    predicate=every((*first, *parts)), customers=len(minor),
                    revenue=self._sum(minor),
                )
            )  # fmt: skip
        return tuple(found)
