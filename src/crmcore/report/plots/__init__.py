"""Plots of the tables of `crmcore.analytics`, drawn as SVG: no plotting library, no script."""

from __future__ import annotations

from typing import TypeAlias

from crmcore.analytics import (
    AlivePath,
    Calibration,
    ConditionalExpectations,
    FrequencyHistogram,
    FrequencyRecency,
    Tracking,
)
from crmcore.domain.errors import InvalidInput
from crmcore.report.plots.by_group import (
    plot_calibration,
    plot_conditional_expectations,
    plot_frequency_histogram,
)
from crmcore.report.plots.figure import Plot
from crmcore.report.plots.grid import plot_frequency_recency
from crmcore.report.plots.over_time import plot_alive_path, plot_tracking

__all__ = ["Plot", "Plottable", "plot", "plot_tracking"]

Plottable: TypeAlias = (
    AlivePath
    | Calibration
    | ConditionalExpectations
    | FrequencyHistogram
    | FrequencyRecency
    | Tracking
)


def plot(table: Plottable) -> Plot:
    """The plot of a table of validation, by its type; a notebook shows it, `save` writes it.

    InvalidInput where it is none of these. `Tracking` is drawn cumulative; its periods one by
    one are `plot_tracking(table, cumulative=False)`.

        >>> from crmcore.analytics import calibration
        >>> drawn = plot(calibration(predicted=[0.2, 0.8, 0.8], happened=[0, 1, 0], groups=2))
        >>> print(drawn.sentence[:56])
        3 forecasts in 2 groups: Brier score 0.240, skill -0.08;
        >>> drawn.svg[:4]
        '<svg'
    """
    match table:
        case Tracking():
            return plot_tracking(table)
        case ConditionalExpectations():
            return plot_conditional_expectations(table)
        case FrequencyHistogram():
            return plot_frequency_histogram(table)
        case Calibration():
            return plot_calibration(table)
        case AlivePath():
            return plot_alive_path(table)
        case FrequencyRecency():
            return plot_frequency_recency(table)
    raise InvalidInput.of("table", "is not one that can be plotted")
