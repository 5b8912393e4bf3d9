"""The harness measures both sides fairly and says what it measured."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

import benchmarks.__main__ as runner
from benchmarks.harness import Comparison, Side, alone, compare, peak_memory, table


def sixty_four_mib() -> None:
    assert len(b"x" * (64 * 2**20)) == 64 * 2**20


def nothing() -> None:
    pass


def test_the_sides_run_in_turn_each_after_its_preparation():
    calls: list[str] = []

    found = compare(
        "x",
        lambda: calls.append("ours"),
        lambda: calls.append("rival"),
        repeat=2,
        before=lambda: calls.append("before"),
    )

    assert calls == ["before", "ours", "before", "rival"] * 2
    assert len(found.ours.seconds) == 2
    assert found.rival is not None
    assert len(found.rival.seconds) == 2


def test_the_ratio_is_of_medians_and_says_how_many_times_faster_ours_is():
    found = Comparison("x", Side("crmcore", (1.0, 2.0, 90.0)), Side("r", (5.0, 6.0, 7.0)))

    assert found.ratio == 3.0


def test_work_without_a_rival_has_no_ratio():
    found = alone("x", nothing, repeat=1)

    assert found.rival is None
    assert found.ratio is None


def test_no_run_at_all_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        compare("x", nothing, nothing, repeat=0)


def test_peak_memory_sees_what_the_work_holds():
    ballast = b"y" * (128 * 2**20)  # what this process holds must not count

    assert 60 < peak_memory(sixty_four_mib) - peak_memory(nothing) < 70
    assert len(ballast) == 128 * 2**20


def test_a_failing_side_fails_the_benchmark():
    with pytest.raises(ZeroDivisionError):
        compare("x", nothing, lambda: 1 // 0, repeat=1)


def test_the_table_is_aligned_and_leaves_out_what_was_not_measured():
    rows = [
        Comparison("import", Side("crmcore", (2.5,), 61.7), Side("r", (5.0,), 80.2), 1_000_000),
        Comparison("a longer name", Side("crmcore", (0.0025,)), None),
    ]

    head, first, second = table(rows).splitlines()

    assert re.split(r"\s{2,}", first) == [
        "import", "1,000,000", "2.5 s", "5 s", "r", "2.00x", "400,000", "62", "80",
    ]  # fmt: skip
    assert re.split(r"\s{2,}", second) == ["a longer name", "2.5 ms", "-", "-"]
    assert head.index("crmcore") + len("crmcore") == first.index("2.5 s") + len("2.5 s")


def test_the_runner_runs_what_is_named_and_keeps_every_figure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    found = Comparison("x", Side("crmcore", (1.0,)), Side("r", (2.0,)), 10)
    module = SimpleNamespace(main=lambda: [found])
    monkeypatch.setattr(runner, "available", lambda: ["one"])
    monkeypatch.setattr("importlib.import_module", lambda name: module)
    figures = tmp_path / "figures.json"

    assert runner.main(["one", "--json", str(figures)]) == 0

    (kept,) = json.loads(figures.read_text("utf-8"))["comparisons"]
    assert kept["ours"]["seconds"] == [1.0]
    assert kept["ratio"] == 2.0
    assert "2.00x" in capsys.readouterr().out


def test_the_runner_refuses_an_unknown_name(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        runner.main(["no_such_benchmark"])

    assert "no_such_benchmark" in capsys.readouterr().err
