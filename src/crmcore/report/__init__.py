"""The report: one HTML file about the customers of a store, for whoever only looks at the output.

And `plot`, which draws the tables of validation of the analytics, one by one. Nothing here needs a
server, a network or a script. Needs the `report` extra (jinja2, numpy, scipy).
"""

from __future__ import annotations

from crmcore.report import _requires as _requires  # isort: skip - first, to name the extra

from crmcore.report.plots import Plot, Plottable, plot, plot_tracking
from crmcore.report.writing import write_report

__all__ = ["Plot", "Plottable", "plot", "plot_tracking", "write_report"]
