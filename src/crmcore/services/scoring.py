"""Scoring: purchases in, scores out as facts (S49), by our models or by the host's (S51).

A model of repeat purchases tells who is alive and how often they will buy, Gamma-Gamma what a
purchase of theirs is worth; together the lifetime value. Needs the `analytics` extra.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from inspect import signature
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from crmcore.domain.errors import InvalidInput
from crmcore.domain.ids import CustomerId
from crmcore.domain.ports import Backend
from crmcore.services.purchase_columns import Ids, known_by, purchase_columns
from crmcore.services.purchase_scorers import (
    ExpectedPurchases,
    LifetimeWorth,
    ProbabilityAlive,
    history_of,
    paid,
)
from crmcore.services.scorers import Scorer
from crmcore.services.scores import ScoreColumn, ask, check_scorers, record_scores
from crmcore.services.scoring_columns import (
    OF_SUMMARY,
    check_inputs,
    columns_for,
    of_summary,
    summarized,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from crmcore.analytics import (
        FittedGammaGamma,
        FittedProcess,
        LifetimeValue,
        PurchaseModel,
        Summary,
    )

__all__ = ["Scored", "Scoring", "ScoringRun", "holdout", "score", "score_by"]

WEEKS_PER_YEAR = 52


class Scored(Protocol):
    """Customers as of a day: what `score`, `score_by` and `scoring_columns` answer."""

    @property
    def as_of(self) -> date:
        """The last day that counted."""
        ...

    @property
    def customer_ids(self) -> Ids:
        """The customers, ids ascending."""
        ...


@attrs.frozen(kw_only=True, eq=False)
class Scoring:
    """What a scoring run found: `customers` were scored, `added` scores were new facts.

    `summary.customer` numbers the customers of `customer_ids`. `value` is `None`, and so are the
    `lifetime_value` scores, where spend has no finite mean: `value_reason` says why. `values` holds
    the scores by scorer, in the order of the ids.
    """

    as_of: date
    horizon: float
    customer_ids: tuple[CustomerId, ...] = attrs.field(repr=False)
    added: int
    summary: Summary = attrs.field(repr=False)
    purchases: FittedProcess
    spend: FittedGammaGamma
    value: LifetimeValue | None = attrs.field(repr=False)
    value_reason: str | None = None
    values: Mapping[str, ScoreColumn] = attrs.field(factory=dict, repr=False)
    known_at: datetime | None = None

    @property
    def customers(self) -> int:
        """How many customers had bought by `as_of`."""
        return len(self.customer_ids)


@attrs.frozen(kw_only=True, eq=False)
class ScoringRun:
    """What the host's scorers said: `values` by scorer in the order of `customer_ids`, of which
    `added` were new facts.
    """

    as_of: date
    known_at: datetime | None
    customer_ids: tuple[CustomerId, ...] = attrs.field(repr=False)
    added: int
    values: Mapping[str, ScoreColumn] = attrs.field(repr=False)

    @property
    def customers(self) -> int:
        """How many customers had bought by `as_of`."""
        return len(self.customer_ids)


def score(
    backend: Backend,
    *,
    as_of: date,
    horizon: float = 52.0,
    yearly_discount: float = 0.10,
    model: PurchaseModel[Any] | None = None,
    level: float | None = None,
    known_at: date | datetime | None = None,
    record: bool = True,
    actor: str = "score",
) -> Scoring:
    """Score every customer who had bought by the end of the local day `as_of`.

    Three scores each, dated by the end of that day: `probability_alive`, `expected_purchases`
    within the `horizon` (weeks), and `lifetime_value`, the present value of those purchases in
    the model's currency at an effective `yearly_discount`. Purchases are told by `model`, one in
    continuous time, BG/NBD where none is named, and all is fitted to the same purchases. A `level`,
    such as 0.95, asks for the interval that the estimates leave open, at several times the cost; a
    score that the data do not bound has none.

    A second run over the same facts and options adds nothing; over other facts its scores are new
    and replace the former ones in the profile. With `known_at`, an instant or the end of a local
    day, only what happened by `as_of` and was recorded by then counts: the scores are those of
    then, to the last digit, whatever came in since. `record=False` stores none, which is how to
    look back without a trace. Nobody to score: `InvalidInput`.
    """
    from crmcore.analytics import BetaGeoNBD, GammaGamma, NoFiniteMean, continuous_rate

    recorded_by = known_by(known_at, backend.model.zone)
    bought = purchase_columns(backend, as_of, known_at=recorded_by)
    chosen: Any = BetaGeoNBD() if model is None else model
    regular = "log_intervals" in signature(chosen.fit).parameters
    summary = summarized(backend.model, bought, as_of, log_intervals=regular)
    columns = of_summary(summary, OF_SUMMARY)
    also = {"log_intervals": summary.log_intervals} if regular else {}
    purchases = chosen.fit(**history_of(columns), **also)
    spend = GammaGamma().fit(**paid(columns))
    worth = LifetimeWorth(
        purchases=purchases, spend=spend, currency=backend.model.currency, horizon=horizon,
        discount_rate=continuous_rate(yearly=yearly_discount, units_per_year=WEEKS_PER_YEAR),
        level=level,
    )  # fmt: skip
    scorers: list[Scorer] = [
        ProbabilityAlive(purchases=purchases, level=level),
        ExpectedPurchases(purchases=purchases, horizon=horizon, level=level),
    ]
    value, reason = None, None
    try:
        value = worth.value(columns)
    except NoFiniteMean as error:
        reason = error.reason
    else:
        scorers.append(attrs.evolve(worth, known=value))
    answers = [ask(scorer, columns, bought.ids) for scorer in scorers]
    added = 0
    if record:
        added = record_scores(backend, [answers], bought.ids, as_of=as_of, actor=actor)
    return Scoring(
        as_of=as_of, horizon=horizon, customer_ids=bought.ids, added=added,
        summary=summary, purchases=purchases, spend=spend, value=value, value_reason=reason,
        values=_by_name(answers), known_at=recorded_by,
    )  # fmt: skip


def score_by(
    backend: Backend,
    scorers: Sequence[Scorer],
    *,
    as_of: date,
    known_at: date | datetime | None = None,
    record: bool = True,
    actor: str = "score",
) -> ScoringRun:
    """Score every customer who had bought by the end of the local day `as_of` by these scorers.

    Each is given the columns that its `inputs` name, as `scoring_columns` reads them, and nothing
    else; scores that this run gives are no input of it. Everything that they answer is checked
    before the first score is stored, as a fact dated by the end of that day. Not one finite number
    for each customer, two scorers of one name, or an input that nobody declared: `InvalidInput`,
    which names the scorer, and nothing is stored. `known_at`, `record` and repeating are as for
    `score`, scorer by scorer.
    """
    check_scorers(scorers)
    names = [scorer.name for scorer in scorers]
    recorded_by = known_by(known_at, backend.model.zone)
    inputs = dict.fromkeys(name for scorer in scorers for name in scorer.inputs)
    for scorer in scorers:
        check_inputs(backend.model, scorer.inputs, path=f"{scorer.name}.inputs")
    bought = purchase_columns(backend, as_of, known_at=recorded_by)
    columns = columns_for(
        backend, bought, inputs, as_of=as_of, known_at=recorded_by, scored_now=names
    )
    answers = [ask(scorer, columns, bought.ids) for scorer in scorers]
    added = 0
    if record:
        each = [[answer] for answer in answers]
        added = record_scores(backend, each, bought.ids, as_of=as_of, actor=actor)
    return ScoringRun(
        as_of=as_of, known_at=recorded_by, customer_ids=bought.ids, added=added,
        values=_by_name(answers),
    )  # fmt: skip


def _by_name(answers: Sequence[ScoreColumn]) -> dict[str, ScoreColumn]:
    return {answer.name: answer for answer in answers}


def holdout(backend: Backend, scoring: Scored, *, until: date) -> npt.NDArray[np.int64]:
    """What really happened: purchase days after `scoring.as_of` up to `until`, by customer.

    In the order of `scoring.customer_ids`, to be held against the expected purchases; with what
    is known today, whatever was known when they were scored.
    """
    import numpy as np

    if until <= scoring.as_of:
        raise InvalidInput.of("until", "must be after as_of")
    bought = purchase_columns(backend, until)
    days = _local_days(bought.at, backend.model.zone)
    later = days > (scoring.as_of - date(1970, 1, 1)).days
    pairs = np.unique(np.stack([bought.customer[later], days[later]]), axis=1)
    counts = np.bincount(pairs[0], minlength=len(bought.ids)) if pairs.size else None
    by_id = {} if counts is None else dict(zip(bought.ids, counts.tolist(), strict=True))
    return np.array([by_id.get(id, 0) for id in scoring.customer_ids], np.int64)


def _local_days(at: npt.NDArray[Any], zone: str) -> npt.NDArray[Any]:
    from crmcore.analytics.checks import Checks
    from crmcore.analytics.days import local_days

    checks = Checks()
    days = local_days(checks, "at", at, zone)
    checks.close()
    return days
