"""A loopback proxy between a client and its server that fails the connection when told to.

Every protocol spoken here takes turns: the client asks, the server answers. So the proxy counts
the client's turns, and does to one of them what its plan says.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum

__all__ = ["Fate", "Plan", "Proxy", "nothing", "proxied"]

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: closing sends RST, and drops what was not sent."""


class Fate(Enum):
    """What becomes of one turn of the client."""

    PASSES = "passes"
    LOST = "lost before the server"
    DONE = "lost behind the server"


Plan = Callable[[bytes], "Fate | bytes"]
"""Asked for each turn of a client: its fate, or an answer to give in the server's place."""


def nothing(asked: bytes) -> Fate:
    """The plan that lets everything pass."""
    return Fate.PASSES


def reset(connection: socket.socket) -> None:
    """End a connection with RST."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    connection.close()


class Proxy:
    """Listens on a port of its own; `plan` may be changed at any time."""

    def __init__(self, port: int) -> None:
        self.plan: Plan = nothing
        self.upstream = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.pairs: set[tuple[socket.socket, socket.socket]] = set()
        self.lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.upstream))
            except OSError:
                reset(client)
                continue
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pair = client, server
            with self.lock:
                self.pairs.add(pair)
            threading.Thread(target=self._relay, args=pair, daemon=True).start()

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while self._exchange(client, server):
                pass
        except (OSError, ValueError):  # one end is gone, or was closed by `cut`
            pass
        finally:
            reset(client)
            reset(server)
            with self.lock:
                self.pairs.discard((client, server))

    def _exchange(self, client: socket.socket, server: socket.socket) -> bool:
        ready, _, _ = select.select([client, server], [], [])
        if server in ready:
            answered = server.recv(1 << 16)
            client.sendall(answered)
            return bool(answered)
        asked = client.recv(1 << 16)
        if not asked:
            return False
        fate = self.plan(asked)
        if isinstance(fate, bytes):
            client.sendall(fate)
            return True
        if fate is Fate.LOST:
            return False
        server.sendall(asked)
        if fate is Fate.DONE:
            if select.select([server], [], [], 0.2)[0]:  # in the midst of a COPY it says nothing
                server.recv(1 << 16)
            return False
        return True

    def cut(self) -> int:
        """Reset every connection now; answer how many there were."""
        with self.lock:
            pairs = list(self.pairs)
        for client, server in pairs:
            for end in (client, server):
                with suppress(OSError):  # it has just ended
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    end.shutdown(socket.SHUT_RDWR)
        return len(pairs)

    def close(self) -> None:
        """Take no further connection, and end those there are."""
        self.listener.close()
        self.cut()


@contextmanager
def proxied(url: str, port: int) -> Iterator[tuple[str, Proxy]]:
    """The URL of a server by way of a proxy, and the proxy."""
    proxy = Proxy(port)
    there = url.replace(f":{port}/", f":{proxy.port}/")
    if there.startswith("mongodb:"):  # whose server tells its own address otherwise
        there += ("&" if "?" in there else "?") + "directConnection=true"
    try:
        yield there, proxy
    finally:
        proxy.close()
