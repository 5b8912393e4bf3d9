"""A MariaDB whose indexed attributes stood in virtual columns, as up to revision `crmcore_0006`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from crmcore import AttributeType, Customer, Model, field
from crmcore.adapters.sql import SqlBackend
from crmcore.adapters.sql.engine import engine_for
from tests.migrations.databases import empty_database, server_url, structure
from tests.migrations.test_indexes import AT, INDEXED, SHIFTED

OTHER = Model(attributes=[AttributeType("note", "text", indexed=True)])


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    with server_url("mariadb") as server, empty_database(server, tmp_path) as url:
        made = engine_for(url)
        yield made
        made.dispose()


def made_virtual(engine: sa.Engine) -> None:
    """Every stored column as the release before had it, with its index, and its revision."""
    with engine.begin() as connection:
        shown = connection.exec_driver_sql("SHOW CREATE TABLE crm_profiles").one()[1]
        lines = [line.strip(" ,") for line in shown.splitlines()]
        columns = [line for line in lines if line.endswith(" STORED")]
        indexes = [line for line in lines if re.match(r"KEY `ia[tnbf]_", line)]
        assert len(columns) == len(indexes) > 0
        parts = [f"DROP INDEX {line.split()[1]}" for line in indexes]
        for line in columns:
            virtual = line.replace(" GENERATED ALWAYS", "").replace(" STORED", " VIRTUAL")
            parts += [f"DROP COLUMN {line.split()[0]}", f"ADD COLUMN {virtual}"]
        parts += [f"ADD {line}" for line in indexes]
        connection.exec_driver_sql(f"ALTER TABLE crm_profiles {', '.join(parts)}")
        connection.exec_driver_sql("UPDATE crm_version SET version_num = 'crmcore_0006'")


def test_virtual_columns_become_stored_ones_of_every_tenant(engine: sa.Engine):
    """Also another tenant's, who does not migrate: same table as a new one, same answers."""
    mine = SqlBackend(engine, tenant="mine", model=INDEXED)
    other = SqlBackend(engine, tenant="other", model=OTHER)
    values: dict[str, Any] = {f"a_{name}": shift(7) for name, shift in SHIFTED.items()}
    values["a_boolean"] = True
    person = Customer.person(at=AT)
    for name, value in values.items():
        person = person.with_attribute(name, value, at=AT)
    text = "'; -- \\ %s é😀" * 30
    noted = Customer.person(at=AT).with_attribute("note", text, at=AT)
    for each, who in ((mine, person), (other, noted)):
        each.migrate()
        with each.unit_of_work() as uow:
            uow.customers.add(who)
    new = structure(engine)
    made_virtual(engine)
    assert structure(engine) != new

    SqlBackend(engine, tenant="mine", model=INDEXED).migrate()

    assert structure(engine) == new
    with mine.reading() as uow:
        for name, value in values.items():
            assert list(uow.profiles.where(field(name) == value).ids()) == [person.id]
    with other.reading() as uow:
        assert list(uow.profiles.where(field("note") == text).ids()) == [noted.id]
