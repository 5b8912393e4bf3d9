"""The proxy does to a connection what its plan says, and nothing else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.faults.proxy import Fate, Proxy


@pytest.fixture
def echoing() -> Iterator[tuple[int, list[bytes]]]:
    """A server that answers in capitals, and what it heard."""
    heard: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client:
                try:
                    while asked := client.recv(100):
                        heard.append(asked)
                        client.sendall(asked.upper())
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1], heard
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@pytest.mark.parametrize(
    ("fate", "answer", "heard"),
    [
        (Fate.PASSES, b"COMMIT", [b"commit"]),
        (Fate.LOST, None, []),
        (Fate.DONE, None, [b"commit"]),
        (b"no", b"no", []),
    ],
)
def test_a_turn_meets_its_fate(fate, answer, heard, echoing):
    proxy = Proxy(echoing[0])
    proxy.plan = lambda asked: fate
    with closing(proxy), socket.create_connection(("127.0.0.1", proxy.port)) as client:
        client.sendall(b"commit")
        if answer is None:
            with pytest.raises(ConnectionResetError):
                client.recv(100)
        else:
            assert client.recv(100) == answer

    assert echoing[1] == heard


def test_idle_connections_are_cut(echoing):
    proxy = Proxy(echoing[0])
    with closing(proxy), socket.create_connection(("127.0.0.1", proxy.port)) as client:
        client.sendall(b"a")
        client.recv(100)

        assert proxy.cut() == 1
        try:
            after = client.recv(100)
        except ConnectionResetError:
            after = b""
    assert after == b""
