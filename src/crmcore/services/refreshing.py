"""Refreshing segments: who entered and who left since the last time, recorded as facts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from crmcore.domain.errors import Fault, InvalidInput, NotFound
from crmcore.domain.ids import CustomerId
from crmcore.domain.instants import instant
from crmcore.domain.ports import Backend
from crmcore.domain.segments import SegmentRefresh
from crmcore.domain.unit_of_work import UnitOfWork

__all__ = ["refresh_segments"]


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


def _refreshed(backend: Backend, name: str, at: datetime, actor: str) -> SegmentRefresh:
    found = SegmentRefresh(0, 0)
    while True:
        page = backend.run(_page, name, at, found.next, actor=actor, source="refresh")
        found = found.and_(page)
        if found.next is None:
            return found


def _page(unit: UnitOfWork, name: str, at: datetime, after: CustomerId | None) -> SegmentRefresh:
    return unit.segments.refresh_page(name, at=at, after=after)
