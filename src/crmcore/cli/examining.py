"""Examining a store: does it answer, is it migrated, under which model, and is its journal read?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import attrs

from crmcore.adapters.backend import Backend
from crmcore.cli.places import connected, missing_file
from crmcore.cli.remedies import ending_of
from crmcore.cli.showing import counted
from crmcore.cli.terminal import Terminal
from crmcore.connecting import connect
from crmcore.domain.errors import CrmError, NotMigrated
from crmcore.domain.model import Model
from crmcore.domain.text import Words

__all__ = ["Finding", "State", "store_findings"]

AHEAD = timedelta(minutes=5)


class State(Words):
    """How serious a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@attrs.frozen
class Finding:
    """One thing that was looked at, and what to do about it."""

    name: str
    state: State
    text: str
    remedy: str = ""


INIT = "Run `crmcore init` with the same --url and --tenant."


def store_findings(terminal: Terminal) -> Iterator[Finding]:
    """What there is to say of the store; the first failure is the last finding."""
    place = f"{terminal.shown_place}, tenant {terminal.tenant}"
    if missing_file(terminal.place):
        yield Finding("store", State.FAIL, f"there is no file for {place}.", INIT)
        return
    try:
        with connected(terminal) as backend:
            model = backend.stored_model()
        if model is None:
            yield Finding("store", State.OK, f"{place} answers")
            yield Finding("migrated", State.FAIL, "nothing is stored here.", INIT)
            return
        backend = connect(terminal.place, tenant=terminal.tenant, model=model)
        try:
            yield Finding("store", State.OK, f"{place} answers")
            yield from _kept(backend, model)
        finally:
            backend.close()
    except (CrmError, OSError) as error:
        ending = ending_of(error, place=terminal.place)
        name = "migrated" if isinstance(error, NotMigrated) else "store"
        yield Finding(name, State.FAIL, f"{ending.message}.", ending.remedy)


def _kept(backend: Backend, model: Model) -> Iterator[Finding]:
    """Of a store that has a model."""
    with backend.reading() as unit:
        customers = unit.profiles.where().count()
    revision, version, waiting = _inside(backend)
    told = "" if revision is None else f", tables at revision {revision}"
    told += "" if version is None else f", model version {version}"
    yield Finding("migrated", State.OK, f"yes{told}")
    yield Finding("model", State.OK, f"amounts in {model.currency}, days in {model.zone}")
    yield Finding("fields", State.OK, ", ".join(model.profile_fields))
    yield Finding("customers", State.OK, f"{customers:,}")
    if waiting is not None:
        many = f"{counted(waiting, 'row')} not yet numbered"
        remedy = "They are when the journal is read next: does its consumer run?"
        late = waiting > 10_000
        yield Finding("journal", State.WARN if late else State.OK, many, remedy if late else "")
    yield _clocks(backend)


def _clocks(backend: Backend) -> Finding:
    """Was the newest customer known later than it is now? Then one of the clocks is wrong."""
    with backend.reading() as unit:
        newest = unit.profiles.where().order_by("known_since", descending=True).page(limit=1)
    now = backend.clock()
    if any(profile["known_since"] > now + AHEAD for profile in newest):
        remedy = "Check the clock of this machine, and the dates of what was imported."
        return Finding("dates", State.WARN, "customers are known since a later date.", remedy)
    return Finding("dates", State.OK, "nobody is known since a later date than now")


def _inside(backend: Any) -> tuple[str | None, int | None, int | None]:
    """Revision of the tables, version of the model, journal rows without a position."""
    scheme = type(backend).__name__
    if scheme == "SqlBackend":
        return _in_sql(backend)
    if scheme == "MongoBackend":
        mine = {"tenant": backend.tenant}
        versions = [row["version"] for row in backend.collections["models"].find(mine)]
        waiting = backend.collections["journal"].count_documents({**mine, "waiting": True})
        return None, max(versions, default=None), waiting
    return None, None, None


def _in_sql(backend: Any) -> tuple[str | None, int | None, int | None]:
    import sqlalchemy as sa
    from alembic.migration import MigrationContext

    tables, options = backend.tables, {"version_table": f"{backend.prefix}version"}
    journal, models = tables.journal, tables.models
    mine = journal.c.tenant == backend.tenant
    with backend.engine.connect() as connection:
        heads = MigrationContext.configure(connection, opts=options).get_current_heads()
        newest = sa.select(sa.func.max(models.c.version)).where(models.c.tenant == backend.tenant)
        waiting = sa.select(sa.func.count()).select_from(journal)
        rows = connection.execute(waiting.where(mine, journal.c.position.is_(None))).scalar_one()
        return ", ".join(heads) or None, connection.execute(newest).scalar(), rows
