"""Both backends, opened as often as a test likes, under any tenant and model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import crmcore
from crmcore.adapters.backend import Backend
from crmcore.adapters.memory import MemoryBackend, MemoryStore
from crmcore.testing import FrozenClock

Open = Callable[..., Backend]


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture(params=["memory", "sqlite"])
def open_store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: FrozenClock
) -> Iterator[Open]:
    """Opens the one store of this test: `open_store(tenant="b", model=…, rates=…)`."""
    store, opened = MemoryStore(), list[Backend]()

    def open_it(**options: Any) -> Backend:
        options = {"clock": clock} | options
        if request.param == "memory":
            backend: Backend = MemoryBackend(store, **options)
        else:
            backend = crmcore.connect(f"sqlite:///{tmp_path / 'crm.db'}", **options)
        backend.migrate()
        opened.append(backend)
        return backend

    yield open_it
    for backend in opened:
        backend.close()


@pytest.fixture
def backend(open_store: Open) -> Backend:
    return open_store()


@pytest.fixture
def memory() -> Backend:
    """For what is decided before any backend is asked."""
    backend = crmcore.connect("memory://")
    backend.migrate()
    return backend
