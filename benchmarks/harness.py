"""A benchmark is two callables that do the same work: ours and a rival's.

    from benchmarks.harness import compare

    def main() -> list[Comparison]:
        return [compare("fit, 2,357 customers", fit_ours, fit_theirs, rival_name="lifetimes")]

`compare` calls both in turn, ours then theirs, `repeat` times in one process, so that a slow
minute of the machine falls on both; it keeps every time and reports medians. `alone` is for work
that has no rival. With `memory=True` each side also runs once in a fresh process of its own, and
its peak resident memory is kept, the interpreter and its imports among it.
"""

from __future__ import annotations

import gc
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue

__all__ = ["Comparison", "Side", "alone", "compare", "peak_memory", "table"]

Work = Callable[[], object]


@dataclass(frozen=True)
class Side:
    """One side's figures: its name, the seconds of each run, and its peak memory in MiB."""

    name: str
    seconds: tuple[float, ...]
    peak_mib: float | None = None

    @property
    def median(self) -> float:
        """The middle of the runs, in seconds."""
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Comparison:
    """What was measured, on how much work, by whom."""

    name: str
    ours: Side
    rival: Side | None
    rows: int | None = None

    @property
    def ratio(self) -> float | None:
        """How many times faster ours is, by medians; below one it is slower."""
        return None if self.rival is None else self.rival.median / self.ours.median

    def as_json(self) -> dict[str, object]:
        """Every figure, for a machine."""
        medians = {
            "ours_median": self.ours.median,
            "rival_median": None if self.rival is None else self.rival.median,
            "ratio": self.ratio,
        }
        return asdict(self) | medians


def compare(
    name: str,
    ours: Work,
    rival: Work,
    *,
    repeat: int = 5,
    rival_name: str = "rival",
    rows: int | None = None,
    before: Work | None = None,
    memory: bool = False,
) -> Comparison:
    """Run both sides in turn, `repeat` times each.

    `before` runs ahead of every call and is not timed: empty the database there. `rows` is how
    much work one call does, for the column of rows per second.
    """
    if repeat < 1:
        raise ValueError("repeat must be at least 1")
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeat):
        for work, taken in zip((ours, rival), times, strict=True):
            taken.append(_seconds(work, before))
    peaks = [peak_memory(work, before=before) if memory else None for work in (ours, rival)]
    return Comparison(
        name,
        Side("crmcore", tuple(times[0]), peaks[0]),
        Side(rival_name, tuple(times[1]), peaks[1]),
        rows,
    )


def alone(
    name: str,
    ours: Work,
    *,
    repeat: int = 5,
    rows: int | None = None,
    before: Work | None = None,
    memory: bool = False,
) -> Comparison:
    """The figures of work that has no rival."""
    if repeat < 1:
        raise ValueError("repeat must be at least 1")
    taken = tuple(_seconds(ours, before) for _ in range(repeat))
    peak = peak_memory(ours, before=before) if memory else None
    return Comparison(name, Side("crmcore", taken, peak), None, rows)


def peak_memory(work: Work, *, before: Work | None = None) -> float:
    """The peak resident memory, in MiB, of a fresh process that does the work once.

    `work` and `before` must be functions of a module, for the fresh process imports them by name.
    """
    context = multiprocessing.get_context("spawn")
    answers: SimpleQueue[float] = context.SimpleQueue()
    process = context.Process(target=_report_peak, args=(work, before, answers))
    process.start()
    process.join()
    if process.exitcode != 0:
        raise RuntimeError(f"the process that measures memory ended with {process.exitcode}")
    return answers.get()


def table(comparisons: Iterable[Comparison]) -> str:
    """The comparisons, one a line, in aligned columns."""
    head = ("benchmark", "rows", "crmcore", "rival", "", "ratio", "rows/s", "MiB", "rival MiB")
    lines = [head, *(_cells(comparison) for comparison in comparisons)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    text_columns = {0, 4}
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in text_columns else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _seconds(work: Work, before: Work | None) -> float:
    if before is not None:
        before()
    gc.collect()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _report_peak(work: Work, before: Work | None, answers: SimpleQueue[float]) -> None:
    if before is not None:
        before()
    work()
    answers.put(_peak_of_this_process())


def _peak_of_this_process() -> float:
    # Linux hands ru_maxrss of the parent down through exec; VmHWM is this process's alone.
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text("ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024**2 if sys.platform == "darwin" else 1024)  # bytes there, KiB elsewhere


def _cells(comparison: Comparison) -> tuple[str, ...]:
    ours, rival, rows = comparison.ours, comparison.rival, comparison.rows
    return (
        comparison.name,
        "" if rows is None else f"{rows:,}",
        _time(ours.median),
        "-" if rival is None else _time(rival.median),
        "" if rival is None else rival.name,
        "-" if comparison.ratio is None else f"{comparison.ratio:.2f}x",
        "" if rows is None else f"{rows / ours.median:,.0f}",
        "" if ours.peak_mib is None else f"{ours.peak_mib:.0f}",
        "" if rival is None or rival.peak_mib is None else f"{rival.peak_mib:.0f}",
    )


def _time(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"
