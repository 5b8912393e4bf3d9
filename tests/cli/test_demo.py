"""`crmcore demo`: real purchases in, scored customers out, and a second run changes nothing."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

pytest.importorskip("cyclopts")
pytest.importorskip("rich")

from crmcore.cli import samples
from crmcore.cli.samples import Sample, cdnow_sample, simulated_sample
from tests.analytics.conftest import dataset
from tests.cli.terminals import Shell


def told(folder: Path) -> str:
    """What the demo prints, on one line, without the rules of its tables."""
    ran = Shell(folder, {})("demo", "--url", f"sqlite:///{folder / 'demo.db'}")
    return re.sub(r"\s+", " ", ran.out + ran.err)


def test_it_prints_the_papers_figures_and_repeats_nothing(tmp_path: Path):
    """Import counts, parameters beside the published ones, holdout, groups and top customers."""
    dataset("CDNOW_sample.txt")
    first = told(tmp_path)

    for figure in (
        "6,919 purchases: 6,919 new, 0 known already, 0 rejected", "2,357: 2,357 new",
        "7,071 new", "0.2426", "0.243", "4.4136", "0.7929", "2.4259", "6.25", "-9,582.43",
        "Expected 1,653.4 purchases, 1,882 came",
    ):  # fmt: skip
        assert figure in first
    groups = first.partition("Value of the next")[2].partition("Stages")[0]
    shares = [float(share) for share in re.findall(r"([\d.]+)%", groups)]
    assert sum(shares) == pytest.approx(100, abs=0.5)

    second = told(tmp_path)
    assert "6,919 purchases: 0 new, 6,919 known already, 0 rejected" in second
    assert "2,357: 0 new, 0 moves" in second
    assert re.search(r"as of 1997-09-30: 0 new", second)
    behind = "Fitted, beside"
    assert told_from(second, behind) == told_from(first, behind)


def told_from(text: str, mark: str) -> str:
    """The rest from `mark` on, without the time it took."""
    return re.sub(r"Done in [\d.]+ s", "", text[text.index(mark) :])


def test_without_the_wheel_it_says_so_and_simulates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The models' own generator takes the place of CDNOW."""
    monkeypatch.setattr(samples, "find_spec", lambda name: None)

    printed = told(tmp_path)

    assert "is not installed: simulating" in printed
    assert "2,357 new" in printed
    assert "6,919" not in printed
    assert "6.25" not in printed


def test_it_stays_away_from_the_store_in_the_environment(tmp_path: Path, monkeypatch):
    """Purchases to try things with do not belong into a store that is in use."""
    monkeypatch.setattr(samples, "find_spec", lambda name: None)
    own = f"sqlite:///{tmp_path / 'own.db'}"

    told = Shell(tmp_path, {"CRMCORE_URL": own})("demo", "--json").json

    assert told["url"] == "sqlite:///crmcore-demo.db"
    assert told["customers"]["added"] == 2_357
    assert [path.name for path in tmp_path.glob("*.db")] == ["crmcore-demo.db"]


class TestSamples:
    def test_cdnow_is_as_the_papers_have_it(self):
        """2,357 customers, 6,919 purchases, 78 weeks."""
        dataset("CDNOW_sample.txt")
        sample = cdnow_sample()

        assert sample is not None
        assert sample.published
        assert len(sample.rows) == 6_919
        assert len({row["customer_id"] for row in sample.rows}) == 2_357
        days = sorted(row["date"] for row in sample.rows)
        assert (days[0], days[-1]) == ("19970101", "19980630")

    def test_a_wheel_without_the_data_counts_as_none(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ):
        class Spec:
            submodule_search_locations = (str(tmp_path),)

        monkeypatch.setattr(samples, "find_spec", lambda name: Spec())

        assert cdnow_sample() is None

    def test_the_simulated_one_is_the_same_every_time(self):
        """Same seed, same rows; within the same 78 weeks; everybody bought in the first twelve."""
        one, two = simulated_sample(n_customers=50), simulated_sample(n_customers=50)

        assert one == two
        assert simulated_sample(n_customers=50, seed=2) != one
        firsts: dict[str, str] = {}
        for row in sorted(one.rows, key=lambda row: row["date"]):
            firsts.setdefault(row["customer_id"], row["date"])
            assert date(1997, 1, 1) <= date.fromisoformat(row["date"]) <= one.until
        assert len(firsts) == 50
        assert max(firsts.values()) < "1997-03-26"

    def test_its_repr_is_short(self):
        """Thousands of rows are no name."""
        assert "rows" not in repr(Sample("name", ({"customer_id": "c1"},), published=False))
