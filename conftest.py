"""Runs the examples of the documentation, and forbids skips where everything must run."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from sybil.integration.pytest import SybilFile, SybilItem

from tests.repository.fences import docstrings, pages

# Set where nothing may be missing: a skip is then a failure. An example that the documentation
# skips on purpose, with its reason beside it, stays skipped.
REQUIRE_ALL = os.environ.get("CRMCORE_REQUIRE_ALL", "") not in ("", "0")

ROOT = Path(__file__).parent
_collect_examples: Callable[[Path, pytest.Collector], SybilFile | None] = (
    pages(ROOT) + docstrings(ROOT)
).pytest()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> SybilFile | None:
    return _collect_examples(file_path, parent)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    expected = hasattr(report, "wasxfail") or isinstance(item, SybilItem)
    if REQUIRE_ALL and report.skipped and not expected:
        _fail(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if REQUIRE_ALL and report.skipped:
        _fail(report)
    return report


def _fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"CRMCORE_REQUIRE_ALL is set, so this may not be skipped. {why}"
