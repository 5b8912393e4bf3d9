"""An upgrade that is interrupted at any statement is run again, to the same end; two at once too.

A second revision is planted in a folder of its own, beside those of the library, so that there is
always one to run: it copies a table, which is what loses data when it is written badly.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.config import Config

from crmcore import NotMigrated
from crmcore.adapters.sql import SqlBackend, migrating
from crmcore.adapters.sql.engine import engine_for
from crmcore.adapters.sql.migrations import versions
from tests.migrations import first
from tests.migrations.databases import empty_database, server_url, stored, structure
from tests.migrations.test_upgrade import told, wider
from tests.migrations.told import MODELS, NORTH, SOUTH, everything

PLANTED = '''
import sqlalchemy as sa
from alembic import context, op

revision, down_revision, branch_labels, depends_on = "crmcore_9000", "{before}", None, None


def upgrade():
    """Products anew, with the price in words as well; it can be run again half-way."""
    connection = op.get_bind()
    held = sa.inspect(connection).get_table_names()
    if "crm_products_old" not in held:
        if "spelt" in [c["name"] for c in sa.inspect(connection).get_columns("crm_products")]:
            return
        op.rename_table("crm_products", "crm_products_old")
    old = sa.Table("crm_products_old", sa.MetaData(), autoload_with=connection)
    if "crm_products" in held and "crm_products_old" in held:
        op.drop_table("crm_products")
    columns = [sa.Column(c.name, c.type, nullable=c.nullable) for c in old.c]
    new = op.create_table(
        "crm_products", *columns, sa.Column("spelt", sa.Text),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_products_9000"),
    )
    kept = [c for c in old.c if c.name != "{lost}"]
    values = sa.select(*kept, sa.cast(old.c.price_minor, sa.String(40)))
    connection.execute(sa.insert(new).from_select([c.name for c in kept] + ["spelt"], values))
    op.drop_table("crm_products_old")


def downgrade():
    op.drop_column("crm_products", "spelt")
'''


def plant(folder: Path, lost: str = "") -> Callable[..., Config]:
    """The library's configuration, with one more revision in that folder."""
    folder.mkdir(exist_ok=True)
    newest = next(r for r, head in migrating.known_revisions().items() if head)
    (folder / "r9000_planted.py").write_text(PLANTED.format(before=newest, lost=lost))
    original = migrating.config

    def config(**given: Any) -> Config:
        made = original(**given)
        own = Path(str(versions.__file__)).parent
        made.set_main_option("version_locations", f"{own}:{folder}")
        return made

    return config


@contextmanager
def planted(folder: Path, lost: str = "") -> Iterator[None]:
    """While it lasts, the library has that revision."""
    config = plant(folder, lost)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrating, "config", config)
        migrating.known_revisions.cache_clear()
        try:
            yield
        finally:
            migrating.known_revisions.cache_clear()


def migrate(engine: sa.Engine, tenant: str = NORTH, model: Any = None) -> SqlBackend:
    backend = SqlBackend(engine, tenant=tenant, model=model or wider(tenant))
    backend.migrate()
    return backend


def revision_of(engine: sa.Engine) -> str:
    with engine.connect() as connection:
        return str(connection.exec_driver_sql("SELECT version_num FROM crm_version").scalar_one())


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    first.make(url)
    engine = engine_for(url)
    yield engine
    engine.dispose()


def read_back(engine: sa.Engine) -> None:
    """The promise: both tenants' data are as they were told."""
    for tenant in (NORTH, SOUTH):
        found = everything(migrate(engine, tenant))
        for part, value in told(tenant, True).items():
            assert found[part] == value, (tenant, part)


def test_a_second_revision_keeps_everything(engine: sa.Engine, tmp_path: Path):
    """Before it is run, the store is refused as an older one; after it, all is read back."""
    SqlBackend(engine, tenant=NORTH, model=MODELS[NORTH]).migrate()
    with planted(tmp_path / "versions"):
        with pytest.raises(NotMigrated, match="older"):
            SqlBackend(engine, tenant=NORTH, model=MODELS[NORTH]).reading().__enter__()
        migrate(engine)
        assert revision_of(engine) == "crmcore_9000"
        assert stored(engine)["crm_products"]["spelt"]
        read_back(engine)
    with pytest.raises(NotMigrated, match="newer"):
        SqlBackend(engine, tenant=NORTH, model=wider(NORTH)).migrate()


@pytest.mark.parametrize("lost", ["name", "category"])
def test_a_revision_that_loses_a_column_is_found(engine: sa.Engine, tmp_path: Path, lost: str):
    """The control: the same check fails when one column's values are not copied."""
    with planted(tmp_path / "versions", lost):
        migrate(engine)
        with pytest.raises(AssertionError):
            read_back(engine)


class Interrupted(Exception):
    """What happens half-way."""


def statements_of(engine: sa.Engine) -> int:
    """How many statements a whole upgrade is."""
    seen: list[str] = []

    @sa.event.listens_for(engine, "before_cursor_execute")
    def count(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        seen.append(statement)

    migrate(engine)
    sa.event.remove(engine, "before_cursor_execute", count)
    return len(seen)


def interrupted_at(engine: sa.Engine, place: int) -> None:
    """An upgrade that ends in an exception before its statement number `place`."""
    left = [place]

    @sa.event.listens_for(engine, "before_cursor_execute")
    def interrupt(*_: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Interrupted

    with pytest.raises(Interrupted):
        migrate(engine)
    sa.event.remove(engine, "before_cursor_execute", interrupt)


@pytest.mark.parametrize(
    ("start", "places"),
    [
        ("revision 1", 4),
        ("nothing", 3),
        pytest.param("revision 1", 1000, marks=pytest.mark.slow),
        pytest.param("nothing", 1000, marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_upgrade_is_run_again_to_the_same_end(
    server: str | None, tmp_path: Path, start: str, places: int
):
    """From a populated revision 1, and from an empty database; MariaDB commits each change of a
    table by itself, the others undo all of it."""

    def fresh(url: str) -> sa.Engine:
        if start == "revision 1":
            first.make(url)
        return engine_for(url)

    with planted(tmp_path / "versions"):
        with empty_database(server, tmp_path) as url:
            engine = fresh(url)
            count = statements_of(engine)
            expected = structure(engine), comparable(engine)
            engine.dispose()
        assert count > 30
        # At each statement, or at so many of them.
        for place in range(2, count, max(1, count // places)):
            with empty_database(server, tmp_path) as url:
                engine = fresh(url)
                before = stored(engine)
                interrupted_at(engine, place)
                if engine.dialect.name != "mariadb":
                    assert stored(engine) == before, place
                migrate(engine)
                assert (structure(engine), comparable(engine)) == expected, place
                engine.dispose()


def comparable(engine: sa.Engine) -> dict[str, Any]:
    """All rows, without the instant at which the model was stored."""
    found: dict[str, Any] = stored(engine)
    found["crm_models"].pop("recorded_at")
    return found


KILLED = """
import os, sys
from pathlib import Path
import sqlalchemy as sa
from crmcore.adapters.sql.engine import engine_for
from tests.migrations.test_interrupted import migrate, planted

url, folder, place = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
engine, left = engine_for(url), [place]

@sa.event.listens_for(engine, "after_cursor_execute")
def die(*_):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), 9)

with planted(folder):
    print("ready", flush=True)
    sys.stdin.readline()
    migrate(engine, sys.argv[4])
print("migrated", flush=True)
"""


def process(url: str, folder: Path, place: int, tenant: str) -> subprocess.Popen[str]:
    """A process that will migrate when told to, and dies by `kill -9` at its statement `place`."""
    return subprocess.Popen(
        [sys.executable, "-c", KILLED, url, str(folder), str(place), tenant],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip


@pytest.mark.parametrize("place", [9, 35])
def test_a_killed_upgrade_is_run_again_to_the_same_end(
    engine: sa.Engine, url: str, tmp_path: Path, place: int
):
    """`kill -9` after a statement: its locks go with it, and the next one finishes."""
    with process(url, tmp_path / "versions", place, NORTH) as dying:
        dying.communicate("go\n", timeout=60)
    assert dying.returncode == -9
    with planted(tmp_path / "versions"):
        read_back(engine)


@pytest.mark.parametrize("start", ["revision 1", "nothing"])
def test_several_processes_migrate_at_once(url: str, tmp_path: Path, start: str):
    """Given four starting together, two for each tenant, when all call `migrate()`, then none
    fails, and the store is as if one had come after the other."""
    if start == "revision 1":
        first.make(url)
    plant(tmp_path / "versions")
    tenants = (NORTH, SOUTH, NORTH, SOUTH)
    with ExitStack() as stack:
        started = [
            stack.enter_context(process(url, tmp_path / "versions", 0, tenant))
            for tenant in tenants
        ]
        for each in started:
            assert each.stdout is not None
            assert each.stdout.readline() == "ready\n"
        for each in started:
            assert each.stdin is not None
            each.stdin.write("go\n")
            each.stdin.flush()
        ended = [(each.communicate(timeout=120), each.returncode) for each in started]
    for (out, errors), code in ended:
        assert (code, out) == (0, "migrated\n"), errors
    engine = engine_for(url)
    with engine.connect() as connection:
        models = connection.exec_driver_sql(
            "SELECT tenant, count(*) FROM crm_models GROUP BY tenant"
        )
        counts = {row[0]: row[1] for row in models}
    grown = {NORTH: 2, SOUTH: 3} if start == "revision 1" else {NORTH: 1, SOUTH: 1}
    assert counts == grown
    if start == "revision 1":
        with planted(tmp_path / "versions"):
            read_back(engine)
    engine.dispose()


@pytest.mark.parametrize("dialect", ["postgresql", "mariadb"])
def test_without_the_lock_several_processes_fail(dialect: str, tmp_path: Path):
    """The control, where a lock of ours keeps them apart (SQLite has one writer at a time): each
    finds tables that another has made.
    """
    with server_url(dialect) as server:
        assert failures_without_lock(server, tmp_path) > 0


def failures_without_lock(server: str | None, tmp_path: Path) -> int:
    """How many of four processes fail, in the first of five attempts where any does."""
    unlocked = KILLED.replace("with planted", "import contextlib\n"
                              "from crmcore.adapters.sql import migrating\n"
                              "migrating._alone = lambda *_: contextlib.nullcontext()\n"
                              "with planted")  # fmt: skip
    plant(tmp_path / "versions")
    failed = 0
    for _ in range(5):
        with empty_database(server, tmp_path) as url:
            started = [
                subprocess.Popen(
                    [sys.executable, "-c", unlocked, url, str(tmp_path / "versions"), "0", NORTH],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                    cwd=Path(__file__).parents[2],
                )
                for _ in range(4)
            ]
            for each in started:
                assert each.stdout is not None
                each.stdout.readline()
            for each in started:
                assert each.stdin is not None
                each.stdin.write("go\n")
                each.stdin.flush()
            for each in started:
                each.communicate(timeout=120)
                failed += each.returncode != 0
        if failed:
            break
    return failed
