"""A server that is killed comes back on the same port with what it acknowledged."""

from __future__ import annotations

import os

import pytest

from tests.faults.stores import ON_SERVERS
from tests.faults.work import customers_in, written
from tests.servers import descendants


@pytest.mark.slow
@pytest.mark.parametrize("name", ON_SERVERS)
def test_a_killed_server_comes_back_with_its_data(name: str, stores):
    store = stores(name, durable=True)
    assert store.server is not None
    tenant = store.tenant()
    backend = store.opened(tenant)
    ids = customers_in(backend)
    written(backend, ids[0], "before")
    backend.close()
    pid = store.server.process.pid
    family = [pid, *descendants(pid)]
    store.server.kill()
    alive = [pid for pid in family if os.path.exists(f"/proc/{pid}/exe")]  # noqa: PTH110  a dangling link
    store.server.start()
    again = store.opened(tenant)
    with again.reading() as uow:
        kept = [order.source_key for order in uow.orders.of(ids[0])]
    again.close()

    assert alive == []
    assert kept == ["before"]
