"""Segments are found alike on the servers: the same predicates, which select the same customers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import crmcore
from crmcore import field
from crmcore.adapters.backend import Backend
from crmcore.services import compare_segment, find_segments, rfm_cells
from tests import servers
from tests.contract.sql_server import started
from tests.services.buyers import MODEL, check_split, filled

TOLD_BY = ["seat", "tags", "language", "bags", "ratio", "share", "member", "born", "seen_at"]
SEGMENT = (field("bags") > 1) | field("tags").has("vip")


def found_in(backend: Backend) -> Any:
    """Everything that is found, and whom it selects."""
    segments, groups = find_segments(backend, told_by=TOLD_BY), rfm_cells(backend)
    selected = check_split(backend, segments.predicates), check_split(backend, groups.predicates)
    return segments.segments, groups.groups, compare_segment(backend, SEGMENT), selected


@pytest.fixture(scope="module", params=["postgres", "mariadb", "mongo"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    yield from started(getattr(servers, request.param))


def test_a_server_finds_what_memory_finds(url: str) -> None:
    memory = filled(crmcore.connect("memory://", model=MODEL), 150)
    backend = crmcore.connect(url, model=MODEL, tenant="finding")
    try:
        assert found_in(filled(backend, 150)) == found_in(memory)
    finally:
        backend.close()
