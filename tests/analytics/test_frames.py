"""A summary becomes a frame of the host's library; without the extra, the error names it."""

from __future__ import annotations

import subprocess
import sys
from uuid import UUID

import pytest

from crmcore.analytics import Summary, summarize
from crmcore.domain.errors import InvalidInput

SUMMARY = summarize(
    customer=["a", "b", "a"],
    at=["2024-01-01", "2024-01-08", "2024-01-15"],
    amount=[100, 200, 300],
    as_of="2024-01-29",
)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_columns_are_the_same_in_every_library(library: str) -> None:
    pytest.importorskip(library)
    frame = SUMMARY.to(library)  # type: ignore[arg-type]
    found = (
        frame.to_pydict()
        if library == "pyarrow"
        else frame.to_dict(**({"orient": "list"} if library == "pandas" else {"as_series": False}))
    )
    assert found == {
        "customer": ["a", "b"],
        "frequency": [1, 0],
        "recency": [2.0, 0.0],
        "T": [4.0, 3.0],
        "monetary_value": [3.0, 0.0],
    }


def test_uuids_become_texts() -> None:
    pytest.importorskip("pyarrow")
    summary = summarize(
        customer=[UUID(int=1)], at=["2024-01-01"], as_of="2024-01-02", holdout_until="2024-02-01"
    )
    table = summary.to("pyarrow")
    assert table.column("customer").to_pylist() == [str(UUID(int=1))]
    assert table.column("holdout_frequency").to_pylist() == [0]


def test_an_empty_summary_is_an_empty_frame() -> None:
    pytest.importorskip("pyarrow")
    assert summarize(customer=[], at=[], as_of="2024-01-02").to("pyarrow").num_rows == 0


def test_another_library_is_refused() -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(InvalidInput, match="library"):
        SUMMARY.to("spark")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("missing", "extra", "statement"),
    [
        ("numpy", "analytics", "import crmcore.analytics"),
        ("scipy", "analytics", "import crmcore.analytics"),
        (
            "pyarrow",
            "frames",
            "from crmcore.analytics import frames",
        ),
    ],
)
def test_what_is_missing_is_named_by_its_extra(missing: str, extra: str, statement: str) -> None:
    code = f"""
import sys
sys.modules[{missing!r}] = None
from crmcore.domain.errors import MissingExtra
try:
    {statement}
except MissingExtra as error:
    print(error.extra)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == extra


def test_frames_are_loaded_only_when_asked_for() -> None:
    code = "import crmcore.analytics, sys; print({'pyarrow', 'narwhals'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
    assert isinstance(SUMMARY, Summary)
