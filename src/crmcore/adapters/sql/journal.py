"""Reading the journal: whoever reads gives committed rows their positions, once, for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from crmcore.adapters.backend import check_place
from crmcore.adapters.sql.engine import translated
from crmcore.adapters.sql.transaction import entry_of
from crmcore.domain.errors import Busy
from crmcore.domain.journal import Entry

if TYPE_CHECKING:
    from crmcore.adapters.sql.backend import SqlBackend

__all__ = ["read_journal"]


def read_journal(backend: SqlBackend, after: int, limit: int) -> list[Entry]:
    """The rows behind position `after`, at most `limit`.

    Where a writer keeps the store so long that the newest rows cannot be given their positions,
    the others are answered; `Busy` if there are none.
    """
    check_place(after, limit)
    journal = backend.tables.journal
    mine = journal.c.tenant == backend.tenant
    waiting = sa.select(journal.c.seq).where(mine, journal.c.position.is_(None))
    statement = (
        sa.select(journal)
        .where(mine, journal.c.position > after)
        .order_by(journal.c.position)
        .limit(limit)
    )
    busy: Busy | None = None
    transaction = backend.begin(write=False)
    try:
        with translated():
            if transaction.run(waiting.limit(1)).first() is not None:
                transaction.connection.rollback()  # so that it sees the positions given now
                try:
                    _sequence(backend)
                except Busy as error:
                    busy = error
            found = [entry_of(row) for row in transaction.run(statement).mappings()]
    finally:
        transaction.close()
    if busy is not None and not found:
        raise busy
    return found


def _sequence(backend: SqlBackend) -> None:
    """Give positions to committed rows that have none, in the order of their inserts.

    A row that commits later than its successors gets a later position, so a consumer that asks
    for rows behind its last position never misses it. For one customer inserts follow commits,
    because the customer's row is held until the end of each transaction.
    """
    journal = backend.tables.journal
    mine = journal.c.tenant == backend.tenant
    transaction = backend.begin(write=True)
    models = backend.tables.models
    one_at_a_time = sa.select(models.c.version).where(models.c.tenant == backend.tenant)
    try:
        with translated():
            run = transaction.connection.execute
            run(one_at_a_time.with_for_update())
            last = run(sa.select(sa.func.max(journal.c.position)).where(mine)).scalar()
            waiting = sa.select(journal.c.seq).where(mine, journal.c.position.is_(None))
            rows = run(waiting.order_by(journal.c.seq)).scalars().all()
            first = (last or 0) + 1
            data = [{"row": seq, "place": place} for place, seq in enumerate(rows, start=first)]
            if data:
                place = sa.update(journal).where(journal.c.seq == sa.bindparam("row"))
                run(place.values(position=sa.bindparam("place")), data)
    except BaseException:
        transaction.rollback()
        raise
    transaction.commit()
