"""Stores that faults are tried on; a missing server is a skip that says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.faults.stores import Store, store
from tests.servers import Unavailable


@pytest.fixture(scope="module")
def stores() -> Iterator[Callable[..., Store]]:
    with ExitStack() as held:
        opened: dict[tuple[str, bool], Store] = {}

        def get(name: str, *, durable: bool = False) -> Store:
            if (name, durable) not in opened:
                try:
                    opened[name, durable] = held.enter_context(store(name, durable=durable))
                except Unavailable as missing:
                    pytest.skip(str(missing))
            return opened[name, durable]

        yield get
