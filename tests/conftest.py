"""What every test shares: how hard hypothesis looks, and readable contract failures."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from tests import servers

# A contract test that fails shows its values only if its module is rewritten before import.
pytest.register_assert_rewrite("crmcore.testing")

# No deadline: a laptop under load is no fault of the code. In CI the same examples every time.
settings.register_profile("dev", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True, print_blob=True)
settings.register_profile(
    "thorough",
    deadline=None,
    max_examples=2_000,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


def pytest_configure() -> None:
    """Told to end, a run ends as at Ctrl-C, and stops the servers that it started."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take minutes begin first, so that no worker is left with one at the end."""
    items.sort(key=lambda item: "scenarios" not in item.path.parts)


def pytest_collection_finish() -> None:
    """Ten thousand tests stay until the end: the garbage collector need not look at them again."""
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Nor at what a file of tests leaves behind: at the end of a run it takes seconds each time."""
    if nextitem is None or nextitem.path != item.path:
        gc.collect()
        gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """All tests that lack one server are skipped in one place, so they are one line in the end."""
    report = yield
    why = None if call.excinfo is None else call.excinfo.value.__context__
    if isinstance(why, servers.Unavailable) and isinstance(report.longrepr, tuple):
        report.longrepr = (str(servers.__file__), 1, report.longrepr[2])
    return report
