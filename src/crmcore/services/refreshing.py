"""Refreshing segments: who entered and who left since the last time, recorded as facts; and for
whom something happened, so that only these are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from crmcore.domain.errors import Fault, InvalidInput, NotFound
from crmcore.domain.ids import CustomerId, FactId, MembershipId
from crmcore.domain.instants import instant
from crmcore.domain.journal import Entry
from crmcore.domain.kinds import CUSTOMERS, FACTS, MEMBERSHIPS
from crmcore.domain.ports import Backend
from crmcore.domain.segments import SegmentRefresh
from crmcore.domain.unit_of_work import UnitOfWork

__all__ = ["customers_of", "refresh_segments"]


FACT_KINDS = {kind.name: kind for kind in FACTS}


def refresh_segments(
    backend: Backend,
    *,
    at: datetime | None = None,
    names: Iterable[str] | None = None,
    actor: str = "refresh",
) -> dict[str, SegmentRefresh]:
    """Refresh the dynamic segments of these `names`, or all, at one instant (the store's clock
    without one); answer by name how many entered and left. Again for the same instant, none does.

    Each page of some thousand customers is a unit of work, retried while the store is busy, so the
    memory needed follows neither the number of customers nor of members. What is interrupted is
    taken up by calling it again. A name of no segment is `NotFound`; of a static one, `Refused`.

    One that cannot be asked, for a field or another segment that it names is gone, stops no other:
    when all are done it is `InvalidInput`, by the names of all that were not.
    """
    if isinstance(names, str):
        raise InvalidInput.of("names", "is one text: give several names, as in [name]")
    when = instant(backend.clock() if at is None else at)
    if names is None:
        with backend.reading() as unit:
            names = sorted(known.name for known in unit.segments.stream() if known.is_dynamic)
    done, faults = dict[str, SegmentRefresh](), list[Fault]()
    for name in dict.fromkeys(names):
        try:
            done[name] = _refreshed(backend, name, when, actor)
        except InvalidInput as error:
            faults += error.under(str(name)).faults
        except NotFound as error:
            if error.id == name:
                raise
            faults.append(Fault(name, f"there are {error}"))
    if faults:
        raise InvalidInput(tuple(faults))
    return done


def customers_of(unit: UnitOfWork, entry: Entry) -> set[CustomerId]:
    """Whom a row of the journal is about: customers, or whose facts or memberships these are.

    Of a fact that is removed by now, the row of its removal says it. Nobody for products and
    segments.
    """
    if entry.kind == CUSTOMERS.name:
        return {CustomerId(id) for id in entry.ids}
    if entry.kind == MEMBERSHIPS.name:
        held = unit.memberships.get_many([MembershipId(id) for id in entry.ids])
        return {member.customer_id for member in held.values()}
    if entry.kind not in FACT_KINDS:
        return set()
    found = unit.reads.facts(FACT_KINDS[entry.kind], ids=[FactId(id) for id in entry.ids])
    told = (change["customer_id"][0] for change in entry.changes if "customer_id" in change)
    return {fact.customer_id for fact in found} | {CustomerId(UUID(who)) for who in told}


def _refreshed(backend: Backend, name: str, at: datetime, actor: str) -> SegmentRefresh:
    found = SegmentRefresh(0, 0)
    while True:
        page = backend.run(_page, name, at, found.next, actor=actor, source="refresh")
        found = found.and_(page)
        if found.next is None:
            return found


def _page(unit: UnitOfWork, name: str, at: datetime, after: CustomerId | None) -> SegmentRefresh:
    return unit.segments.refresh_page(name, at=at, after=after)
