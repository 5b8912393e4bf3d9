"""The same work through SQLAlchemy's ORM, and through advanced-alchemy's repositories.

Both map plain classes on crmcore's own tables and write the same rows: customers with keys,
profiles and a journal row; orders whose profiles are read for update, changed, and written back.
They encode and decode with the same functions as the programs by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from advanced_alchemy.repository import SQLAlchemySyncRepository
from sqlalchemy.orm import DeclarativeBase, Session

from benchmarks.rivals.hand_rows import (
    CUSTOMER,
    JOURNAL,
    KEY,
    ORDER,
    PROFILE,
    READ,
    TENANT,
    WORD,
    HandCustomer,
    batches,
    customer_of,
    customer_row,
    journal_row,
    key_rows,
    millis,
    order_row,
    profile_row,
    word_rows,
)
from crmcore import Customer, Model, Order
from crmcore.adapters.sql.tables import tables_of

TABLES = tables_of(Model(), prefix="crm_", schema=None)


class Mapped(DeclarativeBase):
    """What the mapped classes share."""


class CustomerRow(Mapped):
    """A customer."""

    __table__ = TABLES.kinds["customers"]


class KeyRow(Mapped):
    """A key."""

    __table__ = TABLES.keys


class ProfileRow(Mapped):
    """A profile."""

    __table__ = TABLES.profiles


class WordRow(Mapped):
    """A word of a name."""

    __table__ = TABLES.words


class OrderRow(Mapped):
    """An order."""

    __table__ = TABLES.kinds["orders"]


class JournalRow(Mapped):
    """A journal row."""

    __table__ = TABLES.journal


def made(cls: type[Mapped], names: Sequence[str], row: Sequence[Any]) -> Any:
    """A mapped object with these values."""
    return cls(**dict(zip(names, row, strict=True)))


def decoded(row: Any) -> HandCustomer:
    """The object of a mapped row."""
    return customer_of([getattr(row, name) for name in READ])


class Orm:
    """The ORM as its tutorial shows it: a session a unit, `add_all`, changed attributes."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    def close(self) -> None:
        """The engine is the caller's."""

    def store(self, session: Session, cls: type[Mapped], objects: list[Any]) -> None:
        """New objects of one class."""
        session.add_all(objects)

    def changed(self, session: Session, profiles: list[Any]) -> None:
        """Changed profiles; the session knows of them."""

    def add_customers(self, customers: Iterable[Customer]) -> None:
        """In bulk, one transaction."""
        with Session(self.engine) as session:
            for batch in batches(customers):
                rows = [made(CustomerRow, CUSTOMER, customer_row(c)) for c in batch]
                self.store(session, CustomerRow, rows)
                session.flush()
                keys = [made(KeyRow, KEY, row) for c in batch for row in key_rows(c)]
                self.store(session, KeyRow, keys)
                profiles = [made(ProfileRow, PROFILE, profile_row(c)) for c in batch]
                self.store(session, ProfileRow, profiles)
                words = [made(WordRow, WORD, row) for c in batch for row in word_rows(c)]
                self.store(session, WordRow, words)
                row = journal_row("customers", "added", batch)
                self.store(session, JournalRow, [made(JournalRow, JOURNAL, row)])
                session.flush()
            session.commit()

    def add_orders(self, orders: Iterable[Order]) -> None:
        """In bulk, one transaction."""
        with Session(self.engine) as session:
            for batch in batches(orders):
                self._orders(session, batch)
            session.commit()

    def add_order(self, order: Order) -> None:
        """A whole unit of work."""
        with Session(self.engine) as session:
            self._orders(session, [order])
            session.commit()

    def _orders(self, session: Session, orders: list[Order]) -> None:
        ids = sorted({order.customer_id.bytes for order in orders})
        held: dict[bytes, Any] = {}
        for start in range(0, len(ids), 1000):
            chosen = sa.select(ProfileRow).where(
                TABLES.profiles.c.tenant == TENANT,
                TABLES.profiles.c.customer_id.in_(ids[start : start + 1000]),
            )
            for profile in session.scalars(chosen.with_for_update()):
                held[profile.customer_id] = profile
        rows = [made(OrderRow, ORDER, order_row(order)) for order in orders]
        self.store(session, OrderRow, rows)
        for order in orders:
            profile, at = held[order.customer_id.bytes], millis(order.at)
            profile.order_count += 1
            profile.purchase_count += 1
            profile.revenue_minor += order.total.minor
            first, last = profile.first_purchase_at, profile.last_purchase_at
            profile.first_purchase_at = at if first is None else min(first, at)
            profile.last_purchase_at = at if last is None else max(last, at)
        self.changed(session, list(held.values()))
        row = journal_row("orders", "appended", orders)
        self.store(session, JournalRow, [made(JournalRow, JOURNAL, row)])
        session.flush()

    def get(self, id: UUID) -> HandCustomer:
        """One customer by id, in a session of its own."""
        with Session(self.engine) as session:
            return decoded(session.get_one(CustomerRow, (TENANT, id.bytes)))

    def read(self) -> Iterator[HandCustomer]:
        """All customers, streamed."""
        everybody = sa.select(CustomerRow).where(TABLES.kinds["customers"].c.tenant == TENANT)
        ordered = everybody.order_by(TABLES.kinds["customers"].c.id)
        with Session(self.engine) as session:
            yield from map(decoded, session.scalars(ordered.execution_options(yield_per=10_000)))


class _Customers(SQLAlchemySyncRepository[CustomerRow]):
    model_type = CustomerRow


class _Keys(SQLAlchemySyncRepository[KeyRow]):
    model_type = KeyRow


class _Profiles(SQLAlchemySyncRepository[ProfileRow]):
    model_type = ProfileRow
    id_attribute = "customer_id"


class _Orders(SQLAlchemySyncRepository[OrderRow]):
    model_type = OrderRow


class _Words(SQLAlchemySyncRepository[WordRow]):
    model_type = WordRow
    id_attribute = "word"


class _Journal(SQLAlchemySyncRepository[JournalRow]):
    model_type = JournalRow
    id_attribute = "seq"


REPOSITORIES: dict[type[Mapped], Any] = {
    CustomerRow: _Customers, KeyRow: _Keys, ProfileRow: _Profiles, OrderRow: _Orders,
    JournalRow: _Journal, WordRow: _Words,
}  # fmt: skip


class AdvancedAlchemy(Orm):
    """The same through repositories: `add_many`, `get`, `list`."""

    def store(self, session: Session, cls: type[Mapped], objects: list[Any]) -> None:
        """Through the repository of that class."""
        REPOSITORIES[cls](session=session).add_many(objects)

    def get(self, id: UUID) -> HandCustomer:
        """One customer by id, in a session of its own."""
        with Session(self.engine) as session:
            return decoded(_Customers(session=session).get_one(tenant=TENANT, id=id.bytes))

    def read(self) -> Iterator[HandCustomer]:
        """All customers; it streams none."""
        with Session(self.engine) as session:
            yield from map(decoded, _Customers(session=session).list(tenant=TENANT))
