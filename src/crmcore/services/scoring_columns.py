"""What scorers read: columns of the customers who bought, as known at an instant, nothing later."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import attrs

from crmcore.domain.currencies import minor_digits
from crmcore.domain.customer import Customer
from crmcore.domain.errors import InvalidInput, UnknownField
from crmcore.domain.fields import FieldType
from crmcore.domain.ids import CustomerId
from crmcore.domain.instants import to_millis
from crmcore.domain.kinds import CUSTOMERS, SCORES
from crmcore.domain.model import Model
from crmcore.domain.ports import Backend
from crmcore.services.known_facts import KnownFacts, changed_since
from crmcore.services.purchase_columns import (
    Bought,
    Ids,
    end_of,
    known_by,
    purchase_columns,
)
from crmcore.services.scorers import ScorerColumns, input_names

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from crmcore.analytics import Summary

__all__ = [
    "OF_SUMMARY", "ScoringColumns", "check_inputs", "columns_for", "of_summary", "read_only",
    "scoring_columns", "summarized",
]  # fmt: skip

OF_SUMMARY = ("frequency", "recency", "T", "monetary_value")
"""The columns of the purchase summary, times in weeks, that a scorer may read."""

BATCH = 1_000


@attrs.frozen(kw_only=True, eq=False)
class ScoringColumns:
    """Columns (n,) of those who had bought by the end of the local day `as_of`, as far as that was
    recorded by `known_at`; by today without one. Row i is of `customer_ids[i]`, ids ascending.
    """

    as_of: date
    known_at: datetime | None
    customer_ids: Ids = attrs.field(repr=False)
    columns: Mapping[str, npt.NDArray[Any]] = attrs.field(repr=False)

    @property
    def customers(self) -> int:
        """How many customers had bought by `as_of`."""
        return len(self.customer_ids)


def scoring_columns(
    backend: Backend,
    inputs: Sequence[str],
    *,
    as_of: date,
    known_at: date | datetime | None = None,
) -> ScoringColumns:
    """The columns that a scorer with these `inputs` is given, for training a model on.

    `frequency`, `recency`, `T` (weeks) and `monetary_value` (major units) are those of
    `crmcore.analytics.summarize`. Any other input is a field of the profile, folded from what
    happened by the end of `as_of`; a field that a profile copies from the customer is as it was
    by then. Numbers, money in major units and booleans come as float64 with NaN where absent,
    instants and days as datetime64, texts as objects. With `known_at`, an instant or the end of a
    local day, nothing counts that was recorded later: what a model would have been given then.
    Without, purchases are net of all that came back since.

    Fields of the profile are worked out a thousand customers at a time in Python, as `as_known`
    does, at about its cost. A field nobody declared is `UnknownField`, a personal one and nobody
    having bought are `InvalidInput`. Needs the extra `analytics`.
    """
    names = input_names(inputs)
    recorded_by = known_by(known_at, backend.model.zone)
    check_inputs(backend.model, names, path="inputs")
    bought = purchase_columns(backend, as_of, known_at=recorded_by)
    return ScoringColumns(
        as_of=as_of, known_at=recorded_by, customer_ids=bought.ids,
        columns=columns_for(backend, bought, names, as_of=as_of, known_at=recorded_by),
    )  # fmt: skip


def check_inputs(model: Model, names: Iterable[str], *, path: str) -> None:
    """Refuse names of no column, and personal ones."""
    known = model.profile_fields
    for name in names:
        if name not in OF_SUMMARY and name not in known:
            raise UnknownField.named(name, known=(*OF_SUMMARY, *known)).under(path)
        if name not in OF_SUMMARY and known[name].personal:
            raise InvalidInput.of(f"{path}.{name}", "is personal, and no ground for a score")


def columns_for(
    backend: Backend,
    bought: Bought,
    names: Iterable[str],
    *,
    as_of: date,
    known_at: datetime | None,
    scored_now: Collection[str] = (),
) -> dict[str, npt.NDArray[Any]]:
    """These columns of those who bought; without scores of that instant by those `scored_now`."""
    wanted = tuple(dict.fromkeys(names))
    found = of_summary(summarized(backend.model, bought, as_of), wanted)
    fields = [name for name in wanted if name not in OF_SUMMARY]
    if fields:
        found |= _of_profiles(
            backend, bought.ids, fields, end=end_of(as_of, backend.model.zone), known_at=known_at,
            scored_now=frozenset(scored_now),
        )  # fmt: skip
    for column in found.values():
        column.setflags(write=False)
    return found


def of_summary(summary: Summary, names: Iterable[str]) -> dict[str, npt.NDArray[Any]]:
    """Those of the names that are columns of the summary, as float64."""
    wanted = [name for name in names if name in OF_SUMMARY]
    return {name: getattr(summary, name).astype("float64") for name in wanted}


def summarized(
    model: Model, bought: Bought, as_of: date, *, log_intervals: bool = False
) -> Summary:
    """The histories of purchases in weeks, in the order of the ids; InvalidInput without any."""
    from crmcore.analytics import summarize

    if not bought.ids:
        raise InvalidInput.of("as_of", "nobody had bought by then")
    return summarize(
        customer=bought.customer, at=bought.at, amount=bought.amount, as_of=as_of, unit="week",
        zone=model.zone, minor_digits=minor_digits(model.currency), log_intervals=log_intervals,
    )  # fmt: skip


def _of_profiles(
    backend: Backend,
    ids: Ids,
    names: list[str],
    *,
    end: datetime,
    known_at: datetime | None,
    scored_now: frozenset[str],
) -> dict[str, npt.NDArray[Any]]:
    model = backend.model
    last = end - timedelta(milliseconds=1)
    measured = {f.name: m for m in model.all_measures for f in m.fields}
    copies = any(name not in measured for name in names)
    undo = changed_since(backend, min(last, known_at or last))[0] if copies else {}
    of_scores = any(measured[n].of == SCORES.name for n in names if n in measured)
    told: dict[str, list[Any]] = {name: [] for name in names}
    for first in range(0, len(ids), BATCH):
        some = ids[first : first + BATCH]
        with backend.reading() as unit:
            then = KnownFacts(unit.reads, model, some, recorded_by=known_at, before=end)
            if of_scores and scored_now:
                then.kept[SCORES.name] = [
                    fact
                    for fact in then.facts(SCORES.name)
                    if fact.at < last or fact.scorer not in scored_now
                ]
            held: Iterable[Customer] = ()
            if copies:
                held = unit.reads.fetch(CUSTOMERS, some).values()
            values = then.values(names, then.copies(held, undo))
            for name in names:
                told[name] += [values[name](CustomerId(id)) for id in some]
    return {name: _array(model.profile_fields[name].type, told[name]) for name in names}


def _array(type: FieldType, values: list[Any]) -> npt.NDArray[Any]:
    """The values of a field as an array: see `scoring_columns`."""
    import numpy as np

    match type:
        case FieldType.INSTANT:
            millis = [None if value is None else to_millis(value) for value in values]
            return np.array(millis, "datetime64[ms]")
        case FieldType.DATE:
            return np.array(values, "datetime64[D]")
        case FieldType.TEXT | FieldType.TEXT_SET:
            found: np.ndarray[Any, Any] = np.empty(len(values), object)
            found[:] = values
            return found
    number: Callable[[Any], Any] = float
    if type is FieldType.MONEY:
        number = _major
    return np.array([np.nan if value is None else number(value) for value in values], np.float64)


def _major(money: Any) -> float:
    return float(money.amount)


def read_only(columns: Mapping[str, npt.NDArray[Any]], names: Iterable[str]) -> ScorerColumns:
    """Those of the columns that have these names."""
    return MappingProxyType({name: columns[name] for name in names})
