"""Database servers for tests: real programs on throwaway folders and free ports.

A server is taken from `CRMCORE_TEST_<NAME>_URL` where that is set; else it is started from the
programs installed on this machine, and stopped at the end. Where there are none, the tests that
need it are skipped with one line, and fail where nothing may be skipped. They are quick, not
durable; `started(name, durable=True)` is one of our own that keeps what it acknowledged, and can
be killed and started again on the same data and port.
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
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["SERVERS", "Server", "Unavailable", "mariadb", "mongo", "postgres", "started"]

PATIENCE = 30.0
MEMORY = Path("/dev/shm")
ROOM = 2 * 2**30
"""Bytes that must be free there: several servers run at once, of some 200 MB each."""


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


def descendants(pid: int) -> list[int]:
    """The processes that a process began, and those that they began."""
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        parents[int(status.parent.name)] = int(fields[1])
    found = [pid]
    for known in found:
        found += [child for child, parent in parents.items() if parent == known]
    return found[1:]


@dataclass
class Server:
    """A server that we began: it can be killed, and started again on the same data and port."""

    url: str
    port: int
    command: Sequence[str]
    folder: Path
    answers: Callable[[], bool]
    stop_signal: int
    stale: Path | None = None
    """What tells that it answers, and stays behind when it is killed."""
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Begin, and wait until it answers."""
        if self.stale is not None:
            self.stale.unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, cwd=self.folder, start_new_session=True
            )
        deadline = time.monotonic() + PATIENCE
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                text = (self.folder / "log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{self.command[0]} did not start: {text}")
            time.sleep(0.02)

    def kill(self) -> None:
        """`kill -9` of the server and of every process that it began, at one moment."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGSTOP)  # so that it begins no other meanwhile
        for pid in (self.process.pid, *descendants(self.process.pid)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()

    def stop(self) -> None:
        """End in order, if it runs."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()


def _has_room(place: Path) -> bool:
    return os.access(place, os.W_OK) and shutil.disk_usage(place).free > ROOM


@contextmanager
def folder(*, durable: bool) -> Iterator[Path]:
    """A throwaway folder under a short path, for the sake of sockets; in memory, where there is
    room, unless what is in it is to be kept. MariaDB waits for the disk at each table it creates,
    whatever its settings say, and there are tables to create before most tests.
    """
    parent = "/tmp" if durable or not _has_room(MEMORY) else str(MEMORY)
    path = Path(tempfile.mkdtemp(prefix="crm-", dir=parent))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """The server from when it answers until the block ends."""
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def _postgres(*, durable: bool) -> Iterator[Server]:
    places = "/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin"
    initdb, server = program("initdb", *places), program("postgres", *places)
    is_ready = program("pg_isready", *places)
    with folder(durable=durable) as path:
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
            "-c", "deadlock_timeout=100ms",  # tests bring deadlocks about on purpose
        ]  # fmt: skip
        if not durable:
            quick = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "jit=off")
            command += [word for setting in quick for word in ("-c", setting)]
        socket_file = path / f".s.PGSQL.{port}"

        def answers() -> bool:
            # While it recovers, the socket is there and takes no one.
            ask = [is_ready, "-q", "-h", str(path), "-p", str(port)]
            return socket_file.exists() and subprocess.run(ask, check=False).returncode == 0

        url = f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
        made = Server(url, port, command, path, answers, signal.SIGINT, socket_file)
        with running(made):
            yield made


@contextmanager
def _mariadb(*, durable: bool) -> Iterator[Server]:
    install, server = program("mariadb-install-db"), program("mariadbd", "/usr/sbin")
    client = program("mariadb")
    with folder(durable=durable) as path:
        data, sock, port = path / "data", path / "sock", free_port()
        temporary = path / "tmp"  # a server that starts deletes the others' temporary tables
        temporary.mkdir()
        user = ["--user=root"] if os.geteuid() == 0 else []
        subprocess.run(
            [install, "--no-defaults", f"--datadir={data}", *user, "--skip-test-db",
             "--auth-root-authentication-method=normal"],
            check=True, capture_output=True, env=os.environ | {"TMPDIR": str(temporary)},
        )  # fmt: skip
        command = [
            server, "--no-defaults", *user, f"--datadir={data}", f"--tmpdir={temporary}",
            f"--socket={sock}",
            f"--port={port}", "--bind-address=127.0.0.1", "--max-allowed-packet=64M",
            "--skip-log-bin", f"--innodb-flush-log-at-trx-commit={1 if durable else 0}",
        ]  # fmt: skip

        def answers() -> bool:
            with socket.socket(socket.AF_UNIX) as probe:  # it is there before anybody listens
                return probe.connect_ex(str(sock)) == 0

        url = f"mariadb+pymysql://root@127.0.0.1:{port}/crm"
        made = Server(url, port, command, path, answers, signal.SIGTERM, sock)
        with running(made):
            subprocess.run(
                [client, "--no-defaults", f"--socket={sock}", "-uroot", "-e",
                 "CREATE DATABASE crm CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"],
                check=True, capture_output=True,
            )  # fmt: skip
            yield made


@contextmanager
def _mongo(*, durable: bool) -> Iterator[Server]:
    home = Path(os.environ.get("CRMCORE_MONGO_VENV", ".mongo")) / "bin"
    server = program("secantusd-py", str(home.absolute()))
    with folder(durable=durable) as path:
        port = free_port()
        kept = [str(path / "data"), "--sync-on-commit"] if durable else [":memory:"]
        command = [server, "--host", "127.0.0.1", "--port", str(port), "--storage-path", *kept]

        def answers() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        url = f"mongodb://127.0.0.1:{port}/crm"
        with running(Server(url, port, command, path, answers, signal.SIGTERM)) as made:
            yield made


SERVERS: dict[str, Callable[..., AbstractContextManager[Server]]] = {
    "postgres": _postgres,
    "mariadb": _mariadb,
    "mongo": _mongo,
}


def started(name: str, *, durable: bool = False) -> AbstractContextManager[Server]:
    """A server of our own, whatever the environment offers, until the block ends."""
    return SERVERS[name](durable=durable)


@contextmanager
def _url(name: str) -> Iterator[str]:
    if url := os.environ.get(f"CRMCORE_TEST_{name.upper()}_URL"):
        yield url
        return
    with started(name) as server:
        yield server.url


def postgres() -> AbstractContextManager[str]:
    """The URL of a PostgreSQL server, as superuser of its database `postgres`."""
    return _url("postgres")


def mariadb() -> AbstractContextManager[str]:
    """The URL of a MariaDB server, as root of its database `crm`."""
    return _url("mariadb")


def mongo() -> AbstractContextManager[str]:
    """The URL of a server of the MongoDB wire protocol."""
    return _url("mongo")
