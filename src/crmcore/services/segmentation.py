"""Finding segments: customers clustered by what they do, and told apart by readable predicates.

Needs the `analytics` extra.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from crmcore.domain.errors import Fault, InvalidInput
from crmcore.domain.expressions import field
from crmcore.domain.ids import CustomerId
from crmcore.domain.ports import Backend
from crmcore.domain.predicates import Predicate
from crmcore.services.profile_columns import NUMBERS, ProfileColumns, ids_where, value_of
from crmcore.services.rules import Questions, every, nobody, some

if TYPE_CHECKING:
    from crmcore.analytics import Clustering, GaussianMixture, KMeans

__all__ = ["FoundSegment", "FoundSegments", "find_segments"]

RFM = ("last_purchase_at", "purchase_count", "revenue")


@attrs.frozen(kw_only=True)
class FoundSegment:
    """One cluster as a predicate.

    `customers` are those whom the rule selects and `clustered` those of the cluster. `precision`
    is the share of the former that are of the cluster, `recall` the share of the latter whom the
    rule selects. `means` are the cluster's means by field: money and instants as such.
    """

    name: str
    predicate: Predicate
    customers: int
    clustered: int
    precision: float
    recall: float
    means: Mapping[str, Any]


@attrs.frozen(kw_only=True, eq=False)
class FoundSegments:
    """Segments that hold for exactly one each of all customers, or of those looked `where`.

    The largest cluster comes first; behind them, where a field that was clustered by may be
    absent, the segment of those who lack one. `fidelity` is the share of clustered customers
    whose rule is that of their own cluster. `clustering` numbers the `customer_ids` by cluster.
    """

    segments: tuple[FoundSegment, ...]
    fidelity: float
    customer_ids: tuple[CustomerId, ...] = attrs.field(repr=False)
    clustering: Clustering = attrs.field(repr=False)

    @property
    def predicates(self) -> dict[str, Predicate]:
        """The predicate of each segment by name."""
        return {segment.name: segment.predicate for segment in self.segments}


def find_segments(
    backend: Backend,
    *,
    by: Sequence[str] = RFM,
    model: KMeans | GaussianMixture | None = None,
    told_by: Sequence[str] = (),
    where: Predicate | None = None,
    leaves: int | None = None,
    name: str = "cluster",
) -> FoundSegments:
    """Cluster customers `by` profile fields, and tell the clusters apart by predicates.

    `by` are numbers, money, instants, dates or truth values. `model` is `KMeans(clusters=8,
    scale="rank")` unless given; `seed` in it makes the result repeatable. The predicates ask of
    the fields in `by` and `told_by`, which may be texts or tags of at most 50 different ones, by a
    decision tree of at most `leaves` leaves (3 per cluster unless given): more leaves, more
    fidelity, longer rules. Bounds are round where that moves nobody. Customers without one of `by`
    are in no cluster but in the segment `<name>_unknown`. Only those looked `where` are clustered,
    and every predicate asks that as well. A field that does not exist is `UnknownField`; one that
    cannot be used so, `InvalidInput`.
    """
    from crmcore.analytics import KMeans, RuleTree  # isort: skip - first, to name the extra

    import numpy as np

    known = backend.model
    among = None if where is None else ids_where(backend, where)
    asked = tuple(dict.fromkeys((*by, *told_by)))
    profiles = ProfileColumns.read(backend, asked, among=among)
    wrong = [n for n in by if profiles.fields[n].type not in NUMBERS]
    if wrong or not by:
        faults = [Fault(n, "is no number, money, time or truth to cluster by") for n in wrong]
        raise InvalidInput(tuple(faults) or (Fault("by", "names no field"),))
    columns = {name: profiles.numbers(name) for name in by}
    whole: Any = ~np.isnan(np.column_stack(list(columns.values()))).any(axis=1)
    spec = KMeans(clusters=8, scale="rank") if model is None else model
    fitted = spec.fit({name: column[whole] for name, column in columns.items()})
    questions = Questions.of(profiles, asked, present=by, model=known)
    most = max(3 * fitted.clusters, 1) if leaves is None else leaves
    tree = RuleTree(leaves=most, depth=20).fit(
        {name: column[whole] for name, column in questions.columns.items()}, fitted.labels
    )
    told = np.bincount(tree.told, minlength=fitted.clusters)
    rules: dict[int, list[Predicate]] = {number: [] for number in range(fitted.clusters)}
    for leaf in tree.leaves if fitted.clusters else ():
        rules[leaf.label].append(questions.rule(leaf))
    asked_too = () if where is None else (where,)
    digits = len(str(fitted.clusters))
    segments = [
        FoundSegment(
            name=f"{name}_{number + 1:0{digits}}",
            predicate=every((*asked_too, some(found) if found else nobody())),
            customers=int(told[number]), clustered=int(fitted.sizes[number]),
            precision=float(tree.precision[number]), recall=float(tree.recall[number]),
            means={
                of: value_of(profiles.fields[of], float(mean), known.currency)
                for of, mean in zip(by, fitted.centres[number], strict=True)
            },
        )
        for number, found in rules.items()
    ]  # fmt: skip
    optional = [n for n in by if profiles.fields[n].optional]
    if optional or not fitted.clusters:
        lacking = [field(n).is_absent() for n in optional] if fitted.clusters else []
        rest = some(lacking) if lacking else ~nobody()
        missing = int((~whole).sum())
        segments.append(
            FoundSegment(
                name=f"{name}_unknown", predicate=every((*asked_too, rest)), customers=missing,
                clustered=missing, precision=1.0, recall=1.0, means={},
            )
        )  # fmt: skip
    for segment in segments:
        known.checked(segment.predicate)  # told now, not when the segment is first asked
    ids = profiles.customer_ids
    return FoundSegments(
        segments=tuple(segments), fidelity=tree.fidelity, clustering=fitted,
        customer_ids=tuple(id for id, kept in zip(ids, whole, strict=True) if kept),
    )  # fmt: skip
