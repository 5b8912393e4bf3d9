"""What the contract tests of database servers share: a server a worker, emptied for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache

import pytest
import sqlalchemy as sa

from crmcore.adapters.sql import SqlBackend
from crmcore.adapters.sql.engine import engine_for
from crmcore.adapters.sql.tables import tables_of
from crmcore.domain.model import Model
from crmcore.testing.contract import Make
from crmcore.testing.contract.subject import NEIGHBOUR
from tests import servers

Server = Callable[[], AbstractContextManager[str]]


def started(server: Server) -> Iterator[str]:
    """The URL of a server for this worker; without its program, a skip that says so."""
    try:
        with server() as url:
            yield url
    except servers.Unavailable as missing:
        pytest.skip(str(missing))


def migrated(server: Server) -> Iterator[sa.Engine]:
    """An engine on that server, with all tables and no data."""
    for url in started(server):
        engine = engine_for(url)
        SqlBackend(engine, tenant="nobody").migrate()
        yield engine
        engine.dispose()


@cache
def emptying() -> list[sa.Delete]:
    """Who is of another tenant goes, those first that refer to others."""
    tables = tables_of(Model(), prefix="crm_", schema=None).metadata.sorted_tables
    kept: sa.BindParameter[str] = sa.bindparam("kept", type_=sa.String())
    return [sa.delete(table).where(table.c.tenant != kept) for table in reversed(tables)]


def emptied(engine: sa.Engine) -> Make:
    """All tables without a row, but for those of the neighbour, whom each test leaves as it was."""
    with engine.begin() as connection:
        for statement in emptying():
            connection.execute(statement, {"kept": NEIGHBOUR})

    def make(**given):
        return SqlBackend(engine, owns_engine=True, **given)

    return make


class OnServer:
    joins_host_transactions = True

    @contextmanager
    def host_transaction(self, backend):
        with backend.engine.begin() as connection:
            yield {"connection": connection}
