"""The memory backend keeps the contract."""

from __future__ import annotations

import pytest

from crmcore.testing.contract import BackendContract, HistoriesContract, PredicatesContract


class OnMemory:
    one_writer = True

    @pytest.fixture
    def backends(self, memory):
        return memory


class TestMemory(OnMemory, BackendContract):
    pass


@pytest.mark.slow
class TestMemoryAtLength(OnMemory, HistoriesContract, PredicatesContract):
    examples = 150
    steps = 50
