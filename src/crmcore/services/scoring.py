"""Scoring: purchases in, scores out as facts (S49).

BG/NBD tells who is alive and how often they will buy, Gamma-Gamma what a purchase of theirs is
worth; together the lifetime value. Needs the `analytics` extra.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs

from crmcore.domain.currencies import minor_digits
from crmcore.domain.errors import InvalidInput
from crmcore.domain.ids import CustomerId
from crmcore.domain.instants import start_of
from crmcore.domain.ports import Backend
from crmcore.domain.score import Score
from crmcore.domain.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from crmcore.analytics import FittedBetaGeoNBD, FittedGammaGamma, LifetimeValue, Summary

__all__ = ["Scoring", "holdout", "score"]

BATCH = 10_000
WEEKS_PER_YEAR = 52
SOURCE = "crmcore.score"


@attrs.frozen(kw_only=True, eq=False)
class Scoring:
    """What a scoring run found: `customers` were scored, `added` scores were new facts.

    `summary.customer` numbers the customers of `customer_ids`. `value` is `None`, and so are the
    `lifetime_value` scores, where spend has no finite mean: `value_reason` says why.
    """

    as_of: date
    horizon: float
    customer_ids: tuple[CustomerId, ...] = attrs.field(repr=False)
    added: int
    summary: Summary = attrs.field(repr=False)
    purchases: FittedBetaGeoNBD
    spend: FittedGammaGamma
    value: LifetimeValue | None = attrs.field(repr=False)
    value_reason: str | None = None

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
    actor: str = "score",
) -> Scoring:
    """Score every customer who had bought by the end of the local day `as_of`.

    Three scores each, dated by the end of that day: `probability_alive`, `expected_purchases`
    within the `horizon` (weeks), and `lifetime_value`, the present value of those purchases in
    the model's currency at an effective `yearly_discount`. The models are fitted to the same
    purchases. A second run over the same facts and options adds nothing; over other facts its
    scores are new and replace the former ones in the profile. Nobody to score: `InvalidInput`.
    """
    from crmcore.analytics import BetaGeoNBD, GammaGamma, summarize

    ids, columns = _purchases(backend, as_of)
    if not ids:
        raise InvalidInput.of("as_of", "nobody had bought by then")
    digits = minor_digits(backend.model.currency)
    zone = backend.model.zone
    summary = summarize(**columns, as_of=as_of, unit="week", zone=zone, minor_digits=digits)
    history = {"frequency": summary.frequency, "recency": summary.recency, "T": summary.T}
    purchases = BetaGeoNBD().fit(**history)
    times, mean = _paid(summary)
    spend = GammaGamma().fit(frequency=times, monetary_value=mean)
    value, reason = _value(purchases, spend, summary, horizon, yearly_discount)
    run = Scoring(
        as_of=as_of, horizon=horizon, customer_ids=ids, added=0, summary=summary,
        purchases=purchases, spend=spend, value=value, value_reason=reason,
    )  # fmt: skip
    added = 0
    scores = _scores(backend, run)
    while batch := list(islice(scores, BATCH)):
        added += backend.run(_record, batch, actor=actor, source=SOURCE)
    return attrs.evolve(run, added=added)


def holdout(backend: Backend, scoring: Scoring, *, until: date) -> npt.NDArray[np.int64]:
    """What really happened: purchase days after `scoring.as_of` up to `until`, by customer.

    In the order of `scoring.customer_ids`, to be held against the expected purchases.
    """
    from crmcore.analytics import summarize

    ids, columns = _purchases(backend, until)
    summary = summarize(
        customer=columns["customer"], at=columns["at"], as_of=scoring.as_of,
        zone=backend.model.zone, holdout_until=until,
    )  # fmt: skip
    return _counted(ids, summary, scoring.customer_ids)


def _counted(
    ids: tuple[CustomerId, ...], summary: Summary, wanted: tuple[CustomerId, ...]
) -> npt.NDArray[np.int64]:
    import numpy as np

    counts = summary.holdout_frequency
    known = zip(summary.customer, () if counts is None else counts, strict=True)
    by_id = {ids[number]: count for number, count in known}
    return np.array([by_id.get(id, 0) for id in wanted], np.int64)


def _purchases(backend: Backend, as_of: date) -> tuple[tuple[CustomerId, ...], dict[str, Any]]:
    """Ids in ascending order, and the purchases as arrays that number them."""
    import numpy as np

    numbers: dict[bytes, int] = {}
    parts: dict[str, list[Any]] = {"customer": [], "at": [], "amount": []}
    until = _end_of(as_of, backend.model.zone)
    for batch in backend.columns("purchases", until=until):
        seen = [numbers.setdefault(id, len(numbers)) for id in batch["customer_id"]]
        parts["customer"].append(np.array(seen, np.int64))
        parts["at"].append(np.array(batch["at"], np.int64))
        parts["amount"].append(np.array(batch["amount_minor"], np.int64))
    ordered = sorted(numbers)
    place = np.empty(len(ordered), np.int64)
    place[np.array([numbers[id] for id in ordered], np.int64)] = np.arange(len(ordered))
    nothing = np.empty(0, np.int64)
    columns = {name: np.concatenate([nothing, *found]) for name, found in parts.items()}
    columns["customer"] = place[columns["customer"]]
    return tuple(CustomerId(UUID(bytes=id)) for id in ordered), columns


def _end_of(day: date, zone: str) -> datetime:
    """The instant at which the local day is over."""
    try:
        return start_of(day + timedelta(days=1), zone=zone)
    except OverflowError:
        raise InvalidInput.of("as_of", "must lie before the year 9999 ends") from None


def _paid(summary: Summary) -> tuple[Any, Any]:
    """Repeat purchases and their mean value.

    Who came again only for gifts counts as not repeating: the model of spend knows no gifts.
    """
    import numpy as np

    mean: Any = summary.monetary_value
    return np.where(mean > 0, summary.frequency, 0), mean


def _value(
    purchases: FittedBetaGeoNBD,
    spend: FittedGammaGamma,
    summary: Summary,
    horizon: float,
    yearly_discount: float,
) -> tuple[LifetimeValue | None, str | None]:
    from crmcore.analytics import LifetimeValue, NoFiniteMean, continuous_rate

    rate = continuous_rate(yearly=yearly_discount, units_per_year=WEEKS_PER_YEAR)
    times, mean = _paid(summary)
    try:
        average = spend.expected_average_value(frequency=times, monetary_value=mean)
    except NoFiniteMean as error:
        return None, error.reason
    bought = purchases.discounted_purchases(
        discount_rate=rate, horizon=horizon, frequency=summary.frequency,
        recency=summary.recency, T=summary.T,
    )  # fmt: skip
    found = LifetimeValue(
        value=bought * average, discounted_purchases=bought, average_value=average,
        horizon=horizon, discount_rate=rate, margin=1.0,
    )  # fmt: skip
    return found, None


def _scores(backend: Backend, run: Scoring) -> Iterator[Score]:
    at = _end_of(run.as_of, backend.model.zone) - timedelta(milliseconds=1)
    summary = run.summary
    history = {"frequency": summary.frequency, "recency": summary.recency, "T": summary.T}
    alive = run.purchases.probability_alive(**history)
    expected = run.purchases.expected_purchases(t=run.horizon, **history)
    bg_nbd = _named("BG/NBD", run.purchases.params)
    scorers = [
        ("probability_alive", "probability", bg_nbd, alive),
        ("expected_purchases", f"purchases in {run.horizon:g} weeks", bg_nbd, expected),
    ]
    if run.value is not None:
        model = _named("Gamma-Gamma", run.spend.params)
        scorers.append(("lifetime_value", backend.model.currency, model, run.value.value))
    tag = _fingerprint(run, [values for *_, values in scorers])
    for row, customer_id in enumerate(run.customer_ids):
        why = _why(summary, row)
        for scorer, unit, model, values in scorers:
            yield Score(
                customer_id=customer_id, at=at, scorer=scorer, value=float(values[row]),
                unit=unit, model=model, why=why, source=SOURCE,
                source_key=f"{scorer}:{tag}:{customer_id.hex}",
            )  # fmt: skip


def _fingerprint(run: Scoring, values: list[Any]) -> str:
    """The same for the same histories, options and results, to the last digit.

    So a repeated run adds nothing, and one with results of its own (other options, a later
    version of the models) meets no score of the same key with other content.
    """
    digest = blake2b(digest_size=8)
    for id in run.customer_ids:
        digest.update(id.bytes)
    summary = run.summary
    columns = (summary.frequency, summary.recency, summary.T, summary.monetary_value, *values)
    for column in columns:
        digest.update(b"" if column is None else column.tobytes())
    options = (run.as_of, run.horizon, run.purchases.params, run.spend.params)
    digest.update(repr(options).encode())
    return digest.hexdigest()


def _named(model: str, params: dict[str, float]) -> str:
    return f"{model} " + " ".join(f"{name}={value:.6g}" for name, value in params.items())


def _why(summary: Summary, row: int) -> str:
    times = int(summary.frequency[row])
    since = float(summary.T[row]) - float(summary.recency[row])
    if times == 0:
        return f"bought once, {since:.1f} weeks ago"
    mean = 0.0 if summary.monetary_value is None else float(summary.monetary_value[row])
    repeats = "1 repeat" if times == 1 else f"{times} repeats"
    return f"{repeats}, last {since:.1f} weeks ago, {mean:.2f} each"


def _record(unit: UnitOfWork, scores: list[Score]) -> int:
    return unit.scores.add_many(scores)
