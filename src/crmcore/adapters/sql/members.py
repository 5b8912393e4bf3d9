"""Members in SQL: the memberships of customers, and those that something falls due for."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from crmcore.adapters.sql import statements
from crmcore.adapters.sql.engine import translated
from crmcore.adapters.sql.records import SqlRecords
from crmcore.domain.ids import CustomerId, MembershipId
from crmcore.domain.instants import to_millis
from crmcore.domain.kinds import MEMBERSHIPS
from crmcore.domain.membership import Membership
from crmcore.domain.trusted import id_of

__all__ = ["SqlMembers"]


class SqlMembers(SqlRecords):
    """What a SQL transaction knows of members."""

    def memberships(self, customers: Collection[CustomerId]) -> dict[UUID, Membership]:
        def make(one: bool) -> sa.Select[Any]:
            return statements.memberships(self.tables, one=one)

        with translated():
            rows = self.rows_of(make, [id.bytes for id in customers], "id")
            found = self.read(MEMBERSHIPS, rows, locked=True)
        self.locked.update(member.customer_id.bytes for member in found.values())
        programmes = {programme.name for programme in self.model.programmes}
        return {id: found[id] for id in sorted(found) if found[id].programme in programmes}

    def due(
        self, programme: str, until: datetime, limit: int
    ) -> list[tuple[MembershipId, CustomerId]]:
        params: dict[str, Any] = {
            "tenant": self.tenant, "programme": programme, "until": to_millis(until),
            "limit": limit,
        }  # fmt: skip
        with translated():
            rows: Iterable[Any] = self.run(statements.due(self.tables), params)
            found = [tuple(row) for row in rows]
        return [(MembershipId(id_of(id)), CustomerId(id_of(customer))) for id, customer in found]
