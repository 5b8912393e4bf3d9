"""Reading profiles: one look-up, or a query over all of them, paged by key."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs

from crmcore.domain.bounds import check_bound, check_size
from crmcore.domain.errors import InvalidInput, NotFound, UnknownField
from crmcore.domain.explaining import Explanation, explained
from crmcore.domain.expressions import field
from crmcore.domain.fields import Field, FieldType
from crmcore.domain.ids import CustomerId, as_id
from crmcore.domain.instants import from_millis, instant, to_millis
from crmcore.domain.money import Money
from crmcore.domain.ports import Query
from crmcore.domain.predicate_checks import comparable, fitting
from crmcore.domain.predicates import Predicate
from crmcore.domain.profile import Page, Profile, check_limit

if TYPE_CHECKING:
    from crmcore.domain.unit_of_work import UnitOfWork

__all__ = ["ProfileQuery", "Profiles", "each_resolved"]


class Profiles:
    """`uow.profiles`."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    def get(self, customer_id: CustomerId) -> Profile:
        """The profile of this customer; `NotFound` if there is none."""
        who = CustomerId(as_id(customer_id, "customer_id"))
        found = self._unit.reads.profiles([who])
        if who not in found:
            raise NotFound("profiles", str(who))
        return found[who]

    def get_many(self, customer_ids: list[CustomerId]) -> dict[CustomerId, Profile]:
        """Those of these profiles that exist."""
        wanted = [CustomerId(as_id(id, "customer_ids")) for id in customer_ids]
        return self._unit.reads.profiles(wanted)

    def where(
        self, predicate: Predicate | None = None, *, at: datetime | None = None
    ) -> ProfileQuery:
        """The profiles for which the predicate holds; all of them without one. What is relative in
        it is asked at `at`, by default the unit's own instant, which its backend's clock told. A
        static segment has the members of `at`, where it is given.
        """
        everybody = ProfileQuery(self._unit, Query())
        return everybody if predicate is None else everybody.where(predicate, at=at)

    def explain(
        self, predicate: Predicate, customer_id: CustomerId, *, at: datetime | None = None
    ) -> Explanation:
        """Whether the predicate holds for this customer, and why: each term with what was asked,
        the value found, and what is relative in it told as instants and days. It is asked `at` as
        `where` asks, and holds just where `where` selects the customer. `NotFound` if there is no
        such customer.
        """
        return explained(self._unit, predicate, self.get(customer_id), at)

    def search(self, text: str) -> ProfileQuery:
        """The profiles of those, people or organisations, of whose name a word begins with `text`,
        whatever its case and accents; of several words each must be the beginning of one. How
        names are folded is told in `crmcore.domain.names`. Without a letter or digit it is
        `InvalidInput`.
        """
        return self.where().search(text)

    def count_each(
        self, predicates: Mapping[str, Predicate], *, at: datetime | None = None
    ) -> dict[str, int]:
        """How many customers each of these predicates holds for, by its name, in one pass over the
        profiles: a hundred segments at about the cost of a few. A customer counts for each that
        holds. `at` as in `where`.
        """
        return self.where().count_each(predicates, at=at)

    def classify(
        self, cells: Mapping[str, Predicate], *, at: datetime | None = None
    ) -> Iterator[tuple[CustomerId, str | None]]:
        """Everybody, in the order of ids, with the name of the first of these predicates that holds
        for them; `None` where none does. `at` as in `where`.
        """
        return self.where().classify(cells, at=at)

    def rebuild(self) -> None:
        """Fold every profile anew from the facts; nothing changes unless something was wrong."""
        with self._unit.writing() as transaction:
            transaction.refold(None)


@attrs.frozen
class ProfileQuery:
    """A question to the profiles; ask it with `page`, `ids`, `count`, `count_by`, `count_each` or
    `classify`.
    """

    unit: UnitOfWork = attrs.field(repr=False)
    query: Query = attrs.field(repr=False)
    asked: Predicate | None = attrs.field(default=None, repr=False)
    """What was asked, before it was resolved."""

    def where(self, predicate: Predicate, *, at: datetime | None = None) -> ProfileQuery:
        """Those of them for which this predicate holds as well, asked as `Profiles.where` says."""
        before, found = self.query.where, _resolved(self.unit, predicate, at)
        if before is not None and self.asked is not None:
            predicate = self.asked & predicate
            check_size(predicate)
            found = before & found
            check_bound(found)
        query = attrs.evolve(self.query, where=found)
        return attrs.evolve(self, query=query, asked=predicate)

    def search(self, text: str) -> ProfileQuery:
        """Those of them whose name is found so, as `Profiles.search` says."""
        return self.where(field("name").has_word(text))

    def order_by(self, name: str, *, descending: bool = False) -> ProfileQuery:
        """Ordered by one field, absent values last, equals by id. Every field but tags goes."""
        comparable(self._field(name))
        return attrs.evolve(
            self, query=attrs.evolve(self.query, order_by=name, descending=descending)
        )

    def page(self, *, limit: int = 50, after: str | None = None) -> Page:
        """The next `limit` profiles behind the cursor `after` (a former page's `next`).

        A personal value does not travel in the cursor, only whether there was one: ordered by a
        personal field, the next page begins behind what the last customer's value is by then. If
        it was taken out since, nobody knows where that was, and `after` is `InvalidInput`.
        """
        check_limit(limit)
        cursor = None if after is None else self._decoded(after)
        query = attrs.evolve(self.query, after=cursor, limit=limit + 1)
        found = self.unit.reads.select(query)
        last = found[limit - 1] if len(found) > limit else None
        return Page(tuple(found[:limit]), None if last is None else self._encoded(last))

    def count(self) -> int:
        """How many there are."""
        return self.unit.reads.count(self.query.where)

    def count_by(self, name: str) -> Mapping[Any, int]:
        """How many there are for each value of one field, the most frequent first; `None` counts
        those without one. By `tags` a customer counts for each of theirs.
        """
        self._field(name)
        found = self.unit.reads.count_by(self.query.where, name)
        # Equal numbers in the order of values, absent last: the same on every backend.
        known = sorted(value for value in found if value is not None)
        inline = [*known, *([None] if None in found else [])]
        return {value: found[value] for value in sorted(inline, key=lambda value: -found[value])}

    def count_each(
        self, predicates: Mapping[str, Predicate], *, at: datetime | None = None
    ) -> dict[str, int]:
        """How many of them each predicate holds for, as `Profiles.count_each` says."""
        asked = each_resolved(self.unit, predicates, at)
        counts = self.unit.reads.count_each(self.query.where, list(asked.values())) if asked else []
        return dict(zip(asked, counts, strict=True))

    def classify(
        self, cells: Mapping[str, Predicate], *, at: datetime | None = None
    ) -> Iterator[tuple[CustomerId, str | None]]:
        """Each of them with the first predicate that holds, as `Profiles.classify` says."""
        asked = each_resolved(self.unit, cells, at)
        if not asked:
            return ((id, None) for id in self.ids())
        names = (*asked, None)
        found = self.unit.reads.first_of(self.query.where, list(asked.values()))
        return ((id, names[-1 if place is None else place]) for id, place in found)

    def ids(self) -> Iterator[CustomerId]:
        """The ids of all of them, in the order of ids."""
        return self.unit.reads.select_ids(self.query.where)

    def _field(self, name: str) -> Field:
        fields = self.unit.model.profile_fields
        if not isinstance(name, str) or name not in fields:
            raise UnknownField.named(name, known=tuple(fields))
        return fields[name]

    def _order(self) -> list[Any]:
        return [self.query.order_by, self.query.descending]

    def _is_personal(self, name: str) -> bool:
        """A personal value never travels in a cursor, only that there was one; it is looked up
        again.
        """
        return self.unit.model.profile_fields[name].personal

    def _encoded(self, profile: Profile) -> str:
        name = self.query.order_by
        value = None if name is None else profile[name]
        if name is not None and self._is_personal(name):
            value = value is not None
        elif isinstance(value, datetime):
            value = to_millis(value)
        elif isinstance(value, Money):
            value = value.minor
        elif isinstance(value, date):
            value = value.isoformat()
        elif isinstance(value, Decimal):
            value = str(value)
        data = [*self._order(), value, str(profile.customer_id)]
        return base64.urlsafe_b64encode(json.dumps(data).encode()).decode()

    def _decoded(self, cursor: str) -> tuple[Any, UUID]:
        place = self._place(cursor)
        if place is None:
            raise InvalidInput.of("after", "is no cursor of a page in this order")
        name, last = self.query.order_by, CustomerId(place[1])
        if name is None or not self._is_personal(name):
            return place
        if not place[0]:
            return None, last
        known = self.unit.reads.profiles([last])
        if last not in known:
            raise InvalidInput.of("after", "is the cursor of a customer since removed")
        if known[last][name] is None:
            # From among those without a value, all with one behind the cursor would be passed over.
            raise InvalidInput.of("after", "is the cursor of a value since taken out")
        return known[last][name], last

    def _place(self, cursor: str) -> tuple[Any, UUID] | None:
        """Where a page ended; `None` if it does not say so. Of a personal value, whether there was
        one. Whoever sends it may have changed it, so it is checked as a predicate's would be.
        """
        name = self.query.order_by
        try:
            *order, value, id = json.loads(base64.urlsafe_b64decode(cursor.encode()))
            if order != self._order():
                return None
            if name is not None and self._is_personal(name):
                return (value, UUID(id)) if isinstance(value, bool) else None
            if name is None or value is None:
                return None, UUID(id)
            return self._typed(name, value), UUID(id)
        except (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError):
            return None
        except InvalidInput:
            return None

    def _typed(self, name: str, value: Any) -> Any:
        known = self.unit.model.profile_fields[name]
        match known.type:
            case FieldType.INSTANT:
                value = from_millis(value)
            case FieldType.MONEY:
                value = Money.of_minor(value, self.unit.model.currency)
            case FieldType.DATE:
                value = date.fromisoformat(value)
            case FieldType.DECIMAL:
                value = Decimal(value)
        return fitting(value, known, self.unit.model.currency)


def each_resolved(
    unit: UnitOfWork, predicates: Mapping[str, Predicate], at: datetime | None
) -> dict[str, Predicate]:
    """The predicates as they are asked at one instant, by default the unit's own, by their names;
    what is wrong with one is told under its name.
    """
    if not isinstance(predicates, Mapping):
        raise InvalidInput.of("", "give predicates by name")
    asked = {}
    for name, predicate in predicates.items():
        try:
            asked[name] = _resolved(unit, predicate, at)
        except InvalidInput as error:
            raise error.under(f"[{name!r}]") from None
    return asked


def _resolved(unit: UnitOfWork, predicate: Predicate, at: datetime | None) -> Predicate:
    model = unit.model
    asked_at = unit.recorded_at if at is None else instant(at)
    definition = partial(unit.segment_definition, at=at)
    return model.resolved(model.checked(predicate), at=asked_at, definition=definition)
