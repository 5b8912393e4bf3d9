"""Database servers for tests: real programs on throwaway folders and free ports.

A server is taken from `CRMCORE_TEST_<NAME>_URL` where that is set; else it is started from the
programs installed on this machine, and stopped at the end. Where there are none, the tests that
need it are skipped with one line, and fail where nothing may be skipped. They are quick, not
durable: what survives a crash is another test's question.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Unavailable", "mariadb", "mongo", "postgres"]

PATIENCE = 30.0


class Unavailable(Exception):
    """The program is not installed here."""


def free_port() -> int:
    """A port of the loopback address that nobody uses now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def program(name: str, *places: str) -> str:
    """The path of an installed program."""
    elsewhere = (path for place in places for path in sorted(Path("/").glob(f"{place[1:]}/{name}")))
    found = shutil.which(name) or next((str(path) for path in elsewhere), None)
    if found is None:
        raise Unavailable(f"{name} is not installed")
    return found


@contextmanager
def running(
    command: Sequence[str], folder: Path, ready: Callable[[], bool], stop: int
) -> Iterator[subprocess.Popen[bytes]]:
    """The program from when it answers until the block ends."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        deadline = time.monotonic() + PATIENCE
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                text = (folder / "log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{command[0]} did not start: {text}")
            time.sleep(0.05)
        yield process
    finally:
        process.send_signal(stop)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def folder() -> Iterator[Path]:
    """A throwaway folder under a short path, for the sake of sockets."""
    path = Path(tempfile.mkdtemp(prefix="crm-", dir="/tmp"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server, as superuser of its database `postgres`."""
    if url := os.environ.get("CRMCORE_TEST_POSTGRES_URL"):
        yield url
        return
    places = "/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin"
    initdb, server = program("initdb", *places), program("postgres", *places)
    with folder() as path:
        data = path / "data"
        # PostgreSQL refuses to run as root; Debian's package brings a user for it.
        user: list[str] = []
        if os.geteuid() == 0:
            user = [program("setpriv"), "--reuid=postgres", "--regid=postgres", "--init-groups"]
            shutil.chown(path, "postgres")
        subprocess.run(
            [*user, initdb, "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8",
             "--locale=C.UTF-8"],
            check=True, capture_output=True, cwd=path,
        )  # fmt: skip
        port = free_port()
        command = [
            *user, server, "-D", str(data), "-k", str(path), "-p", str(port),
            "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=100",
            "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off",
        ]  # fmt: skip
        socket_file = path / f".s.PGSQL.{port}"
        with running(command, path, socket_file.exists, signal.SIGINT):
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"


@contextmanager
def mariadb() -> Iterator[str]:
    """The URL of a MariaDB server, as root of its database `crm`."""
    if url := os.environ.get("CRMCORE_TEST_MARIADB_URL"):
        yield url
        return
    install, server = program("mariadb-install-db"), program("mariadbd", "/usr/sbin")
    client = program("mariadb")
    with folder() as path:
        data, sock, port = path / "data", path / "sock", free_port()
        user = ["--user=root"] if os.geteuid() == 0 else []
        subprocess.run(
            [install, "--no-defaults", f"--datadir={data}", *user, "--skip-test-db",
             "--auth-root-authentication-method=normal"],
            check=True, capture_output=True,
        )  # fmt: skip
        command = [
            server, "--no-defaults", *user, f"--datadir={data}", f"--socket={sock}",
            f"--port={port}", "--bind-address=127.0.0.1", "--max-allowed-packet=64M",
            "--innodb-flush-log-at-trx-commit=0", "--skip-log-bin", "--sync-binlog=0",
        ]  # fmt: skip
        with running(command, path, sock.exists, signal.SIGTERM):
            subprocess.run(
                [client, "--no-defaults", f"--socket={sock}", "-uroot", "-e",
                 "CREATE DATABASE crm CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"],
                check=True, capture_output=True,
            )  # fmt: skip
            yield f"mariadb+pymysql://root@127.0.0.1:{port}/crm"


@contextmanager
def mongo() -> Iterator[str]:
    """The URL of a server of the MongoDB wire protocol."""
    if url := os.environ.get("CRMCORE_TEST_MONGO_URL"):
        yield url
        return
    home = Path(os.environ.get("CRMCORE_MONGO_VENV", ".mongo")) / "bin"
    server = program("secantusd-py", str(home.absolute()))
    with folder() as path:
        port = free_port()
        command = [server, "--host", "127.0.0.1", "--port", str(port), "--storage-path", ":memory:"]

        def answers() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        with running(command, path, answers, signal.SIGTERM):
            yield f"mongodb://127.0.0.1:{port}/crm"
