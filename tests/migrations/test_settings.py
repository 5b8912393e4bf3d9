"""What a URL says of time-outs and TLS reaches the server; the pool is as large as asked for."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from crmcore import StorageError, connect
from crmcore.adapters.backend import Backend
from crmcore.adapters.sql import SqlBackend
from crmcore.adapters.sql.engine import engine_for
from tests import servers
from tests.migrations.databases import server_url


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with server_url("postgresql") as url:
        assert url is not None
        yield url


@pytest.fixture(scope="module")
def mariadb() -> Iterator[str]:
    with server_url("mariadb") as url:
        assert url is not None
        yield url


def asked(backend: Backend, question: str) -> str:
    """What the server answers on a connection of this backend."""
    assert isinstance(backend, SqlBackend)
    with backend.engine.connect() as connection:
        return str(connection.exec_driver_sql(question).scalar_one())


@pytest.mark.parametrize(
    ("query", "setting", "value"),
    [
        ("", "lock_timeout", "5s"),
        ("?options=-c lock_timeout%3D1234", "lock_timeout", "1234ms"),
        ("?options=-c lock_timeout%3D1234", "TimeZone", "UTC"),
        ("?options=-c statement_timeout%3D9876", "statement_timeout", "9876ms"),
        ("?application_name=shop", "application_name", "shop"),
    ],
)
def test_postgresql_has_the_settings_of_the_url(
    postgres: str, query: str, setting: str, value: str
):
    """Beside ours, of which the URL's own go first."""
    backend = connect(postgres + query)
    assert asked(backend, f"SHOW {setting}") == value
    backend.close()


@pytest.mark.parametrize(
    ("query", "setting", "value"),
    [
        ("", "innodb_lock_wait_timeout", "5"),
        ("", "lock_wait_timeout", "5"),
        ("?init_command=SET innodb_lock_wait_timeout%3D2", "innodb_lock_wait_timeout", "2"),
        ("?init_command=SET max_statement_time%3D7", "sql_mode",
         "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION"),
        ("?init_command=SET max_statement_time%3D7", "max_statement_time", "7.0"),
    ],
)  # fmt: skip
def test_mariadb_has_the_settings_of_the_url(mariadb: str, query: str, setting: str, value: str):
    backend = connect(mariadb + query)
    assert asked(backend, f"SELECT @@{setting}") == value
    backend.close()


def test_connect_timeouts_reach_the_drivers(postgres: str, mariadb: str):
    """As the driver is given them: the waiting itself is the driver's own business."""
    for url in (postgres, mariadb):
        engine = engine_for(f"{url}?connect_timeout=3")
        given: list[dict[str, object]] = []

        @sa.event.listens_for(engine, "do_connect")
        def note(
            dialect: object, record: object, args: object, keywords: dict[str, object]
        ) -> None:
            given.append(dict(keywords))  # noqa: B023  called within the turn

        with engine.connect():
            pass
        assert int(str(given[0]["connect_timeout"])) == 3
        engine.dispose()


def test_mongo_has_the_settings_of_the_url():
    try:
        with servers.mongo() as url:
            backend = connect(f"{url}?maxPoolSize=7&connectTimeoutMS=1234")
            options = backend.database.client.options  # type: ignore[attr-defined]
            assert (options.pool_options.max_pool_size, options.pool_options.connect_timeout) == (
                7, 1.234,
            )  # fmt: skip
            backend.close()
            refused = connect(f"{url}?tls=true&serverSelectionTimeoutMS=300")
            with pytest.raises(StorageError) as error:
                refused.migrate()
            assert_no_driver_error(error.value)
            refused.close()
    except servers.Unavailable as missing:
        pytest.skip(str(missing))


def assert_no_driver_error(error: BaseException) -> None:
    """Ours, and only an operational error of the driver's own behind it."""
    assert type(error).__module__ == "crmcore.domain.errors"
    cause = error.__cause__
    assert cause is None or type(cause).__name__ == "OperationalError"


def test_the_pool_is_as_large_as_asked_for(postgres: str, mariadb: str, tmp_path: Path):
    """The second of one connection waits, and is told in our own words."""
    for url in (postgres, mariadb, f"sqlite:///{tmp_path}/crm.db"):
        engine = engine_for(url, pool_size=1, max_overflow=0, pool_timeout=0.05)
        backend = SqlBackend(engine, tenant="pool", prefix="pool_")
        backend.migrate()
        with backend.reading(), pytest.raises(StorageError) as error:
            backend.reading().__enter__()
        assert_no_driver_error(error.value)
        with backend.reading() as uow:
            assert uow.profiles.where().count() == 0
        engine.dispose()


def test_a_server_without_tls_is_refused_where_tls_is_asked_for(
    postgres: str, mariadb: str, tmp_path: Path
):
    authority, _ = certificate(tmp_path, "nobody")
    for url in (f"{postgres}?sslmode=require", f"{mariadb}?ssl_ca={authority}"):
        with pytest.raises(StorageError) as error:
            connect(url).migrate()
        assert_no_driver_error(error.value)


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate and its key."""
    made, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out",
         str(made)],
        check=True, capture_output=True,
    )  # fmt: skip
    return made, key


@pytest.fixture
def encrypted(postgres: str, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The server with TLS on for a while, and the certificate it shows."""
    made, key = certificate(tmp_path, "server")
    admin = sa.create_engine(postgres, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        data = Path(str(connection.exec_driver_sql("SHOW data_directory").scalar_one()))
        if not data.is_dir():
            pytest.skip("the PostgreSQL server is on another machine: its files are not ours")
        for path in (made, key):
            placed = shutil.copy(path, data / path.name)
            shutil.chown(placed, data.owner(), data.group())
            os.chmod(placed, 0o600)  # noqa: PTH101  PostgreSQL asks for it
        for setting in ("ssl_cert_file = 'server.pem'", "ssl_key_file = 'server.key'", "ssl = on"):
            connection.exec_driver_sql(f"ALTER SYSTEM SET {setting}")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
        connection.exec_driver_sql("SELECT pg_sleep(0.3)")
    admin.dispose()
    yield postgres, made
    with admin.connect() as connection:
        connection.exec_driver_sql("ALTER SYSTEM RESET ALL")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
        connection.exec_driver_sql("SELECT pg_sleep(0.3)")
    admin.dispose()


ENCRYPTED = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


def test_tls_is_used_and_a_wrong_authority_refused(encrypted: tuple[str, Path], tmp_path: Path):
    """The connection is encrypted as the server itself says; without `sslmode` asked off it is
    not; a certificate that the named authority did not sign is refused in our words."""
    url, authority = encrypted
    stranger, _ = certificate(tmp_path, "stranger")
    backend = connect(f"{url}?sslmode=verify-ca&sslrootcert={authority}")
    assert asked(backend, ENCRYPTED) == "True"
    backend.close()
    plain = connect(f"{url}?sslmode=disable")
    assert asked(plain, ENCRYPTED) == "False"
    plain.close()
    with pytest.raises(StorageError) as error:
        connect(f"{url}?sslmode=verify-ca&sslrootcert={stranger}").migrate()
    assert_no_driver_error(error.value)
