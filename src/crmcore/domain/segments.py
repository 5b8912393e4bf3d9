"""The segments of a unit of work: kept like every aggregate, and asked who is in them.

Who is in a segment *now* is the answer of its predicate, or of those who put them in by hand. Who
*was recorded* as a member is told by facts, `uow.segment_changes`: `refresh` appends what has
changed between the two, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING
from uuid import UUID

import attrs

from crmcore.domain.errors import InvalidInput, NotFound, Refused, Stale
from crmcore.domain.ids import CustomerId, SegmentId, as_id
from crmcore.domain.instants import LATEST, instant, optional_instant
from crmcore.domain.journal import Operation
from crmcore.domain.kinds import SEGMENT_CHANGES, SEGMENTS
from crmcore.domain.ports import Among
from crmcore.domain.predicates import And, Comparison, FactTerm, InSegment, Predicate
from crmcore.domain.repositories import Aggregates
from crmcore.domain.resolving import inlined
from crmcore.domain.segment import Segment, SegmentChange
from crmcore.domain.text import checked_text

if TYPE_CHECKING:
    from crmcore.domain.unit_of_work import UnitOfWork

__all__ = ["SegmentRefresh", "Segments"]

PAGE = 5_000
MILLISECOND = timedelta(milliseconds=1)


@attrs.frozen
class SegmentRefresh:
    """How many customers entered a segment and how many left it; `next` is behind whom the next
    page begins, where only one page was asked for.
    """

    entered: int
    left: int
    next: CustomerId | None = None

    def and_(self, other: SegmentRefresh) -> SegmentRefresh:
        """Both together."""
        return SegmentRefresh(self.entered + other.entered, self.left + other.left, other.next)


class Segments(Aggregates[Segment]):
    """`uow.segments`. A predicate that the model does not know is `InvalidInput`; another name, a
    predicate for a static segment or none for a dynamic one is `Refused`.
    """

    def __init__(self, unit: UnitOfWork) -> None:
        super().__init__(unit, SEGMENTS)

    def find(self, name: str) -> Segment | None:
        """The segment of this name, or `None`."""
        checked_text(name, "name", 40)
        ids = self._unit.reads.find(SEGMENTS, "name", [name]).get(name)
        return self.get(SegmentId(ids[0])) if ids else None

    def named(self, name: str) -> Segment:
        """The segment of this name; `NotFound` if there is none."""
        found = self.find(name)
        if found is None:
            raise NotFound("segments", name, "name")
        return found

    def definition(self, name: str, *, at: datetime | None = None) -> Predicate:
        """What holds for the members of the segment: its predicate, or for a static one that their
        last change of it, until `at` where it is given, is an entry. `NotFound` if there is none of
        this name.
        """
        segment = self.named(name)
        if segment.predicate is not None:
            return segment.predicate
        of_it = Comparison("segment", "==", segment.name)
        until = None if at is None or instant(at) == LATEST else instant(at) + MILLISECOND
        last = FactTerm(SEGMENT_CHANGES.name, "latest", "entered", of_it, until=until)
        return Comparison(last, "==", True)

    def members(self, name: str, *, at: datetime | None = None) -> Iterator[CustomerId]:
        """Who is in the segment, in the order of ids: of a dynamic one those for whom the predicate
        holds, of a static one those who were put in and not taken out since, by what happened until
        `at` (all there is without one). `NotFound` if there is none of this name.
        """
        segment, at = self.named(name), optional_instant(at, "at")
        if not segment.is_dynamic:
            return self._recorded(name, at)
        return self._matching(self._asked(segment, at))

    def recorded_members(self, name: str, *, at: datetime | None = None) -> Iterator[CustomerId]:
        """Who was recorded as a member, in the order of ids, by the changes until `at` (all there
        are without one): for a dynamic segment what it was when it was last refreshed.
        """
        return self._recorded(self.named(name).name, optional_instant(at, "at"))

    def enter(
        self, name: str, customer_ids: Iterable[CustomerId], *, at: datetime | None = None
    ) -> int:
        """Put customers into a static segment at that instant (the store's clock without one);
        answer how many were not in it. An unknown customer is `NotFound`.
        """
        return self._put(name, customer_ids, at, entered=True)

    def leave(
        self, name: str, customer_ids: Iterable[CustomerId], *, at: datetime | None = None
    ) -> int:
        """Take customers out of a static segment; answer how many were in it."""
        return self._put(name, customer_ids, at, entered=False)

    def refresh(
        self,
        name: str,
        *,
        at: datetime | None = None,
        customers: Iterable[CustomerId] | None = None,
    ) -> SegmentRefresh:
        """Record who of these `customers`, or of all, entered a dynamic segment or left it since it
        was last refreshed: `at` that instant (the store's clock without one), by the predicate as
        it is now. Again, there is nothing to record.

        A change is dated a millisecond behind the customer's last one where that is not earlier,
        so that it is always the last.
        """
        segment, found = self._held(name, dynamic=True), SegmentRefresh(0, 0)
        if customers is not None:
            for ids in _batches(customers):
                found = found.and_(self._page(segment, at, Among(ids=ids)))
            return found
        while True:
            found = found.and_(self._page(segment, at, Among(after=found.next, limit=PAGE)))
            if found.next is None:
                return found

    def refresh_page(
        self,
        name: str,
        *,
        at: datetime | None = None,
        after: CustomerId | None = None,
        limit: int = PAGE,
    ) -> SegmentRefresh:
        """`refresh` for the next customers in the order of ids, so many that at most `limit` are in
        the segment and at most `limit` were; go on behind `next` until it is `None`.
        """
        if type(limit) is not int or limit < 1:
            raise InvalidInput.of("limit", "must be a whole number from 1")
        behind = None if after is None else CustomerId(as_id(after, "after"))
        segment = self._held(name, dynamic=True)
        return self._page(segment, at, Among(after=behind, limit=limit))

    def remove(self, segment: Segment) -> None:
        """Remove a segment; its name is free again. Who was recorded as a member leaves it, so that
        another one of that name begins with nobody; the changes stay. `Stale` if it was changed;
        as long as another segment names it, `Refused`.
        """
        unit = self._unit
        held = unit.writes.fetch(SEGMENTS, [segment.id], lock=True).get(segment.id)
        if held is None:
            raise NotFound("segments", str(segment.id))
        if held.version != segment.version:
            raise Stale("segments", str(segment.id), segment.version)
        for other in self.stream():
            if held.name in _named_by(other):
                raise Refused("segments.named", f"is named by {other.name}", held.name)
        with unit.writing() as transaction:
            for ids in _batches(self._recorded(held.name, None)):
                known = self._known(held.name, Among(ids=ids))
                self._record(held, None, known, dict.fromkeys(ids, False))
            transaction.delete(SEGMENTS, held)
            unit.record(self._entry(Operation.REMOVED, [held], [unit.recorded_at]))

    # how

    def _asked(self, segment: Segment, at: datetime | None) -> Predicate:
        """The predicate as it is asked at that instant, under today's model, which may know less
        than the one before.
        """
        unit = self._unit
        asked_at = unit.recorded_at if at is None else instant(at)
        checked = unit.model.checked(_of(segment))
        definition = partial(self.definition, at=at)
        return unit.model.resolved(checked, at=asked_at, definition=definition)

    def _matching(self, where: Predicate) -> Iterator[CustomerId]:
        last: CustomerId | None = None
        while True:
            page = list(self._unit.reads.select_ids(where, Among(after=last, limit=PAGE)))
            yield from page
            if len(page) < PAGE:
                return
            last = page[-1]

    def _recorded(self, name: str, at: datetime | None) -> Iterator[CustomerId]:
        last: CustomerId | None = None
        while True:
            page = self._unit.reads.last_changes(name, Among(after=last, limit=PAGE), at=at)
            yield from (change.customer_id for change in page if change.entered)
            if len(page) < PAGE:
                return
            last = page[-1].customer_id

    def _held(self, name: str, *, dynamic: bool) -> Segment:
        """The segment, held against others who would change its members at the same time."""
        id = self.named(name).id
        segment = self._unit.writes.fetch(SEGMENTS, [id], lock=True)[id]
        if segment.is_dynamic is not dynamic:
            rule = "segments.dynamic" if segment.is_dynamic else "segments.static"
            told = "has the members that its predicate says" if segment.is_dynamic else STATIC
            raise Refused(rule, told, name)
        return segment

    def _put(
        self, name: str, customer_ids: Iterable[CustomerId], at: datetime | None, *, entered: bool
    ) -> int:
        segment, count = self._held(name, dynamic=False), 0
        for ids in _batches(customer_ids):
            known = self._known(name, Among(ids=ids))
            changed = [id for id in ids if (id in known and known[id].entered) is not entered]
            count += self._record(segment, at, known, dict.fromkeys(changed, entered))
        return count

    def _page(self, segment: Segment, at: datetime | None, among: Among) -> SegmentRefresh:
        """Compare who is in the segment among these with who was recorded."""
        inside = list(self._unit.reads.select_ids(self._asked(segment, at), among))
        known = self._known(segment.name, among)
        # Where a list is full there may be more of it: what lies behind it is for the next page.
        full = [found[-1] for found in (inside, list(known)) if len(found) == among.limit]
        last = min(full, default=None)
        if last is not None:
            inside = [id for id in inside if id <= last]
            known = {id: change for id, change in known.items() if id <= last}
        changes = dict.fromkeys(inside, True)
        changes |= {id: False for id in known if id not in changes}
        changes = {
            id: entered
            for id, entered in changes.items()
            if (id in known and known[id].entered) is not entered
        }
        self._record(segment, at, known, changes)
        entered = sum(changes.values())
        return SegmentRefresh(entered, len(changes) - entered, last)

    def _known(self, name: str, among: Among) -> dict[CustomerId, SegmentChange]:
        return {c.customer_id: c for c in self._unit.reads.last_changes(name, among)}

    def _record(
        self,
        segment: Segment,
        at: datetime | None,
        known: Mapping[CustomerId, SegmentChange],
        changes: Mapping[CustomerId, bool],
    ) -> int:
        now = self._unit.recorded_at if at is None else instant(at)
        return self._unit.segment_changes.add_many(
            SegmentChange(
                customer_id=id,
                at=max(now, known[id].at + MILLISECOND) if id in known else now,
                segment=segment.name,
                entered=entered,
                segment_version=segment.version,
            )
            for id, entered in changes.items()
        )

    def _adopted(self, aggregate: Segment) -> Segment:
        return self._fitted(aggregate)

    def _restore(self, aggregates: list[Segment]) -> list[Segment]:
        self._check_together(aggregates)
        return super()._restore(aggregates)

    def _replace(
        self, aggregates: list[Segment], held: Mapping[UUID, Segment] | None = None
    ) -> list[Segment]:
        self._check_together(aggregates)
        return super()._replace([self._fitted(segment) for segment in aggregates], held)

    def _fitted(self, segment: Segment) -> Segment:
        """With its values in the form of their fields, where the model knows them all."""
        if not segment.is_dynamic:
            return segment
        try:
            return attrs.evolve(segment, predicate=self._unit.model.checked(_of(segment)))
        except InvalidInput:
            return segment

    def _check(self, aggregate: Segment, held: Segment | None) -> None:
        if held is not None and held.name != aggregate.name:
            raise Refused("segments.name_stays", "is what others name it by", held.name)
        if held is not None and held.is_dynamic is not aggregate.is_dynamic:
            raise Refused("segments.kind_stays", "stays dynamic or static", held.name)
        if aggregate.is_dynamic and (held is None or held.predicate != aggregate.predicate):
            try:
                self._check_asked(aggregate)
            except InvalidInput as error:
                raise error.under("predicate") from None

    def _check_together(self, segments: list[Segment]) -> None:
        """Refuse those of one batch that are defined by themselves through one another: `_check`
        sees each beside what is stored.
        """
        together = {
            known.name: EVERYBODY if known.predicate is None else known.predicate
            for known in segments
        }

        def definition(name: str) -> Predicate:
            if name in together:
                return together[name]
            return EVERYBODY if self.find(name) is None else self.definition(name)

        for name in together if len(together) > 1 else ():
            try:
                inlined(InSegment(name), definition)
            except InvalidInput as error:
                raise error.under("predicate") from None

    def _check_asked(self, segment: Segment) -> None:
        """Refuse what the model does not know, and a segment that is defined by itself. One that is
        named and not stored yet is left to who asks: a restored store has them in any order.
        """
        unit = self._unit

        def definition(name: str) -> Predicate:
            if name == segment.name:
                return _of(segment)
            return EVERYBODY if self.find(name) is None else self.definition(name)

        unit.model.checked(_of(segment))
        unit.model.resolved(InSegment(segment.name), at=unit.recorded_at, definition=definition)


EVERYBODY = And(())
STATIC = "is put together by hand: enter() and leave()"


def _named_by(segment: Segment) -> set[str]:
    """The segments that the definition of this one names."""
    names = set[str]()

    def note(name: str) -> Predicate:
        names.add(name)
        return EVERYBODY

    if segment.predicate is not None:
        inlined(segment.predicate, note)
    return names


def _of(segment: Segment) -> Predicate:
    if segment.predicate is None:
        raise Refused("segments.static", STATIC, segment.name)
    return segment.predicate


def _batches(customer_ids: Iterable[CustomerId]) -> Iterator[list[CustomerId]]:
    """The ids, each once in a batch, some at a time."""
    remaining = iter(customer_ids)
    while batch := list(islice(remaining, PAGE)):
        yield sorted({CustomerId(as_id(id, "customer_ids")) for id in batch})
