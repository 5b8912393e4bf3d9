"""The pytest plugin: what a host's tests are given, and that loading it costs them nothing."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from tests.repository.sources import ROOT

pytest_plugins = ["pytester"]

PAGE = ROOT / "docs" / "testing.md"
PLUGIN = ("-p", "crmcore_pytest", "-p", "no:cacheprovider")


def fences() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def test_the_tests_that_the_guide_shows_pass(pytester: pytest.Pytester):
    shown = [fence for fence in fences() if "def test_" in fence]
    fixtures, loading, failing = shown
    pytester.makepyfile(
        test_fixtures=fixtures, test_loading=loading, test_failing=f"{fixtures}\n{failing}"
    )

    pytester.runpytest_subprocess(*PLUGIN).assert_outcomes(passed=1 + 2 + (1 + 4))


def test_a_backend_is_empty_in_each_test(pytester: pytest.Pytester):
    pytester.makepyfile(
        """
        import pytest
        from crmcore.testing import AT, a_customer

        @pytest.mark.parametrize("again", [1, 2])
        def test_it(crm, crm_clock, again):
            assert crm.journal() == []
            with crm.unit_of_work() as uow:
                uow.customers.add(a_customer())
            (entry,) = crm.journal()
            assert entry.recorded_at == crm_clock.now
        """
    )

    pytester.runpytest_subprocess(*PLUGIN).assert_outcomes(passed=2)


def test_loading_the_plugin_does_not_import_crmcore(pytester: pytest.Pytester):
    pytester.makepyfile(
        """
        import sys

        def test_before():
            assert "crmcore_pytest" in sys.modules
            assert "crmcore" not in sys.modules

        def test_when_asked_for(crm):
            assert "crmcore" in sys.modules
        """
    )

    # hypothesis has a plugin too, and where it is loaded it may load its own entry points.
    result = pytester.runpytest_subprocess(*PLUGIN, "-p", "no:hypothesispytest")

    result.assert_outcomes(passed=2)


def test_where_crmcore_is_installed_pytest_finds_the_fixtures(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
):
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(pytester.path), versions=["standard"])
    installed = pytester.path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    pytester.makepyfile(
        f"""
        import crmcore, crmcore_pytest

        def test_it(crm):
            assert crmcore.__file__.startswith({str(installed)!r})
            assert crmcore_pytest.__file__.startswith({str(installed)!r})
            assert crm.journal() == []
        """
    )
    monkeypatch.setenv("PYTHONPATH", str(installed))

    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


STARTS_LATE = """
import coverage, pytest

@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests():
    '''As pytest-cov does: after the plugins are loaded, before any conftest.'''
    global measuring
    measuring = coverage.Coverage(source_pkgs=["crmcore"], data_file=None, config_file=False)
    measuring.start()

def pytest_unconfigure():
    measuring.stop()
    data = measuring.get_data()
    (file,) = (f for f in data.measured_files() if f.endswith("domain/errors.py"))
    print("LINES", len(data.lines(file)))
"""


def test_coverage_sees_crmcore_from_its_first_line(pytester: pytest.Pytester):
    """Lines that run at import are counted, although the plugin was there before."""
    pytester.makepyfile(late=STARTS_LATE, test_it="def test_it(crm): assert crm.journal() == []")
    pytester.syspathinsert()
    without = pytester.runpytest_subprocess("-s", "-p", "late", *PLUGIN)
    spoilt = pytester.runpytest_subprocess("-s", "-p", "late", "-p", "crmcore", *PLUGIN)

    seen, control = (
        int(re.findall(r"LINES (\d+)", "\n".join(run.outlines))[0]) for run in (without, spoilt)
    )
    assert seen > 80
    assert control < seen / 4


def test_without_pytest_the_extra_is_named():
    code = """
import sys
sys.modules["pytest"] = None
try:
    import crmcore_pytest
except ImportError as error:
    print(error.extra)
"""
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert finished.stdout == "testing\n"


def test_the_plugin_imports_nothing_but_pytest_at_its_top():
    top = Path(ROOT / "src" / "crmcore_pytest.py").read_text("utf-8")

    assert re.findall(r"^(?:from|import) (\S+)", top, re.MULTILINE) == ["__future__", "typing"]
